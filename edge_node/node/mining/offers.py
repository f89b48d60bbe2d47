# SPDX-License-Identifier: Apache-2.0
"""The trainer's best offers, as far as they would make a block on the head that is followed.

A recipe names the models of its family by their place (R-40). On another branch of the chain other
models have these places, and the same recipe makes another model (R-44): an offer holds only where
the family still begins with the models that its task showed to the trainer.
Law of the file: what holds here is valid on this head, as far as can be told without counting.
Read next: evolution.py.
"""

from collections import OrderedDict
from dataclasses import dataclass

from edge_node.chain.block_builder import Finding
from edge_node.kernels.recipe import apply_recipe
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    ModelHash,
    NetworkId,
    PublicKey,
)
from edge_node.spec import scheduling
from edge_node.spec.difference import hamming
from edge_node.spec.engine import ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution_proof import ChildProof, proof_from_bytes
from edge_node.spec.recipe import RecipeContext
from edge_node.spec.state import Family, State
from edge_node.trainer.task import Offer, Task

MAX_REMEMBERED_TASKS = 32
"""An offer that comes later than so many heads after its task is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An offer with the models that a child's trainer was shown."""

    offer: Offer
    shown: tuple[BlockHash, ...]


def finding_of(offer: Offer) -> Finding:
    """Return an offer as a block carries it."""
    return Finding(
        family=offer.family,
        proof=offer.proof,
        model_hash=offer.model_hash,
        latent_root=offer.latent_root,
        nonce=offer.nonce,
        correct_count=offer.correct_count,
    )


class Offers:
    """The best offer for each family.

    Parameters
    ----------
    network : NetworkId
    parameters : Parameters
        The network's chosen rules.
    miner : PublicKey
        Key that recipes replay under.
    models : ModelSource
    """

    def __init__(
        self,
        network: NetworkId,
        parameters: Parameters,
        miner: PublicKey,
        models: ModelSource,
    ) -> None:
        self._network = network
        self._parameters = parameters
        self._miner = miner
        self._models = models
        self._tasks: OrderedDict[tuple[BlockHash, FamilyId], tuple[BlockHash, ...]] = OrderedDict()
        self._best: dict[FamilyId, _Kept] = {}
        self._refused: set[ModelHash] = set()

    def expect(self, task: Task) -> None:
        """Remember a task, so that children that are offered for it are understood."""
        shown = tuple(relative.block for relative in task.relatives)
        self._tasks[task.head, task.family] = shown
        while len(self._tasks) > MAX_REMEMBERED_TASKS:
            self._tasks.popitem(last=False)

    def put(self, offer: Offer, head: State) -> None:
        """Keep an offer if it holds on `head` and is the best of its family."""
        shown = self._tasks.get((offer.head, offer.family)) if offer.child else ()
        best = self._best.get(offer.family)
        if shown is None or (best and offer.correct_count <= best.offer.correct_count):
            return
        kept = _Kept(offer=offer, shown=shown)
        if not self._holds(kept, head):
            return
        if offer.family not in head.families:
            rivals = self._founders(head, offer.dataset)
            if any(rival.correct_count >= offer.correct_count for rival in rivals):
                return
            # Until one may be founded a trainer finds many: only the best of them is kept.
            for rival in rivals:
                del self._best[rival.family]
        self._best[offer.family] = kept

    def follow(self, head: State) -> None:
        """Keep what holds on another head."""
        self._refused.clear()
        self._best = {
            family: kept for family, kept in self._best.items() if self._holds(kept, head)
        }

    def refuse(self, model_hash: ModelHash) -> None:
        """Forget a model, which made no valid block on this head."""
        self._refused.add(model_hash)
        self._best = {
            family: kept
            for family, kept in self._best.items()
            if kept.offer.model_hash != model_hash
        }

    def due(self, head: State, rung: int) -> Offer | None:
        """Return an offer that makes a block on `head` at `rung`, by R-34 and R-41, or None."""
        turns = scheduling.turns(head, self._parameters, rung)
        for family_id in turns.families:
            kept = self._best.get(family_id)
            if kept and kept.offer.correct_count >= _needed(head.families[family_id], rung):
                return kept.offer
        wanting = head.datasets if turns.any_founder else [turns.due_dataset]
        founders = [each for dataset in wanting for each in self._founders(head, dataset)]
        return max(founders, key=lambda offer: offer.correct_count, default=None)

    def _founders(self, head: State, dataset: DatasetId | None) -> list[Offer]:
        """Return offers of families that a dataset does not have yet."""
        return [
            kept.offer
            for family, kept in self._best.items()
            if family not in head.families and kept.offer.dataset == dataset
        ]

    def _holds(self, kept: _Kept, head: State) -> bool:
        offer = kept.offer
        if offer.model_hash in self._refused or offer.model_hash in head.models.hashes:
            return False
        if not offer.child:
            return offer.head == head.head  # its batches were drawn from there
        family = head.families.get(offer.family)
        if family is None or family.closed or not family.records:
            return False
        known = len(kept.shown)
        if tuple(model.block for model in family.models[:known]) != kept.shown:
            return False
        if offer.correct_count <= family.records[-1].correct_count:
            return False
        return family.model_count == known or self._differs(offer, family, known)

    def _differs(self, offer: Offer, family: Family, known: int) -> bool:
        """Say whether a child differs enough from records that its trainer did not know (R-45)."""
        child = self._replayed(offer, family)
        needed = scheduling.share_of(
            family.architecture.weight_count, self._parameters.min_population_diff_ppm
        )
        return all(
            hamming(child, self._models.model(later.model_hash)) >= needed
            for later in family.models[known:]
        )

    def _replayed(self, offer: Offer, family: Family) -> Model:
        proof = proof_from_bytes(offer.proof)
        assert isinstance(proof, ChildProof), "a child's proof, by our own trainer"
        models = [self._models.model(each.model_hash) for each in family.models]
        context = RecipeContext(
            network=self._network, base=family.models[proof.base].block, miner=self._miner
        )
        return apply_recipe(
            models[proof.base], models, proof.steps, self._parameters.rates, context
        )


def _needed(family: Family, rung: int) -> int:
    """Return the images that the family's next model must classify correctly."""
    if not family.records:
        return 0  # the trainer offers only what reaches min_family_acc
    return family.records[-1].correct_count + scheduling.needed_gain_at(family, rung)
