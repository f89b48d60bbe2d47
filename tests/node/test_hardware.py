# SPDX-License-Identifier: Apache-2.0
"""Boards as their kernels describe them, in folders of the test's own; checks of this machine."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_node.kernels.libsodium import LibsodiumMissing
from edge_node.node import hardware
from edge_node.node.hardware import CheckRequest, Finding, Hardware, check, detect, why_other_board

PI_CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU part\t: 0xd0b

processor\t: 1
BogoMIPS\t: 108.00

Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
X86_CPUINFO = """processor\t: 0
model name\t: Some CPU @ 3.00GHz
flags\t\t: fpu sse2 popcnt avx2 avx512f sha_ni

processor\t: 1
model name\t: Some CPU @ 3.00GHz
"""
ZYNQ_CPUINFO = """processor\t: 0
model name\t: ARMv7 Processor rev 0 (v7l)
Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpd32

processor\t: 1
"""


def machine(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_raspberry_pi_is_recognised_by_its_device_tree(tmp_path: Path) -> None:
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
        "proc/cpuinfo": PI_CPUINFO,
        "proc/meminfo": "MemTotal:        3884212 kB\nMemFree: 1 kB\n",
    }
    found = detect(machine(tmp_path, files), "aarch64")
    assert (found.board, found.title) == ("raspberry_pi_4", "Raspberry Pi 4 Model B Rev 1.4")
    assert found.compatible == ("raspberrypi,4-model-b", "brcm,bcm2711")
    assert found.why == "the device tree says compatible raspberrypi,4-model-b"
    assert (found.cpu_count, found.memory_bytes) == (2, 3884212 << 10)
    assert found.cpu_flags == ("asimd", "sha2")


def test_raspberry_pi_is_recognised_by_cpuinfo_too(tmp_path: Path) -> None:
    found = detect(machine(tmp_path, {"proc/cpuinfo": PI_CPUINFO}), "aarch64")
    assert found.board == "raspberry_pi_5"


def test_pynq_is_recognised(tmp_path: Path) -> None:
    tree = "sys/firmware/devicetree/base"
    files = {
        f"{tree}/model": "xlnx,zynq-7000\0",
        f"{tree}/compatible": "xlnx,zynq-7000\0",
        "proc/cpuinfo": ZYNQ_CPUINFO,
    }
    found = detect(machine(tmp_path, files), "armv7l")
    assert (found.board, found.cpu) == ("pynq_z2", "ARMv7 Processor rev 0 (v7l)")
    assert found.cpu_flags == ("neon",)


def test_pc_is_recognised_by_its_processor(tmp_path: Path) -> None:
    found = detect(machine(tmp_path, {"proc/cpuinfo": X86_CPUINFO}), "x86_64")
    assert (found.board, found.title, found.cpu) == (
        "x86_host",
        "x86-64 host",
        "Some CPU @ 3.00GHz",
    )
    assert found.cpu_flags == ("avx2", "avx512f", "popcnt", "sha_ni")


def test_unknown_machine_without_any_file_is_described_all_the_same(tmp_path: Path) -> None:
    assert detect(tmp_path, "riscv64") == Hardware(
        board="",
        why="",
        title="riscv64",
        compatible=(),
        cpu="",
        machine="riscv64",
        pointer_bits=64 if sys.maxsize > 1 << 32 else 32,
        cpu_count=1,
        memory_bytes=0,
        cpu_flags=(),
    )


@pytest.mark.parametrize("text", ["", "MemTotal:", "MemTotal: lots kB", "\0\0"])
def test_strange_kernel_files_do_no_harm(tmp_path: Path, text: str) -> None:
    tree = dict.fromkeys(("proc/device-tree/model", "proc/device-tree/compatible"), text)
    files = {"proc/meminfo": text, "proc/cpuinfo": text, **tree}
    assert detect(machine(tmp_path, files), "riscv64").memory_bytes == 0


def test_this_machine_is_described() -> None:
    found = detect()
    assert found.machine
    assert found.cpu_count >= 1
    assert found.memory_bytes > 1 << 26


@dataclass(frozen=True)
class Backend:
    name: str
    why_unavailable: str | None


def findings(
    data_dir: Path, *, min_free_mib: int = 0, board: str = "x86_host"
) -> dict[str, Finding]:
    here = Hardware(
        board=board,
        why="",
        title="Some board",
        compatible=(),
        cpu="",
        machine="x86_64",
        pointer_bits=64,
        cpu_count=1,
        memory_bytes=0,
        cpu_flags=(),
    )
    backends = [Backend("native", None), Backend("lce", "install edge-node[lce]")]
    request = CheckRequest(backends=backends, data_dir=data_dir, min_free_mib=min_free_mib)
    found = check(here, request)
    assert [f.needed for f in found] == sorted((f.needed for f in found), reverse=True)
    return {finding.name: finding for finding in found}


def test_check_looks_at_everything_and_leaves_no_trace(tmp_path: Path) -> None:
    found = findings(tmp_path / "not" / "there")
    names = {"libsodium", "disk", "kernels", "broker", "board"}
    assert set(found) == names | {"back end native", "back end lce"}
    assert found["libsodium"].works
    assert found["disk"].works
    assert found["disk"].detail.endswith(f"MiB free in {tmp_path}")
    assert found["board"].detail == "Some board"
    assert (found["back end native"].works, found["back end lce"].works) == (True, False)
    assert found["back end lce"].detail == "install edge-node[lce]"
    assert list(tmp_path.iterdir()) == []


def test_full_disk_and_file_in_the_way_are_named(tmp_path: Path) -> None:
    full = findings(tmp_path, min_free_mib=1 << 40)["disk"]
    assert not full.works
    assert f"not {1 << 40}; make room" in full.detail
    (tmp_path / "file").touch()
    blocked = findings(tmp_path / "file")["disk"]
    assert not blocked.works
    assert "file can not be written" in blocked.detail


def test_unknown_board_is_no_obstacle(tmp_path: Path) -> None:
    found = findings(tmp_path, board="")["board"]
    assert not found.works
    assert not found.needed
    assert "no file fits Some board; defaults serve" in found.detail


def test_settings_of_another_board_are_told(tmp_path: Path) -> None:
    here = detect(machine(tmp_path, {"proc/cpuinfo": PI_CPUINFO}), "aarch64")
    for fits in ("auto", "raspberry_pi_5", "/etc/edge-node/mine.toml"):
        assert why_other_board(here, fits) == ""
    why = (
        "node.board is pynq_z2, and this is a Raspberry Pi 5 Model B Rev 1.0 (raspberry_pi_5); set"
        " node.board = raspberry_pi_5, or remove it"
    )
    assert why_other_board(here, "pynq_z2") == why
    request = CheckRequest(backends=[], data_dir=tmp_path, min_free_mib=0, board="pynq_z2")
    (found,) = [each for each in check(here, request) if each.name == "board"]
    assert (found.works, found.needed, found.detail) == (False, False, why)
    unknown = detect(tmp_path / "none", "riscv64")
    assert why_other_board(unknown, "pynq_z2") == "", "whoever names one knows better"


def test_what_is_missing_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "find_mosquitto", lambda: None)
    monkeypatch.setattr(hardware, "has_amqtt", lambda: True)
    assert "amqtt, which is slower" in findings(tmp_path)["broker"].detail
    monkeypatch.setattr(hardware, "has_amqtt", lambda: False)
    monkeypatch.setattr(hardware, "load_library", lambda: None)
    found = findings(tmp_path)
    assert not found["broker"].works
    assert "sudo apt install mosquitto" in found["broker"].detail
    assert not found["kernels"].works
    assert "make kernels" in found["kernels"].detail


def test_missing_libsodium_is_an_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LibsodiumMissing

    monkeypatch.setattr(hardware, "load_ed25519", missing)
    found = findings(tmp_path)["libsodium"]
    assert (found.works, found.needed) == (False, True)
    assert "apt install libsodium23" in found.detail


def test_read_only_disk_is_named_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*seen[:8], seen.f_flag | os.ST_RDONLY, *seen[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    disk = findings(tmp_path)["disk"]
    assert (disk.works, disk.needed) == (False, True)
    assert disk.detail == (
        f"{tmp_path} lies on a disk that is read-only; run `sudo mount -o remount,rw` on it, or"
        " name another --data-dir"
    )
