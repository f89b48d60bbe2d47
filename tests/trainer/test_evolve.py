# SPDX-License-Identifier: Apache-2.0
"""Evolution by the real kernels on the toy dataset: offers are what the law replays."""

from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.spec.proof.evolution_proof import ChildProof, proof_from_bytes
from edge_node.spec.recipe import RecipeContext, apply_recipe
from edge_node.trainer.evolve import Evolution
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.task import Offer
from tests.spec import toy_chain as toy
from tests.spec.toy_data import ToyDataset, toy_dataset
from tests.trainer.test_task import ANN, task_of

MAX_SLICES = 400


class Splits:
    """The toy dataset's bytes."""

    def __init__(self, dataset: ToyDataset) -> None:
        self._dataset = dataset

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        return self._dataset.splits[name]


def evolved(blocks: int = 2) -> tuple[toy.ToyChain, Evolution]:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset]))
    chain.grow(ANN, blocks)
    return chain, Evolution(task_of(chain), KernelJudge(Splits(dataset), 150))


def first_offer(evolution: Evolution) -> Offer:
    for _ in range(MAX_SLICES):
        if (offer := evolution.step()) is not None:
            return offer
    raise AssertionError("no offer")


def test_offer_replays_by_the_law_to_the_model_and_count_that_it_names() -> None:
    chain, evolution = evolved()
    offer = first_offer(evolution)
    proof = proof_from_bytes(offer.proof)
    assert isinstance(proof, ChildProof)
    task = evolution.task
    base = task.relatives[proof.base]
    assert base.record
    child = apply_recipe(
        base.model,
        [relative.model for relative in task.relatives],
        proof.steps,
        task.parameters.rates,
        RecipeContext(network=task.network, base=base.block, miner=ANN.key),
    )
    assert child.model_hash() == offer.model_hash
    assert chain.network.engine.count_correct(child, task.dataset) == offer.correct_count
    assert offer.correct_count > base.correct_count


def test_same_task_gives_the_same_offer() -> None:
    assert first_offer(evolved()[1]) == first_offer(evolved()[1])


def test_climbs_live_on_when_the_chain_grows() -> None:
    chain, evolution = evolved()
    first_offer(evolution)
    done = evolution.progress.candidates
    chain.grow(ANN)
    evolution.adopt(task_of(chain))
    evolution.step()
    assert evolution.progress.candidates > done
    assert evolution.task.head == chain.state.head
    newest = evolution.task.relatives[-1]
    assert any(individual.base == newest.block for individual in evolution._individuals)
