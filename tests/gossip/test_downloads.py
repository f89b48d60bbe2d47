# SPDX-License-Identifier: Apache-2.0
"""Fetching by hash in a simulated network: large blocks, models, datasets with resume."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.messages import ObjectKind, Offer
from edge_node.gossip.ports import (
    ChunkReceived,
    DatasetComplete,
    FetchFailed,
    ObjectReceived,
    PeerWasBanned,
)
from edge_node.gossip.topics import Kind
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, Hash32, ModelHash
from tests.gossip.mallory import Mallory, WrongChunks, whole
from tests.gossip.simulation import (
    GENESIS,
    FakeChain,
    Faults,
    SimNetwork,
    SimNode,
    hashes_in,
    make_block,
)


def with_dataset(
    net: SimNetwork, name: str, chunks: int, chain: FakeChain | None = None
) -> tuple[SimNode, DatasetId]:
    node = net.add(name, chain)
    dataset_id = node.chain.add_dataset("d", chunks)
    offer = Offer(dataset_id=dataset_id, total_bytes=chunks * limits.PIECE_BYTES)
    net.act(node, node.gossip.offer_datasets((offer,), net.now_ms))
    return node, dataset_id


def want_dataset(net: SimNetwork, node: SimNode, dataset_id: DatasetId) -> None:
    """Fetch the manifest, then the chunks, as the node does."""
    net.act(node, node.gossip.want_manifest(dataset_id, net.now_ms))
    for _ in range(100):
        net.run(100)
        for event in node.told(ObjectReceived):
            assert isinstance(event, ObjectReceived)
            node.events.remove(event)
            hashes = hashes_in(event.data)
            node.chain.manifests[dataset_id] = event.data
            node.chain.chunk_counts[dataset_id] = len(hashes)
            missing = node.chain.missing_chunks(dataset_id)
            net.act(node, node.gossip.want_dataset(dataset_id, hashes, missing, net.now_ms))
            return
    raise AssertionError("no manifest")


@pytest.mark.parametrize("faults", [Faults(), Faults(drop_ppm=30_000, duplicate_ppm=30_000)])
def test_a_dataset_comes_whole(faults: Faults) -> None:
    net = SimNetwork("dataset", faults)
    holder, dataset_id = with_dataset(net, "holder", 40)
    late = net.add("late")
    net.run(500)
    want_dataset(net, late, dataset_id)
    for _ in range(300):
        net.run(100)
        if late.told(DatasetComplete):
            break
    assert late.chain.chunks == holder.chain.chunks
    assert not late.gossip.peers()[0].banned_until_ms


def test_a_dataset_resumes_where_it_stopped() -> None:
    net = SimNetwork("resume")
    holder, dataset_id = with_dataset(net, "holder", 60)
    late = net.add("late")
    net.run(500)
    want_dataset(net, late, dataset_id)
    net.run(60)
    net.cut(late)
    held = {index for _, index in late.chain.chunks}
    assert 0 < len(held) < 60
    # A new process over the same store.
    again = net.add("late", late.chain, session=2)
    net.run(500)
    hashes = hashes_in(late.chain.manifests[dataset_id])
    missing = late.chain.missing_chunks(dataset_id)
    net.act(again, again.gossip.want_dataset(dataset_id, hashes, missing, net.now_ms))
    net.run(5_000)
    fetched = [e.index for e in again.told(ChunkReceived) if isinstance(e, ChunkReceived)]
    assert again.told(DatasetComplete)
    assert set(fetched) == set(range(60)) - held
    assert again.chain.chunks == holder.chain.chunks


def test_a_broken_connection_resumes_by_itself() -> None:
    net = SimNetwork("cut")
    holder, dataset_id = with_dataset(net, "holder", 60)
    late = net.add("late")
    net.run(500)
    want_dataset(net, late, dataset_id)
    net.run(60)
    net.cut(late)
    net.run(1_000)
    net.connect(late)
    net.run(8_000)
    assert late.told(DatasetComplete)
    assert late.chain.chunks == holder.chain.chunks


def test_wrong_chunks_ban_who_sends_them_and_another_delivers() -> None:
    net = SimNetwork("wrong")
    holder, dataset_id = with_dataset(net, "holder", 20)
    liar, _ = with_dataset(net, "liar", 20, WrongChunks())
    late = net.add("late")
    net.run(500)
    want_dataset(net, late, dataset_id)
    net.run(8_000)
    assert late.chain.chunks == holder.chain.chunks
    (ban,) = late.told(PeerWasBanned)
    assert isinstance(ban, PeerWasBanned)
    assert (ban.peer, ban.reason) == (liar.node, "G-14")


def test_who_finished_serves_who_comes_later() -> None:
    net = SimNetwork("chain of holders")
    first, dataset_id = with_dataset(net, "first", 8)
    second = net.add("second")
    net.run(500)
    want_dataset(net, second, dataset_id)
    net.run(2_000)
    net.cut(first)
    third = net.add("third")
    net.run(500)
    want_dataset(net, third, dataset_id)
    net.run(2_000)
    assert third.chain.chunks == first.chain.chunks


def test_a_model_comes_by_its_hash_from_whoever_has_it() -> None:
    net = SimNetwork("model")
    net.add("empty")
    holder = net.add("holder")
    blob = bytes(i % 256 for i in range(150_000))
    model_hash = ModelHash(holder.chain.content_hash(ObjectKind.MODEL, blob))
    holder.chain.models[model_hash] = blob
    late = net.add("late")
    net.run(500)
    net.act(late, late.gossip.want_model(model_hash, net.now_ms))
    net.run(3_000)
    (event,) = late.told(ObjectReceived)
    assert isinstance(event, ObjectReceived)
    assert (event.kind, event.data, event.sender) == (ObjectKind.MODEL, blob, holder.node)


def test_a_model_that_is_another_is_refused_and_blamed() -> None:
    net = SimNetwork("false model")
    liar = net.add("liar")
    model_hash = ModelHash(tagged_hash("MODEL", b"the true one"))
    liar.chain.models[model_hash] = b"a false one"
    late = net.add("late")
    net.run(500)
    net.act(late, late.gossip.want_model(model_hash, net.now_ms))
    net.run(10_000)
    assert late.told(ObjectReceived) == []
    assert late.told(PeerWasBanned)


def test_what_nobody_has_is_given_up() -> None:
    net = SimNetwork("missing")
    net.add("other")
    late = net.add("late")
    net.run(500)
    missing = ModelHash(Hash32(bytes([9] * 32)))
    net.act(late, late.gossip.want_model(missing, net.now_ms))
    net.run(limits.MAX_ROUNDS * 2 * limits.RETRY_MS)
    assert late.told(FetchFailed) == [FetchFailed(kind=ObjectKind.MODEL, digest=missing)]


def test_a_large_block_is_announced_by_header_and_fetched_in_pieces() -> None:
    net = SimNetwork("large")
    miner, other = net.add("miner"), net.add("other")
    net.run(500)
    transport = bytes(i % 255 for i in range(300_000))
    block_hash, block = make_block(1, miner.chain.main[-1], transport=transport)
    miner.chain.add(block)
    before = len(net.log)
    net.act(miner, miner.gossip.announce_block(block_hash, block, net.now_ms))
    assert max(len(each.payload) for each in net.log[before:]) < 2_000
    net.run_until_same(3_000)
    assert other.chain.blocks[block_hash] == block


def test_a_dead_announcer_is_replaced_by_another_holder() -> None:
    net = SimNetwork("dead announcer")
    miner, second, third = net.add("miner"), net.add("second"), net.add("third")
    net.run(500)
    block_hash, block = make_block(1, miner.chain.main[-1], transport=bytes(100_000))
    miner.chain.add(block)
    second.chain.add(block)
    net.act(miner, miner.gossip.announce_block(block_hash, block, net.now_ms))
    net.cut(miner)
    net.act(second, second.gossip.tip_changed(net.now_ms))
    net.run(10_000)
    assert third.chain.main[-1] == block_hash


def test_bad_copies_of_many_keys_leave_room_for_what_the_node_wants() -> None:
    net = SimNetwork("bad copies")
    holder, dataset_id = with_dataset(net, "holder", 2)
    node = net.add("node")
    net.run(500)
    for number in range(limits.MAX_PARCEL_JOBS):
        mallory = Mallory(net, f"mallory {number}")
        mallory.come()
        for salt in ("x", "y"):
            _, block = make_block(1, GENESIS, transport=b"bad", salt=f"{number}{salt}")
            mallory.say(Kind.BLOCK, whole(block))
    net.run(200)
    want_dataset(net, node, dataset_id)
    net.run(2_000)
    assert node.chain.chunks == holder.chain.chunks


def test_wish_for_which_there_is_no_room_is_told_as_failed() -> None:
    net = SimNetwork("wishes")
    node = net.add("node")
    net.run(500)
    ids = [DatasetId(Hash32(bytes([i] * 32))) for i in range(limits.MAX_PARCEL_JOBS + 1)]
    for each in ids:
        net.act(node, node.gossip.want_manifest(each, net.now_ms))
    failed = FetchFailed(kind=ObjectKind.MANIFEST, digest=ids[-1])
    assert node.told(FetchFailed) == [failed]


def test_dataset_of_too_many_chunks_is_told_as_failed() -> None:
    net = SimNetwork("too many")
    node = net.add("node")
    dataset_id = node.chain.add_dataset("d", 1)
    hashes = (Hash32(bytes(32)),) * (limits.MAX_DATASET_CHUNKS + 1)
    net.act(node, node.gossip.want_dataset(dataset_id, hashes, [], net.now_ms))
    assert node.told(FetchFailed) == [FetchFailed(kind=ObjectKind.DATASET, digest=dataset_id)]
