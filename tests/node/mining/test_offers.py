# SPDX-License-Identifier: Apache-2.0
"""Real offers of a real evolution, held against heads that move, fork and come back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_node.node.mining.offers import MAX_REMEMBERED_TASKS, Offers
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, FamilyId, Hash32, ModelHash
from edge_node.spec.difference import hamming
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.errors import ModelHashMismatch, UnknownParent
from edge_node.spec.proof.evolution_proof import ChildProof, proof_from_bytes
from edge_node.spec.recipe import RecipeContext, apply_recipe
from edge_node.trainer.evolve import Evolution
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.task import Offer, Relative, Task
from tests.spec import toy_chain as toy
from tests.spec.stages import in_turn, two_families
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, BOB, Splits, block_of, task_of

DATASET = toy_dataset()
MAX_SLICES = 600


def chain_of(parameters: Parameters = toy.PARAMETERS) -> toy.ToyChain:
    return toy.ToyChain(toy.toy_network([DATASET], parameters=parameters))


def offers_on(chain: toy.ToyChain) -> Offers:
    rules = chain.network.rules
    return Offers(rules.network, rules.parameters, ANN.key, chain.models)


def evolution_on(chain: toy.ToyChain) -> Evolution:
    return Evolution(task_of(chain), KernelJudge(Splits(DATASET), 150))


def offer_of(evolution: Evolution, wanted: Callable[[Offer], bool]) -> Offer:
    for _ in range(MAX_SLICES):
        offer = evolution.step()
        if offer is not None and wanted(offer):
            return offer
    raise AssertionError("no such offer")


def model_of(offer: Offer, task: Task) -> Model:
    """Replay an offer by the law."""
    proof = proof_from_bytes(offer.proof)
    assert isinstance(proof, ChildProof)
    models = [relative.model for relative in task.relatives]
    context = RecipeContext(
        network=task.network, base=task.relatives[proof.base].block, miner=ANN.key
    )
    return apply_recipe(models[proof.base], models, proof.steps, task.parameters.rates, context)


@pytest.fixture(scope="module")
def ours() -> toy.ToyChain:
    """Give Ann's branch: her founder, her second model, and then evolution."""
    chain = chain_of()
    chain.grow(ANN, 2)
    return chain


@pytest.fixture(scope="module")
def theirs() -> toy.ToyChain:
    """Give Bob's branch from the genesis: the same family by name, other models in it."""
    chain = chain_of()
    chain.grow(BOB, 2)
    return chain


@pytest.fixture(scope="module")
def offer(ours: toy.ToyChain) -> Offer:
    """Give a child of Ann's record that is good enough for both branches."""
    return offer_of(evolution_on(ours), lambda each: each.correct_count > 75)


def both(ours: toy.ToyChain, theirs: toy.ToyChain) -> Offers:
    """Return a book whose models are those of both branches, as in one node's store."""
    rules = ours.network.rules
    models = ours.models.copy()
    for mined in theirs.mined:
        assert mined.model is not None
        models.add(mined.model)
    return Offers(rules.network, rules.parameters, ANN.key, models)


def test_recipe_of_one_branch_makes_another_model_on_the_other(
    ours: toy.ToyChain, theirs: toy.ToyChain, offer: Offer
) -> None:
    (family,), (same,) = ours.state.families, theirs.state.families
    assert family == same, "two founders, one family: only its models tell the branches apart"
    with pytest.raises((ModelHashMismatch, UnknownParent)):  # its base may be no record there
        theirs.tip.validate(block_of(offer, theirs))
    ours.tip.validate(block_of(offer, ours))


def test_reorganisation_drops_an_offer_before_it_is_signed(
    ours: toy.ToyChain, theirs: toy.ToyChain, offer: Offer
) -> None:
    offers = both(ours, theirs)
    offers.expect(task_of(ours))
    offers.put(offer, ours.state)
    assert offers.due(ours.state, 4) == offer
    offers.follow(theirs.state)
    assert offers.due(theirs.state, 4) is None
    offers.follow(ours.state)
    assert offers.due(ours.state, 4) is None, "it was dropped, not hidden"


def test_offer_that_was_on_its_way_when_the_chain_reorganised_is_not_taken(
    ours: toy.ToyChain, theirs: toy.ToyChain, offer: Offer
) -> None:
    offers = both(ours, theirs)
    offers.expect(task_of(ours))
    offers.follow(theirs.state)
    offers.expect(task_of(theirs))
    offers.put(offer, theirs.state)
    assert offers.due(theirs.state, 4) is None


def test_offer_outlives_a_foreign_record_that_it_beats_and_differs_from(
    ours: toy.ToyChain,
) -> None:
    chain = ours.fork()
    offers, evolution = offers_on(chain), evolution_on(chain)
    offers.expect(evolution.task)
    chain.grow(BOB)
    (family,) = chain.state.families.values()
    least = family.records[-1].correct_count + family.needed_gain
    offer = offer_of(evolution, lambda each: each.correct_count >= least)
    offers.put(offer, chain.state)
    assert offers.due(chain.state, 0) == offer
    chain.tip.validate(block_of(offer, chain))


@pytest.mark.slow
def test_offer_too_near_a_new_record_is_dropped() -> None:
    chain = chain_of(replace(toy.PARAMETERS, min_population_diff_ppm=70_000))
    chain.grow(ANN, 2)
    evolution, offers = evolution_on(chain), offers_on(chain)
    task = evolution.task
    offers.expect(task)
    (family,) = chain.state.families.values()
    first = offer_of(
        evolution,
        lambda each: each.correct_count >= family.records[-1].correct_count + family.needed_gain,
    )
    made = model_of(first, task)
    near = offer_of(
        evolution, lambda each: hamming(model_of(each, task), made) < task.needed_difference
    )
    offers.put(near, chain.state)
    assert offers.due(chain.state, 0) == near
    chain.add(toy.Mined(block=block_of(first, chain), model=made))
    offers.follow(chain.state)
    assert offers.due(chain.state, 4) is None


def test_offer_waits_for_its_familys_turn() -> None:
    chain = two_families().fork()
    offers = offers_on(chain)
    first, second = in_turn(chain.tip)
    for family in chain.state.families.values():
        relatives = tuple(
            Relative(
                block=model.block,
                model=chain.models.model(model.model_hash),
                correct_count=model.correct_count,
                record=model.record,
            )
            for model in family.models
        )
        offers.expect(replace(task_of(chain), family=family.family_id, relatives=relatives))
    in_time, early = child_of(chain, first), child_of(chain, second)
    offers.put(early, chain.state)
    assert offers.due(chain.state, 0) is None
    assert offers.due(chain.state, 5) == early, "from rung 5 the next family may have the turn"
    offers.put(in_time, chain.state)
    assert offers.due(chain.state, 0) == in_time, "one family's offer does not displace another's"


def child_of(chain: toy.ToyChain, family_id: FamilyId) -> Offer:
    """Return a child of which only the count is looked at."""
    family = chain.state.families[family_id]
    return Offer(
        head=chain.state.head,
        dataset=family.dataset,
        family=family_id,
        child=True,
        proof=b"",
        model_hash=ModelHash(Hash32(family_id)),
        latent_root=ZERO_HASH,
        nonce=0,
        train_ppm=0,
        correct_count=max(model.correct_count for model in family.models) + family.needed_gain,
    )


def test_refused_model_is_not_offered_again_on_this_head(ours: toy.ToyChain, offer: Offer) -> None:
    offers = offers_on(ours)
    offers.expect(task_of(ours))
    offers.put(offer, ours.state)
    offers.refuse(offer.model_hash)
    assert offers.due(ours.state, 4) is None
    offers.put(offer, ours.state)
    assert offers.due(ours.state, 4) is None


def test_tasks_are_remembered_up_to_a_bound(ours: toy.ToyChain, offer: Offer) -> None:
    offers, task = offers_on(ours), task_of(ours)
    offers.expect(task)
    for number in range(MAX_REMEMBERED_TASKS):
        offers.expect(replace(task, head=BlockHash(Hash32(bytes([number]) * 32))))
    offers.put(offer, ours.state)
    assert offers.due(ours.state, 4) is None


def test_of_two_founders_the_better_one_is_due() -> None:
    chain = chain_of(replace(toy.PARAMETERS, min_families=2))
    chain.grow(ANN)
    offers = offers_on(chain)
    (family,) = chain.state.families.values()
    for number, correct in ((1, 50), (2, 60), (3, 55)):
        name = FamilyId(Hash32(bytes([number]) * 32))
        model = ModelHash(Hash32(bytes([number]) * 32))
        founder = replace(
            child_of(chain, family.family_id),
            child=False,
            family=name,
            model_hash=model,
            correct_count=correct,
        )
        offers.put(founder, chain.state)
    best = offers.due(chain.state, 0)
    assert best is not None
    assert best.correct_count == 60
    offers.refuse(best.model_hash)
    assert offers.due(chain.state, 0) is None, "of those that wait only the best is kept"
    chain.grow(BOB)
    offers.follow(chain.state)
    assert offers.due(chain.state, 6) is None, "batches are drawn from the block before"
