# SPDX-License-Identifier: Apache-2.0
"""Merkle trees and the Merkle mountain range: short commitments to long lists.

Rule R-12 (design, section 4). Leaves are hashed under their own tag, nodes under another; an odd
node moves up unchanged, so no list has the root of another. The range commits to all earlier block
hashes.
Law of the file: pure functions and immutable values.
Read next: block.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import Hash32

_LEAF, _NODE, _RANGE = "merkle-leaf", "merkle-node", "merkle-range"


def merkle_root(leaves: Sequence[bytes]) -> Hash32:
    """Return the root over `leaves`, ZERO_HASH for none (R-12)."""
    return MerkleTree.build(leaves).root


@dataclass(frozen=True, slots=True)
class MerkleTree:
    """A tree over a dense list, which keeps its levels so that a change costs log n hashes."""

    levels: tuple[tuple[Hash32, ...], ...]
    """levels[0] are hashed leaves, the last level is the root; no levels for no leaves."""

    @property
    def root(self) -> Hash32:
        """The commitment; ZERO_HASH for no leaves."""
        return self.levels[-1][0] if self.levels else ZERO_HASH

    @classmethod
    def build(cls, leaves: Sequence[bytes]) -> "MerkleTree":
        """Return the tree over `leaves`."""
        level = tuple(tagged_hash(_LEAF, leaf) for leaf in leaves)
        levels = [level] if level else []
        while len(level) > 1:
            level = tuple(_parent(level, i) for i in range(-(-len(level) // 2)))
            levels.append(level)
        return cls(tuple(levels))

    def updated(self, leaves: Mapping[int, bytes]) -> "MerkleTree":
        """Return the tree with some leaves replaced or appended, without gaps."""
        hashed = {index: tagged_hash(_LEAF, leaf) for index, leaf in leaves.items()}
        levels: list[tuple[Hash32, ...]] = []
        depth = 0
        while hashed:
            old = list(self.levels[depth]) if depth < len(self.levels) else []
            for index in sorted(hashed):
                if index < len(old):
                    old[index] = hashed[index]
                else:
                    assert index == len(old), "appended leaves leave no gap"
                    old.append(hashed[index])
            level = tuple(old)
            levels.append(level)
            if len(level) == 1:
                break
            hashed = {index >> 1: _parent(level, index >> 1) for index in hashed}
            depth += 1
        return MerkleTree(tuple(levels)) if levels else self

    def proof(self, index: int) -> tuple[Hash32, ...]:
        """Return the siblings from leaf `index` up to the root, where there are any."""
        siblings: list[Hash32] = []
        for level in self.levels[:-1]:
            if index ^ 1 < len(level):
                siblings.append(level[index ^ 1])
            index >>= 1
        return tuple(siblings)


def verify_proof(
    root: Hash32, leaf: bytes, index: int, count: int, proof: Sequence[Hash32]
) -> bool:
    """Return True if `leaf` is number `index` of the `count` leaves under `root`."""
    if not 0 <= index < count:
        return False
    node = tagged_hash(_LEAF, leaf)
    remaining = list(proof)
    while count > 1:
        if index ^ 1 < count:
            if not remaining:
                return False
            sibling = remaining.pop(0)
            pair = (sibling, node) if index & 1 else (node, sibling)
            node = tagged_hash(_NODE, *pair)
        index >>= 1
        count = -(-count // 2)
    return not remaining and node == root


def _parent(level: Sequence[Hash32], index: int) -> Hash32:
    left = level[2 * index]
    if 2 * index + 1 == len(level):
        return left
    return tagged_hash(_NODE, left, level[2 * index + 1])


@dataclass(frozen=True, slots=True)
class MountainRange:
    """A Merkle mountain range: an append-only commitment that grows in constant time."""

    count: int = 0
    """Hashes appended."""
    peaks: tuple[Hash32, ...] = ()
    """Roots of the perfect trees, largest first."""

    def appended(self, item: Hash32) -> "MountainRange":
        """Return the range with one more hash."""
        node = tagged_hash(_LEAF, item)
        peaks = list(self.peaks)
        carries = self.count
        while carries & 1:
            node = tagged_hash(_NODE, peaks.pop(), node)
            carries >>= 1
        return MountainRange(self.count + 1, (*peaks, node))

    def root(self) -> Hash32:
        """Return the commitment to all hashes and their number."""
        return tagged_hash(_RANGE, self.count.to_bytes(8, "big"), *self.peaks)
