# SPDX-License-Identifier: Apache-2.0
"""Parcels: cut and put together again for any sizes; a wrong byte is found in its piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip import limits
from edge_node.gossip.errors import ParcelMismatch, PieceMismatch
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.parcels import check_data, check_piece, pack, parcel_id, piece_hash, split
from edge_node.primitives.hashing import ZERO_HASH

PIECE = limits.PIECE_BYTES


@pytest.mark.parametrize("total", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_pieces_are_the_whole(total: int) -> None:
    data = bytes(i % 251 for i in range(total))
    packed = pack(ObjectKind.MODEL, ZERO_HASH, (data,))
    pieces = [packed.piece(i) for i in range(len(packed.parcel.piece_hashes))]
    assert b"".join(pieces) == data
    assert all(map(len, pieces))
    assert packed.piece(len(pieces)) == b""
    check_data(packed.parcel, data)


@given(st.tuples(*[st.binary(max_size=40)] * 3))
def test_split_gives_the_parts_back(parts: tuple[bytes, ...]) -> None:
    packed = pack(ObjectKind.BLOCK, ZERO_HASH, parts)
    assert split(packed.parcel, packed.data) == parts


def test_wrong_byte_is_found() -> None:
    packed = pack(ObjectKind.MODEL, ZERO_HASH, (bytes(PIECE + 5),))
    wrong = bytearray(packed.data)
    wrong[PIECE + 1] = 1
    with pytest.raises(PieceMismatch):
        check_data(packed.parcel, bytes(wrong))
    check_piece(packed.parcel.piece_hashes[0], bytes(wrong[:PIECE]))


def test_wrong_size_is_found() -> None:
    packed = pack(ObjectKind.MODEL, ZERO_HASH, (bytes(10),))
    with pytest.raises(ParcelMismatch) as caught:
        check_data(packed.parcel, bytes(9))
    assert caught.value.actual == 9


def test_tables_of_other_cuts_have_other_ids() -> None:
    one = pack(ObjectKind.BLOCK, ZERO_HASH, (b"ab", b"", b"c"))
    two = pack(ObjectKind.BLOCK, ZERO_HASH, (b"a", b"b", b"c"))
    assert one.parcel.piece_hashes == two.parcel.piece_hashes == (piece_hash(b"abc"),)
    assert parcel_id(one.parcel) != parcel_id(two.parcel)


def test_what_is_too_large_does_not_travel() -> None:
    with pytest.raises(ParcelMismatch):
        pack(ObjectKind.MODEL, ZERO_HASH, (bytes(limits.MAX_PARCEL_BYTES + 1),))
