# SPDX-License-Identifier: Apache-2.0
"""Which chain is the chain: work, height, arrival, and what a quorum of members has signed."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, Hash32, Height, NetworkId, PublicKey, Signature
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES
from edge_node.spec.encoding import Decoded, InvalidEncoding, encode
from edge_node.spec.fork_choice import (
    Candidate,
    Checkpoint,
    CheckpointInvalid,
    better,
    checkpoint_from_bytes,
    quorum_checkpoint,
)
from edge_node.spec.signature import verify
from tests.spec.toy_chain import miner


def block(name: str) -> BlockHash:
    return BlockHash(tagged_hash("test", name.encode()))


def tip(name: str, work: int, height: int, arrival: int) -> Candidate:
    return Candidate(head=block(name), height=Height(height), work=work, arrival=arrival)


def test_r_50_most_work_wins_then_height_then_who_came_first() -> None:
    ranked = [
        tip("a", 300, 3, 9),
        tip("b", 200, 5, 8),
        tip("c", 200, 4, 1),
        tip("d", 200, 4, 2),
        tip("e", 0, 9, 0),
    ]
    for left, right in permutations(range(len(ranked)), 2):
        assert better(ranked[left], ranked[right]) == (left < right)
    assert not any(better(one, one) for one in ranked)


candidates = st.builds(tip, st.just("x"), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@given(candidates, candidates, candidates)
def test_r_50_order_is_strict_and_transitive(a: Candidate, b: Candidate, c: Candidate) -> None:
    assert not (better(a, b) and better(b, a))
    if better(a, b) and better(b, c):
        assert better(a, c)


MEMBERS = [miner(f"member {number}") for number in range(4)]
KEYS = [member.key for member in MEMBERS]
NETWORK = NetworkId(Hash32(bytes(32)))


def checkpoint(member: int, name: str = "a", height: int = 5) -> Checkpoint:
    unsigned = Checkpoint(
        height=Height(height),
        block=block(name),
        member=KEYS[member],
        signature=Signature(bytes(64)),
    )
    return replace(unsigned, signature=MEMBERS[member].sign(unsigned.signing_hash(NETWORK)))


def final(*checkpoints: Checkpoint, members: list[PublicKey] = KEYS) -> BlockHash | None:
    found = quorum_checkpoint(members, checkpoints)
    return found.block if found else None


def test_r_51_more_than_two_thirds_make_a_block_final() -> None:
    votes = [checkpoint(number) for number in range(4)]
    assert final() is None
    assert final(*votes[:2]) is None
    assert final(*votes[:3]) == block("a")
    assert final(*votes) == block("a")
    assert final(*votes[:2], members=KEYS[:3]) is None  # exactly two thirds
    assert final(*votes[:3], members=KEYS[:3]) == block("a")
    assert final(votes[0], members=KEYS[:1]) == block("a")


def test_r_51_member_counts_once_and_strangers_do_not() -> None:
    assert final(*[checkpoint(0)] * 4) is None
    assert final(*(checkpoint(number) for number in range(3)), members=KEYS[1:]) is None
    assert final(checkpoint(0), members=[]) is None


def test_r_51_votes_for_different_blocks_do_not_add_up() -> None:
    assert final(checkpoint(0), checkpoint(1), checkpoint(2, "b"), checkpoint(3, "b")) is None
    assert final(checkpoint(0), checkpoint(1), checkpoint(2, height=6)) is None


def test_r_51_highest_final_block_counts() -> None:
    low = [checkpoint(number) for number in range(3)]
    high = [checkpoint(number, "b", 9) for number in (1, 2, 3)]
    pending = [checkpoint(0, "c", 12)]
    assert final(*high, *low, *pending) == final(*pending, *low, *high) == block("b")


def test_r_51_checkpoint_survives_and_is_signed_for_one_network() -> None:
    vote = checkpoint(0)
    assert checkpoint_from_bytes(vote.encode()) == vote
    assert len(vote.encode()) < MAX_CHECKPOINT_BYTES
    assert verify(vote.member, vote.signing_hash(NETWORK), vote.signature)
    other = NetworkId(Hash32(bytes([1]) * 32))
    assert not verify(vote.member, vote.signing_hash(other), vote.signature)
    assert replace(vote, height=Height(6)).signing_hash(NETWORK) != vote.signing_hash(NETWORK)


@pytest.mark.parametrize(
    "value",
    [
        0,
        [],
        [5, bytes(32), bytes(32)],
        [5, bytes(32), bytes(32), bytes(64), 0],
        [-1, bytes(32), bytes(32), bytes(64)],
        [b"", bytes(32), bytes(32), bytes(64)],
        [5, bytes(31), bytes(32), bytes(64)],
        [5, bytes(32), bytes(33), bytes(64)],
        [5, bytes(32), bytes(32), bytes(63)],
        [5, bytes(32), bytes(32), "signature"],
    ],
)
def test_r_51_checkpoint_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(CheckpointInvalid, match="R-51: the checkpoint must be"):
        checkpoint_from_bytes(encode(value))


def test_checkpoint_above_its_limit_is_not_even_read() -> None:
    with pytest.raises(InvalidEncoding):
        checkpoint_from_bytes(bytes(MAX_CHECKPOINT_BYTES + 1))
