# SPDX-License-Identifier: Apache-2.0
"""State machines over real brokers: late joiner with chain and dataset, failover, last will."""

import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from contextlib import closing

import pytest

from edge_node.gossip import limits
from edge_node.gossip.embedded_broker import RunningBroker
from edge_node.gossip.inbox import LinkDown, LinkUp
from edge_node.gossip.messages import Offer
from edge_node.gossip.mqtt import LinkOptions, MqttLink, PublishResult
from edge_node.gossip.ports import (
    Action,
    DatasetComplete,
    Incoming,
    ObjectReceived,
    PeerOffline,
    Publish,
    SetWill,
)
from tests.gossip.real import CLOCK, PATIENCE_MS
from tests.gossip.simulation import FakeChain, hashes_in, make_node, react

pytestmark = pytest.mark.slow  # real brokers


class Node:
    """A state machine, a fake chain and a real link, driven by hand."""

    def __init__(self, name: str, *brokers: RunningBroker, chain: FakeChain | None = None) -> None:
        self.sim = make_node(name, chain, seed="real")
        self.connects = 0
        self.link = MqttLink(
            LinkOptions(
                brokers=tuple(broker.address for broker in brokers),
                client_id=self.sim.node,
                user=brokers[0].account.user,
                password=brokers[0].account.password,
                subscriptions=self.sim.gossip.subscriptions,
                will=self.sim.gossip.will(),
            )
        )
        self.link.start()

    def close(self) -> None:
        self.act(self.sim.gossip.goodbye(CLOCK.monotonic_ms()))
        self.link.stop()

    @property
    def chain(self) -> FakeChain:
        return self.sim.chain

    def step(self) -> None:
        """Do what a node's loop does once."""
        gossip = self.sim.gossip
        for event in self.link.poll(5):
            now_ms = CLOCK.monotonic_ms()
            if isinstance(event, Incoming):
                self.act(gossip.handle(event, now_ms))
            elif isinstance(event, LinkUp):
                self.connects += 1
                self.act(gossip.connected(now_ms))
            elif isinstance(event, LinkDown):
                self.act(gossip.disconnected(now_ms))
        self.act(gossip.tick(CLOCK.monotonic_ms()))

    def act(self, actions: list[Action]) -> None:
        todo = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Publish):
                assert self.link.publish(action) is PublishResult.QUEUED
            elif isinstance(action, SetWill):
                self.link.set_will(action)
            else:
                self.sim.events.append(action)
                todo.extend(react(self.sim, action, CLOCK.monotonic_ms()))

    def mine(self) -> None:
        self.chain.grow(1, salt=self.sim.name)
        head = self.chain.main[-1]
        block = self.chain.blocks[head]
        self.act(self.sim.gossip.announce_block(head, block, CLOCK.monotonic_ms()))


def run_until(nodes: list[Node], done: Callable[[], bool]) -> None:
    end_ms = CLOCK.monotonic_ms() + PATIENCE_MS
    while not done():
        assert CLOCK.monotonic_ms() < end_ms, [len(node.chain.main) for node in nodes]
        for node in nodes:
            node.step()


def agree(nodes: list[Node], height: int) -> Callable[[], bool]:
    return lambda: all(
        node.chain.main == nodes[0].chain.main and len(node.chain.main) == height + 1
        for node in nodes
    )


def test_a_late_joiner_gets_chain_and_dataset(any_broker: RunningBroker) -> None:
    chain = FakeChain()
    chain.grow(50)
    dataset_id = chain.add_dataset("images", 30)
    offer = Offer(dataset_id=dataset_id, total_bytes=30 * limits.PIECE_BYTES)
    with closing(Node("old", any_broker, chain=chain)) as old:
        old.act(old.sim.gossip.offer_datasets((offer,), CLOCK.monotonic_ms()))
        run_until([old], lambda: old.connects > 0)
        with closing(Node("late", any_broker)) as late:
            both = [old, late]
            run_until(both, agree(both, 50))
            late.act(late.sim.gossip.want_manifest(dataset_id, CLOCK.monotonic_ms()))
            run_until(both, lambda: bool(late.sim.told(ObjectReceived)))
            (event,) = late.sim.told(ObjectReceived)
            assert isinstance(event, ObjectReceived)
            hashes = hashes_in(event.data)
            late.chain.chunk_counts[dataset_id] = len(hashes)
            late.act(late.sim.gossip.want_dataset(dataset_id, hashes, CLOCK.monotonic_ms()))
            run_until(both, lambda: bool(late.sim.told(DatasetComplete)))
            assert late.chain.chunks == old.chain.chunks
            late.mine()
            run_until(both, agree(both, 51))


def test_a_network_moves_when_its_broker_is_killed(
    mosquitto: RunningBroker, second_mosquitto: RunningBroker
) -> None:
    with (
        closing(Node("a", mosquitto, second_mosquitto)) as a,
        closing(Node("b", mosquitto, second_mosquitto)) as b,
        closing(Node("c", mosquitto, second_mosquitto)) as c,
    ):
        nodes = [a, b, c]
        run_until(nodes, lambda: all(node.connects == 1 for node in nodes))
        a.mine()
        run_until(nodes, agree(nodes, 1))
        os.killpg(mosquitto.pid, signal.SIGKILL)
        # Mined while nobody can hear it: the tips tell after the move.
        b.mine()
        run_until(nodes, lambda: all(node.connects == 2 for node in nodes))
        run_until(nodes, agree(nodes, 2))
        c.mine()
        run_until(nodes, agree(nodes, 3))


def test_a_lost_connection_is_seen_and_healed(any_broker: RunningBroker) -> None:
    with closing(Node("a", any_broker)) as a, closing(Node("b", any_broker)) as b:
        nodes = [a, b]
        run_until(nodes, lambda: bool(a.sim.gossip.peers() and b.sim.gossip.peers()))
        sock = b.link._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        run_until(nodes, lambda: bool(a.sim.told(PeerOffline)))
        run_until(nodes, lambda: a.sim.gossip.peers()[0].online)
        assert b.connects == 2
        b.mine()
        run_until(nodes, agree(nodes, 1))
