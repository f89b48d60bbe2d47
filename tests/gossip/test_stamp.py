# SPDX-License-Identifier: Apache-2.0
"""Stamps of announced headers: found, checked, and asked for only where the network does."""

from dataclasses import replace

import pytest

from edge_node.gossip.ports import BlockReceived
from edge_node.gossip.stamp import STAMP_BITS, is_stamp, make_stamp
from edge_node.gossip.topics import Kind
from tests.gossip.mallory import Mallory, whole
from tests.gossip.simulation import GENESIS, SimNetwork, make_block

BITS = 6


def test_stamp_fits_its_header_and_no_other() -> None:
    stamp = make_stamp(b"header", STAMP_BITS)
    assert stamp > 0
    assert is_stamp(b"header", stamp, STAMP_BITS)
    assert not is_stamp(b"headeR", stamp, STAMP_BITS)
    assert not is_stamp(b"header", stamp + 1, STAMP_BITS)


def test_no_stamp_is_asked_for_where_there_is_no_lottery() -> None:
    assert make_stamp(b"header", 0) == 0
    assert is_stamp(b"header", 12_345, 0)


def test_tries_are_as_many_as_the_bits_say() -> None:
    tries = [make_stamp(bytes((number,)), BITS) + 1 for number in range(200)]
    assert 2**BITS * 0.8 < sum(tries) / len(tries) < 2**BITS * 1.25


@pytest.mark.parametrize("stamped", [False, True])
def test_stranger_pays_before_a_block_is_looked_at(stamped: bool) -> None:
    net = SimNetwork("stamps", stamp_bits=BITS)
    a, b = net.add("a"), net.add("b")
    mallory = Mallory(net)
    mallory.come()
    net.run(500)
    _, block = make_block(1, GENESIS)
    told = whole(block)
    stamp = make_stamp(block.header, BITS)
    assert not is_stamp(block.header, stamp + 1, BITS)
    mallory.say(Kind.BLOCK, replace(told, stamp=stamp if stamped else stamp + 1))
    net.run(500)
    for node in (a, b):
        assert len(node.told(BlockReceived)) == stamped
        assert any(peer.score for peer in node.gossip.peers()) != stamped


def test_nodes_stamp_what_they_tell() -> None:
    net = SimNetwork("stamped", stamp_bits=BITS)
    a, b = net.add("a"), net.add("b")
    net.run(500)
    block_hash, block = make_block(1, GENESIS)
    a.chain.add(block)
    net.act(a, a.gossip.announce_block(block_hash, block, net.now_ms))
    net.run(500)
    assert b.chain.main == a.chain.main
