# SPDX-License-Identifier: Apache-2.0
"""Mining by lottery: gives the trainer a header to find a ticket for, and takes its wins.

Everything that a miner fixes is in the seed of a burst, transactions too; so the body is made
before the work, and made anew when there is more to put into it.
Law of the file: a win becomes a block only with the very body that its header commits to.
Read next: edge_node/trainer/lottery.py, mining.py for the other proof rule.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_node.chain.block_builder import Finding, body_of, core_of
from edge_node.node.goal import ChainAccess, Goal, choose_goal
from edge_node.node.mining import MAX_REFUSALS
from edge_node.node.trainer_slot import Trainer, TrainerSlot
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId, Hash32, PublicKey, TimestampMs
from edge_node.spec import burst, lottery, scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block, Body, Header
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.dataset import Manifest
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.claims import evaluation_images
from edge_node.spec.proof.recipe import needs_of, start_of
from edge_node.spec.state import State
from edge_node.spec.transaction import Transaction
from edge_node.spec.validation import Rules
from edge_node.trainer.lottery import LotteryTask, Win
from edge_node.trainer.task import Progress

_LOG = logging.getLogger(__name__)

REFRESH_MS = 1_000
"""How often it is looked whether there is more to put into the block."""
MAX_BODIES = 64
"""Bodies remembered: what wins for one that is older is lost."""

Contents = Callable[[State], tuple[Sequence[Transaction], Sequence[DatasetId]]]
"""What a block on top of a head would confirm, and the datasets that its miner holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotteryIdentity:
    """Who mines what."""

    rules: Rules
    """Of the network."""
    public_key: PublicKey
    """Key that blocks are mined under."""
    new_family: Callable[[Manifest], Architecture]
    """What to found on a dataset when a founder is due."""
    contents: Contents
    """What goes into a block."""
    clock: Clock
    """The time; it travels to the trainer."""


class LotteryMiner:
    """Between a head and the trainer, where blocks win by a ticket.

    Parameters
    ----------
    identity : LotteryIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    chain : ChainAccess
    """

    def __init__(
        self,
        identity: LotteryIdentity,
        start_trainer: Callable[[], Trainer],
        chain: ChainAccess,
    ) -> None:
        self._identity = identity
        self._trainer = TrainerSlot(start_trainer)
        self._chain = chain
        self._head: State | None = None
        self._goal: Goal | None = None
        self._task: LotteryTask | None = None
        self._bodies: OrderedDict[Hash32, Body] = OrderedDict()
        self._wins: list[Win] = []
        self._refreshed_ms = TimestampMs(0)
        self._refusals = 0
        self._turned = False
        self.progress: Progress | None = None
        """How the trainer is doing, in its own words; None until it has said so."""

    @property
    def given_up(self) -> bool:
        """True once the trainer has died too often to be started again."""
        return self._trainer.given_up

    @property
    def needs_trainer(self) -> bool:
        """True if the trainer has died and `collect` will start another."""
        return self._trainer.needs_trainer

    def follow(self, head: State) -> None:
        """Work on top of `head` from now on; what was found under another is void."""
        self._head, self._refusals, self._turned = head, 0, False
        self._wins.clear()
        self._bodies.clear()
        self._aim(head, 0)

    def pause(self) -> None:
        """Stop working until the next head is followed."""
        if self._head is not None:
            self._head = self._task = None
            self._trainer.assign(None)

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""
        for message in self._trainer.poll():
            if isinstance(message, Progress):
                self.progress = message
            elif isinstance(message, Win) and self._is_for_head(message):
                self._wins.append(message)

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:  # noqa: ARG002 - the other miner's
        """Return a block that has won, or None; see that the trainer has all that can be had."""
        head = self._head
        if head is None or self._refusals >= MAX_REFUSALS:
            return None
        while self._wins:
            finding = self._finding(self._wins.pop(0))
            if finding is not None:
                return finding
        rung = scheduling.rung_at(self._identity.rules.parameters, head.timestamp, now_ms)
        if rung >= NEXT_FAMILY_RUNG and not self._turned:
            self._turned = True
            self._aim(head, rung)
        elif now_ms >= self._refreshed_ms + REFRESH_MS:
            self._refresh(head, now_ms)
        return None

    def refuse(self, finding: Finding) -> None:
        """Take note that a block was refused."""
        self._refusals += 1
        _LOG.warning("a win for family %s was refused", finding.family.hex()[:8])
        if self._refusals == MAX_REFUSALS:
            _LOG.error("%d own blocks refused: mining waits for another head", MAX_REFUSALS)

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _is_for_head(self, win: Win) -> bool:
        return self._head is not None and win.header.previous_hash == self._head.head

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

    def _aim(self, head: State, rung: int) -> None:
        """Choose a family, and give the trainer its task."""
        try:
            self._goal = choose_goal(head, rung, self._identity)
        except InvalidInput as error:
            _LOG.error("no family is founded: %s; choose another trainer.architecture", error)
            self._goal = None
        self._task = None
        if self._goal is None:
            self._trainer.assign(None)
        else:
            self._refresh(head, self._identity.clock.now_ms())

    def _refresh(self, head: State, now_ms: TimestampMs) -> None:
        """Give the trainer a header with all that a block could confirm now, if that is more."""
        goal, identity = self._goal, self._identity
        self._refreshed_ms = now_ms
        if goal is None:
            return
        transactions, have = identity.contents(head)
        body = body_of(head, transactions, have, b"", identity.rules)
        core = core_of(head, goal.family, body, identity.rules, identity.public_key)
        if self._task is not None and self._task.core == core:
            return
        self._bodies[core.tx_root] = body
        while len(self._bodies) > MAX_BODIES:
            self._bodies.popitem(last=False)
        if self._task is None:
            self._task = self._new_task(head, goal, core)
        else:
            self._task = replace(self._task, core=core)
        self._trainer.assign(self._task)

    def _new_task(self, head: State, goal: Goal, core: Header) -> LotteryTask:
        identity, family = self._identity, goal.family
        parameters = identity.rules.parameters
        context = self._chain.context(head, identity.rules)
        rules = burst.rules_for(family.architecture, parameters)
        images = evaluation_images(family, head)
        return LotteryTask(
            core=core,
            parent_ms=head.timestamp,
            parameters=parameters,
            clock=identity.clock,
            dataset=family.dataset,
            rules=rules,
            start=start_of(family, context),
            target=lottery.family_target(head.target, rules.cost, parameters.max_cost),
            needs=tuple(needs_of(family, images, rung, parameters) for rung in range(MAX_RUNG + 1)),
            founds=not family.models,
            origin=goal.origin,
        )
