# SPDX-License-Identifier: Apache-2.0
"""The boards' files: each is a good configuration, is recognised, says nothing of consensus."""

import dataclasses
import getpass
import socket
import subprocess
import time
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.node.boards import BOARDS_FOLDER, board_names, find_board, is_board_file, read_board
from edge_node.node.configuration import ConfigRequest, board_settings, load_config
from edge_node.node.configuration_errors import (
    BoardExtendsTwice,
    BoardSchemaUnknown,
    ConfigurationUnreadable,
    SettingInvalid,
    UnknownBoard,
    UnknownSetting,
)
from edge_node.spec.genesis import Parameters
from tests.architecture.sources import ROOT
from tests.ports import quiet_port

BOARDS = [
    "emulator",
    "pynq_z2",
    "raspberry_pi_3",
    "raspberry_pi_3a_plus",
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
    assert board.compatible or board.machines
    environment = {"XDG_DATA_HOME": "/nowhere", "EDGE_NODE_BOARD": name}
    loaded = load_config(ConfigRequest(environment=environment))
    assert f"board file {name}.toml" in {o.source for o in loaded.origins if o.section == "trainer"}


def test_board_of_ones_own_in_the_readme_is_a_good_configuration(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    begin = text.index("schema = 1\n")
    file.write_text(text[begin : text.index("```", begin)], encoding="utf-8")
    loaded = load_config(ConfigRequest(environment={"EDGE_NODE_BOARD": str(file)}))
    assert loaded.config.limits.max_memory_mib == 600
    assert "board file mine.toml" in {origin.source for origin in loaded.origins}


@pytest.mark.parametrize("name", BOARDS)
def test_board_says_nothing_that_a_genesis_says(name: str) -> None:
    sections = {each for layer in read_board(name).layers for each in layer.sections}
    words = {origin.key for origin in board_settings(read_board(name))}
    assert not words & {field.name for field in dataclasses.fields(Parameters)}
    assert sections <= {"inference", "trainer", "broker", "storage", "limits", "thermal"}


def test_no_two_boards_have_a_name_in_common() -> None:
    boards = [read_board(name) for name in BOARDS]
    names = [name for each in boards for name in (*each.compatible, *each.models, *each.machines)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("compatible", "board"),
    [
        ("raspberrypi,5-model-b brcm,bcm2712", "raspberry_pi_5"),
        ("raspberrypi,500 brcm,bcm2712", "raspberry_pi_5"),
        ("raspberrypi,5-compute-module brcm,bcm2712d0", "raspberry_pi_5"),
        ("raspberrypi,4-model-b brcm,bcm2711", "raspberry_pi_4"),
        ("raspberrypi,400 brcm,bcm2711", "raspberry_pi_4"),
        ("raspberrypi,3-model-b-plus brcm,bcm2837", "raspberry_pi_3"),
        ("raspberrypi,3-model-a-plus brcm,bcm2837", "raspberry_pi_3a_plus"),
        ("raspberrypi,3-compute-module brcm,bcm2837", "raspberry_pi_3"),
        ("somebody,with-a-bcm2837 brcm,bcm2837", "raspberry_pi_3"),
        ("raspberrypi,model-zero-2-w brcm,bcm2837", "raspberry_pi_zero_2w"),
        ("xlnx,zynq-7000", "pynq_z2"),
        ("linux,dummy-virt", "emulator"),
        ("xunlong,orangepi-5 rockchip,rk3588s", ""),
        ("raspberrypi,model-zero-w brcm,bcm2835", ""),
    ],
)
def test_boards_are_recognised_by_the_most_special_name(compatible: str, board: str) -> None:
    found = find_board(compatible.split(), "", "aarch64")
    assert (found.board.name if found else "") == board
    assert found is None or found.why.split()[-1] in compatible.split()


@pytest.mark.parametrize(
    ("model", "machine", "board", "why"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "aarch64", "raspberry_pi_5", "kernel calls it Raspb"),
        ("Raspberry Pi 400 Rev 1.0", "aarch64", "raspberry_pi_4", "kernel calls it"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "aarch64", "raspberry_pi_zero_2w", "kernel calls it"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "aarch64", "raspberry_pi_3", "kernel calls it"),
        (
            "Raspberry Pi 3 Model A Plus Rev 1.0",
            "aarch64",
            "raspberry_pi_3a_plus",
            "kernel calls it",
        ),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", "aarch64", "raspberry_pi_3", "kernel calls"),
        ("", "x86_64", "x86_host", "its processor is x86_64"),
        ("Some x86 tablet with a device tree", "x86_64", "x86_host", "its processor"),
        ("Orange Pi 5", "aarch64", "", ""),
        ("", "riscv64", "", ""),
    ],
)
def test_boards_are_recognised_where_the_device_tree_is_hidden(
    model: str, machine: str, board: str, why: str
) -> None:
    found = find_board((), model, machine)
    assert (found.board.name if found else "") == board
    assert found is None or why in found.why


def test_boards_with_half_a_gigabyte_have_the_same_limits() -> None:
    found = [
        {(o.section, o.key): o.value for o in board_settings(read_board(name))}
        for name in ("raspberry_pi_3a_plus", "raspberry_pi_zero_2w")
    ]
    assert found[0] == found[1]
    assert found[0]["limits", "max_memory_mib"] == 320


def test_unknown_board_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownBoard, match="no board 'pi'; choose one of emulator, pynq_z2, rasp"):
        read_board("pi")
    for name in ("", "../x86_host", "x86_host/"):
        with pytest.raises(UnknownBoard):
            read_board(name)
    with pytest.raises(ConfigurationUnreadable, match=r"~nobody-here/mine.toml can not be read"):
        read_board("~nobody-here/mine.toml")


def test_path_of_a_file_is_a_board_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("schema = 1\n[trainer]\nnice = 1\n")
    board = read_board(str(path))
    assert (board.title, board.compatible, board.models, board.machines) == ("mine", (), (), ())
    assert [layer.sections for layer in board.layers] == [{"trainer": {"nice": 1}}]
    assert is_board_file(str(path))
    assert not is_board_file("x86_host")


def test_file_extends_a_board_or_one_beside_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('schema = 1\nextends = "x86_host"\n[trainer]\nnice = 1\n')
    board = read_board(str(mine))
    assert (board.title, board.machines) == ("mine", ()), "names are not inherited"
    settings = {(o.section, o.key): (o.value, o.source) for o in board_settings(board)}
    assert settings["trainer", "nice"] == (1, "board file mine.toml")
    assert settings["trainer", "selection_images"] == (20_000, "board file x86_host.toml")
    other = tmp_path / "other.toml"
    other.write_text("schema = 1\n[trainer]\nnice = 5\n")
    mine.write_text('schema = 1\nextends = "other.toml"\n')
    assert [o.value for o in board_settings(read_board(str(mine)))] == [5]


@pytest.mark.parametrize("further", ["x86_host", "one", "two"])
def test_file_that_extends_twice_or_itself_is_refused_by_name(tmp_path: Path, further: str) -> None:
    (tmp_path / "one.toml").write_text('schema = 1\nextends = "two"\n')
    (tmp_path / "two.toml").write_text(f'schema = 1\nextends = "{further}"\n')
    with pytest.raises(
        BoardExtendsTwice, match=f"one.toml extends two.toml, which ext.* {further}"
    ):
        read_board("one", tmp_path)


def test_file_that_extends_nothing_that_is_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('schema = 1\nextends = "none"\n')
    with pytest.raises(UnknownBoard, match="no board 'none'"):
        read_board("one", tmp_path)


@pytest.mark.parametrize(
    ("schema", "said"),
    [("", "no schema"), ("schema = 2", "schema = 2"), ('schema = "1"', "schema = '1'")],
)
@pytest.mark.parametrize("whose", ["own", "base"])
def test_other_schema_is_refused_with_both_numbers(
    tmp_path: Path, schema: str, said: str, whose: str
) -> None:
    (tmp_path / "base.toml").write_text(f"{schema}\n")
    (tmp_path / "own.toml").write_text('schema = 1\nextends = "base"\n')
    name = "base.toml" if whose == "base" else "own.toml"
    if whose == "own":
        (tmp_path / "own.toml").write_text(f"{schema}\n")
    with pytest.raises(
        BoardSchemaUnknown, match=f"{name} says {said}, and this program reads schema = 1"
    ):
        read_board("own", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("board = 1", r"board must be a section \[board\] with title, not 1"),
        ("match = []", r"match must be a section \[match\] with compatible, models, machines"),
        ("extends = 1", "extends must be the name of a board"),
        ("[board]\ntitle = 1", r"board\.title must be a text, not 1"),
        ('[match]\nmodels = "Pi"', r"match\.models must be a list of texts, not 'Pi'"),
        ('[match]\ncompatible = [""]', r"match\.compatible must be a list of texts"),
        ("[match]\nmachines = [1]", r"match\.machines must be a list of texts"),
    ],
)
def test_value_that_can_not_be_meant_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(f"schema = 1\n{text}")
    with pytest.raises(SettingInvalid, match=message):
        read_board("bad", tmp_path)


@pytest.mark.parametrize("text", ["[board]\nram = 1", "[match]\nram = 1"])
def test_unknown_key_is_an_error_in_the_board_s_own_tables_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.toml").write_text(f"schema = 1\n{text}")
    with pytest.raises(UnknownSetting, match=r"there is no setting (board|match)\.ram"):
        read_board("bad", tmp_path)


@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto on this machine")
def test_mosquitto_takes_the_example_configuration(tmp_path: Path) -> None:
    port = quiet_port()
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
