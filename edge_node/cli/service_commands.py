# SPDX-License-Identifier: Apache-2.0
"""`edge-node install-service` and `logs`: the node, and its bridge, as services of their machine.

Law of the file: from options to edge_node/deployment and back to words.
Read next: edge_node/deployment/installation.py.
"""

import os
import pwd
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.deployment.errors import NoSystemd, NotRoot, UserUnknown
from edge_node.deployment.installation import (
    UNIT_PATH,
    InstallRequest,
    Plan,
    carry_out,
    earlier,
    kept,
    plan_install,
    plan_uninstall,
    serial_group,
    systemd_runs,
)
from edge_node.deployment.unit import BRIDGE_UNIT, STATE_DIR, UNIT, UnitChoices
from edge_node.gossip.join_line import parse_join_line
from edge_node.node.control import JsonObject
from edge_node.node.data_directory import DataDirectory

_THIS = Path("/")


@click.command("install-service")
@click.option("--user", metavar="NAME", help="Run as this account.  [default: one of its own]")
@click.option(
    "--join",
    "line",
    metavar="LINE",
    help="Join this network when the service first starts: the line of `edge-node broker run`.",
)
@click.option("--uninstall", is_flag=True, help="Remove the service; the node's data stays.")
@click.option("--dry-run", is_flag=True, help="Only show units and steps.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=_THIS,
    metavar="DIRECTORY",
    help="Install into the system that is mounted there.  [default: this one]",
)
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The command `edge-node` in that system.  [default: this one]",
)
@json_option
@click.pass_obj
def install_service(
    session: Session,
    /,
    *,
    user: str | None,
    line: str | None,
    uninstall: bool,
    dry_run: bool,
    root: Path,
    program: Path | None,
    as_json: bool,
) -> None:
    """Let systemd start the node with the machine.

    Writes a hardened unit, enables and starts it; with bridge.ports in the configuration of its
    data directory another, which keeps the microcontrollers there on the newest model. Run it again
    after an upgrade, and after ports have changed: what was chosen stays, and the node starts anew.
    The global --data-dir counts, with its owner as --user.
    """
    root = root.resolve()
    running = systemd_runs(root)
    bridge_ports: tuple[str, ...] = ()
    if uninstall:
        if user or line:
            raise click.UsageError("--uninstall takes neither --user nor --join")
        data_dir = _data_dir(root)
        plan = plan_uninstall(root, running=running)
        last = f"the service is removed; its data stays in {data_dir}"
    else:
        if line is not None:
            parse_join_line(line, tls=session.config.network.tls)
        if user and root == _THIS:
            _check_user(user)
        choices = _choices(session, user, program, root)
        data_dir, bridge_ports = choices.data_dir, choices.bridge_ports
        there = DataDirectory(root / data_dir.relative_to("/")).is_initialised()
        join_line = "" if line is None or there else line
        request = InstallRequest(choices=choices, join_line=join_line, root=root)
        plan = plan_install(request, running=running)
        last = _next_step(root, data_dir, running=running, joins=bool(join_line))
        if line is not None and there:
            last += "; --join counts for nothing, as that node has its network"
        if bridge_ports:
            last += f"; {BRIDGE_UNIT} serves {', '.join(bridge_ports)} beside it"
    if not dry_run:
        if root == _THIS and os.geteuid() != 0:
            raise NotRoot(f"{this_program()} install-service")
        carry_out(plan)
    answer: JsonObject = {
        "done": not dry_run,
        "unit": str(UNIT_PATH),
        "data_dir": str(data_dir),
        "bridge_ports": list(bridge_ports),
        "steps": list(plan.lines()),
    }
    emit(answer, as_json=as_json, show=lambda: _show(plan, last, dry_run=dry_run))


def _choices(session: Session, user: str | None, program: Path | None, root: Path) -> UnitChoices:
    named = session.named_data_dir
    mine = UnitChoices(program=this_program(), python=Path(sys.base_prefix))
    of_program = mine if program is None else UnitChoices(program=program)
    chosen = kept(
        earlier(root, of_program),
        replace(of_program, user=user or "", data_dir=named or STATE_DIR),
        user=user is not None,
        data_dir=named is not None,
    )
    # The configuration that counts is that of the service's data directory.
    place = str(root / chosen.data_dir.relative_to("/"))
    config = session.with_flags({"node.data_dir": place}).config
    chosen = replace(
        chosen,
        serial_port=config.bridge.port,
        bridge_ports=config.bridge.ports,
        memory_max_mib=config.limits.max_memory_mib,
        overlay=config.fpga.adopted is not None,
    )
    group = serial_group(root) if chosen.opens_devices else ""
    return replace(chosen, serial_group=group)


def _data_dir(root: Path) -> Path:
    before = earlier(root, UnitChoices(program=_THIS))
    return STATE_DIR if before is None else before.data_dir


def this_program() -> Path:
    """Return the command by which people call this installation."""
    beside = Path(sys.prefix) / "bin/edge-node"
    return beside if beside.exists() else Path(shutil.which("edge-node") or beside)


def _check_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        raise UserUnknown(name) from None


def _next_step(root: Path, data_dir: Path, *, running: bool, joins: bool) -> str:
    data = DataDirectory(root / data_dir.relative_to("/"))
    if not (joins or data.is_initialised() or data.join_line.exists()):
        made = f"edge-node --data-dir {data_dir} init"
        return (
            f"there is no node in {data_dir} yet: `sudo {made}` (or `init --join LINE`), then"
            f" `sudo systemctl start {UNIT}`"
        )
    if not running:
        return "the node starts with the machine"
    return (
        f"the node runs: `edge-node logs` tells its log, `sudo edge-node --data-dir {data_dir}"
        " status` what it does"
    )


def _show(plan: Plan, last: str, *, dry_run: bool) -> None:
    if not dry_run:
        click.echo(last)
        return
    for new in plan.files:
        if new.mode & 0o044:  # never what its owner alone may read
            click.echo(new.text)
    for line in plan.lines():
        click.echo(f"# {line}")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="How many lines from the end.",
)
@click.option("--json", "as_json", is_flag=True, help="As journald keeps it, one object a line.")
def logs(*, follow: bool, lines: int, as_json: bool) -> None:
    """Show the log of service and bridge, out of the journal."""
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        raise NoSystemd
    units = [f"--unit={unit}" for unit in (UNIT, BRIDGE_UNIT)]
    words = [journalctl, *units, f"--lines={lines}", "--no-pager"]
    words += ["--follow"] if follow else []
    words += ["--output=json"] if as_json else []
    _become(words)


def _become(words: list[str]) -> NoReturn:
    """Let another program go on in this one's place: its signals and exit status are its own."""
    sys.stdout.flush()
    os.execv(words[0], words)  # noqa: S606 - no shell is what is wanted
