# SPDX-License-Identifier: Apache-2.0
"""An emulator is a line: a device of its own process answers, and what is missing is named."""

import shutil
import sys
from pathlib import Path

import pytest

from edge_node_bridge import emulator
from edge_node_bridge.device import Device
from edge_node_bridge.emulator import (
    RP2040JS,
    EmulatedBoard,
    board_named,
    qemu_command,
    rp2040js_command,
)
from edge_node_bridge.errors import EmulatorMissing, PortClosed
from edge_node_bridge.firmware.build import build_native
from tests.firmware_bridge.native import bars
from tests.spec.samples import stream
from tools.firmware_instructions import WallClock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    path = tmp_path_factory.mktemp("device") / "device"
    build_native(path)
    return path


def test_device_of_its_own_process_answers(program: Path) -> None:
    with EmulatedBoard([str(program)]) as line:
        host = Device(line, WallClock(), stream("process").u32)
        assert host.greet().board == "native"
        assert host.self_test().passed == 1
        samples = [each.pixels for each in host.samples(2, interval_ms=1)]
        assert samples == [bars(28, 0), bars(28, 1)]


def test_emulator_that_ends_is_a_closed_port() -> None:
    with EmulatedBoard([sys.executable, "-c", "raise SystemExit(3)"]) as line:
        with pytest.raises(PortClosed, match="status 3"):
            line.read(60_000)
        with pytest.raises(PortClosed, match="status 3"):
            line.write(bytes(1 << 17))


def test_emulator_that_closes_its_line_and_stays_is_a_closed_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(emulator, "_END_S", 1)
    code = "import os, time; os.close(1); time.sleep(600)"
    with EmulatedBoard([sys.executable, "-c", code]) as line:
        with pytest.raises(PortClosed, match="closed its line"):
            line.read(60_000)
        monkeypatch.undo()  # its end may take longer


def test_missing_emulator_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing, match="apt install qemu-system-arm"):
        qemu_command(board_named("microbit"), tmp_path / "microbit.elf")
    with pytest.raises(EmulatorMissing, match="apt install nodejs"):
        rp2040js_command(tmp_path / "rp2040.uf2", tmp_path)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"version": "1.4.0"}'])
def test_folder_without_our_rp2040js_is_named(
    content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "node").touch(mode=0o755)
    if content is not None:
        (tmp_path / "package.json").write_text(content)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing, match="npm install rp2040js"):
        rp2040js_command(tmp_path / "rp2040.uf2", tmp_path)


def test_make_installs_the_version_that_is_wanted() -> None:
    assert f"RP2040JS := {RP2040JS}\n" in (ROOT / "Makefile").read_text()
