# SPDX-License-Identifier: Apache-2.0
"""Mining by lottery: gives the trainer a header to find a ticket for, and takes its wins.

Everything that a miner fixes is in the seed of a burst, transactions too; so the body is made
before the work, and made anew when there is more to put into it.
Law of the file: a win becomes a block only with the very body that its header commits to.
Read next: miner.py, goal.py, edge_node/trainer/lottery.py.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge_node.chain.block_builder import Finding, body_of, core_of
from edge_node.node.mining.goal import ChainAccess, choose_goal
from edge_node.node.mining.miner import Miner, MinerIdentity
from edge_node.node.mining.slot import Trainer
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId, Hash32, TimestampMs
from edge_node.spec import burst, lottery
from edge_node.spec.block import Block, Body
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.proof.claims import evaluation_images
from edge_node.spec.proof.recipe import needs_of, start_of
from edge_node.spec.state import State
from edge_node.spec.transaction import Transaction
from edge_node.trainer.lottery import LotteryTask, Win
from edge_node.trainer.search import Found
from edge_node.trainer.task import Progress

_LOG = logging.getLogger(__name__)

REFRESH_MS = 1_000
"""How often it is looked whether there is more to put into the block."""
MAX_BODIES = 64
"""Bodies remembered: what wins for one that is older is lost."""

Contents = Callable[[State], tuple[Sequence[Transaction], Sequence[DatasetId]]]
"""What a block on top of a head would confirm, and the datasets that its miner holds."""


class LotteryMiner(Miner):
    """Between a head and the trainer, where blocks win by a ticket.

    Parameters
    ----------
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    chain : ChainAccess
    contents : Contents
        What goes into a block.
    clock : Clock
        The time; it travels to the trainer.
    """

    def __init__(
        self,
        identity: MinerIdentity,
        start_trainer: Callable[[], Trainer],
        chain: ChainAccess,
        contents: Contents,
        clock: Clock,
    ) -> None:
        super().__init__(identity, start_trainer)
        self._chain = chain
        self._contents = contents
        self._clock = clock
        self._given: LotteryTask | None = None
        self._bodies: OrderedDict[Hash32, Body] = OrderedDict()
        self._wins: list[Win] = []
        self._refreshed_ms = TimestampMs(0)
        self._goal_rung = 0
        self._followed_ms = self._begun_ms = 0

    def _begin(self, head: State) -> None:  # noqa: ARG002 - nothing holds on another head
        self._followed_ms = self._clock.now_ms()
        self._wins.clear()
        self._bodies.clear()
        self._goal_rung = 0

    def _take(self, found: Found, head: State) -> None:
        if isinstance(found, Win) and found.header.previous_hash == head.head:
            self._wins.append(found)

    def _due(
        self,
        head: State,
        now_ms: TimestampMs,
        *,
        transactions_wait: bool,  # noqa: ARG002 - a block without a model has to win too
    ) -> Finding | None:
        """Return a block that has won, or None; see that the trainer has all that can be had."""
        while self._wins:
            finding = self._finding(self._wins.pop(0))
            if finding is not None:
                return finding
        rung = self._rung(head, now_ms)
        if rung >= NEXT_FAMILY_RUNG > self._goal_rung:
            self._goal_rung = rung
            self._assign(head)
        elif now_ms >= self._refreshed_ms + REFRESH_MS:
            self._refresh(head, now_ms)
        return None

    def _forget(self, finding: Finding) -> None:
        _LOG.warning("a win for family %s was refused", finding.family.hex()[:8])

    def _note(self, progress: Progress) -> None:
        """See Miner; a search says once when it began, one of a new trainer begins anew."""
        super()._note(progress)
        head = self._head
        if head is None or progress.head != head.head or progress.begun_ms == self._begun_ms:
            return
        self._begun_ms = progress.begun_ms
        _LOG.debug(
            "search on block %s began %d ms ago, %d ms after it became the head",
            head.head.hex()[:8],
            self._clock.now_ms() - progress.begun_ms,
            progress.begun_ms - self._followed_ms,
        )

    def _finding(self, win: Win) -> Finding | None:
        body = self._bodies.get(win.header.tx_root)
        if body is None:
            return None
        header = win.header
        return Finding(
            family=header.family,
            proof=win.proof,
            model_hash=header.model_hash,
            latent_root=header.latent_root,
            nonce=header.nonce,
            correct_count=header.correct_count,
            whole=Block(header=header, body=replace(body, proof=win.proof)),
        )

    def _task(self, head: State) -> LotteryTask | None:
        self._given = None
        self._refreshed_ms = self._clock.now_ms()
        goal = choose_goal(head, self._goal_rung, self._identity)
        if goal is None:
            return None
        rules, parameters, family = self._identity.rules, self._parameters, goal.family
        bursts = burst.rules_for(family.architecture, parameters)
        images = evaluation_images(family, head)
        self._given = LotteryTask(
            core=core_of(head, family, self._body(head), rules, self._identity.public_key),
            parent_ms=head.timestamp,
            parameters=parameters,
            clock=self._clock,
            dataset=family.dataset,
            rules=bursts,
            start=start_of(family, self._chain.context(head, rules)),
            target=lottery.family_target(head.target, bursts.cost, parameters.max_cost),
            needs=tuple(needs_of(family, images, rung, parameters) for rung in range(MAX_RUNG + 1)),
            founds=not family.models,
            origin=goal.origin,
        )
        return self._given

    def _refresh(self, head: State, now_ms: TimestampMs) -> None:
        """Give the trainer a header with all that a block could confirm now, if that is more."""
        self._refreshed_ms = now_ms
        if self._given is None:
            return
        core = replace(self._given.core, tx_root=self._body(head).tx_root())
        if core != self._given.core:
            self._given = replace(self._given, core=core)
            self._trainer.assign(self._given)

    def _body(self, head: State) -> Body:
        """Return all that a block could confirm now, and remember it for its header."""
        transactions, have = self._contents(head)
        body = body_of(head, transactions, have, b"", self._identity.rules)
        self._bodies[body.tx_root()] = body
        while len(self._bodies) > MAX_BODIES:
            self._bodies.popitem(last=False)
        return body
