# SPDX-License-Identifier: Apache-2.0
"""Forks among stored blocks: where two branches part, and which tip to follow.

Law of the file: it reads the block store and applies fork_choice (R-50, R-51); of the store it
writes checkpoints only, and it moves nothing.
Read next: edge_node/spec/fork_choice.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_node.chain.block_store import BlockStore, Link
from edge_node.chain.errors import StoreCorrupt
from edge_node.primitives.types import BlockHash, Height, PublicKey
from edge_node.spec.fork_choice import Checkpoint, better, quorum_checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way from one block to another."""

    fork: Height
    """Height of the last common block."""
    disconnected: tuple[BlockHash, ...]
    """The old branch above it, newest first."""
    connected: tuple[BlockHash, ...]
    """The new branch above it, oldest first."""

    @property
    def blocks(self) -> tuple[BlockHash, ...]:
        """All blocks that are crossed, in order."""
        return (*self.disconnected, *self.connected)


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
        self._final = quorum_checkpoint(members, blocks.checkpoints())

    @property
    def final(self) -> Checkpoint | None:
        """One checkpoint of the highest block that a quorum has signed; it need not be here."""
        return self._final

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Return True if a checkpoint is kept already, or too low to matter."""
        if self._final is not None and checkpoint.height <= self._final.height:
            return True
        return self._blocks.has_checkpoint(checkpoint)

    def quorum(self) -> tuple[Checkpoint, ...]:
        """Return as many checkpoints of the final block as convince anybody; none without one."""
        final = self._final
        if final is None:
            return ()
        needed = 2 * len(self._members) // 3 + 1
        same = [each for each in self._blocks.checkpoints() if each.block == final.block]
        return tuple(same[:needed])

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Keep a member's checkpoint; True if a quorum agrees on a higher block than before."""
        above = self._final.height if self._final else Height(-1)
        if checkpoint.height <= above:
            return False
        self._blocks.put_checkpoint(checkpoint, above)
        final = quorum_checkpoint(self._members, self._blocks.checkpoints())
        if final is None or final == self._final:
            return False
        # What the quorum has agreed on stays so, whatever its members sign later.
        self._final = final
        self._blocks.drop_checkpoints(final.height)
        return True

    def better(self, tip: BlockHash, head: BlockHash) -> bool:
        """Return True if `tip` is to be followed rather than `head`."""
        left, right = self._blocks.candidate(tip), self._blocks.candidate(head)
        if left is None or not self.allows(tip):
            return False
        return right is None or not self.allows(head) or better(left, right)

    def best_tip(self, head: BlockHash) -> BlockHash:
        """Return the tip to follow, `head` if none is better."""
        here = self._blocks.candidate(head)
        # Only a head on a forbidden branch has to give way to less work than its own.
        if here is not None and self.allows(head):
            candidates = self._blocks.at_least(here.work)
        else:
            candidates = self._blocks.tips()
        best = head
        for tip in candidates:
            if self.better(tip, best):
                best = tip
        return best

    def allows(self, tip: BlockHash) -> bool:
        """Return True unless the quorum's block is here and on another branch than `tip`."""
        if self._final is None or not self._blocks.has(self._final.block):
            return True
        final = self._final.block
        return self.descends(tip, final) or self.descends(final, tip)

    def way(self, old: BlockHash, new: BlockHash) -> Way:
        """Return the way from one stored block, or the genesis, to another.

        Raises
        ------
        StoreCorrupt
        """
        connected: list[BlockHash] = []
        disconnected: list[BlockHash] = []
        left, right = self._link(old), self._link(new)
        while old != new:
            left_height, right_height = left.height, right.height
            if right_height >= left_height:
                connected.append(new)
                new, right = right.previous_hash, self._parent(right)
            if left_height >= right_height:
                disconnected.append(old)
                old, left = left.previous_hash, self._parent(left)
        return Way(
            fork=left.height,
            disconnected=tuple(disconnected),
            connected=tuple(reversed(connected)),
        )

    def descends(self, block: BlockHash, ancestor: BlockHash) -> bool:
        """Return True if a stored block is another one, or stands above it.

        Raises
        ------
        StoreCorrupt
        """
        if ancestor == self._genesis:
            return True
        height = self._link(ancestor).height
        link = self._link(block)
        while link.height > height:
            if self._blocks.main_hash(link.height) == block:
                # From a block of the main chain on, the main chain is the way down.
                return self._blocks.main_hash(height) == ancestor
            block, link = link.previous_hash, self._parent(link)
        return block == ancestor

    def _parent(self, link: Link) -> Link:
        parent = self._link(link.previous_hash)
        if parent.height != link.height - 1:
            raise StoreCorrupt(f"height {parent.height} under {link.height}")
        return parent

    def _link(self, block_hash: BlockHash) -> Link:
        if block_hash == self._genesis:
            return Link(height=Height(0), previous_hash=self._genesis)
        link = self._blocks.link(block_hash)
        if link is None:
            raise StoreCorrupt(f"block {block_hash.hex()} is missing")
        return link
