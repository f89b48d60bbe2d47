# SPDX-License-Identifier: Apache-2.0
"""`edge-node hw`: boards, this machine, and the way of an overlay from a file to a node.

The .bit is any file here, its .hwh the simulated board's; the engine itself is asked in
tests/node/test_overlay_check.py and tests/hardware.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_node.cli import hw_commands
from edge_node.inference.backend import BackendFailed
from edge_node.node import overlay_check
from edge_node.node.hardware import Finding
from edge_node_fpga.sim.hwh import write_hwh
from tests.cli.typing_in import typed, whole_table


@pytest.fixture
def bitfile(tmp_path: Path) -> Path:
    path = tmp_path / "files" / "bnn.bit"
    path.parent.mkdir()
    path.write_bytes(b"bits")
    write_hwh(path.with_suffix(".hwh"))
    return path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last step, for which pynq would have to be here, hold."""
    fine = Finding(name="overlay engine", works=True, needed=True, detail="ID and VERSION fit")
    monkeypatch.setattr(overlay_check, "_engine", lambda _: fine)


def findings(out: str) -> Mapping[str, Mapping[str, Any]]:
    return {each["name"]: each for each in json.loads(out)["findings"]}


@pytest.mark.parametrize(
    "words",
    [
        ("hw", "show"),
        ("hw", "show", "pynq_z2"),
        pytest.param(("hw", "check"), marks=pytest.mark.slow),  # each back end computes
    ],
)
def test_tables_are_whole_in_80_columns(tmp_path: Path, words: tuple[str, ...]) -> None:
    whole_table(typed(tmp_path, *words).out)


def test_this_machine(tmp_path: Path) -> None:
    found = typed(tmp_path, "hw", "detect", "--json").json()
    assert found["cpu_count"] >= 1
    assert found["title"] in typed(tmp_path, "hw", "detect").out
    findings = typed(tmp_path, "hw", "check", "--json").json()["findings"]
    assert {"libsodium", "disk"} <= {each["name"] for each in findings if each["needed"]}


@pytest.mark.slow
def test_too_full_a_disk_is_a_no(tmp_path: Path) -> None:
    seen = typed(tmp_path, "--set", "limits.min_free_mib=1000000000", "hw", "check")
    assert seen.code == 1


def test_boards(tmp_path: Path) -> None:
    boards = typed(tmp_path, "hw", "show", "--json").json()["boards"]
    assert "raspberry_pi_5" in {board["name"] for board in boards}
    (board,) = typed(tmp_path, "hw", "show", "pynq_z2", "--json").json()["boards"]
    assert board["title"] == "PYNQ-Z2"
    assert "trainer.selection_images" in typed(tmp_path, "hw", "show", "pynq_z2").out
    assert "choose one of" in typed(tmp_path, "hw", "show", "abacus").sentence(3)


def test_back_end_that_computes_wrongly_is_a_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, *_machine: object) -> None:
        raise BackendFailed(backend=name, why="its answer to the known network binary is wrong")

    monkeypatch.setattr(hw_commands, "open_backend", broken)
    found = findings(typed(tmp_path, "hw", "check", "--json").out)
    assert not found["back end numpy"]["works"]
    assert "known network binary is wrong" in found["back end numpy"]["detail"]


@pytest.mark.slow
def test_overlay_from_the_file_to_the_node(tmp_path: Path, bitfile: Path, engine: None) -> None:
    data = tmp_path / "data"
    before = findings(typed(data, "hw", "check", "--json").out)
    assert not before["overlay"]["works"]
    adopted = typed(data, "hw", "adopt-overlay", str(bitfile), "--json").json()
    assert adopted == {
        "overlay": str(bitfile),
        "overlay_sha256": hashlib.sha256(b"bits").hexdigest(),
        "hwh": str(bitfile.with_suffix(".hwh")),
        "hwh_sha256": hashlib.sha256(bitfile.with_suffix(".hwh").read_bytes()).hexdigest(),
        "kept_in": str(data / "overlay.toml"),
    }
    seen = typed(data, "hw", "check", "--json")
    assert seen.code == 0, seen.out
    found = findings(seen.out)
    assert all(found[f"overlay {step}"]["works"] for step in ("files", "hwh", "engine"))
    settings = typed(data, "config", "show", "--json").json()["settings"]
    (kept,) = [each for each in settings if each["key"] == "overlay_sha256"]
    assert (kept["value"], kept["source"]) == (adopted["overlay_sha256"], adopted["kept_in"])


def test_adoption_is_told_with_the_next_step(tmp_path: Path, bitfile: Path) -> None:
    seen = typed(tmp_path, "hw", "adopt-overlay", str(bitfile))
    assert seen.code == 0
    assert hashlib.sha256(b"bits").hexdigest() in seen.out
    assert f"edge-node --data-dir {tmp_path} hw check" in seen.out


@pytest.mark.slow
def test_overlay_that_has_changed_is_a_no_with_both_hashes(
    tmp_path: Path, bitfile: Path, engine: None
) -> None:
    typed(tmp_path, "hw", "adopt-overlay", str(bitfile))
    bitfile.write_bytes(b"other bits")
    seen = typed(tmp_path, "hw", "check", "--json")
    assert seen.code == 1
    found = findings(seen.out)
    detail = found["overlay files"]["detail"]
    assert hashlib.sha256(b"bits").hexdigest() in detail
    assert hashlib.sha256(b"other bits").hexdigest() in detail
    assert "overlay engine" not in found


def test_overlay_of_another_design_is_not_adopted(tmp_path: Path, bitfile: Path) -> None:
    hwh = bitfile.with_suffix(".hwh")
    hwh.write_text(hwh.read_text().replace("7z020", "7z010"))
    refused = typed(tmp_path / "data", "hw", "adopt-overlay", str(bitfile))
    assert "the device is 7z010, not 7z020" in refused.sentence(3)
    assert not (tmp_path / "data").exists()


def test_file_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    refused = typed(tmp_path, "hw", "adopt-overlay", str(tmp_path / "bnn.bit"))
    assert "does not exist" in refused.sentence(2)


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """Give a folder that looks like a Raspberry Pi 4 that is warm."""
    files = {
        "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/meminfo": "MemTotal: 3884212 kB\nMemAvailable: 3000000 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "76000\n",
    }
    for name, text in files.items():
        path = tmp_path / "pi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pi"


def test_emulated_machine_is_recognised_and_its_board_s_settings_hold(
    tmp_path: Path, pi: Path
) -> None:
    here = ("--set", f"node.machine_root={pi}")
    found = typed(tmp_path, *here, "hw", "detect", "--json").json()
    assert (found["board"], found["memory_bytes"]) == ("raspberry_pi_4", 3884212 << 10)
    shown = typed(tmp_path, *here, "hw", "detect").out
    assert "raspberry_pi_4 because the device tree says compatible raspberrypi,4-model-b" in shown
    settings = typed(tmp_path, *here, "config", "show", "--json").json()["settings"]
    sources = {(each["section"], each["key"]): each["source"] for each in settings}
    assert sources["trainer", "selection_images"] == "board file raspberry_pi_4.toml"
    assert sources["thermal", "pause_c"] == "board file raspberry_pi_5.toml"
    assert sources["metrics", "port"] == "default"


@pytest.mark.slow
def test_check_of_an_emulated_machine_says_that_it_is_hot(tmp_path: Path, pi: Path) -> None:
    here = ("--set", f"node.machine_root={pi}")
    seen = findings(typed(tmp_path, *here, "hw", "check", "--json").out)
    assert seen["temperature"]["detail"] == (
        "76.0 C; mining pauses at 80 C; give it a heat sink or a fan"
    )
    assert seen["memory"]["works"]
    assert seen["clock"]["needed"]


def test_board_s_settings_are_shown_with_the_file_that_each_comes_from(tmp_path: Path) -> None:
    (board,) = typed(tmp_path, "hw", "show", "raspberry_pi_3", "--json").json()["boards"]
    assert "raspberrypi,3-model-b" in board["compatible"]
    sources = {f"{o['section']}.{o['key']}": o["source"] for o in board["settings"]}
    assert sources["limits.max_model_bytes"] == "board file raspberry_pi_3.toml"
    assert sources["storage.sync_blocks"] == "board file raspberry_pi_5.toml"
    shown = typed(tmp_path, "hw", "show", "raspberry_pi_3").out
    assert "raspberry_pi_5.toml" in shown


def test_board_s_file_of_another_schema_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("schema = 2\n")
    said = typed(tmp_path, "--set", f"node.board={path}", "config", "show").sentence(3)
    assert "mine.toml says schema = 2, and this program reads schema = 1" in said
    path.write_text("schema = 1\n[limits]\nmin_free = 3\n")
    said = typed(tmp_path, "hw", "show", str(path)).sentence(3)
    assert "there is no setting limits.min_free; did you mean limits.min_free_mib?" in said
