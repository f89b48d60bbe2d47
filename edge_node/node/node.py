# SPDX-License-Identifier: Apache-2.0
"""The node: the one place where chain, gossip, trainer and mempool meet.

One loop, one thread. Other threads only queue; here a message becomes a block, a block a new head,
a head a task, an offer a block of our own.
Law of the file: it decides nothing that a part could decide; it passes on.
Read next: service.py, which builds the parts and runs the loop; intake.py, what comes of a block.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable

from edge_node.gossip.inbox import LinkDown, LinkEvent, LinkUp
from edge_node.gossip.mqtt import PublishResult
from edge_node.gossip.ports import (
    Action,
    BlockReceived,
    CheckpointsReceived,
    ChunkReceived,
    DatasetComplete,
    FetchFailed,
    Incoming,
    ObjectReceived,
    Publish,
    SessionOutdated,
    SetWill,
    TransactionsReceived,
)
from edge_node.node.auto_reveal import AutoReveal
from edge_node.node.dataset_fetch import DatasetFetch
from edge_node.node.errors import OffloadNeverMines, SessionOvertaken
from edge_node.node.finality import Finality
from edge_node.node.imports import Imports
from edge_node.node.intake import Intake, Submitted
from edge_node.node.mining.making import BlockMaker
from edge_node.node.news import tell
from edge_node.node.offload import offload_of
from edge_node.node.parts import NodeParts
from edge_node.node.pruning import Pruning
from edge_node.node.purse import Purse
from edge_node.node.replays import Replays
from edge_node.node.reporting import Reporter
from edge_node.spec.transaction import Transaction

_LOG = logging.getLogger(__name__)

POLL_MS = 20
"""The loop's pace when nothing comes."""
MAX_LEAVE_S = 1.3
"""How long the goodbye may take: all of the end has 2 s."""


class Node:
    """A running node.

    Parameters
    ----------
    parts : NodeParts
    """

    def __init__(self, parts: NodeParts) -> None:
        self.parts = parts
        self.fetch = DatasetFetch(
            parts.importer, parts.datasets, parts.gossip, parts.max_dataset_bytes
        )
        self.finality = Finality(
            importer=parts.importer,
            gossip=parts.gossip,
            signer=parts.signer,
            keeper=parts.directory,
        )
        self._pruning = Pruning(parts.importer, parts.keep_blocks)
        self.founded_ms = parts.directory.genesis().timestamp
        """When the network was founded: a clock that says less is wrong."""
        self.connected = False
        self._intake = Intake(
            importer=parts.importer,
            mempool=parts.mempool,
            gossip=parts.gossip,
            held=parts.held,
            used=parts.engine.take_used,
            clock=parts.clock,
            watcher=parts.watcher,
            block_time=parts.block_time,
        )
        purse = Purse(parts.importer, parts.mempool, parts.signer)
        self._reporter = Reporter(parts.importer, self._intake, parts.mempool, parts.signer)
        self._replays = Replays(
            importer=parts.importer,
            gossip=parts.gossip,
            clock=parts.clock,
            queue=parts.replays,
            judge=self._judge,
        )
        self._reveals = AutoReveal(parts.importer, parts.mempool, parts.datasets, purse)
        self.imports = Imports(parts.importer, self._intake, purse, parts.directory.imports)
        self.offload = offload_of(parts.full_nodes, parts.importer, parts.gossip, self._intake)
        self._actions: deque[Action] = deque()
        self._own_blocks = BlockMaker(parts, self._intake, self.imports)
        self._mining_allowed = True

    @property
    def imported(self) -> int:
        """Blocks judged valid since the start."""
        return self._intake.imported

    @property
    def beyond_limits(self) -> str:
        """Why a block that waits can not be judged within this node's limits; empty for none."""
        return self._intake.beyond_limits

    @property
    def mined(self) -> int:
        """Blocks of our own since the start."""
        return self._own_blocks.made

    def start(self) -> None:
        """Connect and begin to listen."""
        parts = self.parts
        parts.link.set_will(parts.gossip.will())
        parts.link.start()
        self.do(self.fetch.start(parts.clock.monotonic_ms()))

    def turn(self) -> None:
        """Go once round the loop.

        Raises
        ------
        SessionOvertaken
            Another process uses this node's key.
        StopRequested
            The order to end came in the middle of a computation.
        """
        parts = self.parts
        for event in parts.link.poll(0 if parts.replays else POLL_MS):
            self.do(self._link_event(event, parts.clock.monotonic_ms()))
        self.do(parts.gossip.tick(parts.clock.monotonic_ms()))
        self._replays.turn(self.do)
        self.do(self.fetch.tick(parts.clock.monotonic_ms()))
        if self.offload is not None:
            self.do(self.offload.tick(parts.clock.monotonic_ms()))
        else:
            self.do(self.finality.tick(parts.clock.monotonic_ms()))
            self.do(self.imports.tick(parts.engine))
        self._pruning.tick(parts.clock.monotonic_ms())
        if self._dataset_may_be_lost():
            needed = self._intake.take_needed_datasets()
            self.do(self.fetch.check(parts.clock.monotonic_ms(), needed))
        if self.fetch.complete:
            self.do(self._intake.retry_held(self.fetch.missing))
        if parts.auto_reveal and parts.gossip.synced:
            self._reveals.tick(self.submit)
        ready = self._mining_allowed and parts.gossip.synced and self.fetch.complete
        for sense in (parts.thermometer, parts.disk_room):
            if sense is not None:
                sense.tick()
                ready = ready and not sense.paused
        self._own_blocks.tick(self.do, ready=ready)

    def finish(self) -> None:
        """Say goodbye and give everything back."""
        parts = self.parts
        # What an error or the end left undone stays so.
        self._actions.clear()
        self.do(parts.gossip.goodbye(parts.clock.monotonic_ms()))
        if parts.miner is not None:
            parts.miner.stop()
        parts.engine.close()
        # A link that is about to connect would wait for its own time-out.
        leaving = threading.Thread(target=parts.link.stop, name="leaving", daemon=True)
        leaving.start()
        leaving.join(MAX_LEAVE_S)

    def set_mining(self, *, allowed: bool) -> None:
        """Let the node mine once it is ready, or not at all.

        Raises
        ------
        OffloadNeverMines
        """
        if allowed and self.offload is not None:
            raise OffloadNeverMines
        self._mining_allowed = allowed

    def submit(self, transaction: Transaction) -> None:
        """Take in a transaction of our own user.

        Raises
        ------
        InvalidTransaction, MempoolRejected
        """
        self.do(self._intake.submit(transaction))

    def submit_all(self, transactions: Iterable[Transaction]) -> Submitted:
        """Take in transactions of our own user, in order, up to the first that is refused."""
        actions, submitted = self._intake.submit_all(transactions)
        self.do(actions)
        return submitted

    def do(self, actions: Iterable[Action]) -> None:
        """Carry out what gossip says, and what follows from that, in order."""
        self._actions.extend(actions)
        while self._actions:
            self._actions.extend(self._carry_out(self._actions.popleft()))

    def _dataset_may_be_lost(self) -> bool:
        """Say whether a block could not be judged, or the trainer has died of what it read."""
        lost, self._intake.dataset_lost = self._intake.dataset_lost, False
        miner = self.parts.miner
        return lost or (miner is not None and miner.needs_trainer)

    def _link_event(self, event: LinkEvent, now_ms: int) -> Iterable[Action]:
        gossip = self.parts.gossip
        if isinstance(event, Incoming):
            return gossip.handle(event, now_ms)
        if isinstance(event, LinkUp):
            _LOG.info("connected to the broker at %s", event.broker)
            self.connected = True
            return gossip.connected(now_ms, event.cell)
        if isinstance(event, LinkDown):
            _LOG.warning("connection to the broker lost: %s", event.reason)
            self.connected = False
            return gossip.disconnected(now_ms)
        _LOG.error("the broker at %s refused: %s", event.broker, event.reason)
        return ()

    def _judge(self, block: BlockReceived) -> Iterable[Action]:
        actions = self._intake.take_block(block)
        return (*actions, *self._reporter.look_at(block.block_hash))

    def _carry_out(self, action: Action) -> Iterable[Action]:
        parts = self.parts
        if self.offload is not None:
            taken = self.offload.take(action, parts.clock.monotonic_ms())
            if taken is not None:
                return taken
        if isinstance(action, Publish):
            if parts.link.publish(action) is not PublishResult.QUEUED:
                _LOG.warning("message of %d bytes not sent", len(action.payload))
        elif isinstance(action, SetWill):
            parts.link.set_will(action)
        elif isinstance(action, BlockReceived):
            return self._replays.take(action)
        elif isinstance(action, TransactionsReceived):
            return self._intake.take_transactions(action)
        elif isinstance(action, CheckpointsReceived):
            return self._intake.take_checkpoints(action)
        elif isinstance(action, (ObjectReceived, ChunkReceived, DatasetComplete, FetchFailed)):
            return self.fetch.handle(action, parts.clock.monotonic_ms())
        elif isinstance(action, SessionOutdated):
            # To go on under a higher number would set two copies of a node on each other for ever,
            # and both would sign. Who starts again has the higher number, and knows why.
            parts.directory.raise_session(action.least)
            raise SessionOvertaken(least=action.least)
        else:
            tell(action)
        return ()
