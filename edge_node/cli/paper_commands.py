# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench paper`: the tables of paper A measured here, as JSON, in words or as a report.

Law of the file: a level that was not reached is a bound in the report, never an error.
Read next: edge_node/bench/paper/run.py.
"""

import logging
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from edge_node.bench.paper.report import markdown, write_report
from edge_node.bench.paper.run import TABLES, TIME_CAP_S, PaperOptions, run_paper
from edge_node.cli.edition_store import stored_mnist
from edge_node.cli.output import console, emit, json_option
from edge_node.cli.session import Session
from edge_node.node.system import SystemClock

_LOG = logging.getLogger(__name__)


@click.command("paper")
@click.option("--quick", is_flag=True, help="Measure little, to see that all of it works.")
@click.option(
    "--only",
    "tables",
    type=click.Choice(list(TABLES)),
    multiple=True,
    help="One table; may be given several times.  [default: all]",
)
@click.option(
    "--time-cap",
    type=click.IntRange(min=1),
    default=TIME_CAP_S,
    show_default=True,
    help="Seconds that each level may take the paper's own way.",
)
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for PAPER_TABLES.md, its figures as JSON and its plots.",
)
@click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
@json_option
@click.pass_obj
def paper(
    session: Session,
    /,
    *,
    quick: bool,
    tables: tuple[str, ...],
    time_cap: int,
    page: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Measure the tables of section 5 of the paper, side by side.

    Brokers and nodes are started on this machine for it. The paper's own way of mining alone takes
    three times the time cap.
    """
    datasets, dataset = stored_mnist(session.directory.datasets, offline=offline)
    with TemporaryDirectory(prefix="edge-node-bench-") as folder:
        options = PaperOptions(
            datasets=datasets,
            dataset=dataset,
            folder=Path(folder),
            tables=tables or tuple(TABLES),
            quick=quick,
            time_cap_s=time_cap,
        )
        with nullcontext() if as_json else console.status("measuring"):
            measured = run_paper(options, SystemClock(), lambda what: _LOG.info("table %s", what))
    command = shlex.join(["edge-node", *sys.argv[1:]])
    if page is not None:
        write_report(measured, command=command, folder=page)
    emit(
        {"command": command, **measured.as_json()},
        as_json=as_json,
        show=lambda: click.echo(markdown(measured, command=command)),
    )
