# SPDX-License-Identifier: Apache-2.0
"""Parcels: cutting content into pieces named by their hash, and putting it together again.

Rules G-14 and G-15. Every piece is checked alone, so a wrong one names its sender and costs 64 KiB.
Law of the file: pure functions.
Read next: answers.py, then downloads.py.
"""

import hashlib
from dataclasses import dataclass

from edge_node.gossip import limits
from edge_node.gossip.codec import parcel_id_source
from edge_node.gossip.errors import ParcelMismatch, PieceMismatch
from edge_node.gossip.messages import ObjectKind, Parcel
from edge_node.primitives.types import Hash32
from edge_node.spec.dataset import chunk_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Content with its table."""

    parcel: Parcel
    """The table."""
    data: bytes
    """All parts, concatenated."""

    def piece(self, index: int) -> bytes:
        """Return piece `index`; empty beyond the last."""
        start = index * limits.PIECE_BYTES
        return self.data[start : start + limits.PIECE_BYTES]


def piece_hash(piece: bytes) -> Hash32:
    """Return the hash that names a piece: the law's for chunks, so a dataset's chunk is one."""
    return chunk_hash(piece)


def parcel_id(parcel: Parcel) -> Hash32:
    """Return the hash that tells one table from another."""
    return Hash32(hashlib.sha256(parcel_id_source(parcel)).digest())


def pack(kind: ObjectKind, digest: Hash32, parts: tuple[bytes, ...]) -> Packed:
    """Cut content.

    Parameters
    ----------
    kind : ObjectKind
        What it is.
    digest : Hash32
        What names it.
    parts : tuple of bytes
        Header, body and transport of a block; one part otherwise.

    Raises
    ------
    ParcelMismatch
        G-15: our own content is too large to travel.
    """
    data = b"".join(parts)
    if len(data) > limits.MAX_PARCEL_BYTES:
        raise ParcelMismatch(expected=f"<= {limits.MAX_PARCEL_BYTES} bytes", actual=len(data))
    hashes = tuple(
        piece_hash(data[start : start + limits.PIECE_BYTES])
        for start in range(0, len(data), limits.PIECE_BYTES)
    )
    sizes = tuple(len(part) for part in parts)
    return Packed(
        parcel=Parcel(kind=kind, digest=digest, sizes=sizes, piece_hashes=hashes), data=data
    )


def check_piece(expected: Hash32, piece: bytes) -> None:
    """Check a piece against the hash that names it.

    Raises
    ------
    PieceMismatch
        G-14.
    """
    actual = piece_hash(piece)
    if actual != expected:
        raise PieceMismatch(expected=bytes(expected), actual=bytes(actual))


def check_data(parcel: Parcel, data: bytes) -> None:
    """Check whole content against its table.

    Raises
    ------
    ParcelMismatch
        G-15: the size differs.
    PieceMismatch
        G-14.
    """
    total = sum(parcel.sizes)
    if len(data) != total:
        raise ParcelMismatch(expected=f"{total} bytes", actual=len(data))
    for index, expected in enumerate(parcel.piece_hashes):
        start = index * limits.PIECE_BYTES
        check_piece(expected, data[start : start + limits.PIECE_BYTES])


def split(parcel: Parcel, data: bytes) -> tuple[bytes, ...]:
    """Return the parts of checked content."""
    parts = []
    start = 0
    for size in parcel.sizes:
        parts.append(data[start : start + size])
        start += size
    return tuple(parts)
