# SPDX-License-Identifier: Apache-2.0
"""Codec: decode is the inverse of encode; mutated and random bodies end in one named error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip import codec, limits
from edge_node.gossip.errors import MalformedMessage
from edge_node.gossip.messages import (
    BlockAnnouncement,
    Checkpoints,
    Datasets,
    FoundTransactions,
    GenesisCopy,
    GetHeaders,
    GetParcels,
    GetPieces,
    GetTransactions,
    Headers,
    Inventory,
    Message,
    Numbered,
    ObjectKind,
    Offer,
    Parcel,
    ParcelAnswer,
    Piece,
    Presence,
    Refusal,
    Refused,
    Tip,
    Transactions,
)
from edge_node.gossip.topics import Kind
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height
from edge_node.spec import encoding

HASH = Hash32(bytes(range(32)))
BLOCK = Parcel(kind=ObjectKind.BLOCK, digest=HASH, sizes=(3, 70_000, 0), piece_hashes=(HASH, HASH))
MODEL = Parcel(kind=ObjectKind.MODEL, digest=HASH, sizes=(9,), piece_hashes=(HASH,))

EXAMPLES: list[tuple[Kind, Message]] = [
    (Kind.TIP, Tip(height=Height(5), block_hash=BlockHash(HASH), work=2**256, header=b"h")),
    (Kind.TIP, Tip(height=Height(0), block_hash=BlockHash(HASH), work=0, header=b"h")),
    (
        Kind.BLOCK,
        BlockAnnouncement(
            header=b"abc", sizes=(70_000, 0), piece_hashes=BLOCK.piece_hashes, data=b""
        ),
    ),
    (Kind.BLOCK, BlockAnnouncement(header=b"abc", sizes=(3, 2), piece_hashes=(), data=b"bodyt")),
    (Kind.TRANSACTIONS, Transactions(transactions=(b"a", b"b"))),
    (Kind.INVENTORY, Inventory(salt=b"salt8888", short_ids=(b"123456", b"abcdef"))),
    (
        Kind.REQUEST,
        Numbered(number=1, request=GetTransactions(salt=b"salt8888", short_ids=(b"123456",))),
    ),
    (Kind.RESPONSE, FoundTransactions(transactions=())),
    (Kind.RESPONSE, FoundTransactions(transactions=(b"a", b"b"))),
    (
        Kind.PRESENCE,
        Presence(online=True, connection=3, software="x 1", capabilities=("lce",), broker="b0"),
    ),
    (Kind.DATASETS, Datasets(offers=(Offer(dataset_id=DatasetId(HASH), total_bytes=10**12),))),
    (Kind.GENESIS, GenesisCopy(data=b"genesis")),
    (Kind.CHECKPOINT, Checkpoints(checkpoints=(b"one", b"another"))),
    (Kind.REQUEST, Numbered(number=1, request=GetHeaders(start=Height(1), count=512))),
    (
        Kind.REQUEST,
        Numbered(number=2**64 - 1, request=GetParcels(kind=ObjectKind.BLOCK, digests=(HASH,))),
    ),
    (
        Kind.REQUEST,
        Numbered(
            number=0,
            request=GetPieces(kind=ObjectKind.DATASET, digest=HASH, parcel_id=b"", indices=(0, 9)),
        ),
    ),
    (Kind.RESPONSE, Refused(why=Refusal.BUSY)),
    (Kind.RESPONSE, Refused(why=Refusal.NOT_FOUND, digest=HASH)),
    (Kind.RESPONSE, Headers(headers=(b"a", b"b"))),
    (Kind.RESPONSE, ParcelAnswer(parcel=MODEL, data=b"123456789")),
    (Kind.RESPONSE, Piece(index=7, data=b"piece")),
]


@pytest.mark.parametrize(("kind", "message"), EXAMPLES, ids=lambda each: type(each).__name__)
def test_decode_reads_what_encode_writes(kind: Kind, message: Message) -> None:
    assert codec.decode(kind, codec.encode(message)) == message


@pytest.mark.parametrize(("kind", "message"), EXAMPLES, ids=lambda each: type(each).__name__)
def test_truncated_bodies_are_malformed(kind: Kind, message: Message) -> None:
    body = codec.encode(message)
    for size in range(len(body)):
        with pytest.raises(MalformedMessage):
            codec.decode(kind, body[:size])


@given(st.sampled_from(EXAMPLES), st.data())
def test_mutated_bodies_decode_canonically_or_are_malformed(
    example: tuple[Kind, Message], data: st.DataObject
) -> None:
    kind, message = example
    body = bytearray(codec.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = codec.decode(kind, bytes(body))
    except MalformedMessage:
        return
    assert codec.encode(decoded) == body


@given(st.sampled_from(list(Kind)), st.binary(max_size=200))
def test_garbage_is_malformed(kind: Kind, body: bytes) -> None:
    try:
        decoded = codec.decode(kind, body)
    except MalformedMessage:
        return
    assert codec.encode(decoded) == body


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.TIP, [1, bytes(31), b"", b"h"]),
        (Kind.TIP, [1, bytes(32), b"\x00\x01", b"h"]),
        (Kind.TIP, [1, bytes(32), bytes([1] * 41), b"h"]),
        (Kind.TIP, [1, bytes(32), b"", b""]),
        (Kind.TIP, [1, bytes(32), b"", bytes(641)]),
        (Kind.BLOCK, [b"", [1, 1], [bytes(32)], b""]),
        (Kind.BLOCK, [b"h", [1], [bytes(32)], b""]),
        (Kind.BLOCK, [b"h", [1, 1, 1], [bytes(32)], b""]),
        (Kind.BLOCK, [b"h", [1, 1], [], b""]),
        (Kind.BLOCK, [b"h", [1, 1], [bytes(31)], b""]),
        (Kind.BLOCK, [b"h", [1, 1], [bytes(32)] * 2, b""]),
        (Kind.BLOCK, [b"h", [1, 1], [bytes(32)], b"da"]),
        (Kind.BLOCK, [b"h", [2**40, 1], [bytes(32)], b""]),
        (Kind.BLOCK, [b"h", [16_385, 0], [], bytes(16_385)]),
        (Kind.TRANSACTIONS, [[b""]]),
        (Kind.TRANSACTIONS, [[b"x"] * 257]),
        (Kind.TRANSACTIONS, [[bytes(8_193)]]),
        (Kind.PRESENCE, [2, 1, "x", [], "b0"]),
        (Kind.PRESENCE, [1, 1, "x" * 65, [], "b0"]),
        (Kind.PRESENCE, [1, 1, "x", ["y"] * 17, "b0"]),
        (Kind.PRESENCE, [1, 1, "x", [], ""]),
        (Kind.PRESENCE, [1, 1, "x", [], "+"]),
        (Kind.PRESENCE, [1, 1, "x", [], "#"]),
        (Kind.PRESENCE, [1, 1, "x", [], "a/b"]),
        (Kind.DATASETS, [[[bytes(32), -1]]]),
        (Kind.DATASETS, [[[bytes(32), 1]] * 65]),
        (Kind.GENESIS, [b""]),
        (Kind.REQUEST, [1, 4, 1, 1]),
        (Kind.REQUEST, [1, 1, 1, 0]),
        (Kind.REQUEST, [1, 1, 1, 513]),
        (Kind.REQUEST, [1, 2, 4, [bytes(32)]]),
        (Kind.REQUEST, [1, 2, 1, [bytes(32)] * 9]),
        (Kind.REQUEST, [1, 3, 1, bytes(32), b"", [0, 1, 2, 3, 4]]),
        (Kind.RESPONSE, [1, 3, b""]),
        (Kind.RESPONSE, [2, [b"h"] * 513]),
        (Kind.RESPONSE, [4, 0, b""]),
        (Kind.RESPONSE, [4, 0, bytes(limits.PIECE_BYTES + 1)]),
    ],
)
def test_bounds_hold(kind: Kind, value: encoding.Value) -> None:
    with pytest.raises(MalformedMessage):
        codec.decode(kind, encoding.encode(value))
