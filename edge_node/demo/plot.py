# SPDX-License-Identifier: Apache-2.0
"""The plot of a chain: accuracy and block interval over height (paper B, Figure 1).

A family's population are models beside each other, so no line joins them; its records are joined.
Law of the file: the only importer of matplotlib, and lazily, since not everyone needs it.
Read next: report.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from edge_node.demo.generations import GenerationReport
from edge_node.demo.market import FamilyReport, MarketReport
from edge_node.spec.constants import PPM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = (
    ("train_ppm", "train (learned from)", "#0072B2", "^"),
    ("evaluation_ppm", "evaluation (decides)", "#D55E00", "o"),
    ("reserve_ppm", "untouched", "#009E73", "s"),
)
"""Attribute, label, colour, marker; colours of Okabe and Ito, told apart by every eye."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of a dataset's families, by Okabe and Ito as well; with more they begin anew."""
MARKET_LEGEND = "filled: evaluation, hollow: untouched; joined: evolved"
COINS_PER_STEP = 1_000_000
"""Unit of the coins' axis."""
SIZE_INCHES = (8, 6)
INCHES_PER_PART = 0.95
"""Height of a panel of the market's figure, for each part of its ratio."""
DOTS_PER_INCH = 120
PANEL_INCHES = (4.5, 3.6)
"""Of one of several panels beside each other."""
GRID_ROW_INCHES, GRID_DOTS_PER_INCH = 2.7, 160
"""Of a grid of panels, two of which are as wide as a README."""


def draw(generations: Sequence[GenerationReport], path: Path) -> None:
    """Write a PNG with accuracy and block interval over height.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    figure_of(generations).savefig(path)


def figure_of(generations: Sequence[GenerationReport]) -> "Figure":
    """Return both panels as a matplotlib figure.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    from matplotlib import rc_context, rcParamsDefault  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    # A style of the user's own would change what the README shows.
    with rc_context({**rcParamsDefault, "font.size": 12, "axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
        for name, label, colour, marker in CURVES:
            _curve(top, generations, name, label=label, color=colour, marker=marker)
        top.set_ylabel("accuracy, %")
        # Above the data, which may lie anywhere.
        top.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(CURVES), frameon=False)
        figure.suptitle("A binary neural network in every block")

        _intervals(bottom, generations)
        bottom.set_xlabel("block height (hollow: the population, before evolution)")
    return figure


def draw_market(generations: Sequence[GenerationReport], market: MarketReport, path: Path) -> None:
    """Write a PNG with the accuracy of each dataset's families, their turns and the intervals.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    market_figure(generations, market).savefig(path)


def market_figure(generations: Sequence[GenerationReport], market: MarketReport) -> "Figure":
    """Return a panel for each dataset, one for the turns and one for the block intervals.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    from matplotlib import rc_context, rcParamsDefault  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    datasets = tuple(dict.fromkeys(family.dataset for family in market.families))
    money = (1.5,) if market.uploads else ()
    ratios = (*(3 for _ in datasets), 0.5 + 0.3 * len(market.families), *money, 1)
    with rc_context({**rcParamsDefault, "font.size": 12, "axes.grid": True, "grid.alpha": 0.3}):
        size = (SIZE_INCHES[0], sum(ratios) * INCHES_PER_PART)
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        panels = figure.subplots(len(ratios), 1, sharex=True, gridspec_kw={"height_ratios": ratios})
        figure.suptitle("Families take turns")
        for axes, dataset in zip(panels, datasets, strict=False):
            _families(axes, generations, [f for f in market.families if f.dataset == dataset])
            axes.set_ylabel(f"{dataset}, %")
        panels[0].set_title(
            "filled: evaluation, hollow: untouched; joined: evolved", fontsize="medium"
        )
        _turns(panels[len(datasets)], generations, market.families)
        if market.uploads:
            _bounties(panels[-2], market)
        _intervals(panels[-1], generations)
    return figure


def _families(
    axes: "Axes", generations: Sequence[GenerationReport], families: Sequence[FamilyReport]
) -> None:
    for number, family in enumerate(families):
        colour = COLOURS[number % len(COLOURS)]
        mine = [each for each in generations if each.family == family.family]
        records = [each for each in mine if each.generation > 1]
        axes.plot([], [], linestyle="-", color=colour, marker="o", label=family.label)
        for name, fill, line in (("evaluation_ppm", colour, "-"), ("reserve_ppm", "none", ":")):
            for models, style in ((mine, "none"), (records, line)):
                axes.plot(
                    [each.height for each in models],
                    [100 * getattr(each, name) / PPM for each in models],
                    linestyle=style,
                    color=colour,
                    marker="o" if fill == colour else "s",
                    markerfacecolor=fill,
                )
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _turns(
    axes: "Axes", generations: Sequence[GenerationReport], families: Sequence[FamilyReport]
) -> None:
    """Draw a row for each family: a dot for a block, a cross where it was closed."""
    for row, family in enumerate(families):
        mine = [each for each in generations if each.family == family.family]
        axes.plot(
            [each.height for each in mine],
            [row] * len(mine),
            linestyle="-",
            color="0.25",
            marker="o",
            markersize=4,
        )
        if family.closed is not None:
            axes.plot([family.closed], [row], color=CURVES[1][2], marker="x", markersize=11)
    axes.set_yticks(range(len(families)), [family.label for family in families])
    axes.invert_yaxis()
    axes.set_ylabel("family (x: closed)")


def _bounties(axes: "Axes", market: MarketReport) -> None:
    """Draw the coins that bounties have paid, and lines where offers came to their next stage."""
    halves = [(each.height, each.amount - each.amount // 2) for each in market.bounties]
    settled = [(s.height, share.paid) for s in market.settlements for share in s.shares]
    heights, sums = [market.uploads[0].height], [0.0]
    for height, coins in halves + settled:
        heights.append(height)
        sums.append(sums[-1] + coins / COINS_PER_STEP)
    heights.append(market.turns[-1].height)
    axes.step(heights, [*sums, sums[-1]], where="post", color="0.25", label="paid")
    for stage, height, colour in zip(*_stages(market), COLOURS, strict=False):
        axes.axvline(height, color=colour, linestyle="--", label=stage)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")
    axes.set_ylabel("million coins")


def _stages(market: MarketReport) -> tuple[list[str], list[int]]:
    """Return how far the first upload came, in words and heights."""
    offer = market.uploads[0]
    stages = [("uploaded", offer.height), ("mined on", offer.scheduled), ("ended", offer.ended)]
    stages += [("revealed", each.height) for each in market.reveals]
    stages += [("settled", each.height) for each in market.settlements]
    reached = [(name, height) for name, height in stages if height is not None]
    return [name for name, _ in reached], [height for _, height in reached]


def _intervals(axes: "Axes", generations: Sequence[GenerationReport]) -> None:
    axes.bar(
        [each.height for each in generations],
        [each.interval_ms / 1_000 for each in generations],
        color="0.45",
    )
    axes.set_ylabel("interval, s")
    axes.set_xlabel("block height")
    axes.locator_params(axis="x", integer=True)


def _curve(
    axes: "Axes",
    generations: Sequence[GenerationReport],
    name: str,
    *,
    label: str,
    color: str,
    marker: str,
) -> None:
    for (_, evolved), group in groupby(generations, lambda g: (g.family, g.generation > 1)):
        members = list(group)
        axes.plot(
            [each.height for each in members],
            [100 * getattr(each, name) / PPM for each in members],
            linestyle="-" if evolved else "none",
            color=color,
            marker=marker,
            markerfacecolor=color if evolved else "none",
            label=label,
        )
        label = "_"  # once in the legend


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points of one curve, or one colour of bars."""

    label: str
    """What the legend calls it."""
    points: tuple[tuple[float, float], ...]
    """(x, y) of each; bars count their places as x from 0."""
    colour: int | None = None
    """Place in COLOURS; the series' own in its panel if None."""
    faint: bool = False
    """Whether a grid shows it as small pale dots, not as a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Words beside a point of a panel, which say more directly than a legend."""

    text: str
    """A few words, in lines."""
    point: tuple[float, float]
    """What they are about."""
    place: tuple[float, float]
    """Where they stand: their middle, in shares of the panel's width and height."""
    colour: int
    """Of the series that they are about."""
    led: bool = False
    """Whether a line leads from them to the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One set of axes."""

    title: str
    """What it shows."""
    x_label: str
    """Quantity and unit."""
    y_label: str
    """Quantity and unit."""
    series: tuple[Series, ...]
    """What is drawn."""
    places: tuple[str, ...] = ()
    """Names of the places of bars; none for curves."""
    log: bool = False
    """Whether the y axis is logarithmic."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Places on the y axis of a grid's panel, and what stands there; matplotlib's own if none."""
    y_limits: tuple[float, float] | None = None
    """Ends of the y axis of a grid's panel; those of the data if None."""
    notes: tuple[Note, ...] = ()
    """On a grid's panel, instead of a legend."""


def draw_panels(panels: Sequence[Panel], path: Path) -> None:
    """Write a PNG with panels beside each other.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    from matplotlib import rc_context, rcParamsDefault  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    with rc_context({**rcParamsDefault, "font.size": 10, "axes.grid": True, "grid.alpha": 0.3}):
        size = (PANEL_INCHES[0] * len(panels), PANEL_INCHES[1])
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        (row,) = figure.subplots(1, len(panels), squeeze=False)
        for panel, axes in zip(panels, row, strict=True):
            _panel(axes, panel)
        figure.savefig(path)


def draw_grid(rows: Sequence[Sequence[Panel]], path: Path) -> None:
    """Write a PNG with rows of panels that share their axes, and have notes instead of legends.

    Parameters
    ----------
    rows : sequence of sequence of Panel
        All of one length. Titles stand over the first row only, the x axis' label under the last.
    path : Path

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    from matplotlib import rc_context, rcParamsDefault  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    with rc_context(
        {
            **rcParamsDefault,
            "font.size": 10,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "grid.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
        }
    ):
        size = (PANEL_INCHES[0] * len(rows[0]), GRID_ROW_INCHES * len(rows))
        figure = Figure(figsize=size, dpi=GRID_DOTS_PER_INCH, layout="constrained")
        grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, sharex=True, sharey="row")
        for place, (panels, row) in enumerate(zip(rows, grid, strict=True)):
            for panel, axes in zip(panels, row, strict=True):
                _grid_panel(axes, panel)
                if place == 0:
                    axes.set_title(panel.title, loc="left", fontweight="bold", pad=10)
                if place == len(rows) - 1:
                    axes.set_xlabel(panel.x_label)
            row[0].set_ylabel(panels[0].y_label)
        figure.savefig(path)


def _grid_panel(axes: "Axes", panel: Panel) -> None:
    for number, series in enumerate(panel.series):
        colour = COLOURS[number if series.colour is None else series.colour]
        xs, ys = [x for x, _ in series.points], [y for _, y in series.points]
        if series.faint:
            axes.plot(xs, ys, color=colour, linestyle="none", marker="o", ms=2.2, mew=0, alpha=0.45)
        else:
            axes.plot(xs, ys, color=colour, linewidth=1.8)
    if panel.log:
        axes.set_yscale("log")
    if panel.ticks:
        axes.set_yticks([place for place, _ in panel.ticks], [text for _, text in panel.ticks])
        axes.minorticks_off()
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    for note in panel.notes:
        axes.annotate(
            note.text,
            note.point,
            note.place,
            textcoords="axes fraction",
            color=COLOURS[note.colour],
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-", "color": COLOURS[note.colour]} if note.led else None,
        )


def _panel(axes: "Axes", panel: Panel) -> None:
    width = 0.8 / max(1, len(panel.series))
    for number, series in enumerate(panel.series):
        colour = COLOURS[number % len(COLOURS)]
        xs = [x for x, _ in series.points]
        ys = [y for _, y in series.points]
        if panel.places:
            shifted = [x + width * (number - (len(panel.series) - 1) / 2) for x in xs]
            axes.bar(shifted, ys, width, color=colour, label=series.label)
        else:
            axes.plot(xs, ys, color=colour, marker="o", markersize=3, label=series.label)
    if panel.places:
        axes.set_xticks(range(len(panel.places)), panel.places)
    if panel.log:
        axes.set_yscale("log")
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    # Below the axes: bars and curves may lie anywhere.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=2, frameon=False, fontsize=8)
