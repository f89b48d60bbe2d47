# SPDX-License-Identifier: Apache-2.0
"""State machines over real links, driven by hand: what the tests with real brokers share."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from edge_node.gossip.embedded_broker import RunningBroker
from edge_node.gossip.inbox import LinkDown, LinkUp
from edge_node.gossip.mqtt import LinkOptions, MqttLink, PublishResult
from edge_node.gossip.ports import Action, BodyTiming, Incoming, Publish, SetWill
from tests.gossip.real import CLOCK, PATIENCE_MS
from tests.gossip.simulation import FakeChain, make_node, react


class Node:
    """A state machine, a fake chain and a real link, driven by hand."""

    def __init__(
        self,
        name: str,
        *brokers: RunningBroker,
        chain: FakeChain | None = None,
        timing: BodyTiming | None = None,
        link: LinkOptions | None = None,
    ) -> None:
        self.sim = make_node(name, chain, seed="real", timing=timing)
        self.connects = 0
        if link is None:
            link = LinkOptions(
                brokers=tuple(broker.address for broker in brokers),
                client_id=self.sim.node,
                user=brokers[0].account.user,
                password=brokers[0].account.password,
            )
        gossip = self.sim.gossip
        self.link = MqttLink(replace(link, subscriptions=gossip.subscriptions, will=gossip.will()))
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
                self.act(gossip.connected(now_ms, event.cell))
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
