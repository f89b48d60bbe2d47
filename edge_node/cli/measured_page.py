# SPDX-License-Identifier: Apache-2.0
"""What `bench paper` and `bench proof` have in common: their options, and a page of what came.

Law of the file: what is measured is theirs; here it is asked for and shown.
Read next: paper_commands.py, proof_commands.py.
"""

import logging
import shlex
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import click

from edge_node.cli.edition_store import stored_mnist
from edge_node.cli.output import console, emit, json_option
from edge_node.cli.session import Session
from edge_node.node.system import SystemClock
from edge_node.primitives.clock import Clock

_LOG = logging.getLogger(__name__)

offline_option = click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
"""For every command that measures on MNIST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user asks of a page."""

    quick: bool
    """Whether to measure little."""
    tables: tuple[str, ...]
    """Names of the tables."""
    time_cap_s: int
    """Seconds that the longest parts may take each."""
    report: Path | None
    """Folder for the page and what belongs to it; None for none."""
    offline: bool
    """Whether MNIST is taken from the cache only."""
    as_json: bool
    """Whether to print one JSON object."""


class Measured(Protocol):
    """Port: what was measured."""

    def as_json(self) -> dict[str, object]:
        """Return all figures as plain values."""


_Measured = TypeVar("_Measured", bound=Measured)
_Options = TypeVar("_Options")
_Command = Callable[..., None]


def page_options(
    tables: Iterable[str], *, cap_s: int, capped: str, written: str
) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command the options of a page, as one `Asked`.

    Parameters
    ----------
    tables : iterable of str
        Names that `--only` takes; all of them are measured without it.
    cap_s : int
        What `--time-cap` is, if not given.
    capped, written : str
        What `--time-cap` is about, and what `--report` writes.
    """
    names = tuple(tables)

    def decorate(command: _Command) -> _Command:
        @click.option("--quick", is_flag=True, help="Measure little, to see that all of it works.")
        @click.option(
            "--only",
            "tables",
            type=click.Choice(names),
            multiple=True,
            help="One table; may be given several times.  [default: all]",
        )
        @click.option(
            "--time-cap",
            type=click.IntRange(min=1),
            default=cap_s,
            show_default=True,
            help=f"Seconds {capped}.",
        )
        @click.option(
            "--report",
            type=click.Path(path_type=Path, file_okay=False),
            help=f"Folder for {written}.",
        )
        @offline_option
        @json_option
        @click.pass_obj
        @wraps(command)
        def asking(
            session: Session,
            /,
            *,
            quick: bool,
            tables: tuple[str, ...],
            time_cap: int,
            report: Path | None,
            offline: bool,
            as_json: bool,
            **others: object,
        ) -> None:
            asked = Asked(
                quick=quick,
                tables=tables or names,
                time_cap_s=time_cap,
                report=report,
                offline=offline,
                as_json=as_json,
            )
            command(session, asked, **others)

        return asking

    return decorate


def measure(
    session: Session,
    asked: Asked,
    options: Callable[..., _Options],
    run: Callable[[_Options, Clock, Callable[[str], None]], _Measured],
    *,
    markdown: Callable[..., str],
    write_report: Callable[..., None],
) -> None:
    """Measure what was asked for, write its report if there is to be one, and show it.

    Parameters
    ----------
    session : Session
    asked : Asked
    options : callable
        Makes options of a run of datasets, dataset, folder, tables, quick and time_cap_s.
    run : callable
        Measures; says in words what is done now.
    markdown, write_report : callable
        Make a page, or a folder with it, of what was measured and the command line.
    """
    datasets, dataset = stored_mnist(session.directory.datasets, offline=asked.offline)
    with TemporaryDirectory(prefix="edge-node-bench-") as folder:
        chosen = options(
            datasets=datasets,
            dataset=dataset,
            folder=Path(folder),
            tables=asked.tables,
            quick=asked.quick,
            time_cap_s=asked.time_cap_s,
        )
        with nullcontext() if asked.as_json else console.status("measuring"):
            measured = run(chosen, SystemClock(), lambda what: _LOG.info("table %s", what))
    command = shlex.join(["edge-node", *sys.argv[1:]])
    if asked.report is not None:
        write_report(measured, command=command, folder=asked.report)
    emit(
        {"command": command, **measured.as_json()},
        as_json=asked.as_json,
        show=lambda: click.echo(markdown(measured, command=command)),
    )
