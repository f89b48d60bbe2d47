# SPDX-License-Identifier: Apache-2.0
"""Turns and the time ladder, paper A's example first, then every rung and every tie."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    Height,
    ModelHash,
    TimestampMs,
)
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.difference import WeightRecord
from edge_node.spec.scheduling import (
    Turns,
    families_of,
    first_needed_gain,
    join_turn,
    needed_gain_at,
    next_needed_gain,
    rung_at,
    share_of,
    turns,
)
from edge_node.spec.state import DatasetEntry, Family, FamilyModel, State
from tests.spec.toy_chain import ARCHITECTURE, PARAMETERS, toy_dataset, toy_network

DATASETS = [toy_dataset(name, (20, 50, 10)) for name in ("first", "second")]
FIRST, SECOND = (dataset.dataset_id for dataset in DATASETS)
START = toy_network(DATASETS).start()
ZERO = TimestampMs(0)


def family(
    name: str, models: int, *, dataset: DatasetId = FIRST, join: int = 0, skips: int = 0
) -> Family:
    """Return a family with so many blocks."""
    model = FamilyModel(
        block=BlockHash(tagged_hash("test", name.encode())),
        height=Height(1),
        model_hash=ModelHash(tagged_hash("test", name.encode())),
        correct_count=40,
        record=True,
    )
    return Family(
        family_id=FamilyId(tagged_hash("family", name.encode())),
        dataset=dataset,
        architecture=ARCHITECTURE,
        join_turn=join,
        skips=skips,
        idle=0,
        needed_gain=8,
        closed=False,
        models=(model,) * models,
        weight_record=WeightRecord(weight_count=144),
    )


def state_of(*families: Family, uploads: tuple[int, int] = (0, 0)) -> State:
    entries = {
        dataset.dataset_id: DatasetEntry(manifest=dataset.manifest, height=Height(height))
        for dataset, height in zip(DATASETS, uploads, strict=True)
    }
    return replace(START, families={f.family_id: f for f in families}, datasets=entries)


def one_more(state: State, family_id: FamilyId) -> State:
    before = state.families[family_id]
    return state.with_family(replace(before, models=(*before.models, before.models[0])))


def names(state: State, *wanted: str) -> tuple[FamilyId, ...]:
    found = tuple(FamilyId(tagged_hash("family", name.encode())) for name in wanted)
    assert all(name in state.families for name in found)
    return found


def test_r_31_example_of_paper_a() -> None:
    """Two families at 5 and a new one at 1: the next generation makes them 6, 6 and 2."""
    old = [family("one", 5), family("two", 5)]
    state = state_of(*old)
    new = family("new", 1, dataset=SECOND, join=join_turn(state))
    state = state.with_family(new)
    went: list[FamilyId] = []
    for _ in range(3):
        due = turns(state, PARAMETERS, 0).due_family
        assert due is not None
        went.append(due)
        state = one_more(state, due)
    assert set(went) == set(state.families)
    counts = [state.families[f.family_id].model_count for f in (*old, new)]
    assert counts == [6, 6, 2]


def test_r_31_every_family_goes_once_a_round_whoever_joined_when() -> None:
    state = state_of(family("one", 9), family("two", 7, join=2))
    state = state.with_family(family("new", 1, dataset=SECOND, join=join_turn(state)))
    for _ in range(4):
        before = {key: value.model_count for key, value in state.families.items()}
        for _ in range(3):
            due = turns(state, PARAMETERS, 0).due_family
            assert due is not None
            state = one_more(state, due)
        after = {key: value.model_count for key, value in state.families.items()}
        assert {after[key] - before[key] for key in after} == {1}


def test_r_31_new_family_joins_at_the_lowest_open_turn() -> None:
    closed = replace(family("closed", 1), closed=True)
    assert join_turn(state_of()) == 0
    assert join_turn(state_of(closed)) == 0
    assert join_turn(state_of(closed, family("a", 5), family("b", 3, join=4, skips=2))) == 5


def test_r_31_lowest_turn_goes_first_skips_included() -> None:
    state = state_of(
        family("a", 4), family("b", 2, skips=1), family("c", 1, join=4, dataset=SECOND)
    )
    assert turns(state, PARAMETERS, 0).due_family == names(state, "b")[0]


def test_r_31_tie_goes_to_the_dataset_with_fewer_families() -> None:
    state = state_of(family("a", 3), family("b", 4), family("c", 3, dataset=SECOND))
    assert turns(state, PARAMETERS, 0).due_family == names(state, "c")[0]


def test_r_31_then_to_the_older_dataset_then_to_the_lower_id() -> None:
    a, b = family("a", 3), family("b", 3, dataset=SECOND)
    for uploads, expected in (((4, 9), a), ((9, 4), b)):
        state = state_of(a, b, uploads=uploads)
        assert turns(state, PARAMETERS, 0).due_family == expected.family_id
    state = state_of(a, b)
    assert turns(state, PARAMETERS, 0).due_family == min(a.family_id, b.family_id)


def test_r_31_closed_families_never_go() -> None:
    state = state_of(
        replace(family("a", 1), closed=True), family("b", 9), family("c", 9, dataset=SECOND)
    )
    allowed = {f for rung in range(8) for f in turns(state, PARAMETERS, rung).families}
    assert allowed == set(names(state, "b", "c"))


TWO = replace(PARAMETERS, min_families=2)


def test_founder_is_due_until_every_dataset_has_its_families() -> None:
    state = state_of()
    assert turns(state, PARAMETERS, 0).due_dataset == min(FIRST, SECOND)
    state = state_of(uploads=(2, 1))
    assert turns(state, PARAMETERS, 0).due_dataset == SECOND  # the older
    state = state_of(family("a", 1))
    assert turns(state, PARAMETERS, 0).due_dataset == SECOND
    state = state_of(family("a", 1), family("b", 1, dataset=SECOND))
    assert turns(state, PARAMETERS, 0).due_dataset is None
    assert turns(state, TWO, 0).due_dataset == min(FIRST, SECOND)
    state = state_of(family("a", 1), family("b", 1, dataset=SECOND), family("c", 1))
    assert turns(state, TWO, 0).due_dataset == SECOND  # with fewer families


def test_closed_family_leaves_a_founder_due_and_counts_for_its_dataset() -> None:
    closed = replace(family("a", 1), closed=True)
    state = state_of(closed, family("b", 1, dataset=SECOND))
    assert turns(state, PARAMETERS, 0).due_dataset == FIRST
    state = state_of(closed, uploads=(1, 2))
    assert families_of(state, FIRST) == 1
    assert turns(state, PARAMETERS, 0).due_dataset == SECOND  # fewer families, though younger


@pytest.mark.parametrize("rung", range(MAX_RUNG + 1))
def test_r_21_ladder_opens_rung_by_rung(rung: int) -> None:
    state = state_of(family("a", 3), family("b", 4), family("c", 5, dataset=SECOND))
    a, b = names(state, "a", "b")
    assert turns(state, PARAMETERS, rung) == Turns(
        due_dataset=None,
        due_family=a,
        families=(a, b) if rung >= 5 else (a,),
        any_founder=rung >= 6,
        fallback=rung == 7,
    )


@pytest.mark.parametrize("rung", range(MAX_RUNG + 1))
def test_r_21_ladder_opens_where_a_founder_is_due(rung: int) -> None:
    state = state_of(family("a", 3), family("b", 4))
    assert turns(state, PARAMETERS, rung) == Turns(
        due_dataset=SECOND,
        due_family=None,
        families=names(state, "a") if rung >= 5 else (),
        any_founder=rung >= 6,
        fallback=rung == 7,
    )


@pytest.mark.parametrize("rung", range(MAX_RUNG + 1))
def test_r_21_needed_gain_halves_four_times_and_stays_an_image(rung: int) -> None:
    wanted = [40, 20, 10, 5, 2, 2, 2, 2]
    assert needed_gain_at(replace(family("a", 1), needed_gain=40), rung) == wanted[rung]
    assert needed_gain_at(replace(family("a", 1), needed_gain=3), rung) == max(1, 3 >> rung)


@pytest.mark.parametrize(
    ("elapsed_ms", "rung"),
    [
        (1, 0),
        (3_999, 0),
        (4_000, 1),
        (7_999, 1),
        (8_000, 2),
        (12_000, 3),
        (16_000, 4),
        (20_000, 5),
        (24_000, 6),
        (27_999, 6),
        (28_000, 7),
        (32_000, 7),
        (1 << 60, 7),
    ],
)
def test_r_21_rung_follows_from_two_timestamps(elapsed_ms: int, rung: int) -> None:
    for parent in (0, 1, 1_700_000_000_123):
        assert rung_at(PARAMETERS, TimestampMs(parent), TimestampMs(parent + elapsed_ms)) == rung


@given(st.integers(0, 1 << 24), st.integers(0, 1_000_000))
def test_minimum_is_rounded_up(images: int, share_ppm: int) -> None:
    share = share_of(images, share_ppm)
    assert share * 1_000_000 >= images * share_ppm > (share - 1) * 1_000_000


@pytest.mark.parametrize(
    ("images", "ppm", "gain"),
    [(10_000, 2_000, 20), (10_000, 2_001, 21), (100, 10_000, 1), (100, 0, 1), (50, 1, 1)],
)
def test_r_32_first_needed_gain_is_a_share_of_the_images(images: int, ppm: int, gain: int) -> None:
    parameters = replace(PARAMETERS, min_population_acc_ppm=ppm)
    assert first_needed_gain(parameters, images) == gain


@pytest.mark.parametrize(
    ("needed", "interval_ms", "after"),
    [(5, 2_999, 6), (5, 3_000, 4), (5, 60_000, 4), (1, 3_000, 1), (1, 2_000, 2)],
)
def test_r_32_needed_gain_follows_the_time_of_a_record(
    needed: int, interval_ms: int, after: int
) -> None:
    assert PARAMETERS.target_ms == 3_000
    assert next_needed_gain(PARAMETERS, needed, interval_ms) == after


def test_r_32_needed_gain_stays_where_the_network_has_no_target() -> None:
    still = replace(PARAMETERS, target_ms=0)
    assert [next_needed_gain(still, 5, interval_ms) for interval_ms in (1, 10**9)] == [5, 5]
