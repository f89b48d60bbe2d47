# SPDX-License-Identifier: Apache-2.0
"""The README's program runs, with the firmware's core at the other end of a real pty."""

import ctypes
import os
import re
import tty
from pathlib import Path

import pytest

from edge_node.spec import bnn
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.model import hash_of_blob
from tests.firmware_bridge.board import Board
from tests.firmware_bridge.native import NativeDevice, bars
from tests.spec.samples import random_model

BRIDGE = Path(__file__).resolve().parents[2] / "firmware_bridge"
README = (BRIDGE / "README.md").read_text()
PORT = "/dev/serial/by-id/usb-board-if00"
SIDE = 8
SEEN = Architecture(
    height=SIDE, width=SIDE, input_channels=1, input_bits=8, layers=(conv(4), dense(10))
)


def test_program_of_the_readme_runs(core: ctypes.CDLL, capsys: pytest.CaptureFixture[str]) -> None:
    board_end, host_end = os.openpty()
    tty.setraw(board_end)
    board = Board(NativeDevice(core, SIDE), board_end)
    program = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert PORT in program
    model = random_model(SEEN, "readme")
    names = {"blob": model.blob(), "model_hash": hash_of_blob(model.blob())}
    exec(compile(program.replace(PORT, os.ttyname(host_end)), "README.md", "exec"), names)
    board.stop()
    os.close(host_end)
    os.close(board_end)
    said = capsys.readouterr().out.splitlines()
    assert said[:11] == ["native", *(f"{index} 3 {SIDE * SIDE}" for index in range(10))]
    assert [int(each) for each in said[11:]] == [
        bnn.classify(bnn.logits(model, bars(SIDE, number))) for number in (10, 11, 12)
    ]


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (BRIDGE / link).exists(), link


def test_files_that_are_named_are_there() -> None:
    table = README.split("| file |")[1].split("\n\n")[0]
    for name in re.findall(r"`([\w./*]+)`", table.split("\n", 2)[2]):
        if name.islower() and ("." in name or "/" in name):
            assert list(BRIDGE.glob(name)), name
