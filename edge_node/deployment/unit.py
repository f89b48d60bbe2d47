# SPDX-License-Identifier: Apache-2.0
"""The unit files: the node's and its bridge's, with the choices of one machine in them, and back.

The templates beside this file are the only place where the units are written; hardening.conf is a
part of both. What is loosened, and for whom, stands here: an overlay takes root and the fabric's
devices, a microcontroller takes serial ports on USB for the unit that speaks to it, a program or
data in somebody's home takes a look at homes.
Law of the file: text from choices, choices from text; nothing is read or written but templates.
Read next: installation.py.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edge_node.deployment.errors import (
    DataDirectoryNeedsUser,
    OverlayNeedsRoot,
    PathUnfit,
    ProgramHidden,
)

UNIT: Final = "edge-node.service"
BRIDGE_UNIT: Final = "edge-node-bridge.service"
STATE_DIR: Final = Path("/var/lib/edge-node")
"""The data directory unless another is named; systemd makes it and gives it to the user."""
MARK: Final = "# Written by `edge-node install-service`"
HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome hides."""

_TEMPLATES: Final = Path(__file__).parent
_HARDENING: Final = "hardening.conf"
_FIT = re.compile(r"/[A-Za-z0-9/._+-]*")
_DATA_DIR_LINE = re.compile(r"^Environment=EDGE_NODE_DATA_DIR=(.+)$", re.MULTILINE)
_USER_LINE = re.compile(r"^User=(.+)$", re.MULTILINE)
_SERIAL_MODULES: Final = {"cdc_acm": "ttyACM", "usbserial": "ttyUSB"}
"""Kernel module -> the group of devices that it brings, as in /proc/devices."""
_USB_PORTS: Final = ("/dev/serial/", "/dev/ttyACM", "/dev/ttyUSB")
_DEVICES = "/dev/"
_DYNAMIC = "DynamicUser=yes"
_ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChoices:
    """What differs from machine to machine."""

    program: Path
    """The command `edge-node`, by its whole path."""
    python: Path = Path("/usr")
    """Where the Python that runs it is installed."""
    user: str = ""
    """An account that is there; empty for one that systemd makes for the service alone."""
    data_dir: Path = STATE_DIR
    """Of the node."""
    memory_max_mib: int = 0
    """What node, trainer and broker may take together; 0 for no limit."""
    serial_port: str = ""
    """Where the microcontroller is on which back end `serial` judges; empty for none."""
    bridge_ports: tuple[str, ...] = ()
    """Where the bridge's microcontrollers are; empty for a node without a bridge."""
    serial_group: str = ""
    """The group that opens serial ports."""
    overlay: bool = False
    """Whether the node loads an overlay: pynq takes root, /dev/mem and the FPGA manager."""

    @property
    def opens_devices(self) -> bool:
        """Whether one of the units opens a serial port of this machine."""
        return bool(_in_dev((self.serial_port, *self.bridge_ports)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """What one of the units reaches of its machine."""

    serial_ports: tuple[str, ...]
    """Paths in /dev."""
    overlay: bool
    """Whether it loads an overlay."""


def unit_text(choices: UnitChoices) -> str:
    """Return the node's unit file.

    Raises
    ------
    PathUnfit, ProgramHidden, DataDirectoryNeedsUser, OverlayNeedsRoot
    """
    reach = _Reach(serial_ports=_in_dev((choices.serial_port,)), overlay=choices.overlay)
    return _filled(UNIT, choices, reach)


def bridge_unit_text(choices: UnitChoices) -> str:
    """Return the unit file of the node's bridge, which is the same user's on the same data.

    Raises
    ------
    PathUnfit, ProgramHidden, DataDirectoryNeedsUser, OverlayNeedsRoot
    """
    return _filled(
        BRIDGE_UNIT, choices, _Reach(serial_ports=_in_dev(choices.bridge_ports), overlay=False)
    )


def is_ours(text: str) -> bool:
    """Return True if `install-service` wrote a unit file."""
    return text.startswith(MARK)


def choices_of(text: str, program: UnitChoices) -> UnitChoices | None:
    """Return what a unit file was made of, but for its program; None if it is not of our making."""
    data_dir = _DATA_DIR_LINE.search(text)
    if not is_ours(text) or data_dir is None:
        return None
    user = None if _DYNAMIC in text else _USER_LINE.search(text)
    return replace(program, user=user[1] if user else "", data_dir=Path(data_dir[1].strip()))


def in_a_home(path: Path) -> bool:
    """Return True if ProtectHome would hide this."""
    return any(path.is_relative_to(home) for home in HOMES)


def _filled(template: str, choices: UnitChoices, reach: _Reach) -> str:
    """Return a template with a machine's choices in it."""
    for path in (choices.program, choices.data_dir, *_wired(reach)):
        if _FIT.fullmatch(str(path)) is None:
            raise PathUnfit(path)
    hidden = next(filter(in_a_home, (choices.program, choices.python)), None)
    if not choices.user and hidden is not None:
        raise ProgramHidden(hidden)
    if not choices.user and choices.data_dir != STATE_DIR:
        raise DataDirectoryNeedsUser(choices.data_dir)
    if choices.overlay and choices.user != _ROOT:
        raise OverlayNeedsRoot
    sees_homes = hidden is not None or in_a_home(choices.data_dir)
    values = {
        "HARDENING": (_TEMPLATES / _HARDENING).read_text(encoding="utf-8").rstrip(),
        "PROGRAM": str(choices.program),
        "DATA_DIR": str(choices.data_dir),
        "IDENTITY": "\n".join(_identity(choices, reach)),
        "MEMORY": _memory(choices.memory_max_mib),
        "PROTECT_HOME": "read-only" if sees_homes else "yes",
        "DEVICE_MODULES": "\n".join(_device_modules(reach)),
        "DEVICES": "\n".join(_devices(reach)),
        "PROTECT_TUNABLES": _yes(not reach.overlay),
        "DENY_WRITE_EXECUTE": _yes(not reach.overlay),
        "CAPABILITIES": "" if reach.overlay else "AmbientCapabilities=\nCapabilityBoundingSet=",
        # The overlay's registers are memory that is mapped; root's own calls stay refused else.
        "SYSTEM_CALLS": f"SystemCallFilter={'@raw-io' if reach.overlay else '~@privileged'}",
    }
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return re.sub(r"\n{3,}", "\n\n", text)


def _identity(choices: UnitChoices, reach: _Reach) -> list[str]:
    lines = [f"User={choices.user}"] if choices.user else [_DYNAMIC, "User=edge-node"]
    if reach.serial_ports:
        lines.append(f"SupplementaryGroups={choices.serial_group}")
    if choices.data_dir == STATE_DIR:
        lines += [f"StateDirectory={STATE_DIR.name}", "StateDirectoryMode=0700"]
    else:
        lines.append(f"ReadWritePaths={choices.data_dir}")
    if reach.overlay:
        lines.append("ReadWritePaths=/lib/firmware")  # where the FPGA manager takes a bitstream
    return lines


def _device_modules(reach: _Reach) -> list[str]:
    if not reach.serial_ports:
        return []
    # A group of devices can be allowed by name only once its module is there.
    modules = " ".join(f"modprobe@{module}.service" for module in _SERIAL_MODULES)
    return [f"Wants={modules}", f"After={modules}"]


def _devices(reach: _Reach) -> list[str]:
    if reach.overlay:
        return ["PrivateDevices=no"]
    if not reach.serial_ports:
        return ["PrivateDevices=yes"]
    # A microcontroller that is plugged in later has to be seen: no copy of /dev, but few of it.
    devices = [f"char-{name}" for name in _SERIAL_MODULES.values()]
    devices += map(str, _wired(reach))
    return ["PrivateDevices=no", "DevicePolicy=closed", *(f"DeviceAllow={d} rw" for d in devices)]


def _in_dev(ports: Iterable[str]) -> tuple[str, ...]:
    """Return the ports that are devices of this machine."""
    return tuple(port for port in ports if port.startswith(_DEVICES))


def _wired(reach: _Reach) -> list[Path]:
    """Return the ports that are not on USB, where one may have another name each time."""
    return [Path(port) for port in reach.serial_ports if not port.startswith(_USB_PORTS)]


def _memory(memory_max_mib: int) -> str:
    return f"MemoryMax={memory_max_mib}M" if memory_max_mib else ""


def _yes(value: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if value else "no"
