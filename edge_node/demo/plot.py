# SPDX-License-Identifier: Apache-2.0
"""The plot of a chain: accuracy and block interval over height (paper B, Figure 1).

Law of the file: the only importer of matplotlib, and lazily, since not everyone needs it.
Read next: report.py.
"""

from collections.abc import Sequence
from pathlib import Path

from edge_node.demo.report import GenerationReport
from edge_node.spec.constants import PPM


def draw(generations: Sequence[GenerationReport], path: Path) -> None:
    """Write a PNG with accuracy and block interval over height.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    heights = [generation.height for generation in generations]
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(8, 6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    for label, style, values in (
        ("train (selection)", ":", [g.train_ppm for g in generations]),
        ("evaluation (acceptance)", "-", [g.evaluation_ppm for g in generations]),
        ("untouched reserve", "--", [g.reserve_ppm for g in generations]),
    ):
        top.plot(heights, [100 * v / PPM for v in values], style, marker="o", ms=4, label=label)
    top.set_ylabel("accuracy, %")
    top.set_title("A binary neural network in every block")
    top.grid(visible=True, alpha=0.3)
    top.legend(loc="lower right")
    bottom.bar(heights, [g.interval_ms / 1_000 for g in generations], color="tab:gray")
    bottom.set_ylabel("interval, s")
    bottom.set_xlabel("height")
    bottom.grid(visible=True, axis="y", alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)
