# SPDX-License-Identifier: Apache-2.0
"""The plots of the report: the paper's three tables, and the experiments beside them.

Law of the file: it chooses what is drawn; edge_node/demo/plot.py draws.
Read next: report.py.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_node.bench.paper.run import PaperReport
from edge_node.bench.paper.wire_bytes import KINDS
from edge_node.demo.plot import Panel, Series, draw_panels

_Draw = Callable[[PaperReport], Panel]
"""Draws what was measured under one name of TABLES."""


def draw_plots(report: PaperReport, folder: Path) -> tuple[str, ...]:
    """Write the plots of what was measured; return their names.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    drawn: list[str] = []
    for name, panels in (("tables", table_panels(report)), ("experiments", more_panels(report))):
        if panels:
            draw_panels(panels, folder / f"{name}.png")
            drawn.append(name)
    return tuple(drawn)


def table_panels(report: PaperReport) -> tuple[Panel, ...]:
    """Return a panel for each of the paper's tables that was measured."""
    return _panels(report, _OF_TABLES)


def more_panels(report: PaperReport) -> tuple[Panel, ...]:
    """Return a panel for each experiment that was measured."""
    return _panels(report, _OF_EXPERIMENTS)


def _panels(report: PaperReport, draw: Mapping[str, _Draw]) -> tuple[Panel, ...]:
    return tuple(draw[name](report) for name in report.measured if name in draw)


def _bytes(report: PaperReport) -> Panel:
    families = tuple(dict.fromkeys(row.family for row in report.bytes))
    ours = [
        Series(
            label=kind,
            points=tuple(
                (families.index(row.family), row.to_broker_bytes)
                for row in report.bytes
                if row.kind == kind
            ),
        )
        for kind in KINDS
    ]
    published = {families.index(row.family): row.published_bytes for row in report.bytes}
    ours.append(Series(label="paper", points=tuple(published.items())))
    return Panel(
        title="Table 1: bytes per block",
        x_label="family",
        y_label="bytes on the broker's socket",
        series=tuple(ours),
        places=families,
        log=True,
    )


def _mining(report: PaperReport) -> Panel:
    series: dict[str, list[float | None]] = {
        "ours": [row.ours_s for row in report.mining],
        "paper's way here (at least)": [row.paper_way_s for row in report.mining],
        "paper, published": [row.published_s for row in report.mining],
    }
    return Panel(
        title="Table 2: time to mine",
        x_label="difficulty",
        y_label="seconds",
        series=_bars(series),
        places=tuple(row.level for row in report.mining),
        log=True,
    )


def _throughput(report: PaperReport) -> Panel:
    rows = report.throughput
    speeds: dict[str, list[float | None]] = {
        "ours": [row.tps for row in rows],
        "paper": [row.published_tps for row in rows],
        "go-ethereum in the paper": [row.geth_tps for row in rows],
    }
    return Panel(
        title="Table 3: throughput",
        x_label="load",
        y_label="transactions a second",
        series=_bars(speeds),
        places=tuple(row.name for row in rows),
        log=True,
    )


def _conflicts(report: PaperReport) -> Panel:
    points = tuple((row.depth, row.total_s) for row in report.conflicts)
    return Panel(
        title="Conflict resolution",
        x_label="depth of the fork, blocks",
        y_label="seconds",
        series=(Series(label="until one head", points=points),),
    )


def _capacity(report: PaperReport) -> Panel:
    sizes = sorted({row.transactions for row in report.capacity})
    return Panel(
        title="Difficulty and capacity",
        x_label="gain of a block, %",
        y_label="transactions a second, at most",
        series=tuple(
            Series(
                label=f"{size:,} in a block",
                points=tuple(
                    (row.gain_ppm / 10_000, row.tps)
                    for row in report.capacity
                    if row.transactions == size and row.tps is not None
                ),
            )
            for size in sizes
        ),
        log=True,
    )


def _following(report: PaperReport) -> Panel:
    targets = sorted({row.target_ms for row in report.following})
    return Panel(
        title="RQ3: needed gain",
        x_label="block (slower miner in the second half)",
        y_label="images",
        series=tuple(
            Series(
                label=f"target {target} ms" if target else "no target",
                points=tuple(
                    (row.block, row.needed_gain)
                    for row in report.following
                    if row.target_ms == target
                ),
            )
            for target in targets
        ),
    )


def _bars(values: Mapping[str, Sequence[float | None]]) -> tuple[Series, ...]:
    return tuple(
        Series(
            label=label,
            points=tuple((place, each) for place, each in enumerate(some) if each is not None),
        )
        for label, some in values.items()
    )


_OF_TABLES: Mapping[str, _Draw] = {
    "bytes": _bytes,
    "mining": _mining,
    "throughput": _throughput,
}
_OF_EXPERIMENTS: Mapping[str, _Draw] = {
    "conflicts": _conflicts,
    "capacity": _capacity,
    "following": _following,
}
