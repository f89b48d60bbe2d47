# SPDX-License-Identifier: Apache-2.0
"""Output: JSON for scripts on standard output, tables for people, logs on standard error.

Law of the file: with --json, standard output holds one JSON object and nothing else.
Read next: app.py.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.table import Table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
"""For every command that answers something."""

console = Console(stderr=False, highlight=False)
"""Where people read."""


def emit(value: object, *, as_json: bool, show: Callable[[], None]) -> None:
    """Print a value as JSON, or let `show` print it for people."""
    if as_json:
        click.echo(json.dumps(value, indent=2, default=str))  # paths as text
    else:
        show()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table; columns whose name begins with `>` are aligned right."""
    built = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        built.add_column(column.lstrip(">"), justify="right" if column[:1] == ">" else "left")
    for row in rows:
        built.add_row(*(str(cell) for cell in row))
    return built


def percent(ppm: int) -> str:
    """Return parts per million as percent with two decimals."""
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time_ms": int(record.created * 1_000),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": record.getMessage(),
            }
        )


def set_up_logging(level: str, log_format: str) -> None:
    """Send logs to standard error."""
    stream = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        stream.setFormatter(_JsonFormatter())
    else:
        stream.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
