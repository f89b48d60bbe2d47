# SPDX-License-Identifier: Apache-2.0
"""The unit file: edge-node.service with the choices of one machine in it, and back.

The template beside this file is the only place where the unit is written. What is loosened, and for
whom, stands here: an overlay takes root and the fabric's devices, a microcontroller takes serial
ports on USB, a program or data in somebody's home takes a look at homes.
Law of the file: text from choices, choices from text; nothing is read or written but the template.
Read next: installation.py.
"""

import re
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
STATE_DIR: Final = Path("/var/lib/edge-node")
"""The data directory unless another is named; systemd makes it and gives it to the user."""
MARK: Final = "# Written by `edge-node install-service`"
HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome hides."""

_TEMPLATE: Final = Path(__file__).with_name(UNIT)
_FIT = re.compile(r"/[A-Za-z0-9/._+-]*")
_DATA_DIR_LINE = re.compile(r"^Environment=EDGE_NODE_DATA_DIR=(.+)$", re.MULTILINE)
_USER_LINE = re.compile(r"^User=(.+)$", re.MULTILINE)
_SERIAL_MODULES: Final = {"cdc_acm": "ttyACM", "usbserial": "ttyUSB"}
"""Kernel module -> the group of devices that it brings, as in /proc/devices."""
_USB_PORTS: Final = ("/dev/serial/", "/dev/ttyACM", "/dev/ttyUSB")
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
    """Where its microcontroller is, a path in /dev; empty for none."""
    serial_group: str = ""
    """The group that opens serial ports."""
    overlay: bool = False
    """Whether it loads an overlay: pynq takes root, /dev/mem and the FPGA manager."""


def unit_text(choices: UnitChoices) -> str:
    """Return the unit file.

    Raises
    ------
    PathUnfit, ProgramHidden, DataDirectoryNeedsUser, OverlayNeedsRoot
    """
    for path in (choices.program, choices.data_dir, *_wired_ports(choices)):
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
        "PROGRAM": str(choices.program),
        "DATA_DIR": str(choices.data_dir),
        "IDENTITY": "\n".join(_identity(choices)),
        "MEMORY": _memory(choices.memory_max_mib),
        "PROTECT_HOME": "read-only" if sees_homes else "yes",
        "DEVICE_MODULES": "\n".join(_device_modules(choices)),
        "DEVICES": "\n".join(_devices(choices)),
        "PROTECT_TUNABLES": _yes(not choices.overlay),
        "DENY_WRITE_EXECUTE": _yes(not choices.overlay),
        "CAPABILITIES": "" if choices.overlay else "AmbientCapabilities=\nCapabilityBoundingSet=",
        # The overlay's registers are memory that is mapped; root's own calls stay refused else.
        "SYSTEM_CALLS": f"SystemCallFilter={'@raw-io' if choices.overlay else '~@privileged'}",
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return re.sub(r"\n{3,}", "\n\n", text)


def choices_of(text: str, program: UnitChoices) -> UnitChoices | None:
    """Return what a unit file was made of, but for its program; None if it is not of our making."""
    data_dir = _DATA_DIR_LINE.search(text)
    if not text.startswith(MARK) or data_dir is None:
        return None
    user = None if _DYNAMIC in text else _USER_LINE.search(text)
    return replace(program, user=user[1] if user else "", data_dir=Path(data_dir[1].strip()))


def in_a_home(path: Path) -> bool:
    """Return True if ProtectHome would hide this."""
    return any(path.is_relative_to(home) for home in HOMES)


def _identity(choices: UnitChoices) -> list[str]:
    lines = [f"User={choices.user}"] if choices.user else [_DYNAMIC, "User=edge-node"]
    if choices.serial_port:
        lines.append(f"SupplementaryGroups={choices.serial_group}")
    if choices.data_dir == STATE_DIR:
        lines += [f"StateDirectory={STATE_DIR.name}", "StateDirectoryMode=0700"]
    else:
        lines.append(f"ReadWritePaths={choices.data_dir}")
    if choices.overlay:
        lines.append("ReadWritePaths=/lib/firmware")  # where the FPGA manager takes a bitstream
    return lines


def _device_modules(choices: UnitChoices) -> list[str]:
    if not choices.serial_port:
        return []
    # A group of devices can be allowed by name only once its module is there.
    modules = " ".join(f"modprobe@{module}.service" for module in _SERIAL_MODULES)
    return [f"Wants={modules}", f"After={modules}"]


def _devices(choices: UnitChoices) -> list[str]:
    if choices.overlay:
        return ["PrivateDevices=no"]
    if not choices.serial_port:
        return ["PrivateDevices=yes"]
    # A microcontroller that is plugged in later has to be seen: no copy of /dev, but few of it.
    devices = [f"char-{name}" for name in _SERIAL_MODULES.values()]
    devices += map(str, _wired_ports(choices))
    return ["PrivateDevices=no", "DevicePolicy=closed", *(f"DeviceAllow={d} rw" for d in devices)]


def _wired_ports(choices: UnitChoices) -> list[Path]:
    """Return the port if it is not one on USB, which may have another name each time."""
    on_usb = choices.serial_port.startswith(_USB_PORTS)
    return [] if on_usb or not choices.serial_port else [Path(choices.serial_port)]


def _memory(memory_max_mib: int) -> str:
    return f"MemoryMax={memory_max_mib}M" if memory_max_mib else ""


def _yes(value: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if value else "no"
