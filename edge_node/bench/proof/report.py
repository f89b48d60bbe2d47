# SPDX-License-Identifier: Apache-2.0
"""The figures of a run as a Markdown page, with the paper's beside them and Figure 1 at the end.

Law of the file: words and rounding only; every figure comes from the run.
Read next: rows.py, plots.py.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_node.bench.paper.report import machine_words, table
from edge_node.bench.proof import acceptance
from edge_node.bench.proof.plots import draw_figure
from edge_node.bench.proof.rows import ProofRow, figure
from edge_node.bench.proof.run import TABLES, ProofReport

PAGE = "PROOF_TABLES.md"
PLOTS = "proof"
"""Folder of the plot and of the figures as JSON, beside the page."""
_REACHED = {None: "", True: "yes", False: "NO"}

_TITLES: Mapping[str, str] = {
    "acceptance": "Acceptance of the requirements R",
    "learning": "Learning",
    "verification": "Verification",
    "bytes": "Bytes of a block",
    "share": "Honest share",
    "interval": "Interval between blocks",
    "restart": "Restart of a search",
    "figure": "Paper B's Figure 1",
}
"""By the names of TABLES."""


def write_report(report: ProofReport, *, command: str, folder: Path) -> None:
    """Write the page, its plot and its figures into a folder.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    plots = folder / PLOTS
    plots.mkdir(parents=True, exist_ok=True)
    page = markdown(report, command=command)
    name = draw_figure(report.curves, plots)
    if name is not None:
        page += f"\n![Figure 1, made anew]({PLOTS}/{name}.png)\n"
    (folder / PAGE).write_text(page, encoding="utf-8")
    figures = json.dumps({"command": command, **report.as_json()})
    (plots / "figures.json").write_text(figures + "\n", encoding="utf-8")


def markdown(report: ProofReport, *, command: str) -> str:
    """Return the page.

    Parameters
    ----------
    report : ProofReport
    command : str
        The command line that measured it.
    """
    parts = ["# The proof rules, measured\n", machine_words(report, command)]
    for name in TABLES:
        rows = [row for row in report.rows if row.table == name]
        if rows:
            shown = _by_k(rows) if name == acceptance.TABLE else _table(rows)
            parts.append(f"## {_TITLES[name]}\n\n{shown}")
    return "\n".join(parts)


def _by_k(rows: Sequence[ProofRow]) -> str:
    """Return a line for each family and stage, and a column for each k."""
    stages: dict[str, list[ProofRow]] = {}
    for row in rows:
        stages.setdefault(row.what.rsplit(", k = ", 1)[0], []).append(row)
    widest = max(stages.values(), key=len)
    columns = ["stage", *(f"k = {k}" for k in range(1, len(widest) + 1)), "how"]
    lines = [
        (
            stage,
            *(f"**{row.value:.2f}**" + "!" * (row.reached is False) for row in some),
            some[0].how,
        )
        for stage, some in stages.items()
    ]
    asked = rows[0].asked
    return (
        f"Share of bursts that meet their k requirements, times 2**k; {asked} is asked for up to "
        f"k = {acceptance.PROMISED_REQUIREMENTS} (! marks what is outside). The paper assumes "
        "1.\n\n" + table(columns, lines)
    )


def _table(rows: list[ProofRow]) -> str:
    columns = ("what", "measured", "goal", "reached", "paper B", "how")
    lines = [
        (
            row.what + (" (simulated)" if row.simulated else ""),
            f"**{figure(row.value)}** {row.unit}",
            row.asked or "-",
            _REACHED[row.reached] or "-",
            row.published or "-",
            row.how,
        )
        for row in rows
    ]
    return table(columns, lines)
