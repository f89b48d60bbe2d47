# SPDX-License-Identifier: Apache-2.0
"""What comes in for the chain: blocks, transactions and checkpoints, each with what follows.

A block is imported, held for later or refused, and gossip hears which; a new head cleans the
mempool and is told to peers. What waits is tried again when its time has come.
Law of the file: bad input ends here, as a verdict and a line in the log; only faults of this
machine (a full disk, a damaged chain) and the order to stop pass through.
Read next: held_blocks.py, edge_node/chain/importer.py.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from edge_node.chain.errors import MempoolRejected, ModelMissing, ParentPruned, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.errors import StoreCorrupt
from edge_node.gossip.ports import (
    Action,
    BlockReceived,
    BlockVerdict,
    CheckpointsReceived,
    TransactionsReceived,
)
from edge_node.gossip.protocol import Gossip
from edge_node.node.block_kind import kind_of
from edge_node.node.errors import BeyondLimits
from edge_node.node.held_blocks import MAX_HELD_BLOCKS, HeldBlocks
from edge_node.node.limits import BlockTime
from edge_node.node.watching import Watcher
from edge_node.primitives.clock import Clock
from edge_node.primitives.counting import counted
from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import BlockHash, DatasetId, TimestampMs
from edge_node.spec.block import Block, Header, HeaderMalformed, body_from_bytes, header_from_bytes
from edge_node.spec.dataset import ManifestMalformed
from edge_node.spec.encoding import InvalidEncoding
from edge_node.spec.engine import DatasetMissing
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import checkpoint_from_bytes
from edge_node.spec.ledger import FeeTooLow
from edge_node.spec.offences import EvidenceFalse
from edge_node.spec.transaction import (
    Transaction,
    TransactionMalformed,
    TransactionSignatureInvalid,
    transaction_from_bytes,
)
from edge_node.spec.validation import (
    BlockFromTheFuture,
    BlockSignatureInvalid,
    ProtocolNewer,
    check_body,
)

_LOG = logging.getLogger(__name__)

RETRY_HELD_MS = 250
"""How often held blocks are tried again."""
RETRY_WITHOUT_DATASET_MS = 10_000
"""How often those whose dataset is not here: each time their proof may be replayed in vain."""
RETRY_BEYOND_LIMITS_MS = 600_000
"""How often those that go beyond this node's limits: it may have been busy."""
MAX_SAID = 4 * MAX_HELD_BLOCKS
"""Blocks and reasons to wait that are said once: what is older is said again."""
_NEVER_VALID = (
    InvalidEncoding,
    TransactionMalformed,
    TransactionSignatureInvalid,
    FeeTooLow,
    ManifestMalformed,
    HeaderMalformed,
    EvidenceFalse,
)
"""What is wrong with a transaction whatever the head, so that its sender is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of many transactions."""

    taken: int
    """How many, from the first, wait now or waited before."""
    refused: str
    """What was wrong with the next one; empty if none was."""


class Intake:
    """The way in.

    Parameters
    ----------
    importer : Importer
    mempool : Mempool
    gossip : Gossip
        Hears what came of everything.
    held : HeldBlocks
        The same that gossip's view of the chain has.
    used : callable
        Says what has evaluated models since it was asked last, for the record.
    clock : Clock
    watcher : Watcher
        Hears of every verdict.
    block_time : BlockTime or None, optional
        Measures how long judging takes, where that is limited.
    """

    def __init__(
        self,
        *,
        importer: Importer,
        mempool: Mempool,
        gossip: Gossip,
        held: HeldBlocks,
        used: Callable[[], str],
        clock: Clock,
        watcher: Watcher,
        block_time: BlockTime | None = None,
    ) -> None:
        self._importer = importer
        self._mempool = mempool
        self._gossip = gossip
        self._held = held
        self._used = used
        self._clock = clock
        self._watcher = watcher
        self._block_time = block_time
        self._beyond: dict[BlockHash, str] = {}
        self._said: OrderedDict[tuple[BlockHash, type[EdgeNodeError]], None] = OrderedDict()
        self._told = importer.head.head
        self._retry_at_ms = 0
        self.imported = 0
        """Blocks judged valid since the start."""
        self.dataset_lost = False
        """Set when a dataset could not be read to judge a block, which waits; the node looks."""
        self._needed_datasets: set[DatasetId] = set()
        # What a held block waits for, None for another occasion, and how long at most.
        self._waits_for: dict[BlockHash, tuple[DatasetId | None, int]] = {}

    @property
    def held_count(self) -> int:
        """How many blocks wait."""
        return len(self._held)

    @property
    def beyond_limits(self) -> str:
        """Why a block that waits can not be judged within this node's limits; empty for none."""
        waits = (name for name in self._beyond if name in self._held)
        return next((f"{name.hex()[:8]}: {self._beyond[name]}" for name in waits), "")

    def take_block(self, block: BlockReceived, *, silent: bool = False) -> list[Action]:
        """Judge a block that gossip delivered.

        Parameters
        ----------
        block : BlockReceived
        silent : bool, optional
            If it is held, gossip hears nothing until it is judged, and so delivers few others.
        """
        try:
            parsed = _sound_block(block)
        except InvalidInput as error:
            # What does not belong to a header says nothing about the header's hash.
            _LOG.warning("bad message from %s: %s", block.sender, error)
            return self._result(block, BlockVerdict.BAD_MESSAGE)
        verdict = self._verdict(block, parsed)
        if verdict is BlockVerdict.HELD and not self._held.hold(block, parsed.header.timestamp):
            # There is no room: gossip comes back for it after a pause, as for an orphan.
            verdict = BlockVerdict.ORPHAN
        if verdict is BlockVerdict.HELD and silent:
            return []
        return self._result(block, verdict)

    def take_needed_datasets(self) -> list[DatasetId]:
        """Return the datasets that were not here to judge a block since the last call."""
        needed, self._needed_datasets = sorted(self._needed_datasets), set()
        return needed

    def retry_held(self, missing: AbstractSet[DatasetId] = frozenset()) -> list[Action]:
        """Judge again what was held, if its time has come.

        Parameters
        ----------
        missing : set of DatasetId
            Datasets that are not here: what waits for one of them goes on waiting for a while.
        """
        now_ms = self._clock.monotonic_ms()
        if not self._held or now_ms < self._retry_at_ms:
            return []
        self._retry_at_ms = now_ms + RETRY_HELD_MS
        latest = self._clock.now_ms() + self._importer.rules.parameters.max_future_ms
        actions: list[Action] = []
        held = self._held.until(TimestampMs(latest))
        self._waits_for = {
            name: (dataset, until_ms)
            for name, (dataset, until_ms) in self._waits_for.items()
            if name in self._held and (dataset is None or dataset in missing) and now_ms < until_ms
        }
        for block in held:
            if block.block_hash in self._waits_for:
                continue
            if self._importer.replays_bursts:
                # Its time has come, but not its turn: it goes the way of all others (replays.py).
                self._held.release(block.block_hash)
                actions.append(block)
                continue
            verdict = self._verdict(block, _parsed(block))
            if verdict is not BlockVerdict.HELD:
                self._held.release(block.block_hash)
                actions += self._result(block, verdict)
        return actions

    def take_own(self, block: Block) -> None:
        """Import a block of our own; its announcement tells the head.

        Raises
        ------
        InvalidInput
            The first rule that it breaks.
        AlreadySigned
            Two blocks of one model on one parent: publishing both burns rewards.
        ParentUnknown, BlockFromTheFuture, DatasetMissing, ProtocolNewer
            It can not be judged yet.
        """
        start_ms = self._clock.monotonic_ms()
        self._extend(block, own=True)
        took_ms, kind = self._clock.monotonic_ms() - start_ms, self._kind(block.header)
        self._watcher.judged(kind, BlockVerdict.ACCEPTED.value, took_ms)
        self._watcher.mined(kind)
        self._told = self._importer.head.head

    def take_transactions(self, batch: TransactionsReceived) -> list[Action]:
        """Put transactions in the mempool; a batch with one that no head allows ends there.

        What another head may allow costs its sender nothing: one of us may be behind.
        """
        turned_away: list[EdgeNodeError] = []
        actions: list[Action] = []
        for data in batch.transactions:
            try:
                self._mempool.add(transaction_from_bytes(data), self._importer.head)
            except _NEVER_VALID as error:
                _LOG.warning("transactions of %s refused: %s", batch.sender, error)
                now_ms = self._clock.monotonic_ms()
                actions = self._gossip.transactions_refused(batch.sender, now_ms)
                break
            except (InvalidInput, MempoolRejected) as error:
                turned_away.append(error)
        if turned_away:
            # One line a message, or a stranger could fill the log.
            count = counted(len(turned_away), "transaction")
            _LOG.info("%s of %s turned away: %s", count, batch.sender, turned_away[0])
        return actions

    def submit(self, transaction: Transaction) -> list[Action]:
        """Take in a transaction of our own user, and tell it.

        Raises
        ------
        InvalidTransaction, MempoolRejected
        """
        if not self._mempool.add(transaction, self._importer.head):
            return []
        return self._gossip.announce_transactions(
            (transaction.encode(),), self._clock.monotonic_ms()
        )

    def submit_all(self, transactions: Iterable[Transaction]) -> tuple[list[Action], Submitted]:
        """Take in transactions of our own user up to the first that is refused, and tell them."""
        news: list[bytes] = []
        taken, refused = 0, ""
        for transaction in transactions:
            try:
                if self._mempool.add(transaction, self._importer.head):
                    news.append(transaction.encode())
            except (InvalidInput, MempoolRejected) as error:
                refused = str(error)
                break
            taken += 1
        actions = self._gossip.announce_transactions(tuple(news), self._clock.monotonic_ms())
        return actions, Submitted(taken=taken, refused=refused)

    def take_checkpoints(self, message: CheckpointsReceived) -> list[Action]:
        """Keep checkpoints, and follow the block that a quorum agrees on; end at a wrong one."""
        importer, final = self._importer, self._importer.final
        actions: list[Action] = []
        for data in message.checkpoints:
            try:
                disconnected = importer.add_checkpoint(checkpoint_from_bytes(data))
            except InvalidInput as error:
                _LOG.warning("checkpoint of %s refused: %s", message.sender, error)
                now_ms = self._clock.monotonic_ms()
                actions = self._gossip.checkpoints_refused(message.sender, now_ms)
                break
            if disconnected is not None:
                self._watcher.reorganised(len(disconnected))
                self._mempool.refresh(importer.head, importer.transactions_of(disconnected))
        if importer.final is not None and importer.final != final:
            _LOG.info(
                "block %s is final; height %d",
                importer.final.block.hex()[:8],
                importer.final.height,
            )
        return actions + self._tell_head()

    def follow(self, tip: BlockHash) -> list[Action]:
        """Make a stored block the head, for a node that does not choose it by work."""
        disconnected = self._importer.follow(tip)
        if disconnected:
            self._watcher.reorganised(len(disconnected))
        head = self._importer.head
        self._mempool.refresh(head, self._importer.transactions_of(disconnected))
        return self._tell_head()

    def retry_soon(self) -> None:
        """Have what is held judged again at the next occasion: what it waits for may be here."""
        self._retry_at_ms = 0

    def _extend(self, block: Block, *, own: bool = False) -> None:
        now_ms = self._clock.now_ms()
        self._used()  # what counted for a block that was refused, or for a founder, is not asked
        if self._block_time is not None:
            self._block_time.begin()
        try:
            result = self._importer.import_parsed(block, now_ms, self._used, own=own)
        finally:
            if self._block_time is not None:
                self._block_time.end()
        if result.known:
            return
        self.imported += 1
        head = self._importer.head
        done = "judged valid" if self._importer.replays else "evaluated, not replayed"
        _LOG.info("block %s %s; height %d", result.block_hash.hex()[:8], done, head.height)
        if result.disconnected:
            self._watcher.reorganised(len(result.disconnected))
        if result.head_changed:
            self._mempool.refresh(head, self._importer.transactions_of(result.disconnected))

    def _result(self, block: BlockReceived, verdict: BlockVerdict) -> list[Action]:
        now_ms = self._clock.monotonic_ms()
        actions = self._gossip.block_result(block.block_hash, verdict, block.sender, now_ms)
        return actions + self._tell_head()

    def _tell_head(self) -> list[Action]:
        """Tell peers of a head that they were not told of."""
        head = self._importer.head.head
        if head == self._told:
            return []
        self._told = head
        return self._gossip.tip_changed(self._clock.monotonic_ms())

    def _verdict(self, block: BlockReceived, parsed: Block) -> BlockVerdict:
        start_ms = self._clock.monotonic_ms()
        verdict = self._judge(block, parsed)
        took_ms = self._clock.monotonic_ms() - start_ms
        self._watcher.judged(self._kind(parsed.header), verdict.value, took_ms)
        return verdict

    def _kind(self, header: Header) -> str:
        return kind_of(header, self._importer.proof, self._importer.head)

    def _judge(self, block: BlockReceived, parsed: Block) -> BlockVerdict:
        name = block.block_hash.hex()[:8]
        _LOG.debug("judging block %s from %s", name, block.sender)
        try:
            self._extend(parsed)
        except (
            BlockFromTheFuture,
            ProtocolNewer,
            DatasetMissing,
            ModelMissing,
            StoreCorrupt,
            BeyondLimits,
        ) as error:
            self._note_wait(block.block_hash, error)
            return BlockVerdict.HELD
        except ParentPruned as error:
            _LOG.info("block %s of %s is not judged: %s", name, block.sender, error)
            return BlockVerdict.ORPHAN
        except ParentUnknown as error:
            return BlockVerdict.HELD if error.parent in self._held else BlockVerdict.ORPHAN
        except BlockSignatureInvalid as error:
            _LOG.warning("bad message from %s: %s", block.sender, error)
            return BlockVerdict.BAD_MESSAGE
        except InvalidInput as error:
            _LOG.warning("invalid block %s from %s: %s", name, block.sender, error)
            return BlockVerdict.INVALID
        return BlockVerdict.ACCEPTED

    def _note_wait(self, block_hash: BlockHash, error: EdgeNodeError) -> None:
        """Note what a block waits for, and say so the first time."""
        now_ms, short = self._clock.monotonic_ms(), block_hash.hex()[:8]
        self.dataset_lost |= isinstance(error, (DatasetMissing, StoreCorrupt))
        if isinstance(error, DatasetMissing):
            self._needed_datasets.add(error.dataset)
            self._waits_for[block_hash] = error.dataset, now_ms + RETRY_WITHOUT_DATASET_MS
        elif isinstance(error, BeyondLimits):
            self._beyond = {name: why for name, why in self._beyond.items() if name in self._held}
            self._beyond[block_hash] = str(error)
            self._waits_for[block_hash] = None, now_ms + RETRY_BEYOND_LIMITS_MS
        if not self._is_said(block_hash, type(error)):
            if isinstance(error, BeyondLimits):
                _LOG.warning("block %s can not be judged here: %s", short, error)
            else:
                _LOG.info("block %s waits: %s", short, error)

    def _is_said(self, block_hash: BlockHash, why: type[EdgeNodeError]) -> bool:
        """Say whether the log has it that a block waits for this kind of reason; now it has."""
        # What waits leaves what is held, and comes back, each time that its replay is tried.
        said = (block_hash, why) in self._said
        self._said[block_hash, why] = None
        self._said.move_to_end((block_hash, why))
        while len(self._said) > MAX_SAID:
            self._said.popitem(last=False)
        return said


def _sound_block(received: BlockReceived) -> Block:
    """Return a block once its body is known to belong to its header (R-49)."""
    block = _parsed(received)
    check_body(block)
    return block


def _parsed(received: BlockReceived) -> Block:
    return Block(header=header_from_bytes(received.header), body=body_from_bytes(received.body))
