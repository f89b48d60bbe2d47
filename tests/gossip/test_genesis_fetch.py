# SPDX-License-Identifier: Apache-2.0
"""Joining by one line: the genesis comes from the broker and must hash to the network id."""

from dataclasses import replace

import pytest

from edge_node.gossip import codec, genesis_fetch
from edge_node.gossip.embedded_broker import RunningBroker
from edge_node.gossip.envelope import seal
from edge_node.gossip.errors import GenesisNotFound
from edge_node.gossip.genesis_fetch import fetch_genesis, genesis_filter, read_genesis
from edge_node.gossip.inbox import LinkEvent, LinkRefused
from edge_node.gossip.join_line import JoinLine
from edge_node.gossip.messages import GenesisCopy
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.ports import Incoming, Publish
from edge_node.gossip.topics import Kind, Topic, network_prefix
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import NetworkId
from edge_node.spec.genesis import genesis_from_bytes
from tests.gossip.real import (
    CLOCK,
    PATIENCE_MS,
    RealClock,
    linked,
    nobody_listens,
    options,
    wait_for_payload,
)
from tests.gossip.simulation import identity_of, matches

pytestmark = pytest.mark.slow  # real brokers

GENESIS = b"canonical genesis"


def genesis_id(data: bytes) -> NetworkId:
    return NetworkId(tagged_hash("genesis", data))


NETWORK = genesis_id(GENESIS)
EVERY_COPY = genesis_filter(NETWORK)


def retained(name: str, data: bytes) -> Publish:
    identity = identity_of(name, network_id=NETWORK)
    topic = Topic(network=network_prefix(NETWORK), kind=Kind.GENESIS, sender=identity.node)
    payload = seal(
        topic,
        codec.encode(GenesisCopy(data=data)),
        network_id=NETWORK,
        key=identity.key,
        session=1,
        sequence=1,
        sign=identity.sign,
    )
    return Publish(topic=topic.path(), payload=payload, qos=1, retain=True)


def incoming(sent: Publish) -> Incoming:
    return Incoming(topic=sent.topic, payload=sent.payload, retained=True)


def test_a_true_genesis_is_read_and_a_false_one_not() -> None:
    assert read_genesis(incoming(retained("a", GENESIS)), NETWORK, genesis_id) == GENESIS
    assert read_genesis(incoming(retained("a", b"false")), NETWORK, genesis_id) is None
    garbage = Incoming(topic=retained("a", GENESIS).topic, payload=b"garbage")
    assert read_genesis(garbage, NETWORK, genesis_id) is None
    assert matches(genesis_filter(NETWORK), garbage.topic)


def test_bytes_that_are_no_genesis_are_passed_over() -> None:
    def law(data: bytes) -> NetworkId:
        return genesis_from_bytes(data).network_id()

    assert read_genesis(incoming(retained("a", b"garbage")), NETWORK, law) is None


def test_the_true_genesis_is_found_among_false_ones(any_broker: RunningBroker) -> None:
    subscribed = replace(options(any_broker, name="nodes"), subscriptions=(EVERY_COPY,))
    with linked(subscribed) as nodes:
        for name in ("liar 1", "liar 2", "liar 3"):
            nodes.publish(retained(name, name.encode()))
        nodes.publish(retained("honest", GENESIS))
        nodes.publish(Publish(topic=retained("x", b"").topic, payload=b"?", qos=1, retain=True))
        wait_for_payload(nodes, b"?")  # or amqtt may drop some when their sender is gone
    line = any_broker.join_line(NETWORK)
    found = fetch_genesis(
        line, client_id="joiner", genesis_id=genesis_id, clock=CLOCK, timeout_ms=20_000
    )
    assert found == GENESIS


def test_a_network_that_is_not_there_is_named(any_broker: RunningBroker) -> None:
    line = any_broker.join_line(NETWORK)
    with pytest.raises(GenesisNotFound, match=f"{NETWORK.hex()}.*edge-node run"):
        fetch_genesis(line, client_id="j", genesis_id=genesis_id, clock=CLOCK, timeout_ms=300)


class OverWhenRefused(RealClock):
    """The machine's clock, on which every time-out is over once a link was refused."""

    refused = False

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.refused * PATIENCE_MS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> OverWhenRefused:
    made = OverWhenRefused()

    class Watched(MqttLink):
        def poll(self, timeout_ms: int) -> list[LinkEvent]:
            events = super().poll(timeout_ms)
            made.refused |= any(isinstance(event, LinkRefused) for event in events)
            return events

    monkeypatch.setattr(genesis_fetch, "MqttLink", Watched)
    return made


def test_a_wrong_password_is_named(any_broker: RunningBroker, clock: OverWhenRefused) -> None:
    right = any_broker.join_line(NETWORK)
    wrong = JoinLine(brokers=right.brokers, network_id=NETWORK, user=right.user, password="wrong")
    with pytest.raises(GenesisNotFound, match=r"refused by .*[Nn]ot authori[sz]ed"):
        fetch_genesis(
            wrong, client_id="j", genesis_id=genesis_id, clock=clock, timeout_ms=PATIENCE_MS
        )


def test_no_broker_is_named(clock: OverWhenRefused) -> None:
    with nobody_listens() as nobody:
        line = JoinLine(brokers=(nobody,), network_id=NETWORK, user="", password="")
        with pytest.raises(GenesisNotFound, match="no connection"):
            fetch_genesis(
                line, client_id="j", genesis_id=genesis_id, clock=clock, timeout_ms=PATIENCE_MS
            )
