# SPDX-License-Identifier: Apache-2.0
"""The lottery's rule on toy chains: every kind of block, and one refusal by number for each lie."""

from collections import Counter
from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Hash32, ModelHash
from edge_node.spec import burst, lottery
from edge_node.spec.block import Block
from edge_node.spec.burst import Drawn, Operator
from edge_node.spec.errors import InvalidInput
from edge_node.spec.genesis import GUIDING_GRADIENT
from edge_node.spec.proof import errors, recipe
from edge_node.spec.proof.founding import start_seed
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    OperatorOutOfRange,
    Recipe,
    StepProof,
    seed_for,
)
from edge_node.spec.proof.rule import ProofRule
from edge_node.spec.state import Family
from edge_node.spec.training import initial_state, root_of
from edge_node.spec.validation import HeaderOutOfPlace
from tests.spec import toy_lottery as toy
from tests.spec.lottery_stages import KINDS, network, proof_of, stages
from tests.spec.stages import (
    ALICE,
    BOB,
    FALLBACK_MS,
    Stage,
    changed,
    only_family,
    refused,
    resigned,
    with_proof,
)
from tests.spec.toy_chain import (
    ARCHITECTURE,
    BLOCK_MS,
    SECOND_ARCHITECTURE,
    THIRD_ARCHITECTURE,
    ToyChain,
    Work,
    assembled,
    founded,
    miner,
    recommitted,
    toy_dataset,
    transfer,
)
from tests.spec.toy_lottery import LOTTERY, Course, Wish, lottery_network

ONE = Hash32(bytes(31) + b"\1")
TRAINED = KINDS[:-1]
"""Stages whose block has a model."""


def recipe_at(stage: Stage) -> Recipe:
    return proof_of(stage).recipe


def other_recipe(stage: Stage, **changes: object) -> Block:
    """Return the stage's block with another recipe in its proof."""
    proof = proof_of(stage)
    given = replace(proof.recipe, **changes)  # type: ignore[arg-type]  # one field or another
    return with_proof(stage, replace(proof, recipe=given).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_honest_block_is_accepted(kind: str) -> None:
    stage = stages()[kind]
    verdict = stage.tip.validate(stage.block)
    assert verdict.model == stage.mined.model
    assert verdict.state.work == stage.tip.state.work + 3
    assert stage.header.target == lottery.first_target(LOTTERY)
    if kind == "fallback":
        assert verdict.state.target > stage.header.target
        assert verdict.latents == b""
        return
    family = verdict.state.families[stage.header.family]
    newest = family.models[-1]
    assert root_of(verdict.latents) == newest.latent_root == stage.header.latent_root
    assert family.head == stage.mined.block_hash
    assert newest.record == ("record" in kind) or kind in ("mutate", "cross")


@pytest.mark.slow
def test_every_operator_is_in_a_chain_and_none_but_continue_in_its_population() -> None:
    chain = ToyChain(network())
    seen: Counter[Operator] = Counter()
    for count in range(14):
        (mined,) = toy.grow(chain, BOB)
        operator = recipe_at(Stage(tip=chain.tip, mined=mined)).drawn.operator
        assert count > LOTTERY.min_population - 1 or operator is Operator.CONTINUE
        seen[operator] += 1
    assert set(seen) == set(Operator)
    (family,) = chain.state.families.values()
    newest = max(i for i, each in enumerate(family.models) if each.record)
    assert (family.model_count, family.idle) == (14, 13 - newest)
    counts = [each.correct_count for each in family.records]
    assert counts == sorted(set(counts))


def test_r_70_family_starts_where_its_network_dataset_and_shape_say() -> None:
    stage = stages()["founder"]
    family = stage.tip.validate(stage.block).state.families[stage.header.family]
    before = replace(family, models=())
    start = recipe.start_of(before, stage.tip.context())
    seed = start_seed(network().rules.network, family.dataset, ARCHITECTURE)
    assert start.latents == initial_state(ARCHITECTURE, seed).packed()
    assert (start.relatives, start.evolves, start.samples_seen) == ((), False, 0)


def test_r_70_burst_goes_on_from_the_head_with_its_relatives() -> None:
    stage = stages()["cross"]
    family = only_family(stage)
    start = recipe.start_of(family, stage.tip.context())
    assert root_of(start.latents) == family.models[-1].latent_root
    assert [m.model_hash() for m in start.relatives] == [m.model_hash for m in family.models]
    assert start.samples_seen == family.model_count * toy.STEPS * toy.BATCH
    assert start.evolves


def test_r_74_other_steps_than_the_genesis_are_refused() -> None:
    stage = stages()["step"]
    for steps in (0, 1, 3, 1 << 60):
        refused(stage.tip, other_recipe(stage, steps=steps), recipe.StepsWrong, "must be 2, not")


def test_r_75_another_batch_than_the_genesis_is_refused() -> None:
    stage = stages()["founder"]
    for batch in (0, 3, 5, 1 << 60):
        refused(stage.tip, other_recipe(stage, batch=batch), recipe.BatchWrong, "must be 4, not")


def test_r_76_operator_that_there_is_not_is_refused() -> None:
    stage = stages()["step"]
    for operator in (3, -1, 1 << 40):
        given = replace(recipe_at(stage), drawn=Drawn(operator=operator, partner=0))  # type: ignore[arg-type]  # the lie
        refused(stage.tip, with_proof(stage, StepProof(recipe=given).encode()), OperatorOutOfRange)


@pytest.mark.parametrize("kind", ["founder", "step", "mutate", "cross", "fallback"])
def test_r_77_operator_that_the_seed_did_not_draw_is_refused(kind: str) -> None:
    stage = stages()[kind]
    honest = recipe_at(stage).drawn
    for operator in set(Operator) - {honest.operator}:
        block = other_recipe(stage, drawn=Drawn(operator=operator))
        refused(stage.tip, block, recipe.OperatorNotDrawn, honest.operator.name.lower())


def test_r_77_partner_that_the_seed_did_not_draw_is_refused() -> None:
    stage = stages()["cross"]
    honest = recipe_at(stage).drawn
    for partner in range(only_family(stage).model_count):
        if partner != honest.partner:
            block = other_recipe(stage, drawn=replace(honest, partner=partner))
            refused(stage.tip, block, recipe.OperatorNotDrawn, f"cross {honest.partner}")


def test_r_40_partner_that_there_is_not_is_refused() -> None:
    stage = stages()["cross"]
    beyond = only_family(stage).model_count
    for partner in (beyond, 1 << 60):
        block = other_recipe(stage, drawn=Drawn(operator=Operator.CROSS, partner=partner))
        refused(stage.tip, block, errors.UnknownParent, f"below {beyond}")


def test_r_40_partner_in_a_population_is_refused() -> None:
    stage = stages()["population"]
    block = other_recipe(stage, drawn=Drawn(operator=Operator.CROSS, partner=1))
    refused(stage.tip, block, errors.UnknownParent)


@pytest.mark.parametrize("kind", KINDS)
def test_r_72_ticket_that_does_not_win_is_refused(kind: str) -> None:
    stage = stages()[kind]
    lost = roots(stage, wins=False)
    refused(stage.tip, changed(stage, latent_root=lost), recipe.TicketTooHigh, "below 0x5555")


def roots(stage: Stage, *, wins: bool) -> Hash32:
    """Return a root that nobody trained for, whose ticket wins or does not."""
    seed = seed_for(stage.header, proof_of(stage))
    target = int.from_bytes(stage.header.target, "big")
    return next(
        root
        for root in (Hash32(number.to_bytes(32, "big")) for number in range(1, 1_000))
        if (burst.ticket(seed, root) < target) == wins
    )


@pytest.mark.parametrize("kind", KINDS)
def test_r_43_root_that_nobody_trained_for_is_refused_though_its_ticket_wins(kind: str) -> None:
    stage = stages()[kind]
    refused(
        stage.tip, changed(stage, latent_root=roots(stage, wins=True)), errors.LatentRootMismatch
    )


@pytest.mark.parametrize("kind", ["founder", "step", "fallback"])
def test_r_71_burst_that_does_not_meet_its_requirements_is_refused(kind: str) -> None:
    stage = stages()[kind]
    late = stage.header.timestamp - stage.tip.state.timestamp
    work = Work(tip=stage.tip, miner=ALICE, after_ms=late)
    proof = proof_of(stage)
    family = before(stage)
    course = Course(work=work, family=family)
    trial = course.won(lambda _: True, Wish(met=False), proof)
    given = replace(proof, recipe=trial.recipe)
    block = course.block(trial, given, keep=kind != "fallback").block
    if kind == "step":
        block = resigned(
            replace(block.header, correct_count=100),
            Stage(tip=stage.tip, mined=replace(stage.mined, block=block)),
        )
    refused(stage.tip, block, recipe.RequirementsNotMet, "all of 1 met")


def before(stage: Stage) -> Family:
    """Return the stage's family before its block."""
    if stage.tip.state.families:
        return only_family(stage)
    work = Work(tip=stage.tip, miner=ALICE)
    (dataset,) = stage.tip.state.datasets
    return founded(work, ARCHITECTURE, dataset)


@pytest.mark.slow
def test_r_71_hardened_guiding_gradient_asks_for_four_and_never_crosses() -> None:
    four = replace(LOTTERY, requirements=4, cross_weight=0, mutate_weight=2)
    chain = ToyChain(lottery_network([toy_dataset()], parameters=four, proof=GUIDING_GRADIENT))
    mined = toy.grow(chain, ALICE, 6)
    operators = {recipe_at(Stage(tip=chain.tip, mined=each)).drawn.operator for each in mined}
    assert operators == {Operator.CONTINUE, Operator.MUTATE}
    (family,) = chain.state.families.values()
    course = Course(work=Work(tip=chain.tip, miner=ALICE), family=family)
    least = recipe.needs_of(family, 100, 0, four).least
    engine = chain.network.engine
    trial = course.won(
        lambda won: engine.count_correct(won.model, family.dataset) >= least, Wish(met=False)
    )
    block = course.block(trial, StepProof(recipe=trial.recipe)).block
    refused(chain.tip, block, recipe.RequirementsNotMet, "all of 4 met")


def test_r_78_founder_whose_bursts_cost_too_much_is_refused() -> None:
    tip = stages()["fallback"].tip
    (dataset,) = tip.state.datasets
    work = Work(tip=tip, miner=ALICE, after_ms=FALLBACK_MS)
    given = recipe_at(stages()["founder"])
    assert burst.rules_for(THIRD_ARCHITECTURE, LOTTERY).cost > LOTTERY.max_cost
    proof = LotteryFounderProof(recipe=given, architecture=THIRD_ARCHITECTURE, dataset=dataset)
    family = founded(work, THIRD_ARCHITECTURE, dataset)
    refused(tip, assembled(work, family, proof, None).block, errors.CostTooHigh, "at most 11232")


def test_r_72_cheap_family_wins_less_often() -> None:
    cheap = burst.rules_for(SECOND_ARCHITECTURE, LOTTERY)
    assert cheap.cost * 3 < LOTTERY.max_cost
    target = lottery.first_target(LOTTERY)
    header = replace(stages()["step"].header, target=target)
    whole = burst.rules_for(ARCHITECTURE, LOTTERY)
    won: Counter[str] = Counter()
    for nonce in range(400):
        tried = replace(header, nonce=nonce)
        for name, rules in (("whole", whole), ("cheap", cheap)):
            try:
                recipe.check_ticket(burst.seed_of(tried), tried, rules, LOTTERY)
            except recipe.TicketTooHigh:
                continue
            won[name] += 1
    assert 100 < won["whole"] < 167  # 133
    assert won["cheap"] * 3 < won["whole"] * 2


def test_r_30_target_is_the_one_that_the_chain_has_come_to() -> None:
    stage = stages()["step"]
    for target in (ONE, Hash32(b"\xff" * 32), ZERO_HASH):
        refused(stage.tip, changed(stage, target=target), HeaderOutOfPlace, "target 5555")


def test_r_73_late_block_makes_the_next_easier_and_the_chain_says_so() -> None:
    chain = ToyChain(network())
    toy.grow(chain, ALICE)
    eased = []
    for after_ms in (3_000, 2_000, 9_000):
        toy.grow(chain, ALICE, after_ms=after_ms)
        eased.append(int.from_bytes(chain.state.target, "big"))
    first = int.from_bytes(lottery.first_target(LOTTERY), "big")
    assert first < eased[0] == eased[1] < eased[2]
    assert chain.mined[-1].block.header.target < chain.state.target


@pytest.mark.parametrize("kind", TRAINED)
def test_r_44_another_models_hash_is_refused(kind: str) -> None:
    stage = stages()[kind]
    refused(stage.tip, changed(stage, model_hash=ModelHash(ONE)), errors.ModelHashMismatch)


@pytest.mark.parametrize("kind", TRAINED)
def test_r_46_false_count_is_refused(kind: str) -> None:
    stage = stages()[kind]
    for more in (1, 100):
        count = stage.header.correct_count + more
        refused(stage.tip, changed(stage, correct_count=count), errors.CorrectCountWrong)


def test_r_42_model_of_an_earlier_block_is_refused() -> None:
    stage = stages()["step"]
    for entry in only_family(stage).models:
        block = changed(stage, model_hash=entry.model_hash)
        refused(stage.tip, block, errors.DuplicateModel)


def test_r_41_step_that_loses_too_much_is_refused() -> None:
    stage = stages()["step"]
    needs = recipe.needs_of(only_family(stage), 100, 0, LOTTERY)
    block = changed(stage, correct_count=needs.least - 1)
    refused(stage.tip, block, errors.AccuracyTooLow, f"at least {needs.least}, not")


def test_r_41_burst_that_really_loses_too_much_is_refused() -> None:
    stage = stages()["step"]
    strict = replace(LOTTERY, accuracy_tolerance_ppm=0)
    family = only_family(stage)
    chain = ToyChain(lottery_network([toy_dataset()], parameters=strict))
    while not any(family.records for family in chain.state.families.values()):
        toy.grow(chain, ALICE)
    (family,) = chain.state.families.values()
    least = recipe.needs_of(family, 100, 0, strict).least
    engine = chain.network.engine
    course = Course(work=Work(tip=chain.tip, miner=ALICE), family=family)
    trial = course.won(lambda won: engine.count_correct(won.model, family.dataset) < least)
    block = course.block(trial, StepProof(recipe=trial.recipe)).block
    refused(chain.tip, block, errors.AccuracyTooLow, f"at least {least}, not")


@pytest.mark.parametrize("after_ms", [BLOCK_MS, FALLBACK_MS - 1])
def test_r_34_fallback_before_the_last_rung_is_refused(after_ms: int) -> None:
    stage = stages()["fallback"]
    work = Work(tip=stage.tip, miner=ALICE, after_ms=after_ms)
    block = toy.fallback(work).block
    refused(stage.tip, block, errors.OutOfTurn, "rung 7 for a fallback")


def test_r_36_fallback_claims_no_model() -> None:
    stage = stages()["fallback"]
    for changes in ({"model_hash": ModelHash(ONE)}, {"correct_count": 1}):
        refused(stage.tip, changed(stage, **changes), errors.HeaderDisagrees)


def test_fallback_confirms_transactions_and_changes_no_family() -> None:
    tip = stages()["fallback"].tip
    paid = transfer(ALICE, BOB.address, 5, network=network(), nonce=1, fee=3)
    work = Work(tip=tip, miner=BOB, after_ms=FALLBACK_MS, transactions=(paid,))
    after = tip.validate(toy.fallback(work).block).state
    assert after.families == tip.state.families
    assert after.models == tip.state.models
    assert after.minted == tip.state.minted
    assert after.accounts.get(ALICE.address).nonce == 2
    assert after.work == tip.state.work + 3


CORE = ("timestamp", "tx_root", "miner", "nonce")
"""Fields of the core that the parent's state alone does not decide."""
STOLEN = {"R-43", "R-71", "R-72", "R-77"}
"""What is said of a result that is not of this seed."""


def reason(stage: Stage, block: Block) -> str:
    """Return the number of the rule by which a block is refused."""
    with pytest.raises(InvalidInput) as caught:
        stage.tip.validate(block)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["founder", "step", "cross", "fallback"])
def test_r_72_r_43_r_77_result_belongs_to_its_core(kind: str) -> None:
    stage = stages()[kind]
    header, body = stage.header, stage.block.body
    reasons: Counter[str] = Counter()
    for more in range(1, 9):
        for name in ("timestamp", "nonce"):
            other = replace(header, **{name: getattr(header, name) + more})
            reasons[reason(stage, resigned(other, stage))] += 1
        thief = miner(f"thief {more}")
        stolen = replace(header, miner=thief.key)
        reasons[reason(stage, resigned(stolen, stage, thief))] += 1
        paid = transfer(BOB, ALICE.address, more, network=network())
        fuller = replace(body, transactions=(*body.transactions, paid))
        reasons[reason(stage, recommitted(header, fuller, ALICE))] += 1
    assert set(reasons) <= STOLEN
    assert "R-72" in reasons
    assert reasons["R-43"] + reasons["R-77"] > 2


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("version", {"R-68"}),
        ("network", {"R-30"}),
        ("height", {"R-30"}),
        ("previous_hash", {"R-30"}),
        ("previous_model_hash", {"R-36"}),
        ("family", {"R-34"}),
        ("generation", {"R-36"}),
        ("rung", {"R-47"}),
        ("target", {"R-30"}),
        ("history_root", {"R-30"}),
        ("state_root", {"R-30"}),
        ("tx_root", {"R-49"}),
        ("proof_root", {"R-49"}),
    ],
)
def test_r_30_r_36_no_field_of_the_core_is_free(name: str, rules: set[str]) -> None:
    for kind in ("step", "fallback"):
        stage = stages()[kind]
        value = getattr(stage.header, name)
        other = value + 1 if isinstance(value, int) else ONE
        assert reason(stage, changed(stage, **{name: other})) in rules


def test_r_33_proof_of_the_other_rule_is_refused() -> None:
    stage = stages()["step"]
    refused(stage.tip, with_proof(stage, b"\x83\x02\x00\x80"), errors.ProofMalformed)


def test_r_34_step_as_a_fallback_and_a_fallback_as_a_step_are_refused() -> None:
    stage = stages()["step"]
    # What a burst is for is in its seed: for another end it is another burst.
    block = with_proof(stage, BurntProof(recipe=recipe_at(stage)).encode())
    assert reason(stage, block) in STOLEN
    late = stages()["fallback"]
    block = with_proof(late, StepProof(recipe=recipe_at(late)).encode())
    assert reason(late, block) in STOLEN


def test_r_37_founder_with_fewer_neurons_than_requirements_is_refused() -> None:
    many = replace(LOTTERY, requirements=8)
    chain = ToyChain(lottery_network([toy_dataset()], parameters=many))
    (dataset,) = chain.state.datasets
    work = Work(tip=chain.tip, miner=ALICE)
    proof = LotteryFounderProof(
        recipe=recipe_at(stages()["founder"]), architecture=ARCHITECTURE, dataset=dataset
    )
    family = founded(work, ARCHITECTURE, dataset)
    block = assembled(work, family, proof, None).block
    refused(chain.tip, block, errors.ArchitectureNotAllowed, "at least 8 neurons")


def test_recipe_is_a_proof_rule() -> None:
    rule: ProofRule = recipe.RecipeRule()
    stage = stages()["record"]
    learned = rule.verify(stage.block, stage.tip.context())
    assert learned.model == stage.mined.model
    assert learned.earns_bonus
    assert rule.work(stage.header) == 3
    assert not rule.verify(stages()["step"].block, stages()["step"].tip.context()).earns_bonus
    assert type(network().rules.proof_rule) is recipe.RecipeRule
    target = rule.first_target(LOTTERY)
    assert rule.next_difficulty(target, LOTTERY.target_ms, LOTTERY) == target
