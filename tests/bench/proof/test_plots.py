# SPDX-License-Identifier: Apache-2.0
"""The plot of Figure 1: accuracy and intervals, paper B's rule beside ours, said in words."""

from pathlib import Path

from edge_node.bench.proof.figure_one import OUR_LABEL
from edge_node.bench.proof.plots import NAME, draw_figure, figure_rows
from edge_node.bench.proof.workbench import Curve, Point
from edge_node.demo.plot import Panel


def curve(label: str, blocks: int) -> Curve:
    points = tuple(
        Point(
            height=height,
            evaluation_ppm=10_000 * height,
            untouched_ppm=9_000 * height,
            seconds=0.1 * height,
            trials=height,
        )
        for height in range(1, blocks + 1)
    )
    return Curve(label=label, points=points)


def words(panel: Panel) -> str:
    return " ".join(" ".join(note.text for note in panel.notes).split())


def test_rows_are_accuracy_and_interval_of_the_paper_beside_ours() -> None:
    published, free = curve("paper, as published", 25), curve("paper, accuracy free", 30)
    accuracy, interval = figure_rows([published, free, curve(OUR_LABEL, 30)])
    assert [panel.title for panel in accuracy] == ["Paper B's rule", "Ours: recipe"]
    assert [series.colour for panel in accuracy for series in panel.series] == [0, 1, 2]
    assert all(panel.log and panel.y_limits == interval[0].y_limits for panel in interval)
    blocks, mean = interval[1].series
    assert (blocks.faint, mean.faint) == (True, False)
    assert len(mean.points) == 11
    assert list(mean.points[0]) == [20, 1.05]
    assert "stands still after block 25, at 22.5 %" in words(accuracy[0])
    assert "ever longer, until none comes" in words(interval[0])
    assert words(accuracy[1]) == "27.0 %"


def test_what_came_to_the_end_is_not_said_to_stand_still() -> None:
    accuracy, interval = figure_rows([curve("paper, as published", 30), curve("free", 30)])
    assert "as published: 27.0 %" in words(accuracy[0])
    assert "as published: 2.0 s" in words(interval[0])


def test_few_blocks_have_no_mean() -> None:
    _, (panel,) = figure_rows([curve("paper, as published", 4), curve("none", 0)])
    assert [series.faint for series in panel.series] == [True]
    assert panel.notes == ()


def test_nothing_is_drawn_without_blocks(tmp_path: Path) -> None:
    assert draw_figure([], tmp_path) is None
    assert draw_figure([curve("paper", 3)], tmp_path) == NAME
    assert (tmp_path / f"{NAME}.png").read_bytes().startswith(b"\x89PNG")
