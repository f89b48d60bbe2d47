# SPDX-License-Identifier: Apache-2.0
"""The plot of a chain: accuracy and block interval over height (paper B, Figure 1).

A family's population are models beside each other, so no line joins them; its records are joined.
Law of the file: the only importer of matplotlib, and lazily, since not everyone needs it.
Read next: report.py.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from edge_node.demo.report import GenerationReport
from edge_node.spec.constants import PPM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = (
    ("train_ppm", "train (climbed on)", "#0072B2", "^"),
    ("evaluation_ppm", "evaluation (decides)", "#D55E00", "o"),
    ("reserve_ppm", "untouched", "#009E73", "s"),
)
"""Attribute, label, colour, marker; colours of Okabe and Ito, told apart by every eye."""
SIZE_INCHES = (8, 6)
DOTS_PER_INCH = 120


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

        bottom.bar(
            [each.height for each in generations],
            [each.interval_ms / 1_000 for each in generations],
            color="0.45",
        )
        bottom.set_ylabel("interval, s")
        bottom.set_xlabel("block height (hollow: the population, before evolution)")
        bottom.xaxis.get_major_locator().set_params(integer=True)
    return figure


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
