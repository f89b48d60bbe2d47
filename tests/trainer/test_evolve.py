# SPDX-License-Identifier: Apache-2.0
"""Evolution by the real kernels on the toy dataset: every offer is what the law replays."""

from dataclasses import replace

import pytest

from edge_node.spec.difference import hamming
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof.evolution_proof import ChildProof, proof_from_bytes
from edge_node.spec.recipe import RecipeContext, Step, StepKind, apply_recipe
from edge_node.trainer.evolve import Evolution
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.population import POPULATION_SIZE
from edge_node.trainer.task import Offer
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, BOB, Splits, task_of

MAX_SLICES = 400


def evolved(
    blocks: int = 2, *, parameters: Parameters = toy.PARAMETERS
) -> tuple[toy.ToyChain, Evolution]:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset], parameters=parameters))
    chain.grow(ANN, blocks)
    return chain, Evolution(task_of(chain), KernelJudge(Splits(dataset), 150))


def offers_of(evolution: Evolution, slices: int) -> list[Offer]:
    return [offer for _ in range(slices) if (offer := evolution.step()) is not None]


def first_offer(evolution: Evolution) -> Offer:
    for _ in range(MAX_SLICES):
        if (offer := evolution.step()) is not None:
            return offer
    raise AssertionError("no offer")


def check_by_the_law(chain: toy.ToyChain, evolution: Evolution, offer: Offer) -> ChildProof:
    """Replay an offer on the chain's own models and hold it against the rules of a child."""
    task = evolution.task
    family = chain.state.families[offer.family]
    proof = proof_from_bytes(offer.proof)
    assert isinstance(proof, ChildProof)
    assert 1 <= len(proof.steps) <= task.parameters.max_recipe_steps
    base = family.models[proof.base]
    assert base.record
    models = [chain.models.model(entry.model_hash) for entry in family.models]
    child = apply_recipe(
        models[proof.base],
        models,
        proof.steps,
        task.parameters.rates,
        RecipeContext(network=task.network, base=base.block, miner=ANN.key),
    )
    assert child.model_hash() == offer.model_hash
    assert chain.network.engine.count_correct(child, task.dataset) == offer.correct_count
    assert offer.correct_count > family.records[-1].correct_count
    for entry, model in zip(family.models, models, strict=True):
        assert not entry.record or hamming(child, model) >= task.needed_difference
    return proof


def test_offer_replays_by_the_law_to_the_model_and_count_that_it_names() -> None:
    chain, evolution = evolved()
    check_by_the_law(chain, evolution, first_offer(evolution))


def test_same_task_gives_the_same_offer() -> None:
    assert first_offer(evolved()[1]) == first_offer(evolved()[1])


def test_climbs_live_on_when_the_chain_grows() -> None:
    chain, evolution = evolved()
    first_offer(evolution)
    done = evolution.progress.candidates
    before = list(evolution._individuals)
    chain.grow(BOB)
    evolution.adopt(task_of(chain))
    kept = [each for each in before if each in evolution._individuals]
    assert len(kept) == POPULATION_SIZE // 2
    newest = evolution.task.relatives[-1]
    assert sum(each.base == newest.block for each in evolution._individuals) == POPULATION_SIZE // 2
    evolution.step()
    assert evolution.progress.candidates > done
    assert evolution.task.head == chain.state.head


@pytest.mark.parametrize("common", [2, 3])
@pytest.mark.slow
def test_after_a_fork_every_offer_replays_on_the_new_branch(common: int) -> None:
    chain, evolution = evolved(common)
    other = chain.fork()
    chain.grow(ANN)
    evolution.adopt(task_of(chain))
    offers_of(evolution, 60)
    other.grow(BOB, 2)
    left = {entry.block for family in chain.state.families.values() for entry in family.models}
    assert any(each.base in left for each in evolution._individuals)
    evolution.adopt(task_of(other))
    records = {relative.block for relative in evolution.task.relatives if relative.record}
    assert {each.base for each in evolution._individuals} <= records
    offers = offers_of(evolution, 60)
    assert offers
    for offer in offers:
        assert offer.head == other.state.head
        check_by_the_law(other, evolution, offer)


def test_climb_that_names_a_model_of_the_lost_branch_is_dropped() -> None:
    chain, evolution = evolved(2)
    other = chain.fork()
    chain.grow(ANN)
    evolution.adopt(task_of(chain))
    lost = chain.state.head
    older = evolution.task.relatives[0 if evolution.task.relatives[0].record else 1]
    place = len(evolution.task.relatives) - 1
    crossed = next(each for each in evolution._individuals if each.base == older.block)
    step = Step(kind=StepKind.CROSS, nonce=1, partner=place)
    crossed.climber.apply(step, evolution.task.relatives[place].model)
    assert evolution.task.relatives[place].block == lost
    other.grow(BOB, 2)
    evolution.adopt(task_of(other))
    assert len(evolution._individuals) == POPULATION_SIZE
    assert crossed not in evolution._individuals


def test_offers_go_on_when_every_recipe_gets_full() -> None:
    few = replace(toy.PARAMETERS, max_recipe_steps=6)
    chain, evolution = evolved(parameters=few)
    assert offers_of(evolution, 100)
    later = offers_of(evolution, 100)
    assert later
    for offer in later:
        check_by_the_law(chain, evolution, offer)
    assert all(len(each.steps) < few.max_recipe_steps for each in evolution._individuals)


@pytest.mark.slow
def test_no_offer_is_dearer_to_replay_than_the_network_allows() -> None:
    few = replace(toy.PARAMETERS, max_recipe_draws=80)
    chain, evolution = evolved(parameters=few)
    offers = offers_of(evolution, 200)
    assert offers
    for offer in offers:
        check_by_the_law(chain, evolution, offer)


def test_individual_that_stands_still_becomes_a_copy_of_the_best() -> None:
    _, evolution = evolved()
    offers_of(evolution, 40)
    best = max(evolution._individuals, key=lambda each: each.correct)
    worst = min(evolution._individuals, key=lambda each: each.correct)
    assert worst.correct < best.correct
    for _ in range(MAX_SLICES):
        evolution.tell(worst, climbed=False)
        if worst.correct == best.correct:
            break
    assert worst.steps == best.steps
    assert worst.model() == best.model()
    assert worst.base == best.base
    assert worst.climber is not best.climber
