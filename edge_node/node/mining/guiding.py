# SPDX-License-Identifier: Apache-2.0
"""Mining by paper B's rule as published: gives the trainer a head to walk from, takes its offers.

Neither the moment nor the transactions of a block are in the requirements, so a block is made
around an offer when it is due, as in evolution.py, and the offers of one head are void on another.
Law of the file: the first offer is taken, as in Algorithm 1; the trainer rests until the next head.
Read next: miner.py, goal.py, edge_node/trainer/guiding.py.
"""

from collections.abc import Callable

from edge_node.chain.block_builder import Finding
from edge_node.node.mining.goal import ChainAccess, choose_goal
from edge_node.node.mining.miner import MAX_REFUSALS, Miner, MinerIdentity
from edge_node.node.mining.offers import finding_of
from edge_node.node.mining.slot import Trainer
from edge_node.primitives.types import TimestampMs
from edge_node.spec.constants import NEXT_FAMILY_RUNG
from edge_node.spec.dataset import SplitName
from edge_node.spec.proof.guiding_gradient import least_correct
from edge_node.spec.proof.trained import head_latents
from edge_node.spec.state import State
from edge_node.trainer.guiding import WalkTask
from edge_node.trainer.search import Found
from edge_node.trainer.task import Offer


class GuidingMiner(Miner):
    """Between a head and the trainer, where blocks win by a walk.

    Parameters
    ----------
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    chain : ChainAccess
    """

    def __init__(
        self,
        identity: MinerIdentity,
        start_trainer: Callable[[], Trainer],
        chain: ChainAccess,
    ) -> None:
        super().__init__(identity, start_trainer)
        self._chain = chain
        self._found: Offer | None = None
        self._goal_rung = 0

    def _begin(self, head: State) -> None:  # noqa: ARG002 - nothing holds on another head
        self._found, self._goal_rung = None, 0

    def _take(self, found: Found, head: State) -> None:
        if isinstance(found, Offer) and self._found is None and found.head == head.head:
            self._found = found
            self._trainer.assign(None)

    def _due(self, head: State, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        if self._too_early(head, now_ms):
            return None
        if self._found is not None:
            return finding_of(self._found)
        rung = self._rung(head, now_ms)
        if rung >= NEXT_FAMILY_RUNG > self._goal_rung:
            self._goal_rung = rung
            self._assign(head)
        return self._fallback(rung, transactions_wait=transactions_wait)

    def _forget(self, finding: Finding) -> None:  # noqa: ARG002 - there is one at a time
        self._found = None
        if self._head is not None and self._refusals < MAX_REFUSALS:
            self._assign(self._head)

    def _task(self, head: State) -> WalkTask | None:
        goal = choose_goal(head, self._goal_rung, self._identity)
        if goal is None:
            return None
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
