# SPDX-License-Identifier: Apache-2.0
"""Panels hold what was measured, and only that; the plots stand beside the page."""

import json
from pathlib import Path

import pytest

from edge_node.bench.paper.capacity import Capacity
from edge_node.bench.paper.conflicts import Resolution
from edge_node.bench.paper.following import Followed
from edge_node.bench.paper.plots import more_panels, table_panels
from edge_node.bench.paper.report import write_report
from edge_node.bench.paper.run import PaperReport
from tests.bench.paper.figures import ROW, report_of

pytestmark = pytest.mark.slow


def measured() -> PaperReport:
    found = report_of()
    found.bytes = (ROW,)
    found.conflicts = tuple(
        Resolution(depth=depth, judged=depth + 1, judge_s=depth, switch_s=0.5, total_s=depth + 0.5)
        for depth in (1, 2)
    )
    found.capacity = (
        Capacity(gain_ppm=10_000, transactions=146, mine_s=0.1, judge_s=0.1, tps=730.0),
        Capacity(gain_ppm=50_000, transactions=146, mine_s=None, judge_s=0.1, tps=None),
    )
    found.following = tuple(
        Followed(
            target_ms=target,
            block=block,
            slowness=1,
            needed_gain=3,
            interval_ms=9,
            evaluation_ppm=500_000,
        )
        for target in (0, 20)
        for block in (1, 2)
    )
    return found


def test_nothing_measured_is_nothing_drawn() -> None:
    assert not table_panels(report_of())
    assert not more_panels(report_of())


def test_panels_hold_the_figures() -> None:
    (table,) = table_panels(measured())
    assert [(each.label, each.points) for each in table.series] == [
        ("full", ()),
        ("delta", ()),
        ("recipe", ((0, 900),)),
        ("paper", ((0, 1_410.0),)),
    ]
    found = {panel.title: panel.series for panel in more_panels(measured())}
    points = {title: [list(each) for each in series[0].points] for title, series in found.items()}
    assert points["Conflict resolution"] == [[1, 1.5], [2, 2.5]]
    assert points["Difficulty and capacity"] == [[1.0, 730.0]]
    labels = [each.label for each in found["RQ3: needed gain"]]
    assert labels == ["no target", "target 20 ms"]


def test_folder_has_page_figures_and_plots(tmp_path: Path) -> None:
    write_report(measured(), command="edge-node bench paper", folder=tmp_path)
    page = (tmp_path / "PAPER_TABLES.md").read_text()
    for name in ("tables", "experiments"):
        assert f"![{name}](paper/{name}.png)" in page
        assert (tmp_path / "paper" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for title in ("Table 1", "Conflict resolution", "capacity", "RQ3", "RQ4"):
        assert title in page
    figures = json.loads((tmp_path / "paper" / "figures.json").read_text())
    assert figures["conflicts"][1]["total_s"] == 2.5
