# SPDX-License-Identifier: Apache-2.0
"""Blocks whose claims the replay does not bear out: refused for that rule, nothing changed."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import Hash32, ModelHash
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import hamming
from edge_node.spec.proof.claims import check_difference
from edge_node.spec.proof.errors import (
    AccuracyTooLow,
    CorrectCountWrong,
    DifferenceTooSmall,
    DuplicateModel,
    LatentRootMismatch,
    ModelHashMismatch,
)
from edge_node.spec.recipe import RecipeContext, StepKind
from tests.spec.samples import flipped, random_model
from tests.spec.stages import (
    ALICE,
    BOB,
    RUNG_MS,
    changed,
    child_proof,
    only_family,
    refused,
    resigned,
    stages,
    trained_proof,
    validate_with,
    with_proof,
)
from tests.spec.toy_chain import ARCHITECTURE, Models, Work, assembled, child, miner

ONE = Hash32(tagged_hash("test", b"one"))
WORKING = ("founder", "population", "child")


@pytest.mark.parametrize("kind", ["founder", "population"])
def test_r_41_model_that_has_learned_too_little_is_refused(kind: str) -> None:
    stage = stages()[kind]
    refused(stage.tip, changed(stage, correct_count=39), AccuracyTooLow, "at least 40, not 39")
    with pytest.raises(AccuracyTooLow, match="R-41"):
        validate_with(stage.tip, stage.block, min_family_acc_ppm=990_000)


def test_r_41_child_that_gains_too_little_is_refused() -> None:
    stage = stages()["child"]
    family = only_family(stage)
    needed = family.records[-1].correct_count + family.needed_gain
    assert stage.header.correct_count >= needed
    block = changed(stage, correct_count=needed - 1)
    refused(stage.tip, block, AccuracyTooLow, f"at least {needed}, not {needed - 1}")


def test_r_41_ladder_lowers_the_gain_that_is_needed() -> None:
    stage = stages()["child"]
    family = only_family(stage)
    gain = stage.header.correct_count - family.records[-1].correct_count
    dear = replace(family, needed_gain=2 * gain)
    tip = replace(stage.tip, state=stage.tip.state.with_family(dear))
    proof = child_proof()
    for rung, accepted in ((0, False), (1, True), (4, True)):
        work = Work(tip=tip, miner=ALICE, after_ms=max(2_000, rung * RUNG_MS))
        mined = assembled(work, dear, proof, stage.mined.model)
        assert mined.block.header.rung == rung
        if accepted:
            tip.validate(mined.block)
        else:
            refused(tip, mined.block, AccuracyTooLow)


def test_r_32_needed_gain_rises_after_a_fast_record_and_falls_after_a_slow_one() -> None:
    stage = stages()["child"]
    family = only_family(stage)
    dear = replace(family, needed_gain=1 + family.needed_gain)
    tip = replace(stage.tip, state=stage.tip.state.with_family(dear))
    for after_ms, change in ((2_999, 1), (3_000, -1)):
        work = Work(tip=tip, miner=ALICE, after_ms=after_ms)
        block = child(work).block
        (after,) = tip.validate(block).state.families.values()
        assert after.needed_gain == dear.needed_gain + change


@pytest.mark.parametrize("kind", ["population", "child"])
def test_r_42_model_of_an_earlier_block_is_refused(kind: str) -> None:
    stage = stages()[kind]
    family = only_family(stage)
    for model in family.models:
        refused(stage.tip, changed(stage, model_hash=model.model_hash), DuplicateModel)


def test_r_42_model_is_new_only_once_in_all_families() -> None:
    stage = stages()["child"]
    known = stage.tip.state.models.added(stage.header.model_hash)
    tip = replace(stage.tip, state=replace(stage.tip.state, models=known))
    header = replace(stage.header, state_root=tip.state.root())
    refused(tip, resigned(header, stage), DuplicateModel)


@pytest.mark.parametrize("kind", ["founder", "population"])
def test_r_43_latents_that_training_does_not_give_are_refused(kind: str) -> None:
    stage = stages()[kind]
    proof = trained_proof(stage)
    for block in (
        changed(stage, latent_root=ONE),
        changed(stage, latent_root=ZERO_HASH),
        changed(stage, nonce=stage.header.nonce + 1),
        with_proof(stage, replace(proof, steps=proof.steps - 1)),
    ):
        refused(stage.tip, block, LatentRootMismatch)


@pytest.mark.parametrize("kind", ["founder", "population"])
def test_r_43_copycat_of_a_trained_model_is_refused(kind: str) -> None:
    stage = stages()[kind]
    block = resigned(replace(stage.header, miner=BOB.key), stage, BOB)
    refused(stage.tip, block, LatentRootMismatch)


@pytest.mark.parametrize("kind", WORKING)
def test_r_44_model_that_the_proof_does_not_give_is_refused(kind: str) -> None:
    stage = stages()[kind]
    assert stage.mined.model is not None
    other = flipped(stage.mined.model, [0])
    for model_hash in (other.model_hash(), ModelHash(ONE), ModelHash(ZERO_HASH)):
        refused(stage.tip, changed(stage, model_hash=model_hash), ModelHashMismatch)


def test_r_44_other_recipe_gives_another_model() -> None:
    stage, proof = stages()["child"], child_proof()
    last = proof.steps[-1]
    for steps in (
        (*proof.steps, last),
        (*proof.steps[:-1], replace(last, nonce=last.nonce + 2)),
        (*proof.steps[:-1], replace(last, kind=StepKind.CROSS)),
        (replace(proof.steps[0], nonce=4_000), *proof.steps[1:]),
    ):
        refused(stage.tip, with_proof(stage, replace(proof, steps=steps)), ModelHashMismatch)


def test_r_44_other_base_gives_another_model() -> None:
    stage, proof = stages()["child"], child_proof()
    family = only_family(stage)
    older = family.models.index(family.records[0])
    assert older != proof.base
    refused(stage.tip, with_proof(stage, replace(proof, base=older)), ModelHashMismatch)


def test_r_44_copycat_of_a_recipe_is_refused() -> None:
    stage = stages()["child"]
    block = resigned(replace(stage.header, miner=BOB.key), stage, BOB)
    refused(stage.tip, block, ModelHashMismatch)


def test_r_44_copycat_who_replays_the_recipe_gets_another_model_and_seldom_a_record() -> None:
    stage, proof, family = stages()["child"], child_proof(), only_family(stages()["child"])
    tip, rules = stage.tip, stage.tip.network.rules
    base = family.models[proof.base]
    assert stage.mined.model is not None
    wanted = base.correct_count + family.needed_gain
    lucky = 0
    for number in range(12):
        copied = tip.network.engine.apply_recipe(
            tip.models.model(base.model_hash),
            (),
            proof.steps,
            rules.parameters.rates,
            RecipeContext(
                network=rules.network, base=base.block, miner=miner(f"copycat {number}").key
            ),
        )
        assert hamming(copied, stage.mined.model) > 0
        lucky += tip.network.engine.count_correct(copied, family.dataset) >= wanted
    assert lucky <= 6, "on 100 images luck goes a long way"


@pytest.mark.parametrize("kind", ["population", "child"])
def test_r_45_model_close_to_an_earlier_one_is_refused(kind: str) -> None:
    stage = stages()[kind]
    family = only_family(stage)
    rivals = family.records or family.models
    assert stage.mined.model is not None
    nearest = min(
        hamming(stage.mined.model, stage.tip.models.model(rival.model_hash)) for rival in rivals
    )
    allowed = nearest * 1_000_000 // 144
    validate_with(stage.tip, stage.block, min_population_diff_ppm=allowed)
    with pytest.raises(DifferenceTooSmall, match=f"R-45.* {nearest + 1}, not {nearest}"):
        validate_with(stage.tip, stage.block, min_population_diff_ppm=allowed + 1)


def test_r_45_child_close_to_an_old_record_is_refused() -> None:
    stage, family, proof = stages()["child"], only_family(stages()["child"]), child_proof()
    assert stage.mined.model is not None
    old = flipped(stage.mined.model, [0])
    entry = replace(family.records[0], model_hash=old.model_hash(), correct_count=1)
    aged = replace(family, models=(entry, *family.models))
    models = Models([old, *(stage.tip.models.model(m.model_hash) for m in family.models)])
    tip = replace(stage.tip, state=stage.tip.state.with_family(aged), models=models)
    moved = replace(proof, base=proof.base + 1)
    block = assembled(Work(tip=tip, miner=ALICE), aged, moved, stage.mined.model).block
    refused(tip, block, DifferenceTooSmall, "at least 2, not 1")


def test_r_45_distance_is_to_every_rival() -> None:
    model = random_model(ARCHITECTURE, "rival")
    rivals = [flipped(model, list(range(count))) for count in (9, 5, 12)]
    check_difference(model, rivals, 5)
    check_difference(model, [], 144)
    with pytest.raises(DifferenceTooSmall, match="at least 6, not 5"):
        check_difference(model, rivals, 6)


@pytest.mark.parametrize("kind", WORKING)
def test_r_46_false_count_is_refused_upward_and_downward(kind: str) -> None:
    stage = stages()[kind]
    correct = stage.header.correct_count
    assert stage.mined.model is not None
    for claimed in (correct + 1, 100, 101, (1 << 64) - 1):
        block = changed(stage, correct_count=claimed)
        refused(stage.tip, block, CorrectCountWrong, f"must be {correct}, not {claimed}")
    if kind == "founder":
        assert correct > 40
        refused(stage.tip, changed(stage, correct_count=correct - 1), CorrectCountWrong)


def test_r_46_count_is_over_the_whole_evaluation_split() -> None:
    stage = stages()["founder"]
    (entry,) = stage.tip.state.datasets.values()
    assert entry.manifest.splits[SplitName.EVALUATION].count == 100
