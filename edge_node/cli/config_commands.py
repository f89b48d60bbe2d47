# SPDX-License-Identifier: Apache-2.0
"""`edge-node config show` and `edge-node hw`: what is set and by whom, what this machine can do.

Law of the file: answers only, nothing is changed.
Read next: edge_node/node/configuration.py, edge_node/node/hardware.py.
"""

from dataclasses import asdict

import click
from rich.table import Table

from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.session import Session
from edge_node.inference.select import available_backends
from edge_node.node.boards import Board, board_names, read_board
from edge_node.node.hardware import CheckRequest, check, detect


@click.group()
def config() -> None:
    """Show the configuration."""


@config.command("show")
@json_option
@click.pass_obj
def show_config(session: Session, /, *, as_json: bool) -> None:
    """Show every setting and where it comes from."""
    origins = session.loaded.origins
    emit(
        {"settings": [asdict(origin) for origin in origins]},
        as_json=as_json,
        show=lambda: console.print(
            table(
                "settings (flag > environment > file > board > default)",
                ("!setting", "value", "from"),
                [(f"{o.section}.{o.key}", _as_typed(o.value), o.source) for o in origins],
            )
        ),
    )


def _as_typed(value: object) -> str:
    """Return a setting as `--set` takes it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@click.group()
def hw() -> None:
    """Detect, check and list boards."""


@hw.command("detect")
@json_option
def detect_hardware(*, as_json: bool) -> None:
    """Say what this machine is."""
    found = detect()
    emit(
        asdict(found),
        as_json=as_json,
        show=lambda: click.echo(
            f"{found.title} ({found.machine}, {found.pointer_bits} bit), board file "
            f"{found.board or 'none'}, {found.cpu_count} processors, "
            f"{found.memory_bytes >> 20} MiB, {' '.join(found.cpu_flags)}"
        ),
    )


@hw.command("check")
@json_option
@click.pass_obj
def check_hardware(session: Session, /, *, as_json: bool) -> None:
    """Say what works here.

    Exits with 1 if something that is needed does not work.
    """
    findings = check(
        detect(),
        CheckRequest(
            backends=available_backends(),
            data_dir=session.data_dir,
            min_free_mib=session.config.limits.min_free_mib,
        ),
    )
    emit(
        {"findings": [asdict(finding) for finding in findings]},
        as_json=as_json,
        show=lambda: console.print(
            table(
                "this machine",
                ("what", "works", "needed", "detail"),
                [
                    (f.name, "yes" if f.works else "no", "yes" if f.needed else "", f.detail)
                    for f in findings
                ],
            )
        ),
    )
    if any(finding.needed and not finding.works for finding in findings):
        raise SystemExit(ExitCode.FAILED)


@hw.command("show")
@click.argument("board", required=False)
@json_option
def show_board(*, board: str | None, as_json: bool) -> None:
    """List the known boards, or show one."""
    names = board_names() if board is None else [board]
    boards = [read_board(name) for name in names]
    emit(
        {"boards": [asdict(each) for each in boards]},
        as_json=as_json,
        show=lambda: console.print(_boards(boards) if board is None else _board(boards[0])),
    )


def _boards(boards: list[Board]) -> Table:
    return table("boards", ("name", "title"), [(each.name, each.title) for each in boards])


def _board(board: Board) -> Table:
    settings = [
        (f"{name}.{key}", _as_typed(value))
        for name, section in board.sections.items()
        if isinstance(section, dict)
        for key, value in section.items()
    ]
    return table(f"{board.title} ({board.path})", ("!setting", "value"), settings)
