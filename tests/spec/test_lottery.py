# SPDX-License-Identifier: Apache-2.0
"""The lottery's numbers: targets by hand, at both ends, and what constant blocks leave as it is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.types import Hash32
from edge_node.spec.lottery import (
    LONGEST_INTERVALS,
    MAX_TARGET,
    RETARGET_BLOCKS,
    family_target,
    first_target,
    next_target,
    work_of,
)
from tests.spec.toy_lottery import LOTTERY

T_MS = 1_000
MIDDLE = 14 << 200


def packed(value: int) -> Hash32:
    return Hash32(value.to_bytes(32, "big"))


def moved(value: int, interval_ms: int, target_ms: int = T_MS) -> int:
    return int.from_bytes(next_target(packed(value), interval_ms, target_ms), "big")


TARGETS = st.integers(1, MAX_TARGET)
INTERVALS = st.integers(1, 1 << 40)


@pytest.mark.parametrize(
    ("interval_ms", "fourteenths"),
    [
        (1_000, 14),
        (2_000, 15),
        (3_000, 16),
        (8_000, 21),
        (8_001, 21),
        (1 << 40, 21),
        (0, 13),
    ],
)
def test_r_73_target_moves_by_a_fourteenth_for_each_interval(
    interval_ms: int, fourteenths: int
) -> None:
    assert moved(MIDDLE, interval_ms) == fourteenths << 200


def test_r_73_fast_block_makes_the_next_harder_and_a_slow_one_easier() -> None:
    assert moved(MIDDLE, T_MS - 1) < MIDDLE < moved(MIDDLE, T_MS + 1)


@given(TARGETS, st.integers(1, 1 << 40))
def test_r_73_blocks_in_time_leave_the_target(target: int, target_ms: int) -> None:
    for _ in range(3):
        assert moved(target, target_ms, target_ms) == target


@given(TARGETS, INTERVALS, st.integers(1, 1 << 40))
def test_r_73_target_stays_in_its_range_and_rounds_down(
    target: int, interval_ms: int, target_ms: int
) -> None:
    late_ms = min(interval_ms, LONGEST_INTERVALS * target_ms) - target_ms
    after = moved(target, interval_ms, target_ms)
    assert 1 <= after <= MAX_TARGET
    exact = target * (RETARGET_BLOCKS * target_ms + late_ms)
    if 1 < after < MAX_TARGET:
        assert after == exact // (RETARGET_BLOCKS * target_ms)


@given(TARGETS, INTERVALS, INTERVALS)
def test_r_73_later_block_never_makes_the_next_harder(target: int, one: int, other: int) -> None:
    fast, slow = sorted((one, other))
    assert moved(target, fast) <= moved(target, slow)


def test_r_73_target_is_held_at_both_ends() -> None:
    assert moved(MAX_TARGET, T_MS + 1) == moved(MAX_TARGET, 1 << 40) == MAX_TARGET
    assert moved(1, 0) == moved(1, T_MS - 1) == 1
    assert moved(2, 0) == 1


def test_r_73_lottery_follows_a_miner_ten_times_as_fast() -> None:
    target, start = 1 << 220, 1 << 220
    intervals = []
    for _ in range(80):
        interval_ms = start * T_MS // (10 * target)
        intervals.append(interval_ms)
        target = moved(target, interval_ms)
    assert intervals[0] == T_MS // 10
    assert T_MS * 95 // 100 < intervals[-1] <= T_MS


@pytest.mark.parametrize("work", [1, 2, 3, 1 << 10, 1 << 63])
def test_r_50_first_block_takes_the_work_that_its_genesis_says(work: int) -> None:
    target = first_target(replace(LOTTERY, first_work=work))
    assert work_of(target) == work


@pytest.mark.parametrize(
    ("target", "work"),
    [(MAX_TARGET, 1), ((1 << 255) - 1, 2), (1 << 255, 1), ((1 << 246) - 1, 1 << 10), (1, 1 << 255)],
)
def test_r_50_work_is_the_tickets_that_a_win_takes(target: int, work: int) -> None:
    assert work_of(packed(target)) == work


@given(TARGETS, TARGETS)
def test_r_50_harder_target_is_never_less_work(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert work_of(packed(low)) >= work_of(packed(high)) >= 1


@pytest.mark.parametrize(
    ("target", "cost", "max_cost", "wanted"),
    [
        (1 << 200, 7, 7, 1 << 200),
        (1 << 200, 1, 4, 1 << 198),
        (MAX_TARGET, 1, 2, MAX_TARGET // 2),
        (100, 1, 3, 33),
        (1, 1, 2, 0),
    ],
)
def test_r_72_cheap_burst_wins_less_often(
    target: int, cost: int, max_cost: int, wanted: int
) -> None:
    assert family_target(packed(target), cost, max_cost) == wanted
