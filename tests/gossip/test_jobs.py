# SPDX-License-Identifier: Apache-2.0
"""One fetch: which pieces are asked for, who may hold it, when all begins again."""

from edge_node.gossip import limits
from edge_node.gossip.jobs import Job
from edge_node.gossip.messages import ObjectKind, Offer, Tip
from edge_node.gossip.parcels import pack
from edge_node.gossip.peers import Peer
from edge_node.gossip.topics import NodeId
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height

ANN = NodeId("aaaaaaaaaaaaaaaa")
OTHER = BlockHash(Hash32(bytes([1] * 32)))


def tip_at(height: int, block_hash: BlockHash = OTHER) -> Tip:
    return Tip(height=Height(height), block_hash=block_hash, work=height, header=b"h")


def test_pieces_are_asked_for_half_a_window_at_a_time() -> None:
    job = Job(kind=ObjectKind.MODEL, digest=ZERO_HASH)
    packed = pack(ObjectKind.MODEL, ZERO_HASH, (bytes(10 * limits.PIECE_BYTES),))
    job.use_table(packed.parcel, ANN)
    assert not job.needs_table
    first, second = job.next_pieces(), job.next_pieces()
    assert (first, second) == ((0, 1, 2, 3), (4, 5, 6, 7))
    assert not job.wants_pieces
    job.asked.difference_update(first)
    assert job.next_pieces() == (8, 9)
    assert not job.wants_pieces


def test_lost_pieces_come_first_again() -> None:
    job = Job(kind=ObjectKind.DATASET, digest=ZERO_HASH, hashes=(ZERO_HASH,) * 9)
    job.waiting.extend(range(9))
    lost = job.next_pieces()
    job.give_back(lost)
    assert job.next_pieces() == lost
    job.give_back([8])
    assert list(job.waiting) == [4, 5, 6, 7, 8]


def test_pieces_of_another_table_do_not_count() -> None:
    job = Job(kind=ObjectKind.MODEL, digest=ZERO_HASH)
    for first_byte in (b"a", b"b"):
        data = first_byte + bytes(2 * limits.PIECE_BYTES)
        packed = pack(ObjectKind.MODEL, ZERO_HASH, (data,))
        job.use_table(packed.parcel, ANN)
        assert not job.have
        assert job.next_pieces() == (0, 1, 2)
        job.have[0] = packed.piece(0)


def test_datasets_are_held_by_who_offers_them() -> None:
    job = Job(kind=ObjectKind.DATASET, digest=ZERO_HASH)
    peer = Peer(node=ANN, tip=tip_at(9))
    assert not job.may_have(peer)
    peer.offers = (Offer(dataset_id=DatasetId(ZERO_HASH), total_bytes=1),)
    assert job.may_have(peer)
    job.tried.add(ANN)
    assert not job.may_have(peer)


def test_a_new_block_is_held_by_who_announced_it_or_has_it_as_tip() -> None:
    job = Job(kind=ObjectKind.BLOCK, digest=ZERO_HASH)
    peer = Peer(node=ANN, tip=tip_at(9))
    assert not job.may_have(peer)
    peer.tip = tip_at(9, BlockHash(ZERO_HASH))
    assert job.may_have(peer)
    peer.tip = None
    job.hints.add(ANN)
    assert job.may_have(peer)


def test_a_block_of_a_chain_is_held_by_who_is_as_high() -> None:
    job = Job(kind=ObjectKind.BLOCK, digest=ZERO_HASH, height=Height(9))
    assert not job.may_have(Peer(node=ANN, tip=tip_at(8)))
    assert job.may_have(Peer(node=ANN, tip=tip_at(9)))


def test_a_new_round_asks_all_again_after_a_pause() -> None:
    job = Job(kind=ObjectKind.BLOCK, digest=ZERO_HASH)
    packed = pack(ObjectKind.BLOCK, ZERO_HASH, (b"h", b"b", b"t"))
    job.use_table(packed.parcel, ANN)
    job.tried.add(ANN)
    indices = job.next_pieces()
    job.end_round(0)
    assert job.rounds == 0  # a piece is still on its way
    job.give_back(indices)
    job.end_round(0)
    assert (job.rounds, job.tried, job.not_before_ms) == (1, set(), limits.RETRY_MS)
    assert job.needs_table  # the table may have been the lie
    assert job.may_have(Peer(node=ANN, tip=tip_at(1)))  # now anyone with a chain
