# SPDX-License-Identifier: Apache-2.0
"""Forks among stored blocks: where two branches part, and which tip to follow.

Law of the file: it reads the block store and applies fork_choice (R-50, R-51); it moves nothing.
Read next: edge_node/spec/fork_choice.py.
"""

from collections.abc import Sequence

from edge_node.chain.block_store import BlockStore
from edge_node.chain.errors import ParentUnknown
from edge_node.primitives.types import BlockHash, Height, PublicKey
from edge_node.spec.fork_choice import better, quorum_checkpoint


class ForkTracker:
    """Fork choice over a block store.

    Parameters
    ----------
    blocks : BlockStore
    members : sequence of PublicKey
        The genesis' members.
    genesis : BlockHash
        Parent of the first blocks.
    """

    def __init__(
        self, blocks: BlockStore, members: Sequence[PublicKey], genesis: BlockHash
    ) -> None:
        self._blocks = blocks
        self._members = members
        self._genesis = genesis

    def better(self, tip: BlockHash, head: BlockHash) -> bool:
        """Return True if `tip` is to be followed rather than `head`."""
        left, right = self._blocks.candidate(tip), self._blocks.candidate(head)
        if left is None or not self.allows(tip):
            return False
        return right is None or not self.allows(head) or better(left, right)

    def best_tip(self, head: BlockHash) -> BlockHash:
        """Return the tip to follow, `head` if none is better."""
        best = head
        for tip in self._blocks.tips():
            if self.better(tip, best):
                best = tip
        return best

    def allows(self, tip: BlockHash) -> bool:
        """Return True unless a quorum checkpoint that is here is not among the tip's ancestors."""
        final = quorum_checkpoint(self._members, self._blocks.checkpoints())
        if final is None or not self._blocks.has(final.block):
            return True
        here = tip
        while True:
            if here == final.block:
                return True
            stored = self._blocks.get(here)
            if stored is None or stored.height <= final.height:
                # A tip below the checkpoint is allowed if the checkpoint builds on it.
                return self._is_ancestor(tip, final.block)
            here = stored.previous_hash

    def path(
        self, old: BlockHash, new: BlockHash
    ) -> tuple[Height, tuple[BlockHash, ...], tuple[BlockHash, ...]]:
        """Return the way from one tip to another.

        Returns
        -------
        fork : Height
            Height of the last common block.
        connected : tuple of BlockHash
            The new branch above it, oldest first.
        disconnected : tuple of BlockHash
            The old branch above it, newest first.
        """
        connected: list[BlockHash] = []
        disconnected: list[BlockHash] = []
        while old != new:
            old_height, new_height = self._height(old), self._height(new)
            if new_height >= old_height:
                connected.append(new)
                new = self._parent(new)
            if old_height >= new_height:
                disconnected.append(old)
                old = self._parent(old)
        return Height(self._height(old)), tuple(reversed(connected)), tuple(disconnected)

    def _is_ancestor(self, ancestor: BlockHash, block: BlockHash) -> bool:
        height = self._height(ancestor)
        while self._height(block) > height:
            block = self._parent(block)
        return block == ancestor

    def _height(self, block_hash: BlockHash) -> int:
        if block_hash == self._genesis:
            return 0
        stored = self._blocks.get(block_hash)
        if stored is None:
            raise ParentUnknown(block_hash)
        return stored.height

    def _parent(self, block_hash: BlockHash) -> BlockHash:
        stored = self._blocks.get(block_hash)
        if stored is None:
            raise ParentUnknown(block_hash)
        return stored.previous_hash
