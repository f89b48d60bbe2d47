# SPDX-License-Identifier: Apache-2.0
"""The plot of Figure 1 has accuracy and the interval of each chain that has blocks."""

from pathlib import Path

from edge_node.bench.proof.plots import NAME, draw_figure, figure_panels
from edge_node.bench.proof.workbench import Curve, Point


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


def test_panels_are_accuracy_and_intervals() -> None:
    panels = figure_panels([curve("paper", 4), curve("ours", 30), curve("none", 0)])
    assert [panel.title for panel in panels] == [
        "Accuracy on untouched images",
        "Interval: paper",
        "Interval: ours",
    ]
    assert [series.label for series in panels[0].series] == ["paper", "ours"]
    assert [len(panel.series) for panel in panels[1:]] == [1, 2], "four blocks have no mean of 20"
    mean = panels[2].series[1].points
    assert len(mean) == 11
    assert mean[0] == (20, 1_050.0)


def test_nothing_is_drawn_without_blocks(tmp_path: Path) -> None:
    assert draw_figure([], tmp_path) is None
    assert draw_figure([curve("paper", 3)], tmp_path) == NAME
    assert (tmp_path / f"{NAME}.png").read_bytes().startswith(b"\x89PNG")
