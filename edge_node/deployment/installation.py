# SPDX-License-Identifier: Apache-2.0
"""What installing and removing the service takes: files and commands, decided first, then done.

With the node's unit comes that of its bridge where there are microcontrollers, and goes where there
are none any more. Where systemd runs it is asked (`systemctl`); in an image or a chroot, where it
does not, units are enabled by the very links that it would make.
Law of the file: a plan is a value that can be shown; only `carry_out` changes anything, and nothing
here ever touches a node's data.
Read next: unit.py.
"""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edge_node.deployment.errors import (
    NotInstalled,
    SerialGroupMissing,
    StepFailed,
    UnitForeign,
)
from edge_node.deployment.unit import (
    BRIDGE_UNIT,
    UNIT,
    UnitChoices,
    bridge_unit_text,
    choices_of,
    is_ours,
    unit_text,
)

_UNITS: Final = Path("/etc/systemd/system")
UNIT_PATH: Final = _UNITS / UNIT
WANTS_PATH: Final = _UNITS / "multi-user.target.wants" / UNIT
BRIDGE_PATH: Final = _UNITS / BRIDGE_UNIT
BRIDGE_WANTS_PATH: Final = _UNITS / f"{UNIT}.wants" / BRIDGE_UNIT
"""The node brings its bridge with it."""
SERIAL_GROUPS: Final = ("dialout", "uucp")
"""Who opens serial ports: on Debian and its kin, on Arch Linux."""
_RUNNING: Final = Path("/run/systemd/system")
"""There if and only if systemd runs the machine: sd_booted(3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to write."""

    path: Path
    """Where, whole; it takes the place of what is there."""
    text: str
    """What it says."""
    mode: int
    """Who may read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in this order."""

    files: tuple[NewFile, ...] = ()
    """Written first."""
    links: tuple[tuple[Path, Path], ...] = ()
    """Link and what it points to."""
    stops: tuple[tuple[str, ...], ...] = ()
    """Commands before anything is removed."""
    removals: tuple[Path, ...] = ()
    """Files and links that go."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Commands at the end."""

    def lines(self) -> list[str]:
        """Return the plan as a person would type it."""
        commands = [shlex.join(command) for command in self.stops]
        commands += [f"install -m {each.mode:04o} ... {each.path}" for each in self.files]
        commands += [f"ln -sf {target} {link}" for link, target in self.links]
        commands += [f"rm -f {path}" for path in self.removals]
        return commands + [shlex.join(command) for command in self.commands]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRequest:
    """What a user wants of `install-service`."""

    choices: UnitChoices
    """For the unit."""
    join_line: str = ""
    """The network that a new node joins when it first starts; empty for none."""
    root: Path = Path("/")
    """Where the system to install into is mounted."""


def systemd_runs(root: Path) -> bool:
    """Return True if systemd runs this machine, and the files under `root` are this machine's."""
    return root == Path("/") and _RUNNING.is_dir()


def plan_install(request: InstallRequest, *, running: bool) -> Plan:
    """Return what puts the service in place, or a newer one in the place of an older.

    Parameters
    ----------
    request : InstallRequest
    running : bool
        Whether systemd runs there.

    Raises
    ------
    UnitForeign
    DeploymentError
        The unit can not be written for these choices.
    """
    root, choices = request.root, request.choices
    earlier(root, choices)
    bridged, had_bridge = bool(choices.bridge_ports), _has_bridge(root)
    files = [NewFile(path=_below(root, UNIT_PATH), text=unit_text(choices), mode=0o644)]
    if bridged:
        path = _below(root, BRIDGE_PATH)
        if path.exists() and not had_bridge:
            raise UnitForeign(path)
        files.append(NewFile(path=path, text=bridge_unit_text(choices), mode=0o644))
    if request.join_line:
        join = _below(root, choices.data_dir / "join")
        files.append(NewFile(path=join, text=f"{request.join_line}\n", mode=0o600))
    removals = _bridge_files(root) if had_bridge and not bridged else ()
    if not running:
        links = [(_below(root, WANTS_PATH), UNIT_PATH)]
        links += [(_below(root, BRIDGE_WANTS_PATH), BRIDGE_PATH)] if bridged else []
        return Plan(files=tuple(files), links=tuple(links), removals=removals)
    units = (UNIT, BRIDGE_UNIT) if bridged else (UNIT,)
    return Plan(
        stops=(_disable(BRIDGE_UNIT),) if removals else (),
        files=tuple(files),
        removals=removals,
        commands=(
            ("systemctl", "daemon-reload"),
            ("systemctl", "enable", *units),
            # Its conditions leave it alone where there is no node yet; to join may take time.
            ("systemctl", "restart", "--no-block", *units),
        ),
    )


def plan_uninstall(root: Path, *, running: bool) -> Plan:
    """Return what removes the service, and the bridge's; program and data stay.

    Raises
    ------
    NotInstalled, UnitForeign
    """
    if earlier(root, UnitChoices(program=UNIT_PATH)) is None:
        raise NotInstalled(_below(root, UNIT_PATH))
    had_bridge = _has_bridge(root)
    bridge = _bridge_files(root) if had_bridge else ()
    removals = (*bridge, _below(root, WANTS_PATH), _below(root, UNIT_PATH))
    if not running:
        return Plan(removals=removals)
    return Plan(
        stops=(_disable(BRIDGE_UNIT, UNIT) if had_bridge else _disable(UNIT),),
        removals=removals,
        commands=(("systemctl", "daemon-reload"),),
    )


def earlier(root: Path, program: UnitChoices) -> UnitChoices | None:
    """Return the choices of the service that is there, with another program; None without one.

    Raises
    ------
    UnitForeign
    """
    path = _below(root, UNIT_PATH)
    if not path.exists():
        return None
    found = choices_of(path.read_text(encoding="utf-8"), program)
    if found is None:
        raise UnitForeign(path)
    return found


def serial_group(root: Path) -> str:
    """Return the group that opens serial ports in a system.

    Raises
    ------
    SerialGroupMissing
    """
    groups = root / "etc/group"
    lines = groups.read_text(encoding="utf-8").splitlines() if groups.exists() else []
    there = {line.partition(":")[0] for line in lines}
    for name in SERIAL_GROUPS:
        if name in there:
            return name
    raise SerialGroupMissing(groups, SERIAL_GROUPS)


def kept(
    before: UnitChoices | None, chosen: UnitChoices, *, user: bool, data_dir: bool
) -> UnitChoices:
    """Return the choices of an upgrade: what is not chosen anew stays.

    Parameters
    ----------
    before : UnitChoices or None
        Of the service that is there.
    chosen : UnitChoices
        Of this command.
    user, data_dir : bool
        Whether the user named them.
    """
    if before is None:
        return chosen
    return replace(
        chosen,
        user=chosen.user if user else before.user,
        data_dir=chosen.data_dir if data_dir else before.data_dir,
    )


def carry_out(plan: Plan) -> None:
    """Do what a plan says.

    Raises
    ------
    StepFailed
        A command failed; what was written stays, and the same plan can be carried out again.
    OSError
        A file can not be written.
    """
    for command in plan.stops:
        _run(command)
    for new in plan.files:
        _write(new)
    for link, target in plan.links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    for path in plan.removals:
        path.unlink(missing_ok=True)
    for command in plan.commands:
        _run(command)


def _has_bridge(root: Path) -> bool:
    """Return True if there is a bridge's unit of our making; one of somebody else's stays."""
    path = _below(root, BRIDGE_PATH)
    return path.exists() and is_ours(path.read_text(encoding="utf-8"))


def _bridge_files(root: Path) -> tuple[Path, ...]:
    return _below(root, BRIDGE_WANTS_PATH), _below(root, BRIDGE_PATH)


def _disable(*units: str) -> tuple[str, ...]:
    return "systemctl", "disable", "--now", *units


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _write(new: NewFile) -> None:
    """Write a file whole or not at all; nobody can read a private one in between.

    It belongs to whom its folder belongs: systemd gives a data directory to the service's user.
    """
    if not new.path.parent.exists():
        new.path.parent.mkdir(parents=True, mode=0o755 if new.mode & 0o044 else 0o700)
    part = new.path.with_name(f".{new.path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, new.mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), new.mode)  # whatever the umask
        if os.geteuid() == 0:
            owner = new.path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(new.text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(new.path)


def _run(command: Sequence[str]) -> None:
    line = shlex.join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise StepFailed(command=line, why=error.strerror or "no such program") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        why = words[0] if words else f"exit status {done.returncode}"
        raise StepFailed(command=line, why=why)
