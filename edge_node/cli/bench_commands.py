# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench`: the speeds that edge-node promises, measured here, beside their alternatives.

Law of the file: a missed goal is a row that says so, never an error.
Read next: edge_node/bench/run.py.
"""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict

import click
from rich.table import Table

from edge_node.bench.child import NEED_KERNELS, SECTIONS
from edge_node.bench.machine import Machine, describe_machine
from edge_node.bench.rows import Row
from edge_node.bench.run import BenchOptions, run_bench
from edge_node.cli.edition_store import stored_mnist
from edge_node.cli.measured_page import offline_option
from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.paper_commands import paper
from edge_node.cli.proof_commands import proof
from edge_node.cli.session import Session
from edge_node.kernels.shared_object import load_library

_LOG = logging.getLogger(__name__)


@click.group(invoke_without_command=True)
@click.option(
    "--quick", is_flag=True, help="Under half a minute: fewer repetitions, no long training."
)
@click.option(
    "--only",
    "sections",
    type=click.Choice(list(SECTIONS)),
    multiple=True,
    help="One section; may be given several times.  [default: all]",
)
@offline_option
@json_option
@click.pass_context
def bench(
    context: click.Context,
    /,
    *,
    quick: bool,
    sections: tuple[str, ...],
    offline: bool,
    as_json: bool,
) -> None:
    """Measure speeds on one core; takes about three minutes.

    Times are processor time of one thread, medians of several repetitions.
    `bench paper` measures the paper's own tables, `bench proof` what the lottery rules promise.
    """
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    _, dataset = stored_mnist(session.directory.datasets, offline=offline)
    if not sections and load_library() is None:
        sections = tuple(name for name in SECTIONS if name not in NEED_KERNELS)
        left_out = ", ".join(NEED_KERNELS)
        _LOG.warning("the C kernels are not built, so these are left out: %s", left_out)
    options = BenchOptions(
        datasets=session.directory.datasets, dataset=dataset, sections=sections, quick=quick
    )
    machine = describe_machine()
    with nullcontext() if as_json else console.status("measuring"):
        rows = list(run_bench(options))
    emit(
        {"machine": asdict(machine), "rows": [row.as_json() for row in rows]},
        as_json=as_json,
        show=lambda: _show(machine, rows),
    )


bench.add_command(paper)
bench.add_command(proof)


def _show(machine: Machine, rows: Sequence[Row]) -> None:
    console.print(_rows_table(rows))
    console.print(
        f"{machine.cpu}, {' '.join(machine.flags)}; kernels: "
        f"{', '.join(machine.kernel_paths) or 'not built'}; one thread; Python {machine.python}, "
        f"numpy {machine.numpy}, LCE {machine.lce or 'not installed'}, "
        f"TFLite {machine.tflite or 'not installed'}, edge-node {machine.edge_node}"
        + (f" at {machine.git_commit}" if machine.git_commit else "")
    )


def _rows_table(rows: Sequence[Row]) -> Table:
    columns = ("what", ">here", ">goal", "reached", ">instead", ">ratio", "which is")
    answers = {None: "", True: "yes", False: "NO"}
    return table(
        "one core",
        columns,
        [
            (
                row.name,
                f"{figure(row.value)} {row.unit}",
                f"{'>=' if row.more_is_better else '<='} {figure(row.goal)}" if row.goal else "",
                answers[row.reached],
                figure(row.baseline_value),
                f"{figure(row.ratio)}x" if row.ratio else "",
                row.baseline or "",
            )
            for row in rows
        ],
        crowded=True,
    )


def figure(value: float | None) -> str:
    """Return a figure with about four digits, as people read it."""
    if value is None:
        return "-"
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
