# SPDX-License-Identifier: Apache-2.0
"""New blocks in a simulated network: announced, judged, passed on once; lies are named."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.messages import BlockAnnouncement, ObjectKind, Parcel
from edge_node.gossip.parcels import Packed, pack
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
from tests.gossip.mallory import Mallory
from tests.gossip.simulation import GENESIS, Faults, SimNetwork, SimNode, make_block


def announced(net: SimNetwork, node: SimNode, block_hash: BlockHash, block: BlockParts) -> None:
    net.act(node, node.gossip.announce_block(block_hash, block, net.now_ms))


def packed(block_hash: BlockHash, block: BlockParts) -> Packed:
    parts = (block.header, block.body, block.transport)
    return pack(ObjectKind.BLOCK, block_hash, parts)


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
        parcel = packed(fake_hash, fake).parcel
        mallory.say(Kind.BLOCK, BlockAnnouncement(header=fake.header, parcel=parcel, data=b""))
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


def test_a_bad_transport_does_not_taint_the_hash() -> None:
    net = SimNetwork("transport")
    a, b = net.add("a"), net.add("b")
    mallory = Mallory(net)
    net.run(500)
    block_hash, block = make_block(1, GENESIS, transport=b"good")
    a.chain.add(block)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    bad = packed(block_hash, BlockParts(header=block.header, body=block.body, transport=b"bad"))
    data = bad.data[len(block.header) :]
    mallory.say(Kind.BLOCK, BlockAnnouncement(header=block.header, parcel=bad.parcel, data=data))
    net.run(3_000)
    assert b.chain.blocks[block_hash].transport == b"good"
    scores = {peer.node: peer.score for peer in b.gossip.peers()}
    assert scores[mallory.node] < 0
    assert scores[a.node] == 0


def test_an_invalid_block_bans_who_announced_it() -> None:
    net = SimNetwork("invalid")
    b = net.add("b")
    mallory = Mallory(net)
    block_hash, block = make_block(1, GENESIS, body=b"invalid")
    table = packed(block_hash, block)
    data = table.data[len(block.header) :]
    mallory.say(Kind.BLOCK, BlockAnnouncement(header=block.header, parcel=table.parcel, data=data))
    net.run(500)
    (ban,) = b.told(PeerWasBanned)
    assert isinstance(ban, PeerWasBanned)
    assert (ban.peer, ban.reason) == (mallory.node, "G-20")
    assert not b.chain.known(block_hash)
    # Nothing more is heeded from there.
    mallory.say(Kind.BLOCK, BlockAnnouncement(header=block.header, parcel=table.parcel, data=data))
    net.run(500)
    assert b.gossip.dropped("G-13") == 1
    assert len(b.told(BlockReceived)) == 1


def false_hash(block_hash: BlockHash, block: BlockParts) -> BlockAnnouncement:
    table = packed(BlockHash(GENESIS), block)
    data = table.data[len(block.header) :]
    return BlockAnnouncement(header=block.header, parcel=table.parcel, data=data)


def no_header(block_hash: BlockHash, block: BlockParts) -> BlockAnnouncement:
    table = packed(block_hash, block)
    return BlockAnnouncement(header=b"no header", parcel=table.parcel, data=b"")


def false_size(block_hash: BlockHash, block: BlockParts) -> BlockAnnouncement:
    table = packed(block_hash, block)
    sizes = (len(block.header) - 1, len(block.body) + 1, 0)
    parcel = Parcel(
        kind=table.parcel.kind,
        digest=block_hash,
        sizes=sizes,
        piece_hashes=table.parcel.piece_hashes,
    )
    return BlockAnnouncement(header=block.header, parcel=parcel, data=block.body)


def false_data(block_hash: BlockHash, block: BlockParts) -> BlockAnnouncement:
    table = packed(block_hash, block)
    return BlockAnnouncement(header=block.header, parcel=table.parcel, data=block.body[::-1])


@pytest.mark.parametrize(
    ("make", "rule"),
    [(false_hash, "G-16"), (no_header, "G-16"), (false_size, "G-15"), (false_data, "G-14")],
)
def test_false_announcements_are_named_and_change_nothing(make, rule: str) -> None:  # type: ignore[no-untyped-def]  # one of the makers above
    net = SimNetwork("false")
    b = net.add("b")
    mallory = Mallory(net)
    block_hash, block = make_block(1, GENESIS, body=b"some body")
    mallory.say(Kind.BLOCK, make(block_hash, block))
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
