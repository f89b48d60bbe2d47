# SPDX-License-Identifier: Apache-2.0
"""The stop-watch, on a clock that ticks when it is read: medians, warm-up, budget."""

from edge_node.bench.timing import MAX_REPETITIONS, Meter, cpu_clock_ns
from tests.bench.samples import ticking_clock


def test_once_is_the_clocks_difference() -> None:
    meter = Meter(clock=ticking_clock(250_000_000), budget_s=0, repetitions=1)
    assert meter.once_s(lambda: None) == 0.25


def test_median_ignores_one_slow_run() -> None:
    readings = iter([0, 1, 0, 90, 0, 2])
    meter = Meter(clock=lambda: next(readings) * 1_000_000_000, budget_s=0, repetitions=3)
    assert meter.median_s(lambda: None) == 2


def test_warms_up_once_and_repeats_until_the_budget_is_spent() -> None:
    calls: list[int] = []
    meter = Meter(clock=ticking_clock(100_000_000), budget_s=0.45, repetitions=2)
    meter.median_s(lambda: calls.append(1))
    assert len(calls) == 1 + 5
    calls.clear()
    meter.median_s(lambda: calls.append(1), warm_up=False)
    assert len(calls) == 5


def test_work_without_duration_ends() -> None:
    calls: list[int] = []
    meter = Meter(clock=lambda: 0, budget_s=1, repetitions=1)
    assert meter.median_s(lambda: calls.append(1), warm_up=False) == 0
    assert len(calls) == MAX_REPETITIONS


def test_cpu_clock_does_not_go_back() -> None:
    before = cpu_clock_ns()
    assert cpu_clock_ns() >= before
