# SPDX-License-Identifier: Apache-2.0
"""Replaying what waits, a bounded amount at each turn of the node's loop.

A block that gossip delivers waits if a replay would tell what it is worth; what is refused, or
answered, by cheaper means is judged at once. While the node catches up it replays as many as fit
its time; else one a turn, so that what comes meanwhile can go before the next.
Law of the file: every block that gossip delivered gets one verdict, whether it was replayed or not.
Read next: replay_queue.py, intake.py.
"""

import logging
from collections.abc import Callable, Iterable

from edge_node.chain.errors import ParentPruned, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.gossip.ports import Action, BlockReceived, BlockVerdict
from edge_node.gossip.protocol import Gossip
from edge_node.node.replay_queue import ReplayQueue
from edge_node.primitives.clock import Clock
from edge_node.spec.block import Header, header_from_bytes
from edge_node.spec.errors import InvalidInput

_LOG = logging.getLogger(__name__)

SYNC_TURN_MS = 100
"""While the node catches up, replays of one turn begin within this time."""


class Replays:
    """Between gossip and intake.

    Parameters
    ----------
    importer : Importer
    gossip : Gossip
    clock : Clock
    queue : ReplayQueue or None
        The same that gossip's view of the chain has; None where blocks do not wait.
    judge : callable
        Judges a block, and returns what follows.
    """

    def __init__(
        self,
        *,
        importer: Importer,
        gossip: Gossip,
        clock: Clock,
        queue: ReplayQueue | None,
        judge: Callable[[BlockReceived], Iterable[Action]],
    ) -> None:
        self._importer = importer
        self._gossip = gossip
        self._clock = clock
        self._queue = queue
        self._judge = judge

    def take(self, block: BlockReceived) -> Iterable[Action]:
        """Let a block wait, or judge it at once where that costs no replay."""
        queue = self._queue
        header = None if queue is None else self._to_replay(block, queue)
        if queue is None or header is None:
            return self._judge(block)
        gone = queue.add(block, header, self._gossip.expects)
        # Gossip comes back for them after a pause, as for orphans.
        return self._turn_away(gone, BlockVerdict.ORPHAN)

    def turn(self, do: Callable[[Iterable[Action]], None]) -> None:
        """Replay what a turn has time for.

        Parameters
        ----------
        do : callable
            Carries out what follows; a sync then delivers more.
        """
        queue = self._queue
        if queue is None:
            return
        queue.follow()
        end_ms = self._clock.monotonic_ms() + SYNC_TURN_MS
        while queue:
            do(self._replay_next(queue))
            if self._gossip.synced or self._clock.monotonic_ms() >= end_ms:
                return

    def _replay_next(self, queue: ReplayQueue) -> list[Action]:
        block, miner = queue.pop(self._gossip.expects)
        actions = list(self._judge(block))
        if self._importer.is_refused(block.block_hash):
            gone = queue.fail(miner, block.sender, self._gossip.expects)
            # They are let go unjudged: nobody comes back for them unless a chain needs them.
            actions += self._turn_away(gone, BlockVerdict.HELD)
        elif self._importer.is_known(block.block_hash):
            queue.pardon(miner)
        return actions

    def _turn_away(self, blocks: Iterable[BlockReceived], verdict: BlockVerdict) -> list[Action]:
        now_ms = self._clock.monotonic_ms()
        actions: list[Action] = []
        for block in blocks:
            _LOG.debug("block %s of %s has to go", block.block_hash.hex()[:8], block.sender)
            actions += self._gossip.block_result(block.block_hash, verdict, block.sender, now_ms)
        return actions

    def _to_replay(self, block: BlockReceived, queue: ReplayQueue) -> Header | None:
        """Return the header of a block that only a replay can judge, or that follows on one."""
        if self._importer.is_known(block.block_hash):
            return None
        try:
            header = header_from_bytes(block.header)
        except InvalidInput:
            return None
        try:
            self._importer.check_header(header)
        except ParentUnknown as error:
            return header if error.parent in queue else None
        except (InvalidInput, ParentPruned):
            return None
        return header
