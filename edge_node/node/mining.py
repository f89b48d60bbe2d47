# SPDX-License-Identifier: Apache-2.0
"""Mining: gives the trainer its task, takes its offers, and says when a block is due.

Law of the file: an offer becomes a block only if it would be valid now, on this head, at this rung;
until then the trainer goes on improving it.
Read next: offers.py, edge_node/trainer/process.py, edge_node/chain/block_builder.py.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge_node.chain.block_builder import NOTHING_FOUND, Finding
from edge_node.node.offers import Offers, finding_of
from edge_node.node.trainer_slot import Trainer, TrainerSlot
from edge_node.primitives.types import FamilyId, NetworkId, PublicKey, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.dataset import Manifest
from edge_node.spec.engine import ModelSource
from edge_node.spec.errors import InvalidInput
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import State
from edge_node.trainer.task import Aim, Offer, Progress, ShapeTask, Task, next_task

_LOG = logging.getLogger(__name__)

MAX_REFUSALS = 3
"""Blocks of our own that may turn out invalid on one head: more would fail for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerIdentity:
    """Who mines what."""

    network: NetworkId
    """The network."""
    parameters: Parameters
    """Its chosen rules."""
    public_key: PublicKey
    """Key that blocks are mined under."""
    new_family: Callable[[Manifest], Architecture]
    """What to found on a dataset when a founder is due, or nothing else gives a block."""


_InTurn = tuple[tuple[FamilyId, int], ...]
"""Families that may have the next block, if they are patient, and how many models they have."""


class Miner:
    """Between a head and the trainer.

    Parameters
    ----------
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    models : ModelSource
    """

    def __init__(
        self,
        identity: MinerIdentity,
        start_trainer: Callable[[], Trainer],
        models: ModelSource,
    ) -> None:
        self._identity = identity
        self._trainer = TrainerSlot(start_trainer)
        self._models = models
        self._head: State | None = None
        self._offers = Offers(identity.network, identity.parameters, identity.public_key, models)
        self._refusals = 0
        self._fallback_refused = False
        self._aim = Aim.IN_TURN
        self._in_turn: _InTurn = ()
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
        """Work on top of `head` from now on; what was found under another stays if it holds."""
        self._head = head
        self._refusals = 0
        self._fallback_refused = False
        self._begin_anew(head)
        self._offers.follow(head)
        self._assign(head)

    def pause(self) -> None:
        """Stop working until the next head is followed."""
        if self._head is not None:
            self._head = None
            self._trainer.assign(None)

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""
        for message in self._trainer.poll():
            if isinstance(message, Progress):
                self.progress = message
            elif isinstance(message, Offer) and self._head is not None:
                self._offers.put(message, self._head)

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""
        head, parameters = self._head, self._identity.parameters
        if head is None or self._refusals >= MAX_REFUSALS:
            return None
        if now_ms < head.timestamp + max(1, parameters.min_interval_ms):
            return None
        rung = scheduling.rung_at(parameters, head.timestamp, now_ms)
        offer = self._offers.due(head, rung)
        if offer is not None:
            return finding_of(offer)
        self._move_on(head, rung)
        if rung == MAX_RUNG and transactions_wait and not self._fallback_refused:
            return NOTHING_FOUND
        return None

    def refuse(self, finding: Finding) -> None:
        """Forget a finding whose block was refused; the trainer goes on from there."""
        self._refusals += 1
        if finding is NOTHING_FOUND:
            self._fallback_refused = True
        else:
            self._offers.refuse(finding.model_hash)
        if self._refusals == MAX_REFUSALS:
            _LOG.error("%d own blocks refused: mining waits for another head", MAX_REFUSALS)

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _begin_anew(self, head: State) -> None:
        """Aim at what is in turn, but where all in turn is as it was when it stood still.

        A block without a model changes no family. Were the search for a founder to begin anew at
        its end, a founder that takes long to train would never be ready before the next such block.
        """
        before, self._in_turn = self._in_turn, _in_turn(head, self._identity.parameters)
        if self._aim is not Aim.NEW_FAMILY or self._in_turn != before:
            self._aim = Aim.IN_TURN

    def _move_on(self, head: State, rung: int) -> None:
        """Leave climbs that stand still for what else may go, or soon may."""
        aim = _aim_at(head, self._identity.parameters, rung)
        if aim > self._aim:
            self._aim = aim
            _LOG.info("nothing found in %d rungs: the search goes on elsewhere, %s", rung, aim.name)
            self._assign(head)

    def _assign(self, head: State) -> None:
        task = self._task(head)
        if isinstance(task, Task):
            self._offers.expect(task)
        self._trainer.assign(task)

    def _task(self, head: State) -> Task | ShapeTask | None:
        try:
            return next_task(
                head,
                network=self._identity.network,
                parameters=self._identity.parameters,
                miner=self._identity.public_key,
                models=self._models,
                new_family=self._identity.new_family,
                aim=self._aim,
            )
        except InvalidInput as error:
            _LOG.error("no family is founded: %s; choose another trainer.architecture", error)
            return None


def _aim_at(head: State, parameters: Parameters, rung: int) -> Aim:
    """Return where to look at a rung; training is left for nothing, as it ends by itself.

    A family alone makes way for a founder as early as for another family (R-31): what is trained
    then is ready at the rung at which anyone may found (R-34). Of two families each has its time.
    """
    turns = scheduling.turns(head, parameters, rung)
    if turns.due_family is None or rung < NEXT_FAMILY_RUNG:
        return Aim.IN_TURN
    due, *others = (head.families[family] for family in turns.families)
    if not due.records:
        return Aim.IN_TURN
    if others and (rung < MAX_RUNG or not others[0].records):
        return Aim.NEXT_IN_TURN
    return Aim.NEW_FAMILY


def _in_turn(head: State, parameters: Parameters) -> _InTurn:
    families = scheduling.turns(head, parameters, NEXT_FAMILY_RUNG).families
    return tuple((family, head.families[family].model_count) for family in families)
