# SPDX-License-Identifier: Apache-2.0
"""Output: JSON for scripts on standard output, tables for people, logs on standard error.

Law of the file: with --json, standard output holds one JSON object and nothing else.
Read next: app.py.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, NoReturn, TextIO

import click
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
"""For every command that answers once."""


SHORT_DIGITS = 12
"""Of a hash in a table: all columns fit in 80."""


ROOMY_COLUMNS = 110
"""A terminal so wide has room for every table with its lines."""
_NARROW_TEXT = 8
"""Texts are folded to columns so wide, where need be, before anything else is folded."""
_ANY_WIDTH = 1 << 16
"""Wider than any table: to ask how much room one wants."""


class _Paper(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `emit`; rich would end the command as if it had failed."""
        raise BrokenPipeError


# Names in the tables come from other people's nodes: nothing in them is an instruction to rich.
console = _Paper(highlight=False, markup=False, emoji=False)
"""Where people read tables."""


def emit(value: object, *, as_json: bool, show: Callable[[], None]) -> None:
    """Print a value as JSON, or let `show` print it for people."""
    try:
        if as_json:
            click.echo(json.dumps(value, indent=2, default=str))  # paths as text
        else:
            show()
    except BrokenPipeError:
        reader_is_gone()


def reader_is_gone() -> NoReturn:
    """End well: whoever reads our output, such as `head`, has seen enough."""
    # Python writes what is left when it ends, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show what is waited for, on a terminal only, and give the function that changes the text."""
    with Console(stderr=True, highlight=False, markup=False).status(text) as status:
        yield status.update


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, crowded: bool = False
) -> Table:
    """Return a table; where it is too narrow its texts are folded, nothing is left out.

    Parameters
    ----------
    title : str
    columns : sequence of str
        Names; one that begins with `>` is a column of numbers, aligned right, one that begins with
        `!` is a column of short texts. Both are folded only if they alone are too wide.
    rows : sequence of sequence of object
        Cells.
    crowded : bool
        Many columns: on a narrow terminal without lines between them.
    """
    built = Table(title=title, title_justify="left", header_style="bold")
    dense = crowded and console.width < ROOMY_COLUMNS
    if dense:
        built.box, built.padding, built.pad_edge = box.SIMPLE_HEAD, (0, 0, 0, 0), False
    for column in columns:
        built.add_column(
            column.lstrip(">!").replace(" ", "\n" if dense else " "),
            justify="right" if column[:1] == ">" else "left",
            overflow="fold",
            no_wrap=column[:1] in {">", "!"},
        )
    for row in rows:
        built.add_row(*(printable(str(cell)) for cell in row))
    _fold_if_cut(built)
    return built


def _fold_if_cut(built: Table) -> None:
    """Let all columns be folded if those that should not be have no room.

    Rich would cut them off, and a number without its last digits is another number.
    """
    unbounded = console.options.update(max_width=_ANY_WIDTH)
    for column in built.columns:
        if column.no_wrap:
            cells = (column.header, *column.cells)
            widths = [Measurement.get(console, unbounded, cell).maximum for cell in cells]
            column.min_width = max(widths)
        else:
            column.max_width = _NARROW_TEXT
    cut = Measurement.get(console, unbounded, built).minimum > console.width
    for column in built.columns:
        column.min_width = column.max_width = None
        column.no_wrap = column.no_wrap and not cut


def short(name: object) -> str:
    """Return the beginning of a hash or an id: enough to tell it from others, and to name it."""
    return str(name)[:SHORT_DIGITS]


def printable(text: str) -> str:
    """Return a text in which nothing can steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


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


class _JournalFormatter(logging.Formatter):
    """The journal keeps the time itself, and takes the level from a prefix: sd-daemon(3)."""

    _PRIORITIES: ClassVar = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4}
    _ERROR = 3

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{self._PRIORITIES.get(record.levelno, self._ERROR)}>"
        return "\n".join(f"{prefix}{line}" for line in super().format(record).splitlines())


def _is_journal(stream: TextIO) -> bool:
    """Return True if systemd has connected this stream to the journal."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def set_up_logging(level: str, log_format: str) -> None:
    """Send logs to standard error."""
    stream = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        stream.setFormatter(_JsonFormatter())
    elif _is_journal(sys.stderr):
        stream.setFormatter(_JournalFormatter("%(message)s"))
    else:
        stream.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)


def complain(sentence: str) -> None:
    """Say on standard error what went wrong, in the form that the logs have."""
    text = printable(" ".join(sentence.splitlines()))
    line = f"edge-node: {text}"
    for stream in logging.getLogger().handlers:
        if isinstance(stream.formatter, _JsonFormatter | _JournalFormatter):
            level = logging.ERROR
            line = stream.format(logging.LogRecord("edge-node", level, "", 0, text, None, None))
    click.echo(line, err=True)
