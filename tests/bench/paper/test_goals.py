# SPDX-License-Identifier: Apache-2.0
"""A figure that falls short of what was asked for says why; one that does not says nothing."""

from dataclasses import replace

import pytest

from edge_node.bench.paper.goals import Goal, goals
from edge_node.bench.paper.mining import Mined
from edge_node.bench.paper.report import markdown
from edge_node.bench.paper.run import PaperReport
from edge_node.bench.paper.throughput import Throughput
from tests.bench.paper.figures import ROW, report_of

HIGH = Mined(
    level="high",
    difference_ppm=13_000,
    gain_ppm=50_000,
    ours_s=0.65,
    paper_way_s=700.0,
    paper_way_reached=False,
    evaluations=900,
    evaluator="dense numpy",
    ratio=1_077.0,
    published_s=1_737.0,
    base_evaluation_ppm=780_000,
    base_untouched_ppm=770_000,
    ours_evaluation_ppm=830_000,
    ours_untouched_ppm=820_000,
    paper_way_evaluation_ppm=780_000,
    paper_way_untouched_ppm=770_000,
)
STEADY = Throughput(
    name="sustained",
    nodes=3,
    miners=1,
    transactions=20_000,
    offered_per_s=1_200.0,
    block_transactions=1_400,
    blocks=20,
    seconds=20.0,
    missing=0,
    refused=0,
    tps=1_000.0,
    p50_ms=1_000.0,
    p99_ms=2_000.0,
    node_cores=(0.4, 0.4, 0.4),
    transfer_cost_ms=0.4,
    trainer_cores=0.3,
    broker_cores=0.1,
    published_tps=None,
    geth_tps=26.3,
)
LOW = replace(STEADY, name="low", transactions=300, offered_per_s=None, tps=26.3, blocks=3)


def only(report: PaperReport) -> Goal:
    (goal,) = goals(report)
    return goal


def test_what_reached_its_goal_says_nothing() -> None:
    found = goals(report_of(bytes=(ROW,), mining=(HIGH,), throughput=(LOW, STEADY)))
    assert [goal.why for goal in found] == ["", "", "", ""]
    assert [goal.asked for goal in found] == [
        "<= 1,410 B",
        ">= 1,000x",
        ">= 26.3 TPS",
        ">= 1,000 TPS",
    ]


def test_heaviest_block_of_a_family_is_held_against_the_papers() -> None:
    full = replace(ROW, kind="full", model_bytes=676, to_broker_bytes=1_450, envelope_bytes=284)
    goal = only(report_of(bytes=(ROW, full, ROW)))
    assert (goal.what, goal.measured) == ("Table 1, binary-4k as full", "1,450 B")
    assert "676 B; the signed header (490) and what is around it (284)" in goal.why


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            replace(HIGH, paper_way_s=110.0, ratio=169.0),
            "stopped after 110 s; a bound of 1,000x takes 650 s",
        ),
        (replace(HIGH, paper_way_s=110.0, ratio=169.0, paper_way_reached=True), "took 110 s"),
        (replace(HIGH, ours_s=None, ratio=None), "a search of ours ended without a child"),
    ],
)
def test_level_says_what_its_bound_would_take(row: Mined, why: str) -> None:
    assert why in only(report_of(mining=(row,))).why


def test_throughput_says_what_the_goal_would_take() -> None:
    goal = only(report_of(throughput=(replace(STEADY, tps=999.0),)))
    assert "3 nodes at 0.40 ms a transfer want 1.2 of the 2 processors" in goal.why
    goal = only(report_of(throughput=(replace(LOW, tps=26.2),)))
    assert "3 blocks had to be found one after the other, in 20.0 s" in goal.why


def test_medium_has_no_goal_and_the_page_shows_the_others() -> None:
    assert goals(report_of(throughput=(replace(LOW, name="medium"),))) == ()
    page = markdown(report_of(mining=(HIGH,)), command="x")
    assert "| Table 2, high | >= 1,000x | **>= 1,077x** | - |" in page
    assert "What was asked for" not in markdown(report_of(), command="x")
