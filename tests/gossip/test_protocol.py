# SPDX-License-Identifier: Apache-2.0
"""Whole state machines in a simulated network: connecting, announcing, leaving, and replaying."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.errors import MalformedMessage, MessageTooLarge, ParcelMismatch
from edge_node.gossip.ports import (
    PeerOffline,
    PeerOnline,
    PeerWasBanned,
    Publish,
    TransactionsReceived,
)
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES, MAX_GENESIS_BYTES, MAX_TRANSACTION_BYTES
from tests.gossip.simulation import (
    FakeChain,
    Faults,
    SeededRandom,
    SimNetwork,
    identity_of,
    make_block,
)


def test_nodes_see_each_other_and_their_goodbyes() -> None:
    net = SimNetwork("presence")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    assert [type(e) for e in a.events].count(PeerOnline) == 1
    net.act(b, b.gossip.goodbye(net.now_ms))
    net.run(200)
    assert a.told(PeerOffline) == [PeerOffline(peer=b.node, silent=False)]
    assert not a.gossip.peers()[0].online


def test_a_will_tells_of_a_crash_and_the_node_returns() -> None:
    net = SimNetwork("crash")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    net.cut(b)
    net.run(200)
    assert a.told(PeerOffline) == [PeerOffline(peer=b.node, silent=False)]
    net.connect(b)
    net.run(200)
    assert a.gossip.peers()[0].online
    again = net.add("b", b.chain, session=2)
    net.run(200)
    assert a.gossip.peers()[0].online
    assert again.node == b.node


def test_every_will_fits_the_connection_it_is_for() -> None:
    net = SimNetwork("wills")
    a, b = net.add("a"), net.add("b")
    for _ in range(3):
        net.run(300)
        net.cut(b)
        net.run(300)
        assert not a.gossip.peers()[0].online
        net.connect(b)
    net.run(300)
    assert a.gossip.peers()[0].online


def test_transactions_travel_in_batches() -> None:
    net = SimNetwork("transactions")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    sent = tuple(b"transaction %03d" % i + bytes(100) for i in range(800))
    for each in sent:
        net.act(a, a.gossip.announce_transactions((each,), net.now_ms))
    net.run(3_000)
    batches = [e for e in b.told(TransactionsReceived) if isinstance(e, TransactionsReceived)]
    assert tuple(t for batch in batches for t in batch.transactions) == sent
    assert len(batches) == 4
    assert b.gossip.dropped("G-12") == 0


def test_bad_transactions_are_blamed_on_who_sent_them() -> None:
    net = SimNetwork("blame")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    for _ in range(10):
        net.act(b, b.gossip.transactions_refused(a.node, net.now_ms))
    assert b.told(PeerWasBanned)


def test_nothing_too_large_is_published() -> None:
    net = SimNetwork("large")
    a = net.add("a")
    net.run(500)
    before = len(net.log)
    with pytest.raises(MessageTooLarge):
        a.gossip.announce_transactions((bytes(MAX_TRANSACTION_BYTES + 1),), net.now_ms)
    with pytest.raises(MessageTooLarge):
        a.gossip.announce_transactions((b"good", b""), net.now_ms)
    with pytest.raises(MessageTooLarge):
        a.gossip.announce_checkpoints((bytes(MAX_CHECKPOINT_BYTES + 1),), net.now_ms)
    with pytest.raises(MessageTooLarge):
        a.gossip.announce_checkpoints((b"c",) * (limits.MAX_CHECKPOINTS + 1), net.now_ms)
    transport = bytes(limits.MAX_PARCEL_BYTES)
    block_hash, block = make_block(1, a.chain.main[-1], transport=transport)
    with pytest.raises(ParcelMismatch):
        a.gossip.announce_block(block_hash, block, net.now_ms)
    net.run(500)
    assert len(net.log) == before


def test_what_was_told_before_the_connect_is_told_after_it() -> None:
    net = SimNetwork("before")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    net.cut(a)
    net.act(a, a.gossip.announce_transactions((b"early",), net.now_ms))
    net.act(a, a.gossip.announce_checkpoints((b"signed",), net.now_ms))
    a.chain.grow(2)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    net.run(500)
    assert b.told(TransactionsReceived) == []
    net.connect(a)
    net.run(2_000)
    assert b.told(TransactionsReceived)
    assert len(b.chain.main) == 3
    assert any("/cp/" in topic for topic in net.retained)


def test_tips_are_told_at_most_twice_a_second() -> None:
    net = SimNetwork("tips")
    a = net.add("a")
    net.run(500)
    before = len([each for each in a.published if "/tip/" in each.topic])
    for _ in range(100):
        a.chain.grow(1)
        net.act(a, a.gossip.tip_changed(net.now_ms))
        net.run(20)
    net.run(1_000)
    told = [each for each in a.published if "/tip/" in each.topic]
    assert len(told) - before <= 2 + 3_000 // limits.TIP_INTERVAL_MS


def test_an_idle_network_is_quiet() -> None:
    net = SimNetwork("idle")
    for name in ("a", "b", "c"):
        chain = FakeChain()
        chain.grow(5)
        net.add(name, chain)
    net.run(2_000)
    before = len(net.log)
    net.run(limits.REFRESH_MS * 4)
    assert len(net.log) - before <= 3 * 2 * 5
    for node in net.nodes.values():
        assert node.told(PeerOffline) == []


def test_a_partition_heals() -> None:
    net = SimNetwork("partition", Faults(delay_ms=50))
    nodes = [net.add(name) for name in ("a", "b", "c", "d")]
    net.run(500)
    for node in nodes[2:]:
        net.cut(node)
    for i in range(10):
        nodes[0].chain.grow(1, salt="left")
        nodes[2].chain.grow(1 + i % 2, salt="right")
        for node in (nodes[0], nodes[2]):
            head = node.chain.main[-1]
            block = node.chain.blocks[head]
            net.act(node, node.gossip.announce_block(head, block, net.now_ms))
        net.run(500)
    for node in nodes[2:]:
        net.connect(node)
    net.run_until_same(10_000)
    assert len(nodes[0].chain.main) == 16


def test_the_same_seed_gives_the_same_run() -> None:
    def run() -> list[Publish]:
        net = SimNetwork("replay", Faults(drop_ppm=50_000, duplicate_ppm=50_000, delay_ms=70))
        chain = FakeChain()
        chain.grow(30)
        net.add("a", chain)
        net.add("b")
        net.add("c")
        net.run(5_000)
        return net.log

    assert run() == run()


def test_a_node_tells_its_genesis() -> None:
    net = SimNetwork("genesis")
    a = net.add("a", genesis=b"canonical genesis")
    net.run(100)
    (topic,) = [topic for topic in net.retained if "/gen/" in topic]
    assert b"canonical genesis" in net.retained[topic]
    assert a.node in topic


@pytest.mark.parametrize(
    "profile",
    [
        Profile(software="x" * (limits.MAX_SOFTWARE_BYTES + 1)),
        Profile(software="x\n"),
        Profile(software="x", capabilities=("y",) * (limits.MAX_CAPABILITIES + 1)),
        Profile(software="x", genesis=bytes(MAX_GENESIS_BYTES + 1)),
    ],
)
def test_a_profile_that_others_would_refuse_is_refused(profile: Profile) -> None:
    with pytest.raises(MalformedMessage):
        Gossip(
            identity=identity_of("a"),
            port=FakeChain(),
            random=SeededRandom("a"),
            profile=profile,
        )


def test_what_is_kept_of_a_node_that_is_long_gone_is_cleared() -> None:
    net = SimNetwork("gone")
    a, b = net.add("a"), net.add("b", genesis=b"genesis")
    net.run(500)
    net.cut(b)
    net.run(500)
    del net.nodes["b"]
    net.act(a, a.gossip.tick(net.now_ms + limits.FORGET_MS - limits.REFRESH_MS))
    assert [topic for topic in net.retained if b.node in topic]
    net.act(a, a.gossip.tick(net.now_ms + limits.FORGET_MS + 2 * limits.REFRESH_MS))
    assert [topic for topic in net.retained if b.node in topic] == []
    assert a.gossip.peers() == ()


def test_what_somebody_clears_of_ours_is_told_again() -> None:
    net = SimNetwork("cleared")
    a = net.add("a", genesis=b"genesis")
    net.run(500)
    kept = sorted(net.retained)
    for topic in kept:
        net.inject(topic, b"", retain=True)
    assert net.retained == {}
    before = len(net.log)
    for _ in range(50):
        net.inject(kept[0], b"", retain=True)
    net.run(limits.REFRESH_MS + 1_000)
    assert sorted(net.retained) == kept
    assert len(net.log) - before - 50 <= len(kept) + 1
    assert a.online


def test_answers_follow_a_node_to_its_next_broker() -> None:
    net = SimNetwork("moves")
    chain = FakeChain()
    chain.grow(20)
    a = net.add("a", chain, cell="b1")
    moving = net.add("moving", cell="b2")
    net.run_until_same(5_000)
    net.cut(moving)
    chain.grow(20)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    moving.cell = "b3"
    net.connect(moving)
    # The new blocks come as answers, which no bridge carries to a broker that was not named.
    net.run_until_same(10_000)
    ways = {each.topic.split("/res/")[0][-4:] for each in a.published if "/res/" in each.topic}
    assert ways == {"x/b2", "x/b3"}
