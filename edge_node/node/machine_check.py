# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a machine itself: its clock, memory, heat, supply and serial ports.

All of it is read from the kernel's files under a root that may be another folder's. A part that is
not there (no sensor, no port) is no finding.
Law of the file: it looks and tells, each time with the command or thing that cures it.
Read next: hardware.py, whose `check` looks at edge-node's own parts.
"""

import contextlib
import grp
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_node.node.hardware import Finding
from edge_node.node.limits import NODE_BYTES
from edge_node.node.thermal import HeatLimits, read_temperature_c
from edge_node.node.time_wait import PROGRAM_MS
from edge_node.primitives.types import TimestampMs

_MIB = 1 << 20
_KIB = 1 << 10
_SUPPLY: Final = "rpi_volt"
"""What the Raspberry Pi's sensor of too low a voltage is called."""
_GROUP_MAY: Final = stat.S_IRGRP | stat.S_IWGRP


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRequest:
    """What to look at."""

    root: Path
    """Where /proc, /sys and /dev are."""
    now_ms: TimestampMs
    """What the clock says."""
    max_memory_bytes: int
    """What node and trainer may take; 0 for all there is."""
    heat_source: str
    """Where the temperature is told; empty if it is not told."""
    heat_limits: HeatLimits | None
    """When it is too hot to mine."""
    user: str
    """Who would run the node; a number where nobody has a name for it."""


def check_machine(request: MachineRequest) -> tuple[Finding, ...]:
    """Return what is right and what is wrong with the machine."""
    return (
        _check_clock(request.now_ms),
        *_check_memory(request),
        *_check_heat(request),
        *_check_supply(request.root),
        *_check_ports(request),
    )


def _check_clock(now_ms: TimestampMs) -> Finding:
    works = now_ms >= PROGRAM_MS
    detail = "it was set" if works else "it was not set; a node waits until `timedatectl` says so"
    return Finding(name="clock", works=works, needed=True, detail=detail)


def _check_memory(request: MachineRequest) -> Iterator[Finding]:
    facts = {}
    for line in _lines(request.root / "proc/meminfo"):
        name, *words = line.replace(":", " ").split() or [""]
        if words and words[0].isdecimal():
            facts[name] = int(words[0]) * _KIB
    total, free = facts.get("MemTotal", 0), facts.get("MemAvailable", 0)
    if not total:
        return
    detail, works = f"{free // _MIB} MiB of {total // _MIB} MiB are free", True
    if request.max_memory_bytes > total:
        allowed_mib = request.max_memory_bytes // _MIB
        detail = (
            f"limits.max_memory_mib = {allowed_mib}, and the machine has {total // _MIB}; lower it"
        )
        works = False
    elif "MemAvailable" in facts and free < NODE_BYTES:
        detail += f", and a node takes {NODE_BYTES // _MIB}; end something else"
        works = False
    yield Finding(name="memory", works=works, needed=False, detail=detail)


def _check_heat(request: MachineRequest) -> Iterator[Finding]:
    limits = request.heat_limits
    if limits is None:
        return
    temperature_c = read_temperature_c(request.heat_source, request.root)
    works = temperature_c is not None and temperature_c < limits.warn_c
    if temperature_c is None:
        detail = f"{request.heat_source} can not be read; set another thermal.source"
    else:
        detail = f"{temperature_c:.1f} C; mining pauses at {limits.pause_c} C"
        detail += "" if works else "; give it a heat sink or a fan"
    yield Finding(name="temperature", works=works, needed=False, detail=detail)


def _check_supply(root: Path) -> Iterator[Finding]:
    for sensor in sorted(root.glob("sys/class/hwmon/hwmon*")):
        if _lines(sensor / "name") != [_SUPPLY]:
            continue
        works = _lines(sensor / "in0_lcrit_alarm") != ["1"]
        low = "its voltage is too low; use the supply made for the board, and a short cable"
        detail = "no alarm" if works else low
        yield Finding(name="supply", works=works, needed=False, detail=detail)


def _check_ports(request: MachineRequest) -> Iterator[Finding]:
    for port in sorted(request.root.glob("dev/serial/by-id/*")):
        name = f"port {port.name}"
        if os.access(port, os.R_OK | os.W_OK):
            yield Finding(name=name, works=True, needed=False, detail="can be opened")
            continue
        detail = "it is gone; plug it in again"
        with contextlib.suppress(OSError):
            detail = _why_forbidden(port.stat(), request.user)
        yield Finding(name=name, works=False, needed=False, detail=detail)


def _why_forbidden(status: os.stat_result, user: str) -> str:
    group = _group_name(status.st_gid)
    if status.st_gid == 0 or status.st_mode & _GROUP_MAY != _GROUP_MAY:
        return f"its group {group} may not open it either; unplug it and plug it in again"
    return f"{user} may not open it; run `sudo usermod -aG {group} {user}`, and log in again"


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    return []
