# SPDX-License-Identifier: Apache-2.0
"""The simulated lottery: memoryless, fair, by the law's retarget and rungs, the same every time."""

import math
import statistics
from dataclasses import replace

import pytest

from edge_node.bench.proof.simulation import chance_of, chi_square, simulate, variation
from edge_node.node.networks import LAN_LOTTERY
from edge_node.primitives.types import Hash32
from edge_node.spec import lottery

SHARES = (0.5, 0.3, 0.2)


def test_each_seed_gives_one_chain_and_its_targets_are_the_laws() -> None:
    chain = simulate(LAN_LOTTERY, lambda _: 0.1, SHARES, 50, 1)
    assert chain == simulate(LAN_LOTTERY, lambda _: 0.1, SHARES, 50, 1)
    assert chain != simulate(LAN_LOTTERY, lambda _: 0.1, SHARES, 50, 2)
    target = lottery.first_target(LAN_LOTTERY)
    for block in chain:
        assert block.target == target
        target = lottery.next_target(Hash32(block.target), block.interval_ms, LAN_LOTTERY.target_ms)


def test_more_power_is_answered_by_a_harder_target() -> None:
    chain = simulate(LAN_LOTTERY, lambda n: 0.1 if n < 200 else 1.0, SHARES, 500, 3)
    last = [block.interval_ms for block in chain[300:]]
    assert statistics.fmean(last) == pytest.approx(LAN_LOTTERY.target_ms, rel=0.2)
    before, after = (int.from_bytes(chain[n].target, "big") for n in (199, 400))
    assert 4 < before / after < 25


def test_nobody_wins_during_a_pause_and_the_ladder_goes_on() -> None:
    pause_ms = 9 * LAN_LOTTERY.rung_ms
    chain = simulate(LAN_LOTTERY, lambda _: 0.1, SHARES, 12, 4, pauses=[(10, pause_ms)])
    assert chain[10].interval_ms > pause_ms
    assert chain[11].interval_ms < pause_ms


def test_rungs_shorten_what_takes_long() -> None:
    slow = replace(LAN_LOTTERY, first_work=1 << 40)
    quick_rungs = simulate(replace(slow, rung_ms=60_000), lambda _: 0.1, SHARES, 1, 5)
    slow_rungs = simulate(replace(slow, rung_ms=1 << 40), lambda _: 0.1, SHARES, 1, 5)
    assert quick_rungs[0].interval_ms < slow_rungs[0].interval_ms


def test_chi_square_of_what_is_expected_is_nothing() -> None:
    assert chi_square([50, 30, 20], SHARES) == pytest.approx(0)
    assert chi_square([60, 25, 15], SHARES) == pytest.approx(2 + 25 / 30 + 25 / 20)
    assert chance_of(0) == 1
    assert chance_of(5.991) == pytest.approx(0.05, abs=1e-4)


def test_variation_of_a_steady_clock_is_nothing() -> None:
    assert variation([5, 5, 5]) == 0
    assert variation([0, 10]) == 1
    assert math.isfinite(variation([1]))
