# SPDX-License-Identifier: Apache-2.0
"""A bridge as a whole: a real chain, a real broker, and devices that come, go and move on.

The devices are the firmware's core on this machine, behind sockets, with a sensor of the chain's
size.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge_node.chain.errors import StoreUnavailable
from edge_node.chain.importer import Importer
from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.gossip.inbox import LinkUp
from edge_node.gossip.mqtt import LinkOptions, MqttLink, TlsOptions
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import NodeId
from edge_node.node.bridge.accepted import AcceptedModels
from edge_node.node.bridge.errors import BridgeFailed, NoBrokerForBridge
from edge_node.node.bridge.predictions import BridgeTopics, device_name, device_status
from edge_node.node.bridge.service import Bridge, BridgeBroker, BridgeOptions, broker_of
from edge_node.node.control import JsonObject
from edge_node.node.local_broker import NODES_FILE_NAME, announced
from edge_node.node.system import SystemClock
from edge_node_bridge.errors import PortForbidden
from tests.chain.workshop import Grown, Tree, easy_network, opened, take
from tests.firmware_bridge.plugged import plugged
from tests.ports import quiet_port
from tests.spec.toy_data import SIDE
from tests.spec.toy_network import Network

CLOCK = SystemClock()
NODE = NodeId("0123456789abcdef")
PATIENCE_S, TURN_MS = 60, 100
HEIGHT = 2
OUTAGE_S = 5
"""Several attempts to connect."""


@pytest.fixture
def network() -> Network:
    return easy_network()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    # Its port is still free when it starts again.
    options = BrokerOptions(data_dir=tmp_path / "broker", port=quiet_port())
    running = start_broker(options, CLOCK)
    yield running
    running.stop()


@pytest.fixture
def grown(network: Network) -> list[Grown]:
    return Tree(network).branch(None, HEIGHT)


@dataclass
class Subscriber:
    """Somebody who listens to a bridge's predictions."""

    link: MqttLink
    heard: list[Incoming] = field(default_factory=list)

    def next_at(self, end: str) -> Incoming:
        """Return the next message whose topic ends so; the others are kept."""
        # Not so many looks: each ends with the next message, whatever it is about.
        end_ms = CLOCK.monotonic_ms() + PATIENCE_S * 1_000
        while CLOCK.monotonic_ms() < end_ms:
            for number, message in enumerate(self.heard):
                if message.topic.endswith(end):
                    return self.heard.pop(number)
            self.heard += [e for e in self.link.poll(TURN_MS) if isinstance(e, Incoming)]
        raise AssertionError(f"nothing at {end}")


@contextmanager
def subscribed(broker: RunningBroker) -> Iterator[Subscriber]:
    link = MqttLink(
        LinkOptions(
            brokers=(broker.address,),
            client_id="somebody",
            user=broker.account.user,
            password=broker.account.password,
            subscriptions=("edge-node/bridge/#", "homeassistant/#"),
        )
    )
    link.start()
    try:
        listener, events = Subscriber(link), link.poll(TURN_MS)
        while not any(isinstance(event, LinkUp) for event in events):
            events += link.poll(TURN_MS)
        listener.heard += [event for event in events if isinstance(event, Incoming)]
        yield listener
    finally:
        link.stop()


def options_for(
    network: Network, broker: RunningBroker, chain: Path, *ports: str, home_assistant: bool = False
) -> BridgeOptions:
    return BridgeOptions(
        ports=ports,
        chain=chain,
        genesis=network.genesis,
        node=NODE,
        broker=BridgeBroker(
            brokers=(broker.address,), user=broker.account.user, password=broker.account.password
        ),
        interval_ms=20,
        home_assistant=home_assistant,
    )


@contextmanager
def bridging(options: BridgeOptions) -> Iterator[list[tuple[str, JsonObject]]]:
    """Run a bridge in a thread; give its events."""
    told: list[tuple[str, JsonObject]] = []
    stop = threading.Event()
    bridge = Bridge(options, CLOCK, lambda name, facts: told.append((name, facts)), stop)
    thread = threading.Thread(target=bridge.run)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def accept(importer: Importer, block: Grown) -> str:
    take(importer, block.mined)
    return block.mined.block.header.model_hash.hex()


def test_devices_follow_the_chain_and_whoever_listens_hears_their_predictions(
    network: Network,
    broker: RunningBroker,
    grown: list[Grown],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Room for all that two devices say while a broker stands still.
    monkeypatch.setattr("edge_node.gossip.mqtt.MAX_OUTGOING_MESSAGES", 1 << 16)
    chain = tmp_path / "chain"
    with ExitStack() as stack:
        importer = stack.enter_context(opened(chain, network))
        first = accept(importer, grown[0])
        boards = [stack.enter_context(plugged(SIDE)) for _ in range(2)]
        listener = stack.enter_context(subscribed(broker))
        ports = [board.port for board in boards]
        told = stack.enter_context(bridging(options_for(network, broker, chain, *ports)))
        names = [
            port.removeprefix("socket://").replace(".", "-").replace(":", "-") for port in ports
        ]
        assert listener.next_at(f"{NODE}/status").payload == b"online"
        for name in names:
            message = listener.next_at(f"{NODE}/{name}/prediction")
            facts = json.loads(message.payload)
            assert (facts["model"], facts["height"], facts["device"]) == (first, 1, name)
            assert facts["class"] == facts["logits"].index(max(facts["logits"]))
            while listener.next_at(f"{name}/status").payload != b"online":
                pass
        second = accept(importer, grown[1])
        for name in names:
            while json.loads(listener.next_at(f"{name}/prediction").payload)["model"] != second:
                pass
        boards[0].pull()
        while listener.next_at(f"{names[0]}/status").payload != b"offline":
            pass
        boards[0].plug()
        while listener.next_at(f"{names[0]}/status").payload != b"online":
            pass
        while json.loads(listener.next_at(f"{names[0]}/prediction").payload)["sample"] != 0:
            pass
    kinds = [name for name, _ in told]
    assert (kinds[0], kinds[-1]) == ("started", "stopped")
    assert {"device", "model", "prediction", "lost"} < set(kinds)
    assert told[-1][1]["unpublished"] == 0
    assert told[-1][1]["predictions"] == kinds.count("prediction")


def test_who_comes_later_hears_that_the_bridge_has_gone(
    network: Network, broker: RunningBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with plugged(SIDE) as board, subscribed(broker) as listener:
        ready = options_for(network, broker, tmp_path / "none", board.port)
        with bridging(ready):
            while listener.next_at(f"{device_name(board.port)}/status").payload != b"online":
                pass
        while listener.next_at(f"{NODE}/status").payload != b"offline":
            pass
    assert not (tmp_path / "none").exists(), "a chain is never made here"
    assert "the chain has no model that fits it yet" in caplog.text
    with subscribed(broker) as late:
        message = late.next_at(f"{NODE}/status")
        assert (message.payload, message.retained) == (b"offline", True)


def test_device_that_has_gone_while_nobody_looked_is_told_to_be_gone(
    network: Network, broker: RunningBroker, tmp_path: Path
) -> None:
    ready = options_for(network, broker, tmp_path / "none", "/dev/none")
    with subscribed(broker) as listener:
        kept = device_status(BridgeTopics(node=NODE), "none", here=True)
        listener.link.publish(kept)
        assert listener.next_at("none/status").payload == b"online", "of a bridge that was killed"
        with bridging(ready):
            assert listener.next_at("none/status").payload == b"offline"


def test_who_is_there_is_told_after_a_cut_in_which_predictions_have_filled_the_queue(
    network: Network,
    broker: RunningBroker,
    grown: list[Grown],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("edge_node.gossip.mqtt.MAX_OUTGOING_MESSAGES", 4)
    monkeypatch.setattr("edge_node.gossip.mqtt.RECONNECT_MAX_S", 1)
    chain = tmp_path / "chain"
    with ExitStack() as stack:
        accept(stack.enter_context(opened(chain, network)), grown[0])
        board = stack.enter_context(plugged(SIDE))
        told = stack.enter_context(bridging(options_for(network, broker, chain, board.port)))
        with subscribed(broker) as listener:
            listener.next_at("/prediction")
        broker.stop()
        before = len(told)
        while len(told) < before + 20 or "refused: no connection" not in caplog.text:
            time.sleep(TURN_MS / 1_000)
        time.sleep(OUTAGE_S)
        assert caplog.text.count("refused: no connection") == 1, "said once, tried more often"
        again = start_broker(
            BrokerOptions(data_dir=tmp_path / "broker", port=broker.address.port), CLOCK
        )
        stack.callback(again.stop)
        with subscribed(again) as listener:
            while listener.next_at(f"{NODE}/status").payload != b"online":
                pass
            name = device_name(board.port)
            while listener.next_at(f"{name}/status").payload != b"online":
                pass
    assert told[-1][1]["unpublished"] != 0


def test_own_broker_that_starts_anew_on_another_port_is_followed(
    network: Network, broker: RunningBroker, tmp_path: Path
) -> None:
    folder = tmp_path / "broker"
    with ExitStack() as stack:
        board = stack.enter_context(plugged(SIDE))
        with announced(folder, broker.address):
            found = broker_of(folder, (), "", "", TlsOptions())
        ready = options_for(network, broker, tmp_path / "none", board.port)
        stack.enter_context(bridging(replace(ready, broker=found)))
        with subscribed(broker) as listener:
            listener.next_at(f"{NODE}/status")
        broker.stop()
        again = start_broker(BrokerOptions(data_dir=folder), CLOCK)
        stack.callback(again.stop)
        stack.enter_context(announced(folder, again.address))
        with subscribed(again) as listener:
            while listener.next_at(f"{device_name(board.port)}/status").payload != b"online":
                pass


def test_chain_that_can_not_be_read_is_told_once_until_it_can(
    network: Network,
    broker: RunningBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = threading.Semaphore(0)

    def fail(_models: AcceptedModels) -> bool:
        looks.release()
        raise StoreUnavailable("it is locked")

    monkeypatch.setattr("edge_node.node.bridge.service.LOOK_MS", 1)
    monkeypatch.setattr(AcceptedModels, "look", fail)
    chain = tmp_path / "chain"
    with opened(chain, network), bridging(options_for(network, broker, chain)):
        for _ in range(3):
            assert looks.acquire(timeout=PATIENCE_S)
    assert caplog.text.count("it is locked") == 1


def test_home_assistant_is_told_only_when_it_was_asked_for(
    network: Network, broker: RunningBroker, tmp_path: Path
) -> None:
    with plugged(SIDE) as board, subscribed(broker) as listener:
        for wanted in (False, True):
            ready = options_for(
                network, broker, tmp_path / "none", board.port, home_assistant=wanted
            )
            with bridging(ready):
                while (status := listener.next_at("/status")).payload != b"online" or (
                    status.topic.count("/") < 4
                ):
                    pass
                if wanted:
                    config = json.loads(listener.next_at("/config").payload)
                    assert config["availability"][1]["topic"] == status.topic
            assert wanted or not any("homeassistant" in e.topic for e in listener.heard)


def test_log_says_that_devices_sign_nothing(
    network: Network, broker: RunningBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), bridging(options_for(network, broker, tmp_path / "none")):
        pass
    assert "devices sign nothing and hold no keys" in caplog.text


def test_port_that_may_not_be_opened_ends_it_with_the_groups_name(
    network: Network, broker: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, *, baud: int) -> None:
        raise PortForbidden(name=name, group="dialout")

    monkeypatch.setattr("edge_node.node.bridge.service.SerialPort", refuse)
    ready = options_for(network, broker, tmp_path / "none", "/dev/ttyACM0")
    bridge = Bridge(ready, CLOCK, lambda _name, _facts: None, threading.Event())
    with pytest.raises(BridgeFailed, match=r"/dev/ttyACM0 belongs to the group dialout"):
        bridge.run()


def test_broker_is_the_configured_one_else_the_one_that_runs_here(
    broker: RunningBroker, tmp_path: Path
) -> None:
    tls = TlsOptions()
    chosen = broker_of(tmp_path / "nobody", (broker.address,), "ann", "secret", tls)
    assert (chosen.brokers, chosen.user) == ((broker.address,), "ann")
    with pytest.raises(NoBrokerForBridge, match="--broker"):
        broker_of(tmp_path / "nobody", (), "", "", tls)
    with announced(tmp_path / "broker", broker.address):
        found = broker_of(tmp_path / "broker", (), "", "", tls)
    assert (found.brokers, found.password) == ((broker.address,), broker.account.password)
    with announced(tmp_path / "broker", broker.address, NODES_FILE_NAME):
        found = broker_of(tmp_path / "broker", (), "", "", tls)
    assert (found.brokers, found.password) == ((broker.address,), broker.account.password)
