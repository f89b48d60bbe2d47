# SPDX-License-Identifier: Apache-2.0
"""The plot of Figure 1: accuracy and interval over the blocks, paper B's rule beside ours.

Both halves share their axes. Dots are blocks, lines of intervals are means over SPAN of them.
Law of the file: it chooses what is drawn; edge_node/demo/plot.py draws.
Read next: figure_one.py.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.bench.proof.figure_one import OUR_LABEL, TARGET_MS
from edge_node.bench.proof.workbench import Curve, Point
from edge_node.demo.plot import Note, Panel, Series, draw_grid

NAME = "figure_1"
SPAN = 20
"""Blocks that the line through the intervals is the mean of."""
TIMES = ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"))
"""On the axis of intervals."""
PERCENTS = tuple((percent, f"{percent} %") for percent in range(0, 101, 20))
TIME_LIMITS, PERCENT_LIMITS = (0.003, 20.0), (0.0, 100.0)
PAPER, FREE, OURS = 0, 1, 2
"""Places of the curves in a run, and of their colours."""
MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What stands above each other."""

    title: str
    """Whose rule it is."""
    curves: tuple[tuple[int, Curve], ...]
    """With the places of their colours; each has points."""
    longest: int
    """Blocks of the longest curve of all: what ends before has come to a stand."""


def draw_figure(curves: Sequence[Curve], folder: Path) -> str | None:
    """Write the plot; return its name, None if there is nothing to draw.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    rows = figure_rows(curves)
    if not rows:
        return None
    draw_grid(rows, folder / f"{NAME}.png")
    return NAME


def figure_rows(curves: Sequence[Curve]) -> tuple[tuple[Panel, ...], ...]:
    """Return a row of accuracies and one of intervals: the paper's rule, then ours."""
    grown = [(place, curve) for place, curve in enumerate(curves) if curve.points]
    ours = tuple(each for each in grown if each[1].label == OUR_LABEL)
    papers = tuple(each for each in grown if each[1].label != OUR_LABEL)
    columns = [
        Column(title=title, curves=some, longest=max(len(curve.points) for _, curve in grown))
        for title, some in (("Paper B's rule", papers), ("Ours: recipe", ours))
        if some
    ]
    if not columns:
        return ()
    return tuple(map(_accuracy, columns)), tuple(map(_intervals, columns))


def _accuracy(column: Column) -> Panel:
    return Panel(
        title=column.title,
        x_label="block",
        y_label="accuracy on untouched images",
        series=tuple(
            Series(
                label=curve.label,
                points=tuple((p.height, p.untouched_ppm / 10_000) for p in curve.points),
                colour=place,
            )
            for place, curve in column.curves
        ),
        ticks=PERCENTS,
        y_limits=PERCENT_LIMITS,
        notes=tuple(_accuracy_note(place, curve, column.longest) for place, curve in column.curves),
    )


def _accuracy_note(place: int, curve: Curve, longest: int) -> Note:
    last = curve.points[-1]
    reached = f"{last.untouched_ppm / 10_000:.1f} %"
    stands = f"stands still\nafter block {last.height}, at {reached}"
    end = stands if last.height < longest else reached
    text, at = {
        PAPER: (f"as published: {end}", (0.44, 0.4)),
        FREE: (f"were accuracy free to fall: {reached}", (0.66, 0.7)),
    }.get(place, (reached, (0.89, 0.86)))
    return Note(
        text=text,
        point=(last.height, last.untouched_ppm / 10_000),
        place=at,
        colour=place,
        led=place == PAPER,
    )


def _intervals(column: Column) -> Panel:
    series: list[Series] = []
    notes: list[Note] = []
    for place, curve in column.curves:
        each = tuple((p.height, p.seconds) for p in curve.points)
        series.append(Series(label=curve.label, points=each, colour=place, faint=True))
        means = _means(curve.points)
        if means:
            series.append(Series(label=curve.label, points=means, colour=place))
            notes.append(_interval_note(place, means[-1], column.longest))
    return Panel(
        title=column.title,
        x_label="block",
        y_label="one thread's time for a block",
        series=tuple(series),
        log=True,
        ticks=TIMES,
        y_limits=TIME_LIMITS,
        notes=tuple(notes),
    )


def _interval_note(place: int, end: tuple[float, float], longest: int) -> Note:
    stands = "ever longer,\nuntil none comes"
    text, at = {
        PAPER: (f"as published: {stands if end[0] < longest else _time(end[1])}", (0.37, 0.74)),
        FREE: (f"were accuracy free to fall: {_time(end[1])}", (0.66, 0.37)),
    }.get(place, (f"kept to its target of {TARGET_MS} ms by the law", (0.55, 0.85)))
    return Note(text=text, point=end, place=at, colour=place)


def _means(points: Sequence[Point]) -> tuple[tuple[float, float], ...]:
    return tuple(
        (points[end - 1].height, statistics.fmean(p.seconds for p in points[end - SPAN : end]))
        for end in range(SPAN, len(points) + 1)
    )


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{MS_PER_S * seconds:.0f} ms"
