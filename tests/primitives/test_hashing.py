# SPDX-License-Identifier: Apache-2.0
"""Hashes and PRF against hashlib read by hand: tags keep kinds apart, draws are exact and fair."""

import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import ZERO_HASH, Prf, shake128_u32, tagged_hash

PREFIX = b"edge-node/v1/"


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def test_r_1_tagged_hash_is_sha256_behind_the_tag() -> None:
    assert tagged_hash("model", b"a", b"b") == hashlib.sha256(PREFIX + b"model\0ab").digest()
    assert tagged_hash("model") == hashlib.sha256(PREFIX + b"model\0").digest()
    assert bytes(32) == ZERO_HASH


def test_r_1_no_tag_and_message_run_together() -> None:
    assert tagged_hash("block", b"x") != tagged_hash("bloc", b"kx")
    assert tagged_hash("block", b"x") != tagged_hash("blockx")


@given(seed=st.binary(max_size=200), count=st.integers(1, 300))
def test_r_1_prf_is_shake128_in_little_endian_words(seed: bytes, count: int) -> None:
    prf = Prf("tag", seed)
    drawn = [prf.u32() for _ in range(count)]
    assert drawn == words(hashlib.shake_128(PREFIX + b"tag\0" + seed).digest(4 * count))


@given(seed=st.binary(max_size=40), count=st.integers(0, 200))
def test_bare_stream_has_no_tag(seed: bytes, count: int) -> None:
    assert shake128_u32(seed, count) == words(hashlib.shake_128(seed).digest(4 * count))


@given(seed=st.binary(max_size=8), limit=st.integers(1, 1 << 32))
def test_r_1_draw_rejects_what_would_be_biased(seed: bytes, limit: int) -> None:
    prf, raw = Prf("tag", seed), Prf("tag", seed)
    accepted = ((1 << 32) // limit) * limit
    for _ in range(8):
        word = raw.u32()
        while word >= accepted:
            word = raw.u32()
        assert prf.below(limit) == word % limit
    assert prf.u32() == raw.u32()  # not one word more was used


def test_draw_of_the_whole_range_rejects_nothing() -> None:
    assert Prf("tag", b"").below(1 << 32) == Prf("tag", b"").u32()


def test_draws_are_even() -> None:
    prf = Prf("tag", b"even")
    counts = Counter(prf.below(7) for _ in range(7_000))
    assert all(850 < counts[value] < 1_150 for value in range(7))


@given(seed=st.binary(max_size=8), limit=st.integers(1, 60), data=st.data())
def test_distinct_draws_are_distinct_and_in_the_order_drawn(
    seed: bytes, limit: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, limit))
    drawn = Prf("tag", seed).distinct(limit, count)
    assert len(drawn) == len(set(drawn)) == count
    assert all(0 <= value < limit for value in drawn)
    plain = Prf("tag", seed)
    expected: list[int] = []
    while len(expected) < count:
        value = plain.below(limit)
        if value not in expected:
            expected.append(value)
    assert drawn == expected
