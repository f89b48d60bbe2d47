# SPDX-License-Identifier: Apache-2.0
"""A demonstration's broker and nodes as real processes: they mine, and they end with it, always."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.demo.network import (
    DemoFailed,
    DemoFolderTaken,
    DemoNetwork,
    NodeGlimpse,
    ended_by_signals,
    undisturbed,
)
from edge_node.gossip import embedded_broker
from edge_node.gossip.errors import BrokerMissing
from edge_node.node.networks import DEMO
from edge_node.node.system import SystemClock
from edge_node.spec.genesis import EVOLUTION
from tests.demo.pictures import stored_patterns
from tests.demo.processes import processes_of

pytestmark = pytest.mark.slow

PATIENCE_S = 120


def network_in(folder: Path, *backends: str) -> DemoNetwork:
    datasets, dataset = stored_patterns(folder / "datasets")
    return DemoNetwork(
        folder / "nodes",
        backends=backends,
        datasets=datasets,
        learned=(dataset,),
        proof=EVOLUTION,
        parameters=DEMO,
        clock=SystemClock(),
    )


@contextmanager
def running(folder: Path, *backends: str) -> Iterator[DemoNetwork]:
    network = network_in(folder, *backends)
    try:
        yield network
    finally:
        network.stop()


def eventually(what: str, holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.1)


def test_nodes_mine_over_amqtt_where_there_is_no_mosquitto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "find_mosquitto", lambda: None)
    monkeypatch.setenv("EDGE_NODE_TRAINER_ENABLED", "false")  # a user's own choice: not for us
    with running(tmp_path, "native", "reference") as network:
        assert network.broker.program == "amqtt"
        eventually("two blocks", lambda: [g.height >= 2 for g in network.glimpses()] == [True] * 2)
        eventually("mining ends", lambda: network.let_mine(0))
        glimpses: list[NodeGlimpse] = []

        def both_answer() -> bool:
            glimpses[:] = network.glimpses()  # without those that are busy just then
            return [glimpse.name for glimpse in glimpses] == ["node-1", "node-2"]

        eventually("both answer", both_answer)
        assert sum(glimpse.mined for glimpse in glimpses) >= 2
        assert all(glimpse.imported >= glimpse.height for glimpse in glimpses)
        assert all(glimpse.evaluation_ppm > 600_000 for glimpse in glimpses)
        assert processes_of(tmp_path)
    assert processes_of(tmp_path) == []
    assert not network.broker.is_alive
    assert [node.process.returncode for node in network.nodes] == [0, 0]
    assert not any(node.directory.control.exists() for node in network.nodes)


def test_node_that_ends_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    with running(tmp_path, "native", "no-such-back-end") as network:
        failed: list[DemoFailed] = []

        def has_failed() -> bool:
            try:
                network.glimpses()
            except DemoFailed as error:
                failed.append(error)
            return bool(failed)

        eventually("the second node fails", has_failed)
    assert failed[0].name == "node-2"
    assert "no-such-back-end" in failed[0].log.read_text()
    assert processes_of(tmp_path) == []


def test_without_any_broker_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "find_mosquitto", lambda: None)
    monkeypatch.setattr(embedded_broker, "has_amqtt", lambda: False)
    with pytest.raises(BrokerMissing, match="install the package mosquitto"):
        network_in(tmp_path, "native")


def test_folder_that_holds_something_else_is_not_emptied(tmp_path: Path) -> None:
    mine = tmp_path / "nodes" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    with pytest.raises(DemoFolderTaken, match=r"thesis\.txt .* --output"):
        network_in(tmp_path, "native")
    assert mine.read_text() == "years of work"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_demonstration_as_ctrl_c_does(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_signal_waits_while_locks_are_taken() -> None:
    done = []

    def two_locks() -> None:
        with undisturbed():
            with undisturbed():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            done.append("outer")
        done.append("after")

    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        two_locks()
    assert done == ["inner", "outer"]


def test_interrupted_start_leaves_no_process(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from tests.demo.test_network import network_in
from edge_node.demo.network import ended_by_signals
with ended_by_signals():
    network = network_in(Path({str(tmp_path)!r}), "native", "native")
    try:
        while True:
            network.glimpses()
    finally:
        network.stop()
"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        eventually("two nodes", lambda: len(list(tmp_path.glob("nodes/node-2/log"))) == 1)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    # A node that was hardly there yet ends with the signal itself.
    eventually("no process", lambda: processes_of(tmp_path) == [])
