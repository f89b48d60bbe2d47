# SPDX-License-Identifier: Apache-2.0
"""Mining by paper B's rule as published: gives the trainer a head to walk from, takes its offers.

Neither the moment nor the transactions of a block are in the requirements, so a block is made
around an offer when it is due, as in mining.py, and the offers of one head are void on another.
Law of the file: the first offer is taken, as in Algorithm 1; the trainer rests until the next head.
Read next: edge_node/trainer/guiding.py, goal.py.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge_node.chain.block_builder import NOTHING_FOUND, Finding
from edge_node.node.goal import ChainAccess, Goal, choose_goal
from edge_node.node.mining import MAX_REFUSALS
from edge_node.node.offers import finding_of
from edge_node.node.trainer_slot import Trainer, TrainerSlot
from edge_node.primitives.types import PublicKey, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.guiding_gradient import least_correct
from edge_node.spec.proof.trained import head_latents
from edge_node.spec.state import State
from edge_node.spec.validation import Rules
from edge_node.trainer.guiding import WalkTask
from edge_node.trainer.task import Offer, Progress

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkerIdentity:
    """Who mines what."""

    rules: Rules
    """Of the network."""
    public_key: PublicKey
    """Key that blocks are mined under."""
    new_family: Callable[[Manifest], Architecture]
    """What to found on a dataset when a founder is due."""


class GuidingMiner:
    """Between a head and the trainer, where blocks win by a walk.

    Parameters
    ----------
    identity : WalkerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    chain : ChainAccess
    """

    def __init__(
        self,
        identity: WalkerIdentity,
        start_trainer: Callable[[], Trainer],
        chain: ChainAccess,
    ) -> None:
        self._identity = identity
        self._trainer = TrainerSlot(start_trainer)
        self._chain = chain
        self._head: State | None = None
        self._found: Offer | None = None
        self._goal: Goal | None = None
        self._refusals = 0
        self._fallback_refused = False
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
        self._head, self._found, self._refusals = head, None, 0
        self._fallback_refused = self._turned = False
        self._aim(head, 0)

    def pause(self) -> None:
        """Stop working until the next head is followed."""
        if self._head is not None:
            self._head = self._found = None
            self._trainer.assign(None)

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""
        for message in self._trainer.poll():
            if isinstance(message, Progress):
                self.progress = message
            elif isinstance(message, Offer) and self._is_wanted(message):
                self._found = message
                self._trainer.assign(None)

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""
        head, parameters = self._head, self._identity.rules.parameters
        if head is None or self._refusals >= MAX_REFUSALS:
            return None
        if now_ms < head.timestamp + max(1, parameters.min_interval_ms):
            return None
        if self._found is not None:
            return finding_of(self._found)
        rung = scheduling.rung_at(parameters, head.timestamp, now_ms)
        if rung >= NEXT_FAMILY_RUNG and not self._turned:
            self._turned = True
            self._aim(head, rung)
        if rung == MAX_RUNG and transactions_wait and not self._fallback_refused:
            return NOTHING_FOUND
        return None

    def refuse(self, finding: Finding) -> None:
        """Forget a finding whose block was refused, and have others searched for."""
        self._refusals += 1
        self._fallback_refused |= finding is NOTHING_FOUND
        if self._refusals == MAX_REFUSALS:
            _LOG.error("%d own blocks refused: mining waits for another head", MAX_REFUSALS)
        elif self._head is not None and self._found is not None:
            self._found = None
            self._assign(self._head)

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _is_wanted(self, offer: Offer) -> bool:
        head = self._head
        return head is not None and self._found is None and offer.head == head.head

    def _aim(self, head: State, rung: int) -> None:
        """Choose a family, and give the trainer its task."""
        self._goal = None
        try:
            self._goal = choose_goal(head, rung, self._identity)
        except InvalidInput as error:
            _LOG.error("no family is founded: %s; choose another trainer.architecture", error)
        self._assign(head)

    def _assign(self, head: State) -> None:
        goal = self._goal
        self._trainer.assign(None if goal is None else self._task(head, goal))

    def _task(self, head: State, goal: Goal) -> WalkTask:
        rules, family = self._identity.rules, goal.family
        return WalkTask(
            head=head.head,
            parameters=rules.parameters,
            miner=self._identity.public_key,
            dataset=family.dataset,
            train_images=head.datasets[family.dataset].manifest.splits[SplitName.TRAIN].count,
            architecture=family.architecture,
            family=family.family_id,
            latents=head_latents(family, self._chain.context(head, rules)),
            least_correct=least_correct(family),
            founds=not family.models,
            attempt=self._refusals,
            origin=goal.origin,
        )
