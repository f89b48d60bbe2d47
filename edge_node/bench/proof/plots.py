# SPDX-License-Identifier: Apache-2.0
"""The plot of Figure 1: accuracy of all three chains, and the interval before each block of each.

Law of the file: it chooses what is drawn; edge_node/demo/plot.py draws.
Read next: figure_one.py.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

from edge_node.bench.proof.workbench import Curve, Point
from edge_node.demo.plot import Panel, Series, draw_panels

NAME = "figure_1"
SPAN = 20
"""Blocks that the line through the intervals is the mean of."""


def draw_figure(curves: Sequence[Curve], folder: Path) -> str | None:
    """Write the plot; return its name, None if there is nothing to draw.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    panels = figure_panels(curves)
    if not panels:
        return None
    draw_panels(panels, folder / f"{NAME}.png")
    return NAME


def figure_panels(curves: Sequence[Curve]) -> tuple[Panel, ...]:
    """Return accuracy over height, and the intervals of each chain."""
    grown = [curve for curve in curves if curve.points]
    if not grown:
        return ()
    accuracy = Panel(
        title="Accuracy on untouched images",
        x_label="block",
        y_label="%",
        series=tuple(
            Series(
                label=curve.label,
                points=tuple((p.height, p.untouched_ppm / 10_000) for p in curve.points),
            )
            for curve in grown
        ),
    )
    return (accuracy, *map(_intervals, grown))


def _intervals(curve: Curve) -> Panel:
    points = curve.points
    means = [
        (points[end - 1].height, _mean_ms(points[end - SPAN : end]))
        for end in range(SPAN, len(points) + 1)
    ]
    return Panel(
        title=f"Interval: {curve.label}",
        x_label="block",
        y_label="ms of one thread",
        series=(
            Series(label="each block", points=tuple((p.height, 1_000 * p.seconds) for p in points)),
            *([Series(label=f"mean of the last {SPAN}", points=tuple(means))] if means else []),
        ),
        log=True,
    )


def _mean_ms(points: Sequence[Point]) -> float:
    return 1_000 * statistics.fmean(point.seconds for point in points)
