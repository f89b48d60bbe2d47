# SPDX-License-Identifier: Apache-2.0
"""The figures of a run as a Markdown page: each table of the paper with ours beside it.

Law of the file: words and rounding only; every figure comes from the run, but for the paper's own.
Read next: goals.py, plots.py.
"""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edge_node.bench.machine import Machine
from edge_node.bench.paper.goals import Goal, goals
from edge_node.bench.paper.plots import draw_plots
from edge_node.bench.paper.run import PaperReport

PAGE = "PAPER_TABLES.md"
PLOTS = "paper"
"""Folder of the plots and of the figures as JSON, beside the page."""


def write_report(report: PaperReport, *, command: str, folder: Path) -> None:
    """Write the page, its plots and its figures into a folder.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    plots = folder / PLOTS
    plots.mkdir(parents=True, exist_ok=True)
    names = draw_plots(report, plots)
    pictures = "".join(f"![{name}]({PLOTS}/{name}.png)\n\n" for name in names)
    page = markdown(report, command=command) + "\n## Plots\n\n" + pictures.rstrip() + "\n"
    (folder / PAGE).write_text(page, encoding="utf-8")
    figures = json.dumps({"command": command, **report.as_json()}, indent=1)
    (plots / "figures.json").write_text(figures + "\n", encoding="utf-8")


def markdown(report: PaperReport, *, command: str) -> str:
    """Return the page.

    Parameters
    ----------
    report : PaperReport
    command : str
        The command line that measured it.
    """
    parts = ["# Paper A's tables, measured\n", machine_words(report, command)]
    if asked := goals(report):
        parts.append(_goals(asked))
    parts += [_SECTIONS[name](report) for name in report.measured]
    return "\n".join(parts)


class Run(Protocol):
    """What reports of measurements have in common."""

    @property
    def machine(self) -> Machine:
        """What was measured on."""

    @property
    def cores(self) -> int:
        """Processors that the run might use."""

    @property
    def load_before(self) -> float:
        """Load average before anything was measured."""

    @property
    def load_after(self) -> float:
        """The same at the end."""

    @property
    def quick(self) -> bool:
        """Whether little was measured."""

    @property
    def seconds(self) -> float:
        """How long it took."""


def machine_words(report: Run, command: str) -> str:
    """Return the paragraph on what was measured where, and by which command."""
    machine = report.machine
    quick = " These are the small figures of `--quick`." if report.quick else ""
    return (
        f"`{command}` on {machine.cpu}, {report.cores} processors, {machine.machine}; kernels "
        f"{', '.join(machine.kernel_paths) or 'not built'}; Python {machine.python}, numpy "
        f"{machine.numpy}; edge-node {machine.edge_node} at commit "
        f"{machine.git_commit or 'unknown'}. It took {report.seconds:,.0f} s; the load average "
        f"was {report.load_before} before and {report.load_after} after.{quick}\n"
    )


def _goals(asked: Sequence[Goal]) -> str:
    rows = [(goal.what, goal.asked, f"**{goal.measured}**", goal.why or "-") for goal in asked]
    return "## What was asked for, and what came\n\n" + table(
        ("figure", "asked for", "measured", "not reached, because"), rows
    )


def _bytes(report: PaperReport) -> str:
    rows = [
        (
            row.family,
            f"{row.parameters:,}",
            row.kind,
            f"{row.model_bytes:,}",
            f"{row.header_bytes:,}",
            f"{row.envelope_bytes:,}",
            f"**{row.to_broker_bytes:,}**",
            f"{row.tip_bytes:,}",
            f"{row.published_bytes:,.0f}",
            f"{row.ratio:.2f}x",
        )
        for row in report.bytes
    ]
    largest = max(row.to_broker_bytes for row in report.bytes)
    return (
        "## Table 1: bytes per block\n\n"
        f"On the socket of a real {report.broker}, read through a relay that counts: MQTT, "
        "envelopes, tables of pieces and acknowledgements included, TCP and IP not. No "
        "transactions, as in the paper. A node sends the recipe with the shortest transport of "
        "the model; receivers need only the recipe. The tip is told beside the block, at most "
        "once a second.\n\n"
        + table(
            (
                "family",
                "weights",
                "model as",
                "model B",
                "header B",
                "envelope B",
                "on the socket B",
                "tip B",
                "paper B",
                "paper / ours",
            ),
            rows,
        )
        + f"\nRQ4, bandwidth: the paper's empty blocks stay below 1 MB; ours take {largest:,} "
        "bytes at most.\n"
    )


def _mining(report: PaperReport) -> str:
    rows = [
        (
            f"{row.level} (+{row.difference_ppm / 10_000:g} %, +{row.gain_ppm / 10_000:g} %)",
            "not found" if row.ours_s is None else f"**{row.ours_s:.4g}**",
            f"{'' if row.paper_way_reached else '>= '}{row.paper_way_s:,.4g}",
            f"{row.evaluations:,}",
            f"{row.published_s:,.0f}",
            "-"
            if row.ratio is None
            else f"{'' if row.paper_way_reached else '>= '}{row.ratio:,.0f}x",
            _pair(row.base_evaluation_ppm, row.base_untouched_ppm),
            _pair(row.ours_evaluation_ppm, row.ours_untouched_ppm),
            _pair(row.paper_way_evaluation_ppm, row.paper_way_untouched_ppm),
        )
        for row in report.mining
    ]
    evaluator = report.mining[0].evaluator
    return (
        "## Table 2: time to mine\n\n"
        "The 4.4K family; a child must differ from its base in a share of its weights and gain "
        "points on the evaluation split. Both begin with the same base, climb on train images and "
        "are accepted on the evaluation split; the untouched split decides nothing. Both are in "
        "processor time of one thread, ours the median of five searches. The paper's way, written "
        "anew after its text: population of 10, crossover of 10 %, mutation with probability 0.05 "
        f"on 10 % of the weights, every model evaluated by {evaluator}. A level that it did not "
        "reach is a lower bound.\n\n"
        + table(
            (
                "level",
                "ours s",
                "paper's way here s",
                "models tried",
                "published s",
                "faster",
                "base eval / untouched %",
                "ours eval / untouched %",
                "paper's way eval / untouched %",
            ),
            rows,
        )
    )


def _pair(evaluation: int | None, untouched: int | None) -> str:
    return f"{_percent(evaluation)} / {_percent(untouched)}"


def _percent(ppm: int | None) -> str:
    return "-" if ppm is None else f"{ppm / 10_000:.2f}"


def _throughput(report: PaperReport) -> str:
    rows = [
        (
            row.name,
            f"{row.transactions:,}",
            f"{row.offered_per_s:,.0f}/s" if row.offered_per_s else "at once",
            f"{row.block_transactions:,}",
            f"{row.blocks}",
            f"{row.seconds:.1f}",
            f"**{row.tps:,.1f}**",
            _ms(row.p50_ms),
            _ms(row.p99_ms),
            ", ".join(f"{100 * each:.0f}" for each in row.node_cores),
            f"{100 * row.trainer_cores:.0f}",
            f"{row.missing}",
            f"{row.published_tps:.2f}" if row.published_tps else "-",
        )
        for row in report.throughput
    ]
    first = report.throughput[0]
    costs = [row.transfer_cost_ms for row in report.throughput if row.offered_per_s]
    cost = f" A transfer costs each node {costs[-1]:.2f} ms of one processor." if costs else ""
    return (
        "## Table 3: throughput\n\n"
        f"{first.nodes} node processes over a real broker, started by command line; every node "
        "checks every signature. The clock runs from the first transfer handed in until the last "
        "node says that it has judged the last block; a time to inclusion ends when all nodes "
        "have judged the block. Low and Medium are the paper's difficulties, with its 146 "
        f"transfers a block; go-ethereum there has {first.geth_tps} TPS. The steady load has "
        "blocks of a light population, one miner and full blocks. All share this one machine, "
        f"with the clients that hand in.{cost}\n\n"
        + table(
            (
                "load",
                "transfers",
                "offered",
                "in a block",
                "blocks",
                "seconds",
                "TPS",
                "p50 ms",
                "p99 ms",
                "nodes, % of a core",
                "trainers, %",
                "missing",
                "paper TPS",
            ),
            rows,
        )
    )


def _conflicts(report: PaperReport) -> str:
    rows = [
        (
            f"{row.depth}",
            f"{row.judged}",
            f"{row.judge_s:.3f}",
            f"{row.switch_s:.3f}",
            f"**{row.total_s:.3f}**",
        )
        for row in report.conflicts
    ]
    return (
        "## Conflict resolution\n\n"
        "Announced in section 5 of the paper, which shows no figure. Two nodes with stores of "
        "their own and two heads; healed, the one with the shorter branch judges every block of "
        "the other in full and moves its head with the last. Processor time of one thread, "
        "without the way through the network.\n\n"
        + table(
            ("depth", "blocks judged", "judging s", "last block and move s", "resolved s"), rows
        )
    )


def _capacity(report: PaperReport) -> str:
    rows = [
        (
            f"+{row.gain_ppm / 10_000:g} %",
            f"{row.transactions:,}",
            "not found" if row.mine_s is None else f"{row.mine_s:.4g}",
            f"{row.judge_s:.3f}",
            "-" if row.tps is None else f"**{row.tps:,.0f}**",
        )
        for row in report.capacity
    ]
    return (
        "## Difficulty against transaction capacity\n\n"
        "Announced in section 5, without a figure. A block must gain so much (at a difference of "
        "0.5 %); one thread mines it, then judges and stores it, every signature checked "
        "anew.\n\n"
        + table(("gain", "transfers in a block", "mining s", "judging s", "at most TPS"), rows)
    )


def _following(report: PaperReport) -> str:
    rows: list[tuple[str, ...]] = []
    for target_ms in sorted({row.target_ms for row in report.following}):
        for slowness in sorted({row.slowness for row in report.following}):
            some = [
                row
                for row in report.following
                if (row.target_ms, row.slowness) == (target_ms, slowness)
            ]
            if not some:
                continue
            gains = [row.needed_gain for row in some]
            rows.append(
                (
                    f"{target_ms} ms" if target_ms else "none",
                    f"1/{slowness}" if slowness > 1 else "1",
                    f"{some[0].block}..{some[-1].block}",
                    f"{gains[0]} -> {gains[-1]}",
                    f"{statistics.median(row.interval_ms for row in some):.0f}",
                    f"{_percent(some[0].evaluation_ppm)} -> {_percent(some[-1].evaluation_ppm)}",
                )
            )
    return (
        "## RQ3: difficulty can rise, and follows the interval\n\n"
        "Table 2 shows that it can be raised. Here each block is mined in earnest on the one "
        "before; half-way the miner becomes several times slower. With a target the needed gain "
        "rises by an image after a faster block and falls after a slower one (R-32).\n\n"
        + table(
            (
                "target",
                "mining power",
                "blocks",
                "needed gain, images",
                "median interval ms",
                "evaluation %",
            ),
            rows,
        )
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first stand to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


_SECTIONS: Mapping[str, Callable[[PaperReport], str]] = {
    "bytes": _bytes,
    "mining": _mining,
    "throughput": _throughput,
    "conflicts": _conflicts,
    "capacity": _capacity,
    "following": _following,
}
"""By the names of TABLES."""
