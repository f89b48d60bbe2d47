# SPDX-License-Identifier: Apache-2.0
"""What every proof rule asks of a header: each check alone, at its edge, on a toy state."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, FamilyId, Hash32
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Header
from edge_node.spec.difference import hamming
from edge_node.spec.proof import claims, errors
from edge_node.spec.proof.founding import ShapeOrigin, family_id
from edge_node.spec.scheduling import Turns
from edge_node.spec.state import Family, State
from tests.spec.lottery_stages import stages
from tests.spec.stages import Stage, only_family
from tests.spec.toy_chain import ARCHITECTURE, SECOND_ARCHITECTURE

ONE = Hash32(bytes(31) + b"\1")


def founder_stage() -> Stage:
    return stages()["founder"]


def step_stage() -> Stage:
    return stages()["step"]


def turns_at(state: State, rung: int) -> Turns:
    return scheduling.turns(state, step_stage().tip.parameters, rung)


def dataset() -> DatasetId:
    (only,) = step_stage().tip.state.datasets
    return only


def founding(
    header: Header, shape: Architecture = ARCHITECTURE, rung: int = 0, *, step: bool = False
) -> Family:
    tip = (step_stage() if step else founder_stage()).tip
    return claims.check_founding(header, dataset(), shape, turns_at(tip.state, rung), tip.context())


def test_family_before_its_first_block() -> None:
    family = founding(founder_stage().header)
    assert family.family_id == family_id(dataset(), ARCHITECTURE) == founder_stage().header.family
    assert (family.models, family.model_count, family.forgotten) == ((), 0, 0)
    assert (family.join_turn, family.skips, family.idle, family.closed) == (0, 0, 0, False)
    assert family.needed_gain == 1


def test_r_34_founder_while_a_family_is_due_is_refused_up_to_rung_6() -> None:
    for rung in range(6):
        with pytest.raises(errors.OutOfTurn, match="a family's block"):
            founding(step_stage().header, SECOND_ARCHITECTURE, rung, step=True)
    shape = SECOND_ARCHITECTURE
    header = replace(
        founder_stage().header,
        family=family_id(dataset(), shape),
        previous_model_hash=BlockHash(ZERO_HASH),
    )
    assert founding(header, shape, 6, step=True).architecture == shape


def test_r_36_founder_says_of_itself_what_is_so() -> None:
    for changes in (
        {"family": FamilyId(ONE)},
        {"previous_model_hash": BlockHash(ONE)},
        {"generation": 0},
        {"generation": 2},
    ):
        (name,) = changes
        with pytest.raises(errors.HeaderDisagrees, match=name):
            founding(replace(founder_stage().header, **changes))


def test_r_37_dataset_that_nobody_knows_is_refused() -> None:
    tip = founder_stage().tip
    with pytest.raises(errors.ArchitectureNotAllowed, match="a known dataset"):
        claims.check_founding(
            founder_stage().header,
            DatasetId(ONE),
            ARCHITECTURE,
            turns_at(tip.state, 6),
            tip.context(),
        )


@pytest.mark.parametrize(
    ("changes", "what"), [({"closed": True}, "closed"), ({"scheduled": False}, "not yet held")]
)
def test_r_59_dataset_that_is_not_open_is_refused(changes: dict[str, bool], what: str) -> None:
    tip = founder_stage().tip
    entry = replace(tip.state.datasets[dataset()], **changes)  # type: ignore[arg-type]  # flags
    context = replace(tip.context(), parent=tip.state.with_dataset(dataset(), entry))
    with pytest.raises(errors.DatasetNotOpen, match=what):
        claims.check_founding(
            founder_stage().header, dataset(), ARCHITECTURE, turns_at(tip.state, 6), context
        )


def test_r_40_evolved_shape_has_parents_that_there_are() -> None:
    family = only_family(step_stage()).family_id
    for first, second in ((family, FamilyId(ONE)), (FamilyId(ONE), family)):
        origin = ShapeOrigin(first=first, second=second, nonce=0)
        with pytest.raises(errors.UnknownParent, match="a family"):
            claims.check_evolved(
                step_stage().header,
                dataset(),
                SECOND_ARCHITECTURE,
                origin,
                step_stage().tip.context(),
            )


def test_r_34_family_out_of_turn_is_refused() -> None:
    state = step_stage().tip.state
    family = claims.check_family(step_stage().header, turns_at(state, 0), state)
    assert family == only_family(step_stage())
    with pytest.raises(errors.OutOfTurn, match=family.family_id.hex()):
        claims.check_family(
            replace(step_stage().header, family=FamilyId(ONE)), turns_at(state, 0), state
        )
    start = founder_stage().tip.state
    with pytest.raises(errors.OutOfTurn, match="a founder"):
        claims.check_family(step_stage().header, turns_at(start, 0), start)


def test_r_36_block_of_a_family_names_its_head_and_generation() -> None:
    state = step_stage().tip.state
    records = len(only_family(step_stage()).records)
    assert step_stage().header.generation == 1 + records
    for changes in (
        {"previous_model_hash": BlockHash(ZERO_HASH)},
        {"previous_model_hash": only_family(step_stage()).models[0].block},
        {"generation": records},
    ):
        header = replace(step_stage().header, **changes)
        with pytest.raises(errors.HeaderDisagrees):
            claims.check_family(header, turns_at(state, 0), state)


def test_r_42_model_is_new_only_once() -> None:
    claims.check_new(step_stage().header, step_stage().tip.state)
    after = step_stage().tip.validate(step_stage().block).state
    with pytest.raises(errors.DuplicateModel):
        claims.check_new(step_stage().header, after)
    old = replace(step_stage().header, model_hash=only_family(step_stage()).models[0].model_hash)
    with pytest.raises(errors.DuplicateModel):
        claims.check_new(old, step_stage().tip.state)


def test_r_45_difference_is_asked_to_each_rival() -> None:
    models = claims.load(only_family(step_stage()).models, step_stage().tip.models)
    assert [m.model_hash() for m in models] == [
        m.model_hash for m in only_family(step_stage()).models
    ]
    distances = [hamming(models[0], rival) for rival in models[1:]]
    claims.check_difference(models[0], models[1:], min(distances))
    with pytest.raises(errors.DifferenceTooSmall, match=f"at least {min(distances) + 1}"):
        claims.check_difference(models[0], models[1:], min(distances) + 1)
    claims.check_difference(models[0], (), 1_000)


def test_r_35_family_closes_at_its_last_generation_or_idle() -> None:
    family, parameters = only_family(step_stage()), step_stage().tip.parameters
    records = len(family.records)
    assert not claims.closed_if_done(family, parameters).closed
    assert claims.closed_if_done(family, replace(parameters, max_family_generations=records)).closed
    idle = replace(family, idle=parameters.max_idle_blocks)
    assert claims.closed_if_done(idle, parameters).closed
    assert not claims.closed_if_done(replace(idle, idle=idle.idle - 1), parameters).closed


def test_r_31_only_the_due_family_is_skipped() -> None:
    context, state = step_stage().tip.context(), step_stage().tip.state
    family = only_family(step_stage())
    other = replace(family, family_id=FamilyId(ONE))
    assert claims.skipped(turns_at(state, 5), family, context) == ()
    (passed,) = claims.skipped(turns_at(state, 5), other, context)
    assert (passed.skips, passed.idle) == (family.skips + 1, family.idle + 1)
    start = founder_stage().tip
    assert claims.skipped(turns_at(start.state, 7), other, start.context()) == ()


def test_evaluation_images_are_those_of_the_manifest() -> None:
    assert claims.evaluation_images(only_family(step_stage()), step_stage().tip.state) == 100


def test_r_36_disagreement_shows_both_values() -> None:
    claims.agree("generation", 3, 3)
    with pytest.raises(errors.HeaderDisagrees, match="generation 3, not 4"):
        claims.agree("generation", 3, 4)
    with pytest.raises(errors.HeaderDisagrees, match=f"family {ONE.hex()}"):
        claims.agree("family", ONE, ZERO_HASH)
