# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge run` as a process: events in lines, an end by SIGTERM, sentences before."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.gossip.inbox import LinkUp
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import BRIDGE_ROOT, DISCOVERY_ROOT
from edge_node.node.data_directory import DataDirectory
from edge_node.node.local_broker import (
    NODES_FILE_NAME,
    LocalBroker,
    announced,
    find_local_broker,
)
from edge_node.node.system import SystemClock
from tests.cli.typing_in import HEIGHT, alive, typed
from tests.firmware_bridge.plugged import plugged
from tests.spec.toy_data import SIDE

PATIENCE_S, TURN_MS = 120, 100
ENOUGH = 2
DEVICE_STATUS_SLASHES = 4
"""Of edge-node/bridge/NODE/DEVICE/status, and of its prediction."""


@pytest.fixture
def broker(toy_node: Path) -> Iterator[RunningBroker]:
    folder = DataDirectory(toy_node).broker
    running = start_broker(BrokerOptions(data_dir=folder), SystemClock())
    with announced(folder, running.address):
        yield running
    running.stop()


def events_of(
    data_dir: Path, *words: str, heard: Callable[[], bool] = lambda: True
) -> list[dict[str, Any]]:
    """Run a bridge until its second prediction at least, and `heard`; return what it told."""
    command = ("--data-dir", str(data_dir), "bridge", "run", *words, "--json")
    with subprocess.Popen(
        [sys.executable, "-m", "edge_node", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        events, predictions, was_told = [], 0, False
        for line in process.stdout:
            events.append(json.loads(line))
            predictions += events[-1]["event"] == "prediction"
            if not was_told and predictions >= ENOUGH and heard():
                process.send_signal(signal.SIGTERM)
                was_told = True
        assert process.stderr is not None
        assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    return events


@dataclass
class Listener:
    """Somebody who hears what bridges say at a broker."""

    link: MqttLink
    announced: bool = False
    """Whether a device was announced to Home Assistant before it was told to be here."""
    device_told: bool = False
    """Whether a device was told to be here, or has predicted."""

    def hears_a_device(self) -> bool:
        """Hear what has come; say whether there was ever something of a device in it."""
        for event in self.link.poll(0):
            if self.device_told or not isinstance(event, Incoming):
                continue
            if event.topic.startswith(DISCOVERY_ROOT):
                self.announced = True
            elif event.topic.count("/") == DEVICE_STATUS_SLASHES:
                self.device_told = True
        return self.device_told


@contextmanager
def listening(found: LocalBroker) -> Iterator[Listener]:
    """Give somebody who listens at a broker."""
    link = MqttLink(
        LinkOptions(
            brokers=(found.address,),
            client_id="somebody",
            user=found.account.user,
            password=found.account.password,
            subscriptions=(f"{BRIDGE_ROOT}/#", f"{DISCOVERY_ROOT}/#"),
        )
    )
    link.start()
    while not any(isinstance(event, LinkUp) for event in link.poll(TURN_MS)):
        pass
    try:
        yield Listener(link)
    finally:
        link.stop()


@pytest.mark.slow
def test_events_come_a_line_each_until_sigterm(toy_node: Path, broker: RunningBroker) -> None:
    assert broker.is_alive
    with plugged(SIDE) as board:
        events = events_of(toy_node, board.port, "--interval-ms", "20")
    kinds = [event["event"] for event in events]
    assert kinds[:4] == ["started", "device", "model", "prediction"]
    assert kinds[-1] == "stopped"
    assert events[2]["height"] == events[3]["height"] == HEIGHT
    assert len(events[0]["node"]) == 16


@pytest.mark.slow
def test_configuration_says_what_is_not_said_and_the_nodes_own_broker_is_found(
    toy_node: Path,
) -> None:
    with plugged(SIDE) as board, alive(toy_node):
        (toy_node / "config.toml").write_text(
            # Slow enough that a broker that stands still has room for all until it is heard.
            f'[bridge]\nports = ["{board.port}"]\ninterval_ms = 200\nhome_assistant = true\n'
        )
        found = find_local_broker(DataDirectory(toy_node).broker, NODES_FILE_NAME)
        assert found is not None
        with listening(found) as listener:
            events = events_of(toy_node, heard=listener.hears_a_device)
            assert listener.announced
    assert list(events[0]["devices"].values()) == [board.port]
    assert events[-1]["unpublished"] == 0


@pytest.mark.slow
def test_what_is_said_wins_over_the_configuration(toy_node: Path, broker: RunningBroker) -> None:
    (toy_node / "config.toml").write_text(
        '[bridge]\nports = ["socket://127.0.0.1:9"]\nfamily = "00"\ninterval_ms = 3600000\n'
        "home_assistant = true\n"
    )
    words = ("--family", "", "--interval-ms", "20", "--no-home-assistant")
    found = LocalBroker(address=broker.address, account=broker.account)
    with plugged(SIDE) as board, listening(found) as listener:
        events = events_of(toy_node, board.port, *words, heard=listener.hears_a_device)
        assert not listener.announced
    assert list(events[0]["devices"].values()) == [board.port]


def test_what_can_not_begin_is_a_sentence(toy_node: Path, tmp_path: Path) -> None:
    run = ("bridge", "run", "/dev/none")
    assert "--broker" in typed(toy_node, *run).sentence(3)
    assert "edge-node init" in typed(tmp_path / "nobody", *run).sentence(3)
    assert "once" in typed(toy_node, *run, "/dev/none").sentence(2)
    nothing = typed(toy_node, "bridge", "run").sentence(2)
    assert "there is no PORT: name one of those that `edge-node bridge list` shows" in nothing
    assert f"set bridge.ports in {toy_node}/config.toml; see" in nothing
