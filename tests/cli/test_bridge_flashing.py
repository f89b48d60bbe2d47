# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge flash-help`: every board that there is firmware for, and nothing claimed."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.cli.bridge_flashing import ADVICE, OUTPUT
from edge_node_bridge.firmware.build import BOARDS
from tests.architecture.sources import ROOT
from tests.cli.typing_in import typed


def test_every_board_has_its_advice() -> None:
    assert {each.board for each in ADVICE} == {each.name for each in BOARDS}
    assert all("not yet run on a board" in each.checked for each in ADVICE)


@pytest.mark.parametrize("board", [each.name for each in BOARDS])
def test_file_command_and_build_are_of_this_board(board: str, tmp_path: Path) -> None:
    (told,) = typed(tmp_path, "bridge", "flash-help", board, "--json").json()["boards"]
    assert told["file"].startswith(board)
    assert told["file"] in told["command"]
    assert f"--board {board} --output" in told["build"]
    shown = typed(tmp_path, "bridge", "flash-help", board).out
    assert "not yet run on a board" in shown
    assert told["command"] in shown


@pytest.mark.firmware
def test_build_makes_the_file_that_is_flashed(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    for advice in ADVICE:
        (told,) = typed(tmp_path, "bridge", "flash-help", advice.board, "--json").json()["boards"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        words = shlex.split(told["build"])
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / OUTPUT / told["file"]).is_file()


def test_pins_are_those_of_the_firmwares_readme(tmp_path: Path) -> None:
    table = (ROOT / "firmware_bridge" / "README.md").read_text()
    for advice, pins in (("rp2040", ("GP0", "GP1")), ("stm32f405", ("PA9", "PA10"))):
        wires = next(each.wires for each in ADVICE if each.board == advice)
        assert all(pin in wires for pin in pins)
        assert f"| {pins[0]} | {pins[1]} |" in table


def test_without_a_board_all_are_told_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    told = typed(tmp_path, "bridge", "flash-help", "--json").json()["boards"]
    assert len(told) == len(BOARDS)
    assert "arduino" in typed(tmp_path, "bridge", "flash-help", "arduino").sentence(2)
