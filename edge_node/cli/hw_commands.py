# SPDX-License-Identifier: Apache-2.0
"""`edge-node hw`: what this machine is, what of the node works on it, which overlay it may load.

Law of the file: `adopt-overlay` alone changes something, one file of the data directory.
Read next: edge_node/node/hardware.py, edge_node/node/overlay_check.py.
"""

import os
import pwd
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from edge_node.cli.config_commands import as_typed
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.session import Session
from edge_node.inference.backend import InferenceError
from edge_node.inference.bitstream import OVERLAY
from edge_node.inference.overlay import OVERLAY_SIM
from edge_node.inference.select import available_backends, open_backend
from edge_node.node.boards import Board, board_names, read_board
from edge_node.node.config import Config
from edge_node.node.configuration import Origin, board_settings
from edge_node.node.hardware import CheckRequest, Finding, Hardware, check, detect
from edge_node.node.machine_check import MachineRequest, check_machine
from edge_node.node.overlay_adoption import adopt_overlay
from edge_node.node.overlay_check import check_overlay
from edge_node.node.service import heat_limits_of, limits_of
from edge_node.node.system import SystemClock
from edge_node.primitives.counting import counted


@click.group()
def hw() -> None:
    """Detect, check and list boards."""


@hw.command("detect")
@json_option
@click.pass_obj
def detect_hardware(session: Session, /, *, as_json: bool) -> None:
    """Say what this machine is, and by what its board was recognised."""
    found = detect(session.config.node.machine_root)
    emit(
        asdict(found),
        as_json=as_json,
        show=lambda: click.echo(
            f"{found.title} ({found.machine}, {found.pointer_bits} bit), board file "
            f"{found.board or 'none'}, {counted(found.cpu_count, 'processor')}, "
            f"{found.memory_bytes >> 20} MiB, {' '.join(found.cpu_flags)}\n"
            f"{_why_board(found)}"
        ),
    )


def _why_board(found: Hardware) -> str:
    if found.board:
        return f"{found.board} because {found.why}"
    return "no board's file fits; defaults serve, or name one of yours as node.board"


@hw.command("check")
@json_option
@click.pass_obj
def check_hardware(session: Session, /, *, as_json: bool) -> None:
    """Say what works here: parts, back ends by their known answers, the overlay.

    Exits with 1 if something that is needed does not work, or the adopted overlay is another.
    """
    adopted, board = session.config.fpga.adopted, session.config.bridge.board
    overlay = check_overlay(adopted)
    holds = all(finding.works for finding in overlay)

    def why_wrong(name: str) -> str | None:
        if name == OVERLAY_SIM:
            return None  # it would have to be compiled for minutes
        if name == OVERLAY and not holds:
            return overlay[-1].detail
        try:
            open_backend(name, adopted, board).close()
        except InferenceError as error:
            return str(error)
        return None

    request = CheckRequest(
        backends=available_backends(adopted, board),
        data_dir=session.data_dir,
        min_free_mib=session.config.limits.min_free_mib,
        board=session.config.node.board,
        why_wrong=why_wrong,
    )
    findings = [
        *check_machine(machine_request(session.config)),
        *check(detect(session.config.node.machine_root), request),
        *overlay,
    ]
    emit(
        {"findings": [asdict(finding) for finding in findings]},
        as_json=as_json,
        show=lambda: console.print(_findings(findings)),
    )
    if any(finding.needed and not finding.works for finding in findings):
        raise SystemExit(ExitCode.FAILED)


def machine_request(config: Config) -> MachineRequest:
    """Return what a configuration says of the machine that is to be looked at."""
    return MachineRequest(
        root=config.node.machine_root,
        now_ms=SystemClock().now_ms(),
        max_memory_bytes=limits_of(config.limits).memory_bytes,
        heat_source=config.thermal.source,
        heat_limits=heat_limits_of(config.thermal),
        user=_user_name(),
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may give numbers only
        return str(os.getuid())


def _findings(findings: list[Finding]) -> Table:
    return table(
        "this machine",
        ("what", "works", "needed", "detail"),
        [
            (f.name, "yes" if f.works else "no", "yes" if f.needed else "", f.detail)
            for f in findings
        ],
    )


@hw.command("adopt-overlay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def adopt(session: Session, /, *, file: Path, as_json: bool) -> None:
    """Let the node load this bitstream, and no other.

    FILE is the .bit; its .hwh stands beside it and must fit the design. The SHA-256 of both are
    kept in the data directory: a file that changes is not loaded any more.
    """
    directory = session.directory
    adopted = adopt_overlay(directory, file)
    emit(
        {
            "overlay": str(adopted.bitfile),
            "overlay_sha256": adopted.sha256,
            "hwh": str(adopted.hwh),
            "hwh_sha256": adopted.hwh_sha256,
            "kept_in": str(directory.overlay),
        },
        as_json=as_json,
        show=lambda: click.echo(
            f"adopted {adopted.bitfile}\n"
            f"  SHA-256 of the .bit {adopted.sha256}\n"
            f"  SHA-256 of the .hwh {adopted.hwh_sha256}\n"
            f"check it with `{session.line('hw check')}`; a node takes it when it starts"
        ),
    )


@hw.command("show")
@click.argument("board", required=False)
@json_option
def show_board(*, board: str | None, as_json: bool) -> None:
    """List the known boards, or show the settings of one, and from which file each comes.

    BOARD is a name, or the path of a .toml file. `edge-node config show` shows what a node of this
    machine makes of its board, your own file, the environment and the command line.
    """
    names = board_names() if board is None else [board]
    boards = [read_board(name) for name in names]
    settings = {each.name: board_settings(each) for each in boards}
    emit(
        {
            "boards": [
                {
                    "name": each.name,
                    "path": each.path,
                    "title": each.title,
                    "compatible": each.compatible,
                    "models": each.models,
                    "machines": each.machines,
                    "settings": [asdict(setting) for setting in settings[each.name]],
                }
                for each in boards
            ]
        },
        as_json=as_json,
        show=lambda: console.print(
            _boards(boards) if board is None else _board(boards[0], settings[board])
        ),
    )


def _boards(boards: list[Board]) -> Table:
    return table("boards", ("name", "title"), [(each.name, each.title) for each in boards])


def _board(board: Board, settings: Sequence[Origin]) -> Table:
    return table(
        f"{board.title} ({board.path.name})",
        ("!setting", "value", "from"),
        [
            (f"{o.section}.{o.key}", as_typed(o.value), o.source.removeprefix("board file "))
            for o in settings
        ],
    )
