# SPDX-License-Identifier: Apache-2.0
"""Write edge-node.1, the man page, from the command line itself: `make man`.

Every command and option is what click knows of it, so the page can tell nothing else than `--help`
does. Not by click-man, whose pages are one for each of our sixty commands. The page is
committed, for a wheel is built without click; a test holds it against the commands.
Law of the file: one text from the commands alone: no date, no width of a terminal.
Read next: edge_node/cli/app.py.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from edge_node import __version__
from edge_node.cli.app import app
from edge_node.cli.deferred import loaded
from edge_node.cli.exit_codes import ExitCode
from edge_node.node.configuration import FILE_VARIABLE, PREFIX, variable_name

PAGE = Path(__file__).resolve().parents[1] / "edge_node/data/edge-node.1"
_NAME = "edge-node"
_FILES = (
    ("~/.local/share/edge-node", "Data directory: key, genesis, chain, datasets, config.toml."),
    ("/var/lib/edge-node", "Data directory of the service."),
    ("/etc/systemd/system/edge-node.service", "The service, as `install-service` writes it."),
    ("/etc/systemd/system/edge-node-bridge.service", "Its bridge's, where bridge.ports has any."),
)
_SETTINGS = (
    "Any setting, where neither --set nor an option says it; those of [node] go without the"
    f" section: {variable_name('node', 'board')}. `edge-node config show` tells what counts."
)
_VARIABLES = (
    (FILE_VARIABLE, "The configuration file, where --config names none."),
    (f"{PREFIX}SECTION_KEY", _SETTINGS),
)


def page() -> str:
    """Return the man page."""
    lines = [
        '.\\" SPDX-License-Identifier: Apache-2.0',
        '.\\" Written by `make man` from the command line itself; change that.',
        f'.TH EDGE\\-NODE 1 "" "{_NAME} {__version__}" "User Commands"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_NAME.replace('-', chr(92) + '-')} \\- {_roff(_summary(app))}",
        ".SH SYNOPSIS",
        *_usage((_NAME,), app),
        ".SH DESCRIPTION",
        *_paragraphs(app),
        ".SH OPTIONS",
        *_parameters(app),
        ".SH COMMANDS",
    ]
    for path, command in commands(app, (_NAME,)):
        lines += [f".SS {_roff(' '.join(path))}", *_usage(path, command)]
        lines += [*_paragraphs(command), *_parameters(command)]
    lines += [".SH ENVIRONMENT"]
    for variable, meaning in _VARIABLES:
        lines += [".TP", f".B {_roff(variable)}", _roff(meaning)]
    lines += [".SH EXIT STATUS"]
    for code in ExitCode:
        lines += [".TP", f".B {code.value}", _roff(code.meaning)]
    lines += [".SH FILES"]
    for place, meaning in _FILES:
        lines += [".TP", f".I {_roff(place)}", _roff(meaning)]
    lines += [".SH SEE ALSO", ".BR systemctl (1),", ".BR journalctl (1)"]
    return "\n".join(lines) + "\n"


def commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command, a group before its own, in the order of the help, with its words."""
    for name, listed in group.commands.items():
        command, words = loaded(listed), (*path, name)
        yield words, command
        if isinstance(command, click.Group):
            yield from commands(command, words)


def _summary(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").partition("\n\n")[0].replace("\n", " ").rstrip(".")


def _usage(path: Sequence[str], command: click.Command) -> list[str]:
    context = _context(command, " ".join(path))
    pieces = " ".join(command.collect_usage_pieces(context))
    return [f".B {_roff(' '.join(path))}", _roff(pieces), ".br"]


def _paragraphs(command: click.Command) -> list[str]:
    lines = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        verbatim = paragraph.startswith("\b")
        text = paragraph.lstrip("\b\n")
        lines += [".PP"]
        lines += [".nf", *map(_roff, text.splitlines()), ".fi"] if verbatim else [_roff(text)]
    return lines


def _parameters(command: click.Command) -> list[str]:
    """Return one entry for each option, as `--help` has it; that one itself is told once."""
    context = _context(command, command.name)
    lines = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if not isinstance(parameter, click.Option) or record is None:
            continue  # what an argument is, the paragraphs say
        if "--help" in parameter.opts and command is not app:
            continue
        words, meaning = record
        lines += [".TP", f".B {_roff(words)}", _roff(meaning)]
    return lines


def _context(command: click.Command, name: str | None) -> click.Context:
    return click.Context(command, info_name=name, help_option_names=["-h", "--help"])


def _roff(text: str) -> str:
    """Return a text that means only itself to roff."""
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in {".", "'"} else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 1 if --check finds another page."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.man_page", description="Write the man page from the command line."
    )
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    options = parser.parse_args(arguments)
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE.name} is not what the commands are; run `make man`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
