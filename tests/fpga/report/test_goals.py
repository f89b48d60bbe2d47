# SPDX-License-Identifier: Apache-2.0
"""Goals are judged by figures alone: reached at the bound, missed beyond it."""

import pytest

from edge_node_fpga.report.figures import RANDOM, Figures
from edge_node_fpga.report.goals import GOALS, Judged, judge
from tests.fpga.report.sample import exact, figures, resources, run


def verdict(of: Figures, subject: str, what: str) -> Judged:
    alike = [
        each
        for each in judge(of)
        if each.subject.startswith(subject) and each.what.startswith(what)
    ]
    return min(alike, key=lambda each: len(each.what))


def test_nothing_measured_is_neither_reached_nor_missed() -> None:
    judged = judge(figures())
    assert len(judged) == len(GOALS)
    assert {(each.reached, each.met) for each in judged} == {(None, None)}


@pytest.mark.parametrize(
    ("clocks", "met"), [(10_000 * 100_000_000 // 70_000, True), (14_300_000, False)]
)
def test_rate_is_clocks_of_the_batch_at_the_nominal_clock(clocks: int, met: bool) -> None:
    said = verdict(figures(run(clocks=clocks)), "32x64, 93.6K", "simulated images/s")
    assert said.reached == pytest.approx(10_000 * 1e8 / clocks)
    assert said.met is met


def test_latency_and_batch_are_in_their_units() -> None:
    of = figures(run(clocks=14_000_000))
    assert verdict(of, "32x64", "us for one image").reached == 21.0
    assert verdict(of, "32x64", "us for one image").met is True
    assert verdict(of, "32x64", "ms for 10,000").reached == 140.0
    assert verdict(of, "32x64", "ms for 10,000").met is True


@pytest.mark.parametrize(("lcs", "met"), [(10_000, True), (10_001, False)])
def test_tables_used_as_memories_count(lcs: int, met: bool) -> None:
    said = verdict(figures(of={"32x64": resources(lcs=lcs)}), "32x64", "LUT")
    assert (said.reached, said.met) == (lcs + 2_000, met)


def test_half_memories_count_as_half_rounded_up() -> None:
    said = verdict(figures(of={"64x64": resources()}), "64x64", "BRAM36")
    assert (said.reached, said.met) == (72, True)


def test_one_logit_is_enough_to_miss() -> None:
    rows = (exact(count=500), exact(count=20, differing=1))
    of = figures(exactness=rows)
    assert verdict(of, "exactness, random", "differing").met is False
    assert verdict(of, "exactness, random", "architectures").met is True
    assert verdict(of, "exactness, 4,440", "differing").met is None


def test_few_images_are_no_proof() -> None:
    of = figures(exactness=(exact("binary-4k", count=9_999), exact(RANDOM, count=499)))
    assert verdict(of, "exactness, 4,440", "differing").met is True
    assert verdict(of, "exactness, 4,440", "images").met is False
    assert verdict(of, "exactness, random", "architectures").met is False


def test_another_build_reaches_nothing_for_this_one() -> None:
    of = figures(run(build="8x64"), of={"8x64": resources()})
    assert {each.met for each in judge(of)} == {None}
