# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge run` as a process: events in lines, an end by SIGTERM, sentences before."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.node.data_directory import DataDirectory
from edge_node.node.local_broker import announced
from edge_node.node.system import SystemClock
from tests.cli.typing_in import HEIGHT, typed
from tests.firmware_bridge.plugged import plugged
from tests.spec.toy_data import SIDE

PATIENCE_S = 120


@pytest.fixture
def broker(toy_node: Path) -> Iterator[RunningBroker]:
    folder = DataDirectory(toy_node).broker
    running = start_broker(BrokerOptions(data_dir=folder), SystemClock())
    with announced(folder, running.address):
        yield running
    running.stop()


@pytest.mark.slow
def test_events_come_a_line_each_until_sigterm(toy_node: Path, broker: RunningBroker) -> None:
    assert broker.is_alive
    with plugged(SIDE) as board:
        words = ("--data-dir", str(toy_node), "bridge", "run", board.port, "--interval-ms", "20")
        with subprocess.Popen(
            [sys.executable, "-m", "edge_node", *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            events = []
            for line in process.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "prediction" and len(events) < 8:
                    process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    kinds = [event["event"] for event in events]
    assert kinds[:4] == ["started", "device", "model", "prediction"]
    assert kinds[-1] == "stopped"
    assert events[2]["height"] == events[3]["height"] == HEIGHT
    assert len(events[0]["node"]) == 16


def test_what_can_not_begin_is_a_sentence(toy_node: Path, tmp_path: Path) -> None:
    run = ("bridge", "run", "/dev/none")
    assert "--broker" in typed(toy_node, *run).sentence(3)
    assert "edge-node init" in typed(tmp_path / "nobody", *run).sentence(3)
    assert "once" in typed(toy_node, *run, "/dev/none").sentence(2)
    assert "PORT" in typed(toy_node, "bridge", "run").sentence(2)
