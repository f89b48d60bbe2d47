# SPDX-License-Identifier: Apache-2.0
"""The boards' files: each is a good configuration, is recognised, says nothing of consensus."""

import dataclasses
import getpass
import socket
import subprocess
import time
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import find_mosquitto, free_port
from edge_node.node.boards import BOARDS_FOLDER, board_names, find_board, is_board_file, read_board
from edge_node.node.configuration import ConfigRequest, load_config
from edge_node.node.configuration_errors import SettingInvalid, UnknownBoard
from edge_node.spec.genesis import Parameters

BOARDS = [
    "emulator",
    "pynq_z2",
    "raspberry_pi_4",
    "raspberry_pi_5",
    "raspberry_pi_zero_2w",
    "x86_host",
]


def test_shipped_boards_are_these() -> None:
    assert board_names() == BOARDS


@pytest.mark.parametrize("name", BOARDS)
def test_shipped_board_is_a_good_configuration(name: str) -> None:
    board = read_board(name)
    assert board.models or board.machines
    environment = {"XDG_DATA_HOME": "/nowhere", "EDGE_NODE_BOARD": name}
    loaded = load_config(ConfigRequest(environment=environment))
    assert {o.source for o in loaded.origins if o.section == "trainer"} >= {
        f"board file {name}.toml"
    }


@pytest.mark.parametrize("name", BOARDS)
def test_board_says_nothing_that_a_genesis_says(name: str) -> None:
    words = {key for keys in read_board(name).sections.values() for key in dict(keys)}  # type: ignore[call-overload]  # sections are tables
    assert not words & {field.name for field in dataclasses.fields(Parameters)}
    assert set(read_board(name).sections) <= {"inference", "trainer", "broker", "limits"}


@pytest.mark.parametrize(
    ("model", "machine", "board"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "aarch64", "raspberry_pi_5"),
        ("Raspberry Pi 500 Rev 1.0", "aarch64", "raspberry_pi_5"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "aarch64", "raspberry_pi_5"),
        ("Raspberry Pi 4 Model B Rev 1.4", "armv7l", "raspberry_pi_4"),
        ("Raspberry Pi 400 Rev 1.0", "aarch64", "raspberry_pi_4"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "aarch64", "raspberry_pi_zero_2w"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "aarch64", "raspberry_pi_zero_2w"),
        ("xlnx,zynq-7000", "armv7l", "pynq_z2"),
        ("linux,dummy-virt", "aarch64", "emulator"),
        ("", "x86_64", "x86_host"),
        ("Some x86 tablet with a device tree", "x86_64", "x86_host"),
        ("Orange Pi 5", "aarch64", ""),
        ("", "riscv64", ""),
    ],
)
def test_boards_are_recognised(model: str, machine: str, board: str) -> None:
    found = find_board(model, machine)
    assert (found.name if found else "") == board


def test_unknown_board_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownBoard, match="no board 'pi'; choose one of emulator, pynq_z2, rasp"):
        read_board("pi")
    for name in ("", "../x86_host", "x86_host/"):
        with pytest.raises(UnknownBoard):
            read_board(name)


def test_path_of_a_file_is_a_board_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[board]\n[trainer]\nnice = 1\n")
    board = read_board(str(path))
    assert (board.title, board.models, board.machines) == ("mine", (), ())
    assert board.sections == {"trainer": {"nice": 1}}
    assert is_board_file(str(path))
    assert not is_board_file("x86_host")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"board must be a section \[board\] with title, models, machines, not None"),
        ("board = 1", "not 1"),
        ("[board]\nram = 1", "not {'ram': 1}"),
        ("[board]\ntitle = 1", r"board\.title must be a text, not 1"),
        ('[board]\nmodels = "Pi"', r"board\.models must be a list of texts, not 'Pi'"),
        ('[board]\nmodels = [""]', r"board\.models must be a list of texts"),
        ("[board]\nmachines = [1]", r"board\.machines must be a list of texts"),
    ],
)
def test_file_that_is_no_board_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(SettingInvalid, match=message):
        read_board("bad", tmp_path)


@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto on this machine")
def test_mosquitto_takes_the_example_configuration(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    text = (BOARDS_FOLDER / "broker" / "mosquitto.conf").read_text()
    text = text.replace("listener 1883 0.0.0.0", f"listener {port} 127.0.0.1")
    text = text.replace("/etc/mosquitto/edge-node.passwd", str(tmp_path / "passwords"))
    (tmp_path / "passwords").touch()
    # Started by root it would become another user, who may not read here.
    (tmp_path / "mosquitto.conf").write_text(f"{text}\nuser {getpass.getuser()}\n")
    program = find_mosquitto()
    assert program is not None
    command = [program, "-c", str(tmp_path / "mosquitto.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert listens(port, process), process.communicate()[1]
        finally:
            process.kill()


def listens(port: int, process: "subprocess.Popen[str]") -> bool:
    for _ in range(500):
        if process.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


def test_package_finds_the_folder_beside_it() -> None:
    root = Path(__file__).resolve().parents[2] / "hw_configs"
    assert BOARDS_FOLDER.resolve() == root
