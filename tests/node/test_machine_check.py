# SPDX-License-Identifier: Apache-2.0
"""Machines in folders of the test's own: each thing that is wrong is told with its cure."""

import grp
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.hardware import Finding
from edge_node.node.machine_check import MachineRequest, check_machine
from edge_node.node.thermal import HeatLimits
from edge_node.node.time_wait import PROGRAM_MS
from edge_node.primitives.types import TimestampMs

ZONE = "/sys/class/thermal/thermal_zone0/temp"


@pytest.fixture
def request_(tmp_path: Path) -> MachineRequest:
    write(
        tmp_path, "proc/meminfo", "MemTotal: 524288 kB\nMemFree: 10 kB\nMemAvailable: 262144 kB\n"
    )
    write(tmp_path, ZONE.lstrip("/"), "48000\n")
    return MachineRequest(
        root=tmp_path,
        now_ms=PROGRAM_MS,
        max_memory_bytes=320 << 20,
        heat_source=ZONE,
        heat_limits=HeatLimits(resume_c=70, warn_c=75, pause_c=80),
        user="pi",
    )


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(request: MachineRequest) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_machine(request)}


def test_machine_that_is_well_says_so(request_: MachineRequest) -> None:
    seen = found(request_)
    assert all(finding.works for finding in seen.values())
    assert {name: finding.detail for name, finding in seen.items()} == {
        "clock": "it was set",
        "memory": "256 MiB of 512 MiB are free",
        "temperature": "48.0 C; mining pauses at 80 C",
    }


def test_what_is_not_there_is_no_finding(request_: MachineRequest, tmp_path: Path) -> None:
    bare = replace(request_, root=tmp_path / "none", heat_source="", heat_limits=None)
    assert list(found(bare)) == ["clock"]


def test_clock_that_was_not_set_is_told(request_: MachineRequest) -> None:
    clock = found(replace(request_, now_ms=TimestampMs(0)))["clock"]
    assert (clock.works, clock.needed) == (False, True)
    assert "timedatectl" in clock.detail


def test_memory_that_is_not_there_is_told_with_both_numbers(request_: MachineRequest) -> None:
    memory = found(replace(request_, max_memory_bytes=800 << 20))["memory"]
    assert not memory.works
    assert memory.detail == "limits.max_memory_mib = 800, and the machine has 512; lower it"
    write(request_.root, "proc/meminfo", "MemTotal: 524288 kB\nMemAvailable: 40960 kB\n")
    memory = found(request_)["memory"]
    assert not memory.works
    assert memory.detail.endswith("and a node takes 72; end something else")


def test_heat_is_told_before_mining_pauses(request_: MachineRequest) -> None:
    write(request_.root, ZONE.lstrip("/"), "76000\n")
    heat = found(request_)["temperature"]
    assert (heat.works, heat.needed) == (False, False)
    assert heat.detail == "76.0 C; mining pauses at 80 C; give it a heat sink or a fan"
    (request_.root / ZONE.lstrip("/")).unlink()
    heat = found(request_)["temperature"]
    assert heat.detail == f"{ZONE} can not be read; set another thermal.source"


def test_low_voltage_is_told(request_: MachineRequest) -> None:
    write(request_.root, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    write(request_.root, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    alarm = write(request_.root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    assert found(request_)["supply"].works
    alarm.write_text("1\n")
    supply = found(request_)["supply"]
    assert not supply.works
    assert supply.detail.startswith("its voltage is too low; use the supply made for the board")


def test_port_that_may_not_be_opened_names_the_group(
    request_: MachineRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = write(request_.root, "dev/ttyACM0", "")
    port = request_.root / "dev/serial/by-id/usb-Raspberry_Pi_Pico_E66-if00"
    port.parent.mkdir(parents=True)
    port.symlink_to(device)
    assert found(request_)[f"port {port.name}"].works
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may open anything
    device.chmod(0o660)
    if os.geteuid() == 0:
        os.chown(device, -1, grp.getgrnam("tty").gr_gid)
    group = grp.getgrgid(device.stat().st_gid).gr_name
    told = found(request_)[f"port {port.name}"]
    assert not told.works
    assert told.detail == (
        f"pi may not open it; run `sudo usermod -aG {group} pi`, and log in again"
    )
    device.chmod(0o600)
    told = found(request_)[f"port {port.name}"]
    assert told.detail.endswith("may not open it either; unplug it and plug it in again")
    device.unlink()
    assert found(request_)[f"port {port.name}"].detail == "it is gone; plug it in again"
