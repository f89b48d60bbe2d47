# SPDX-License-Identifier: Apache-2.0
"""Mining by evolution: founders, populations and children, improved until one is due.

Law of the file: an offer becomes a block only if it would be valid now, on this head, at this rung;
until then the trainer goes on improving it.
Read next: miner.py, offers.py, edge_node/trainer/process.py, edge_node/chain/block_builder.py.
"""

import logging
from collections.abc import Callable

from edge_node.chain.block_builder import Finding
from edge_node.node.mining.miner import Miner, MinerIdentity
from edge_node.node.mining.offers import Offers, finding_of
from edge_node.node.mining.slot import Trainer
from edge_node.primitives.types import FamilyId, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.engine import ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import State
from edge_node.trainer.search import Found
from edge_node.trainer.task import Aim, Offer, ShapeTask, Task, next_task

_LOG = logging.getLogger(__name__)

_InTurn = tuple[tuple[FamilyId, int], ...]
"""Families that may have the next block, if they are patient, and how many models they have."""


class EvolutionMiner(Miner):
    """Between a head and the trainer, where blocks win by a model that is better.

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
        super().__init__(identity, start_trainer)
        self._models = models
        self._offers = Offers(identity.rules.network, self._parameters, identity.public_key, models)
        self._aim = Aim.IN_TURN
        self._in_turn: _InTurn = ()

    def _begin(self, head: State) -> None:
        self._begin_anew(head)
        self._offers.follow(head)

    def _take(self, found: Found, head: State) -> None:
        if isinstance(found, Offer):
            self._offers.put(found, head)

    def _due(self, head: State, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        if self._too_early(head, now_ms):
            return None
        rung = self._rung(head, now_ms)
        offer = self._offers.due(head, rung)
        if offer is not None:
            return finding_of(offer)
        self._move_on(head, rung)
        return self._fallback(rung, transactions_wait=transactions_wait)

    def _forget(self, finding: Finding) -> None:
        self._offers.refuse(finding.model_hash)

    def _task(self, head: State) -> Task | ShapeTask | None:
        identity = self._identity
        task = next_task(
            head,
            network=identity.rules.network,
            parameters=self._parameters,
            miner=identity.public_key,
            models=self._models,
            new_family=identity.new_family,
            aim=self._aim,
        )
        if isinstance(task, Task):
            self._offers.expect(task)
        return task

    def _begin_anew(self, head: State) -> None:
        """Aim at what is in turn, but where all in turn is as it was when it stood still.

        A block without a model changes no family. Were the search for a founder to begin anew at
        its end, a founder that takes long to train would never be ready before the next such block.
        """
        before, self._in_turn = self._in_turn, _in_turn(head, self._parameters)
        if self._aim is not Aim.NEW_FAMILY or self._in_turn != before:
            self._aim = Aim.IN_TURN

    def _move_on(self, head: State, rung: int) -> None:
        """Leave climbs that stand still for what else may go, or soon may."""
        aim = _aim_at(head, self._parameters, rung)
        if aim > self._aim:
            self._aim = aim
            _LOG.info("nothing found in %d rungs: the search goes on elsewhere, %s", rung, aim.name)
            self._assign(head)


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
