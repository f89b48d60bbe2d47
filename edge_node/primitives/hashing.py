# SPDX-License-Identifier: Apache-2.0
"""SHA-256 with domain tags, and the PRF: SHAKE-128 streams read as little-endian u32.

Rule R-1 (hash and PRF, design: "Numbers, bytes, names"). A tag keeps a hash of one kind from ever
meaning something of another kind. Draws are exact: rejection sampling, no float, no modulo bias.
Law of the file: pure functions and one stream object; standard library only.
Read next: edge_node/spec/encoding.py.
"""

import hashlib
from functools import lru_cache

from edge_node.primitives.types import Hash32

ZERO_HASH = Hash32(bytes(32))
"""Stands for "none" in header fields that a block does not use."""

_PREFIX = b"edge-node/v1/"
_U32_RANGE = 1 << 32
_STREAM_BYTES_FIRST = 168
"""One SHAKE-128 block: most streams never need a second one."""


def tagged_hash(tag: str, *parts: bytes) -> Hash32:
    """Return SHA-256 over the domain tag, a zero byte and the parts (R-1).

    Parts are concatenated: callers pass at most one part of variable length, or an encoding that
    delimits itself.
    """
    return Hash32(hashlib.sha256(b"".join((_domain(tag), *parts))).digest())


@lru_cache(maxsize=256)
def _domain(tag: str) -> bytes:
    return _PREFIX + tag.encode("ascii") + b"\x00"


class Prf:
    """A stream of little-endian u32 from SHAKE-128(prefix, tag, 0, seed).

    Parameters
    ----------
    tag : str
        Domain of the stream.
    seed : bytes
        What the stream depends on; fixed-length parts concatenated.
    """

    __slots__ = ("_buffer", "_message", "_offset")

    def __init__(self, tag: str, seed: bytes) -> None:
        self._message = _PREFIX + tag.encode("ascii") + b"\x00" + seed
        self._buffer = hashlib.shake_128(self._message).digest(_STREAM_BYTES_FIRST)
        self._offset = 0

    def u32(self) -> int:
        """Return the next u32 of the stream."""
        end = self._offset + 4
        if end > len(self._buffer):
            # An XOF's longer output begins with its shorter one, so growing changes nothing read.
            self._buffer = hashlib.shake_128(self._message).digest(2 * len(self._buffer))
        value = int.from_bytes(self._buffer[self._offset : end], "little")
        self._offset = end
        return value

    def below(self, limit: int) -> int:
        """Return a uniform integer in 0..limit-1, by rejection sampling.

        Parameters
        ----------
        limit : int
            1..2**32.
        """
        accepted = _U32_RANGE - _U32_RANGE % limit
        value = self.u32()
        while value >= accepted:
            value = self.u32()
        return value % limit

    def distinct(self, limit: int, count: int) -> list[int]:
        """Return `count` distinct integers in 0..limit-1 in the order drawn; repeats are skipped.

        Parameters
        ----------
        limit, count : int
            `count <= limit`.
        """
        chosen: dict[int, None] = {}
        while len(chosen) < count:
            chosen.setdefault(self.below(limit))
        return list(chosen)


def shake128_u32(seed: bytes, count: int) -> list[int]:
    """Return the first `count` little-endian u32 of SHAKE-128(seed), without a tag.

    The training law's streams (init and batches) are defined on the bare seed.
    """
    data = hashlib.shake_128(seed).digest(4 * count)
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, 4 * count, 4)]
