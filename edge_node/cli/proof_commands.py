# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench proof`: what the lottery rules promise, measured here, and paper B's Figure 1.

Law of the file: a missed goal is a row that says so, never an error.
Read next: edge_node/bench/proof/run.py.
"""

import logging
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from edge_node.bench.proof.report import markdown, write_report
from edge_node.bench.proof.run import TABLES, run_proof
from edge_node.bench.proof.workbench import TIME_CAP_S, ProofOptions
from edge_node.cli.edition_store import stored_mnist
from edge_node.cli.output import console, emit, json_option
from edge_node.cli.session import Session
from edge_node.node.system import SystemClock

_LOG = logging.getLogger(__name__)

REAL_BLOCKS = 200
"""Mined in earnest for a report."""


@click.command("proof")
@click.option("--quick", is_flag=True, help="Measure little, to see that all of it works.")
@click.option(
    "--only",
    "tables",
    type=click.Choice(list(TABLES)),
    multiple=True,
    help="One table; may be given several times.  [default: all]",
)
@click.option(
    "--blocks",
    type=click.IntRange(min=4),
    help="Length of every chain.  [default: each table's own]",
)
@click.option(
    "--real",
    "real_blocks",
    type=click.IntRange(min=0),
    help=f"Blocks that three miners mine in earnest.  [default: {REAL_BLOCKS} with --report, or 0]",
)
@click.option(
    "--time-cap",
    type=click.IntRange(min=1),
    default=TIME_CAP_S,
    show_default=True,
    help="Seconds of one chain.",
)
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for PROOF_TABLES.md, its figures as JSON and its plot.",
)
@click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
@json_option
@click.pass_obj
def proof(  # noqa: PLR0913 - one for each option
    session: Session,
    /,
    *,
    quick: bool,
    tables: tuple[str, ...],
    blocks: int | None,
    real_blocks: int | None,
    time_cap: int,
    page: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Measure what the proof rules promise, and draw paper B's Figure 1.

    Chains are mined on this machine for it; all of it takes about ten minutes.
    """
    datasets, dataset = stored_mnist(session.directory.datasets, offline=offline)
    if real_blocks is None:
        real_blocks = 0 if page is None else REAL_BLOCKS
    with TemporaryDirectory(prefix="edge-node-bench-") as folder:
        options = ProofOptions(
            datasets=datasets,
            dataset=dataset,
            folder=Path(folder),
            tables=tables or tuple(TABLES),
            quick=quick,
            blocks=blocks,
            real_blocks=real_blocks,
            time_cap_s=time_cap,
        )
        with nullcontext() if as_json else console.status("measuring"):
            measured = run_proof(options, SystemClock(), lambda what: _LOG.info("table %s", what))
    command = shlex.join(["edge-node", *sys.argv[1:]])
    if page is not None:
        write_report(measured, command=command, folder=page)
    emit(
        {"command": command, **measured.as_json()},
        as_json=as_json,
        show=lambda: click.echo(markdown(measured, command=command)),
    )
