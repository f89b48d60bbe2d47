# SPDX-License-Identifier: Apache-2.0
"""Blocks that break exactly one rule of paper A's proof: refused for that rule, nothing changed."""

from dataclasses import fields, replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import BlockHash, FamilyId, Hash32, ModelHash
from edge_node.spec.block import Header
from edge_node.spec.encoding import InvalidEncoding, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.errors import (
    HeaderDisagrees,
    OutOfTurn,
    ProofMalformed,
    ReplayTooLong,
    UnknownParent,
    WrongStage,
)
from edge_node.spec.proof.evolution_proof import FallbackProof, PopulationProof
from edge_node.spec.proof.founding import family_id
from edge_node.spec.recipe import (
    EvolutionRates,
    RecipeContext,
    Step,
    StepKind,
    StepMalformed,
    apply_recipe,
    most_draws,
)
from edge_node.spec.scheduling import turns
from tests.spec.stages import (
    ALICE,
    BOB,
    RUNG_MS,
    changed,
    child_proof,
    in_turn,
    only_family,
    refused,
    resigned,
    stages,
    trained_proof,
    two_families,
    validate_with,
    with_proof,
)
from tests.spec.toy_chain import (
    ARCHITECTURE,
    PARAMETERS,
    SECOND_ARCHITECTURE,
    THIRD_ARCHITECTURE,
    ToyChain,
    Work,
    assembled,
    child,
    fallback,
    founder,
    population,
    toy_dataset,
    toy_network,
)

ONE = Hash32(tagged_hash("test", b"one"))
WORKING = ("founder", "population", "child")


# turns


@pytest.mark.parametrize("rung", range(6))
def test_r_34_founder_that_is_not_due_is_refused_below_rung_6(rung: int) -> None:
    tip = two_families().fork().tip
    (dataset,) = tip.state.datasets
    work = Work(tip=tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
    mined = founder(work, THIRD_ARCHITECTURE, dataset)
    refused(tip, mined.block, OutOfTurn, "a family's block, not a founder")


def test_r_34_anyone_may_found_from_rung_6_and_the_due_family_is_skipped() -> None:
    chain = two_families().fork()
    (dataset,) = chain.state.datasets
    before, (due, second) = chain.state.families, in_turn(chain.tip)
    work = Work(tip=chain.tip, miner=BOB, after_ms=6 * RUNG_MS)
    chain.add(founder(work, THIRD_ARCHITECTURE, dataset))
    after = chain.state.families
    assert after[family_id(dataset, THIRD_ARCHITECTURE)].join_turn == before[due].turn
    assert after[due] == replace(before[due], skips=1, idle=1)
    assert after[second] == before[second]


@pytest.mark.parametrize("rung", range(5))
def test_r_34_second_family_in_turn_waits_for_rung_5(rung: int) -> None:
    tip = two_families().fork().tip
    due, second = in_turn(tip)
    work = Work(tip=tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
    refused(tip, child(work, second).block, OutOfTurn, f"must be {due.hex()}, not {second.hex()}")


def test_r_34_second_family_goes_at_rung_5_and_the_due_one_is_skipped() -> None:
    chain = two_families().fork()
    due, second = in_turn(chain.tip)
    before = chain.state.families[due]
    chain.add(child(Work(tip=chain.tip, miner=ALICE, after_ms=5 * RUNG_MS), second))
    assert chain.state.families[due] == replace(before, skips=1, idle=1)
    assert chain.state.families[second].idle == 0
    assert len(chain.state.families[second].records) == 2


def test_r_34_founder_for_a_dataset_that_is_not_due_is_refused_below_rung_6() -> None:
    tip = ToyChain(toy_network([toy_dataset("one"), toy_dataset("two")])).tip
    wanted, other = sorted(tip.state.datasets)
    assert turns(tip.state, tip.parameters, 0).due_dataset == wanted
    for rung in range(6):
        work = Work(tip=tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
        block = founder(work, ARCHITECTURE, other).block
        refused(tip, block, OutOfTurn, "a founder for the due dataset, not a founder")
    tip.validate(founder(Work(tip=tip, miner=ALICE, after_ms=6 * RUNG_MS), dataset=other).block)


def test_r_34_family_waits_while_a_founder_is_due() -> None:
    chain = ToyChain(two_families().network)
    chain.add(founder(Work(tip=chain.tip, miner=ALICE)))
    (family,) = chain.state.families
    for rung in range(5):
        work = Work(tip=chain.tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
        refused(chain.tip, population(work, family).block, OutOfTurn, "must be a founder")
    work = Work(tip=chain.tip, miner=ALICE, after_ms=5 * RUNG_MS)
    state = chain.tip.validate(population(work, family).block).state
    assert state.families[family].skips == 0  # no family's turn was taken


@pytest.mark.parametrize("rung", range(7))
def test_r_34_fallback_is_refused_below_the_last_rung(rung: int) -> None:
    tip = stages()["fallback"].tip
    work = Work(tip=tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
    refused(tip, fallback(work).block, OutOfTurn, "rung 7 for a fallback")


@pytest.mark.parametrize("kind", ["population", "child"])
def test_r_34_family_that_is_unknown_is_refused(kind: str) -> None:
    stage = stages()[kind]
    for family in (ONE, ZERO_HASH):
        refused(stage.tip, changed(stage, family=FamilyId(family)), OutOfTurn)


def test_r_34_closed_family_has_no_turn() -> None:
    stage = stages()["child"]
    family = only_family(stage)
    closed = replace(stage.tip, state=stage.tip.state.with_family(replace(family, closed=True)))
    header = replace(stage.header, state_root=closed.state.root())
    refused(closed, resigned(header, stage), OutOfTurn, "must be a founder")


# stages


def test_r_35_back_propagation_ends_with_the_population() -> None:
    stage = stages()["child"]
    block = with_proof(stage, PopulationProof(steps=4))
    refused(stage.tip, block, WrongStage, "under 2 models, not 3")


def test_r_35_evolution_begins_with_the_population() -> None:
    stage = stages()["population"]
    block = with_proof(stage, child_proof())
    refused(stage.tip, block, WrongStage, "2 models, not 1")


def test_r_35_first_record_is_the_best_of_the_population_the_oldest_on_a_tie() -> None:
    chain = ToyChain(stages()["founder"].tip.network)
    chain.add(stages()["founder"].mined)
    (before,) = chain.state.families.values()
    assert before.records == ()
    chain.add(stages()["population"].mined)
    (family,) = chain.state.families.values()
    best = max(range(2), key=lambda index: family.models[index].correct_count)
    assert [model.record for model in family.models] == [index == best for index in range(2)]
    first = chain.models.model(family.models[best].model_hash)
    assert family.weight_record == before.weight_record.noted(first)


def test_r_35_first_record_is_the_oldest_of_equals() -> None:
    stage = stages()["population"]
    first = only_family(stage).models[0]
    equal = replace(first, correct_count=stage.header.correct_count)
    family = replace(only_family(stage), models=(equal,))
    tip = replace(stage.tip, state=stage.tip.state.with_family(family))
    header = replace(stage.header, state_root=tip.state.root())
    (grown,) = tip.validate(resigned(header, stage)).state.families.values()
    assert [model.record for model in grown.models] == [True, False]


def test_r_32_first_needed_gain_is_the_networks() -> None:
    stage = stages()["founder"]
    state = validate_with(stage.tip, stage.block, min_population_acc_ppm=45_001).state
    (family,) = state.families.values()
    assert family.needed_gain == 5


def test_r_35_family_closes_with_its_last_generation_and_a_founder_is_due() -> None:
    stage = stages()["child"]
    (before,) = stage.tip.state.families.values()
    assert len(before.records) == 2
    for most in (3, 4):
        state = validate_with(stage.tip, stage.block, max_family_generations=most).state
        (family,) = state.families.values()
        assert family.closed == (most == 3)


def test_r_35_record_ends_the_idleness_of_a_family() -> None:
    chain = two_families().fork()
    due, second = in_turn(chain.tip)
    chain.add(child(Work(tip=chain.tip, miner=ALICE, after_ms=5 * RUNG_MS), second))
    skipped = chain.state.families[due]
    assert (skipped.idle, skipped.skips) == (1, 1)
    while chain.state.families[due] == skipped:
        chain.add(child(Work(tip=chain.tip, miner=ALICE)))
    assert (chain.state.families[due].idle, chain.state.families[due].skips) == (0, 1)


def test_r_35_family_closes_after_too_many_skips() -> None:
    chain = two_families().fork()
    lazy, busy = in_turn(chain.tip)
    for _ in range(10):
        family = chain.state.families[lazy]
        assert family.closed == (family.idle >= 3)
        if family.closed:
            break
        skips = in_turn(chain.tip)[0] == lazy
        after_ms = 5 * RUNG_MS if skips else 2_000
        chain.add(child(Work(tip=chain.tip, miner=ALICE, after_ms=after_ms), busy))
        assert chain.state.families[lazy].idle == family.idle + skips
    assert chain.state.families[lazy].closed
    assert turns(chain.state, chain.tip.parameters, 0).due_dataset == family.dataset


# no free field


@pytest.mark.parametrize("kind", WORKING)
def test_r_36_header_that_disagrees_with_the_state_is_refused(kind: str) -> None:
    stage = stages()[kind]
    wrong: list[dict[str, object]] = [
        {"generation": stage.header.generation + 1},
        {"generation": 0},
        {"previous_model_hash": BlockHash(ONE)},
    ]
    if kind == "founder":
        wrong += [{"family": FamilyId(ONE)}, {"family": FamilyId(ZERO_HASH)}]
    if kind == "child":
        wrong += [{"nonce": 1}, {"latent_root": ONE}]
    for changes in wrong:
        (name,) = changes
        refused(stage.tip, changed(stage, **changes), HeaderDisagrees, f"must be {name} ")


def test_r_36_fallback_has_no_free_field() -> None:
    stage = stages()["fallback"]
    for changes in (
        {"previous_model_hash": BlockHash(ONE)},
        {"family": FamilyId(ONE)},
        {"generation": 1},
        {"nonce": 1},
        {"latent_root": ONE},
        {"model_hash": ModelHash(ONE)},
        {"correct_count": 1},
    ):
        refused(stage.tip, changed(stage, **changes), HeaderDisagrees)


def test_r_36_every_field_of_every_kind_of_block_is_held_against_something() -> None:
    """Only the time, the miner and a founder's nonce are the miner's choice."""
    for kind in (*WORKING, "fallback"):
        stage = stages()[kind]
        free: set[str] = set()
        for field in fields(Header)[:-1]:
            value = getattr(stage.header, field.name)
            other = value + 1 if isinstance(value, int) else ONE
            try:
                stage.tip.validate(changed(stage, **{field.name: other}))
            except InvalidInput:
                continue
            free.add(field.name)
        assert free == {"timestamp"}


# recipes


@pytest.mark.parametrize("steps", [0, 17, -1, (1 << 64) - 1])
def test_r_39_training_beyond_its_limit_is_refused(steps: int) -> None:
    for kind in ("founder", "population"):
        stage = stages()[kind]
        block = with_proof(stage, replace(trained_proof(stage), steps=steps))
        refused(stage.tip, block, ReplayTooLong, r"1\.\.16 steps, not")


def test_r_39_recipe_beyond_its_limit_is_refused() -> None:
    stage = stages()["child"]
    for count in (0, 201, 1_000):
        steps = (Step(kind=StepKind.FLIP, nonce=1),) * count
        block = with_proof(stage, replace(child_proof(), steps=steps))
        refused(stage.tip, block, ReplayTooLong, rf"1\.\.200 steps, not {count}")


def test_r_39_training_is_bounded_by_its_multiplications() -> None:
    for kind in ("founder", "population"):
        stage = stages()[kind]
        steps = trained_proof(stage).steps
        cost = steps * PARAMETERS.founder_batch * ARCHITECTURE.macs
        validate_with(stage.tip, stage.block, max_founder_macs=cost)
        with pytest.raises(ReplayTooLong, match=rf"1\.\.{steps - 1} steps, not {steps}"):
            validate_with(stage.tip, stage.block, max_founder_macs=cost - 1)


def test_r_39_recipe_is_bounded_by_its_draws() -> None:
    stage = stages()["child"]
    draws = most_draws(ARCHITECTURE, child_proof().steps, PARAMETERS.rates)
    validate_with(stage.tip, stage.block, max_recipe_draws=draws)
    with pytest.raises(ReplayTooLong, match=f"at most {draws - 1} draws, not {draws}"):
        validate_with(stage.tip, stage.block, max_recipe_draws=draws - 1)


def test_r_39_crossover_costs_its_share_of_the_weights_each_time() -> None:
    rates = EvolutionRates(mutate_ppm=0, cross_ppm=500_000)
    step = Step(kind=StepKind.CROSS, nonce=0)
    assert most_draws(ARCHITECTURE, [step] * 3, rates) == 3 * sum(
        shape.weight_count // 2 for shape in ARCHITECTURE.shapes
    )


def test_r_40_base_that_is_no_record_of_the_family_is_refused() -> None:
    stage = stages()["child"]
    family = only_family(stage)
    plain = next(index for index, model in enumerate(family.models) if not model.record)
    for base in (plain, 3, 1 << 40, -1):
        block = with_proof(stage, replace(child_proof(), base=base))
        refused(stage.tip, block, UnknownParent, f"a record of the family, not {base}")


def test_r_40_child_may_be_crossed_with_a_model_that_is_no_record() -> None:
    stage, family, proof = stages()["child"], only_family(stages()["child"]), child_proof()
    tip = stage.tip
    plain = next(index for index, model in enumerate(family.models) if not model.record)
    models = [tip.models.model(entry.model_hash) for entry in family.models]
    context = RecipeContext(
        network=tip.network.rules.network, base=family.models[proof.base].block, miner=ALICE.key
    )
    for nonce in range(1_000):
        cross = Step(kind=StepKind.CROSS, nonce=nonce, partner=plain)
        crossed = replace(proof, steps=(*proof.steps, cross))
        model = apply_recipe(
            models[proof.base], models, crossed.steps, tip.parameters.rates, context
        )
        if tip.network.engine.count_correct(model, family.dataset) >= stage.header.correct_count:
            break
    mined = assembled(Work(tip=tip, miner=ALICE), family, crossed, model)
    assert tip.validate(mined.block).model == model != stage.mined.model


@pytest.mark.parametrize("partner", [3, 4, 1 << 40])
def test_r_40_crossing_with_an_unknown_model_is_refused(partner: int) -> None:
    stage = stages()["child"]
    steps = (*child_proof().steps, Step(kind=StepKind.CROSS, nonce=1, partner=partner))
    block = with_proof(stage, replace(child_proof(), steps=steps))
    refused(stage.tip, block, UnknownParent, f"below 3, not {partner}")


# Forms


@pytest.mark.parametrize(
    ("proof", "error"),
    [
        (b"", InvalidEncoding),
        (b"\x81\x18\x03", InvalidEncoding),
        (encode([7]), ProofMalformed),
        (encode([2, 0, [3]]), StepMalformed),
    ],
)
def test_block_with_a_malformed_proof_is_refused_by_its_rule(
    proof: bytes, error: type[InvalidInput]
) -> None:
    stage = stages()["child"]
    refused(stage.tip, with_proof(stage, proof), error)


def test_proof_of_another_kind_is_refused() -> None:
    kinds = {kind: stages()[kind].block.body.proof for kind in (*WORKING, "fallback")}
    for here in kinds:
        for other, proof in kinds.items():
            if here != other:
                stage = stages()[here]
                with pytest.raises(InvalidInput):
                    stage.tip.validate(with_proof(stage, proof))
    assert FallbackProof().encode() == kinds["fallback"]


def test_family_grows_by_one_model_and_nothing_else_changes() -> None:
    chain = two_families().fork()
    due, second = in_turn(chain.tip)
    before = chain.state.families
    mined = chain.add(child(Work(tip=chain.tip, miner=ALICE)))
    after = chain.state.families[due]
    assert mined.model is not None
    assert chain.state.families[second] == before[second]
    assert after.models[:-1] == before[due].models
    newest = after.models[-1]
    assert (newest.block, newest.record) == (mined.block_hash, True)
    assert newest.correct_count == mined.block.header.correct_count
    assert after.weight_record == before[due].weight_record.noted(mined.model)
    assert (after.skips, after.idle, after.join_turn) == (0, 0, 0)
    assert SECOND_ARCHITECTURE in {family.architecture for family in before.values()}
