# SPDX-License-Identifier: Apache-2.0
"""New blocks in a simulated network: announced, judged, passed on once; lies are named."""

from dataclasses import replace

import pytest

from edge_node.gossip import limits
from edge_node.gossip.messages import BlockAnnouncement, ObjectKind
from edge_node.gossip.parcels import pack
from edge_node.gossip.ports import (
    BlockParts,
    BlockReceived,
    BodyTiming,
    FetchFailed,
    ObjectReceived,
    PeerWasBanned,
)
from edge_node.gossip.topics import Kind
from edge_node.primitives.types import BlockHash, ModelHash
from tests.gossip.mallory import Mallory, whole
from tests.gossip.simulation import GENESIS, Faults, SimNetwork, SimNode, make_block


def announced(net: SimNetwork, node: SimNode, block_hash: BlockHash, block: BlockParts) -> None:
    net.act(node, node.gossip.announce_block(block_hash, block, net.now_ms))


def bare(block_hash: BlockHash, block: BlockParts) -> BlockAnnouncement:
    """Return the announcement of a block whose body is to be asked for."""
    parcel = pack(ObjectKind.BLOCK, block_hash, (block.header, block.body, block.transport)).parcel
    return BlockAnnouncement(
        header=block.header,
        sizes=parcel.sizes[1:],
        piece_hashes=parcel.piece_hashes,
        data=b"",
    )


def test_a_small_block_needs_no_request() -> None:
    net = SimNetwork("small")
    nodes = [net.add(name) for name in ("a", "b", "c", "d", "e")]
    net.run(500)
    before = len(net.log)
    block_hash, block = make_block(1, GENESIS, body=b"x" * 10_000)
    nodes[0].chain.add(block)
    announced(net, nodes[0], block_hash, block)
    net.run_until_same(200)
    assert not [each for each in net.log[before:] if "/req/" in each.topic]
    for node in nodes[1:]:
        (event,) = node.told(BlockReceived)
        assert isinstance(event, BlockReceived)
        assert (event.header, event.body, event.transport) == (
            block.header,
            block.body,
            block.transport,
        )
        assert event.sender == nodes[0].node


def test_a_duplicate_is_told_once() -> None:
    net = SimNetwork("duplicate", Faults(duplicate_ppm=1_000_000))
    a, b = net.add("a"), net.add("b")
    net.run(500)
    block_hash, block = make_block(1, GENESIS)
    a.chain.add(block)
    announced(net, a, block_hash, block)
    announced(net, a, block_hash, block)
    net.run(500)
    assert len(b.told(BlockReceived)) == 1


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_five_miners_over_a_bad_broker_agree(seed: str) -> None:
    net = SimNetwork(seed, Faults(drop_ppm=30_000, duplicate_ppm=50_000, delay_ms=100))
    nodes = [net.add(f"node {i}") for i in range(5)]
    net.run(500)
    for height in range(20):
        miner = nodes[height * 7 % 5]
        miner.chain.grow(1, salt=miner.name, body_bytes=30_000 if height % 4 == 3 else 500)
        head = miner.chain.main[-1]
        announced(net, miner, head, miner.chain.blocks[head])
        net.run(1_000)
    net.run_until_same(40_000)
    assert len(nodes[0].chain.main) > 10


def test_announcements_of_bodies_that_never_come_crowd_nobody_out() -> None:
    net = SimNetwork("crowd")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    mallory = Mallory(net)
    mallory.come()
    for i in range(limits.ANNOUNCES_BURST - 1):
        fake_hash, fake = make_block(1, GENESIS, body=bytes(100_000), salt=str(i))
        mallory.say(Kind.BLOCK, bare(fake_hash, fake))
    net.run(200)
    # What our own node wants, and what others announce, is fetched all the same.
    blobs = [b"model %d" % i for i in range(limits.MAX_PARCEL_JOBS - 1)]
    for blob in blobs:
        model_hash = ModelHash(a.chain.content_hash(ObjectKind.MODEL, blob))
        a.chain.models[model_hash] = blob
        net.act(b, b.gossip.want_model(model_hash, net.now_ms))
    block_hash, block = make_block(1, GENESIS, body=bytes(200_000))
    a.chain.add(block)
    announced(net, a, block_hash, block)
    net.run_until_same(3_000)
    net.run(3_000)
    received = len(b.told(ObjectReceived))
    assert received == len(blobs)


def test_an_orphan_starts_a_sync_with_who_announced_it() -> None:
    net = SimNetwork("orphan")
    a, b = net.add("a"), net.add("b")
    net.run(500)
    a.chain.grow(5)
    head = a.chain.main[-1]
    announced(net, a, head, a.chain.blocks[head])
    assert net.run_until_same(2_000) < 1_000
    assert len(b.chain.main) == 6


@pytest.mark.parametrize("what", ["body", "transport"])
def test_false_contents_do_not_taint_the_hash(what: str) -> None:
    net = SimNetwork("transport")
    a, b = net.add("a"), net.add("b")
    mallory = Mallory(net)
    net.run(500)
    block_hash, block = make_block(1, GENESIS, transport=b"good")
    a.chain.add(block)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    mallory.say(Kind.BLOCK, whole(replace(block, **{what: b"bad"})))
    net.run(3_000)
    assert b.chain.blocks[block_hash].body == block.body
    assert b.chain.blocks[block_hash].transport == b"good"
    scores = {peer.node: peer.score for peer in b.gossip.peers()}
    assert scores[mallory.node] < 0
    assert scores[a.node] == 0


def test_an_invalid_block_bans_who_announced_it() -> None:
    net = SimNetwork("invalid")
    b = net.add("b")
    mallory = Mallory(net)
    block_hash, block = make_block(1, GENESIS, body=b"invalid")
    mallory.say(Kind.BLOCK, whole(block))
    net.run(500)
    (ban,) = b.told(PeerWasBanned)
    assert isinstance(ban, PeerWasBanned)
    assert (ban.peer, ban.reason) == (mallory.node, "G-20")
    assert not b.chain.known(block_hash)
    # Nothing more is heeded from there.
    mallory.say(Kind.BLOCK, whole(block))
    net.run(500)
    assert b.gossip.dropped("G-13") == 1
    assert len(b.told(BlockReceived)) == 1


def no_header(block: BlockParts) -> BlockAnnouncement:
    return whole(replace(block, header=b"no header"))


def too_little(block: BlockParts) -> BlockAnnouncement:
    return replace(whole(block), sizes=(len(block.body) + 1, 0))


def too_much(block: BlockParts) -> BlockAnnouncement:
    return replace(whole(block), data=block.body + b"more")


@pytest.mark.parametrize(
    ("make", "rule"), [(no_header, "G-16"), (too_little, "G-15"), (too_much, "G-15")]
)
def test_false_announcements_are_named_and_change_nothing(make, rule: str) -> None:  # type: ignore[no-untyped-def]  # one of the makers above
    net = SimNetwork("false")
    b = net.add("b")
    mallory = Mallory(net)
    _, block = make_block(1, GENESIS, body=b"some body")
    mallory.say(Kind.BLOCK, make(block))
    net.run(500)
    assert b.gossip.dropped(rule) == 1
    assert b.told(BlockReceived) == []
    assert b.gossip.peers()[0].score < 0


@pytest.mark.parametrize("seed", ["1", "2"])
def test_slow_imports_hear_of_each_block_once(seed: str) -> None:
    net = SimNetwork(seed, import_ms=700)
    miner, other, late = net.add("miner"), net.add("other"), net.add("late")
    net.run(500)
    net.cut(late)
    for _ in range(12):
        miner.chain.grow(1, salt="slow")
        head = miner.chain.main[-1]
        announced(net, miner, head, miner.chain.blocks[head])
        net.run(400)
    net.connect(late)
    net.run_until_same(60_000)
    for node in (other, late):
        hashes = [e.block_hash for e in node.told(BlockReceived) if isinstance(e, BlockReceived)]
        assert len(hashes) == len(set(hashes))
        assert not any(peer.score for peer in node.gossip.peers())


def late_bodies(timing: BodyTiming) -> tuple[SimNetwork, SimNode, SimNode]:
    net = SimNetwork("settle", timing=timing)
    a, b = net.add("a"), net.add("b")
    net.run(500)
    block_hash, block = make_block(1, GENESIS)
    a.chain.add(block)
    announced(net, a, block_hash, block)
    return net, a, b


def test_bodies_follow_their_headers_after_they_have_settled() -> None:
    net, a, b = late_bodies(BodyTiming(settle_ms=2_000))
    net.run(1_900)
    assert b.told(BlockReceived) == []
    net.run(400)
    assert b.chain.main == a.chain.main


def test_a_body_that_does_not_come_in_time_lapses() -> None:
    net, a, b = late_bodies(BodyTiming(settle_ms=1_000, timeout_ms=3_000))
    net.run(100)
    net.cut(a)
    net.run(2_700)
    assert b.told(FetchFailed) == []
    net.run(300)
    assert b.told(FetchFailed)
    # It has lost its place, not its right to be fetched as part of a better chain.
    net.connect(a)
    net.run_until_same(5_000)
