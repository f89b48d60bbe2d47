# SPDX-License-Identifier: Apache-2.0
"""The node: the one place where chain, gossip, trainer and mempool meet.

One loop, one thread. Other threads only queue; here a message becomes a block, a block a new head,
a head a task, an offer a block of our own.
Law of the file: it decides nothing that a part could decide; it passes on.
Read next: service.py, which builds the parts and runs the loop.
"""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge_node.chain.block_builder import Finding, Signer, build_block
from edge_node.chain.errors import AlreadySigned, MempoolRejected, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.inbox import LinkDown, LinkRefused, LinkUp
from edge_node.gossip.mqtt import MqttLink, PublishResult
from edge_node.gossip.ports import (
    Action,
    BlockParts,
    BlockReceived,
    BlockVerdict,
    CheckpointReceived,
    ChunkReceived,
    DatasetComplete,
    FetchFailed,
    Incoming,
    ObjectReceived,
    PeerOffline,
    PeerOnline,
    PeerWasBanned,
    Publish,
    SessionOutdated,
    SetWill,
    SyncFinished,
    TransactionsReceived,
)
from edge_node.gossip.protocol import Gossip
from edge_node.node.data_directory import DataDirectory
from edge_node.node.dataset_fetch import DatasetFetch
from edge_node.node.engine import NodeEngine
from edge_node.node.mining import Miner
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import BlockHash, TimestampMs
from edge_node.spec.encoding import InvalidEncoding, decode, encode
from edge_node.spec.engine import DatasetMissing
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import checkpoint_from_bytes
from edge_node.spec.transaction import Transfer, transaction_from_value
from edge_node.spec.validation import (
    BlockFromTheFuture,
    BlockSignatureInvalid,
    BodyMismatch,
)

_LOG = logging.getLogger(__name__)

POLL_MS = 20
"""The loop's pace when nothing comes."""
MAX_HELD_BLOCKS = 64
"""Blocks that wait for the clock or for a dataset."""
RETRY_HELD_MS = 250
"""How often they are tried again."""
MAX_TRANSACTION_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """Everything that a node is made of, built by service.py."""

    directory: DataDirectory
    """Its data directory, locked."""
    importer: Importer
    """The chain."""
    mempool: Mempool
    """Waiting transactions."""
    engine: NodeEngine
    """Heavy work."""
    datasets: DatasetStore
    """Datasets on the disk."""
    gossip: Gossip
    """The protocol."""
    link: MqttLink
    """The connection to the broker."""
    signer: Signer
    """The node's key."""
    clock: Clock
    """The time."""
    miner: Miner | None
    """The trainer's side; None for a node that only validates."""


class Node:
    """A running node.

    Parameters
    ----------
    parts : NodeParts
    """

    def __init__(self, parts: NodeParts) -> None:
        self.parts = parts
        self.imported = 0
        self.mined = 0
        self.connected = False
        self._actions: deque[Action] = deque()
        self._held: dict[BlockHash, BlockReceived] = {}
        self._fetch = DatasetFetch(parts.importer, parts.datasets, parts.gossip)
        self._mining = False
        self._mining_allowed = True
        self._retry_at_ms = 0

    def start(self) -> None:
        """Connect and begin to listen."""
        parts = self.parts
        parts.link.set_will(parts.gossip.will())
        parts.link.start()
        self._do(self._fetch.start(parts.clock.monotonic_ms()))

    def turn(self) -> None:
        """Go once round the loop."""
        parts = self.parts
        for event in parts.link.poll(POLL_MS):
            now_ms = parts.clock.monotonic_ms()
            if isinstance(event, Incoming):
                self._do(parts.gossip.handle(event, now_ms))
            elif isinstance(event, LinkUp):
                _LOG.info("connected to the broker at %s", event.broker)
                self.connected = True
                self._do(parts.gossip.connected(now_ms))
            elif isinstance(event, LinkDown):
                _LOG.warning("connection to the broker lost: %s", event.reason)
                self.connected = False
                self._do(parts.gossip.disconnected(now_ms))
            elif isinstance(event, LinkRefused):
                _LOG.error("the broker at %s refused: %s", event.broker, event.reason)
        self._do(parts.gossip.tick(parts.clock.monotonic_ms()))
        self._retry_held()
        self._mine()

    def finish(self) -> None:
        """Say goodbye and give everything back."""
        parts = self.parts
        if parts.miner is not None:
            parts.miner.stop()
        self._do(parts.gossip.goodbye(parts.clock.monotonic_ms()))
        parts.link.stop()
        parts.engine.close()

    def set_mining(self, *, allowed: bool) -> None:
        """Let the node mine once it is ready, or not at all."""
        self._mining_allowed = allowed

    def submit(self, transaction: Transfer) -> None:
        """Take in a transaction of a local user, and tell it.

        Raises
        ------
        InvalidTransaction, MempoolRejected
        """
        parts = self.parts
        if parts.mempool.add(transaction, parts.importer.head):
            data = encode(transaction.value())
            self._do(parts.gossip.announce_transactions((data,), parts.clock.monotonic_ms()))

    def _do(self, actions: Iterable[Action]) -> None:
        """Carry out what gossip says, and what follows from that, in order."""
        self._actions.extend(actions)
        while self._actions:
            self._actions.extend(self._carry_out(self._actions.popleft()))

    def _carry_out(self, action: Action) -> Iterable[Action]:
        parts = self.parts
        now_ms = parts.clock.monotonic_ms()
        if isinstance(action, Publish):
            if parts.link.publish(action) is not PublishResult.QUEUED:
                _LOG.warning("message of %d bytes not sent", len(action.payload))
        elif isinstance(action, SetWill):
            parts.link.set_will(action)
        elif isinstance(action, BlockReceived):
            return self._import(action)
        elif isinstance(action, TransactionsReceived):
            return self._take_transactions(action)
        elif isinstance(action, CheckpointReceived):
            self._take_checkpoint(action)
        elif isinstance(action, (ObjectReceived, ChunkReceived, DatasetComplete, FetchFailed)):
            return self._fetch.handle(action, now_ms)
        elif isinstance(action, SessionOutdated):
            parts.directory.raise_session(action.least)
            _LOG.error("another session of this node is on the broker; start again")
        else:
            _tell(action)
        return ()

    def _import(self, block: BlockReceived) -> Iterable[Action]:
        parts = self.parts
        verdict = BlockVerdict.ACCEPTED
        try:
            self._extend(block.header, block.body)
        except (BlockFromTheFuture, DatasetMissing) as wait:
            _LOG.info("block %s waits: %s", block.block_hash.hex()[:8], wait)
            verdict = BlockVerdict.HELD
            if len(self._held) < MAX_HELD_BLOCKS:
                self._held[block.block_hash] = block
        except ParentUnknown:
            verdict = BlockVerdict.ORPHAN
        except (BlockSignatureInvalid, BodyMismatch, InvalidEncoding) as error:
            _LOG.warning("bad block message from %s: %s", block.sender, error)
            verdict = BlockVerdict.BAD_MESSAGE
        except InvalidInput as error:
            _LOG.warning("invalid block %s: %s", block.block_hash.hex()[:8], error)
            verdict = BlockVerdict.INVALID
        now_ms = parts.clock.monotonic_ms()
        return parts.gossip.block_result(block.block_hash, verdict, block.sender, now_ms)

    def _extend(self, header: bytes, body: bytes) -> None:
        """Import a block and let everybody know of a new head."""
        parts = self.parts
        now_ms = parts.clock.now_ms()
        result = parts.importer.import_block(header, body, now_ms, parts.engine.backend_name)
        if result.known:
            return
        self.imported += 1
        head = parts.importer.head
        _LOG.info("block %s judged valid; height %d", result.block_hash.hex()[:8], head.height)
        if result.head_changed:
            returned = parts.importer.transactions_of(result.disconnected)
            parts.mempool.refresh(head, returned)
            self._do(parts.gossip.tip_changed(parts.clock.monotonic_ms()))
            if parts.miner is not None and self._mining:
                parts.miner.follow(head)

    def _retry_held(self) -> None:
        now_ms = self.parts.clock.monotonic_ms()
        if now_ms < self._retry_at_ms:
            return
        self._retry_at_ms = now_ms + RETRY_HELD_MS
        for block_hash, block in list(self._held.items()):
            try:
                self._extend(block.header, block.body)
            except (BlockFromTheFuture, DatasetMissing, ParentUnknown):
                continue
            except InvalidInput as error:
                _LOG.warning("held block %s: %s", block_hash.hex()[:8], error)
            del self._held[block_hash]

    def _take_transactions(self, batch: TransactionsReceived) -> Iterable[Action]:
        parts = self.parts
        for data in batch.transactions:
            try:
                value = decode(data, max_bytes=MAX_TRANSACTION_BYTES)
                parts.mempool.add(transaction_from_value(value), parts.importer.head)
            except InvalidInput as error:
                _LOG.info("transaction refused: %s", error)
                if error.reason in {"R-2", "R-19", "R-20"}:
                    now_ms = parts.clock.monotonic_ms()
                    return parts.gossip.transactions_refused(batch.sender, now_ms)
            except MempoolRejected as error:
                _LOG.info("transaction turned away: %s", error)
        return ()

    def _take_checkpoint(self, message: CheckpointReceived) -> None:
        parts = self.parts
        try:
            moved = parts.importer.add_checkpoint(checkpoint_from_bytes(message.data))
        except InvalidInput as error:
            _LOG.warning("checkpoint refused: %s", error)
            return
        if moved is not None:
            returned = parts.importer.transactions_of(moved)
            parts.mempool.refresh(parts.importer.head, returned)

    def _mine(self) -> None:
        parts = self.parts
        miner = parts.miner
        if miner is None:
            return
        ready = self._mining_allowed and parts.gossip.synced and self._fetch.complete
        if ready != self._mining:
            self._mining = ready
            if ready:
                miner.follow(parts.importer.head)
            else:
                miner.pause()
        miner.collect()
        if not ready:
            return
        finding = miner.due(parts.clock.now_ms(), transactions_wait=len(parts.mempool) > 0)
        if finding is not None:
            miner.discard()
            self._publish_own(finding, parts.clock.now_ms())

    def _publish_own(self, finding: Finding, timestamp: TimestampMs) -> None:
        parts = self.parts
        head = parts.importer.head
        block = build_block(
            head,
            finding,
            transactions=parts.mempool.select(),
            have=[each for each in parts.datasets.ids() if each in head.datasets],
            timestamp=timestamp,
            rules=parts.importer.rules,
            signer=parts.signer,
        )
        header, body = block.header.encode(), block.body.encode()
        try:
            # Durably, before anyone sees it: signing two blocks of one model burns rewards.
            parts.importer.blocks.note_signed(block.header)
            self._extend(header, body)
        except (InvalidInput, AlreadySigned, ParentUnknown, BlockFromTheFuture) as error:
            _LOG.warning("own block dropped: %s", error)
            return
        self.mined += 1
        block_hash = block.header.block_hash()
        stored = parts.importer.blocks.get(block_hash)
        assert stored is not None, "it was just imported"
        self._do(
            parts.gossip.announce_block(
                block_hash,
                BlockParts(header=header, body=body, transport=stored.transport),
                parts.clock.monotonic_ms(),
            )
        )


def _tell(event: Action) -> None:
    """Put in the log what gossip has to tell, in words."""
    if isinstance(event, PeerOnline):
        _LOG.info("peer %s is here (%s)", event.peer, event.software)
    elif isinstance(event, PeerOffline):
        _LOG.info("peer %s is gone%s", event.peer, ", without a word" if event.silent else "")
    elif isinstance(event, PeerWasBanned):
        _LOG.warning("peer %s is ignored for a while: it broke rules", event.peer)
    elif isinstance(event, SyncFinished):
        _LOG.info("in sync at height %d", event.height)
    elif isinstance(event, FetchFailed):
        _LOG.warning("nobody delivers %s %s", event.kind.name.lower(), event.digest.hex()[:8])
