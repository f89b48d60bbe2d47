# SPDX-License-Identifier: Apache-2.0
"""Every board's file starts a real node, with a broker of its own, on an emulated machine.

What stands in for the board is its device tree, /proc and /sys as files; the processor is this
machine's, and pynq_z2's fabric is not there, so its next candidates evaluate.
"""

import threading
from pathlib import Path

import pytest

from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.node.boards import board_names, read_board
from edge_node.node.configuration import ConfigRequest, LoadedConfig, load_config
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeNotRunning
from edge_node.node.hardware import detect
from edge_node.node.service import options_of, run_service
from tests.chain.workshop import EASY
from tests.datasets.samples import stored
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

PATIENCE_S = 120
HERE = "x86_host"
"""Starts on every commit; the others, with all tests."""
DATA = toy_dataset("easy", (40, 20, 20))
ZONE = "sys/class/thermal/thermal_zone0/temp"
CONVERTER = "sys/bus/iio/devices/iio:device0/in_temp0"


def emulated(root: Path, name: str) -> Path:
    """Write what a board's kernel shows of it."""
    board = read_board(name)
    files = {
        "proc/meminfo": "MemTotal: 524288 kB\n",
        ZONE: "45000\n",
        f"{CONVERTER}_raw": "2600\n",
        f"{CONVERTER}_offset": "-2219\n",
        f"{CONVERTER}_scale": "123.040771484\n",
    }
    if board.compatible:
        names = "".join(f"{each}\0" for each in board.compatible[:2])
        files |= {"proc/device-tree/compatible": names, "proc/device-tree/model": f"{name}\0"}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def loaded(root: Path, machine: Path, name: str) -> LoadedConfig:
    board = read_board(name)
    cpu = "aarch64" if board.compatible else board.machines[0]
    return load_config(
        ConfigRequest(
            environment={
                "EDGE_NODE_DATA_DIR": str(root),
                "EDGE_NODE_MACHINE_ROOT": str(machine),
                "EDGE_NODE_TRAINER_ARCHITECTURE": "1bit:conv4p-dense3",
                "EDGE_NODE_BROKER_EMBEDDED": "mosquitto",
            },
            board_of=lambda where: detect(where, cpu).board,
        )
    )


def until_synced(options_root: Path, thread: threading.Thread) -> dict[str, object]:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 20):
        assert thread.is_alive(), "the service has ended"
        try:
            status = ask(DataDirectory(options_root).control, "status", {})
        except NodeNotRunning:
            status = {}
        if status.get("synced"):
            return status
        pause.wait(0.05)
    raise AssertionError("not in time")


@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto on this machine")
@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[] if each == HERE else pytest.mark.slow) for each in board_names()],
)
def test_node_starts_with_the_file_of_its_board(tmp_path: Path, name: str) -> None:
    root, machine = tmp_path / "node", emulated(tmp_path / "machine", name)
    directory = DataDirectory(root)
    directory.initialise(toy.toy_network([DATA], parameters=EASY).genesis, toy.miner("ann").seed)
    DatasetStore(directory.datasets).add(stored(DATA))
    chosen = loaded(root, machine, name)
    sources = {origin.source for origin in chosen.origins}
    assert f"board file {name}.toml" in sources, "it was recognised"
    options = options_of(chosen.config)
    stop = threading.Event()
    thread = threading.Thread(target=run_service, args=(options, stop))
    thread.start()
    try:
        status = until_synced(root, thread)
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert status["backend"] in chosen.config.inference.candidates
    assert status["trainer"] != "off"
    if name in ("pynq_z2", "raspberry_pi_5", "raspberry_pi_zero_2w"):
        assert status["temperature"] in ("45.0 C", "46.9 C")
