# SPDX-License-Identifier: Apache-2.0
"""State machines over real brokers: late joiner with chain and dataset, failover, last will."""

import os
import signal
import socket
from contextlib import closing

import pytest

from edge_node.gossip import limits
from edge_node.gossip.embedded_broker import RunningBroker
from edge_node.gossip.messages import Offer
from edge_node.gossip.ports import (
    DatasetComplete,
    ObjectReceived,
    PeerOffline,
)
from tests.gossip.driven import Node, agree, run_until
from tests.gossip.real import CLOCK
from tests.gossip.simulation import FakeChain, hashes_in

pytestmark = pytest.mark.slow  # real brokers


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
            now_ms, every = CLOCK.monotonic_ms(), [*range(len(hashes))]
            late.act(late.sim.gossip.want_dataset(dataset_id, hashes, every, now_ms))
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
