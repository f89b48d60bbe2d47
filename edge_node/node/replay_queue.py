# SPDX-License-Identifier: Apache-2.0
"""Blocks that wait for their replay: whose turn it is, and who may wait at all.

In a lottery a header whose result is thin air wins as often as a ticket does, and only a replay
tells; keys are free. So what gossip delivers waits, and what is replayed first is chosen: parents
before their children, then blocks of keys whose rewards have matured and what they stand on, then
blocks of the sync under way, then the first come. An unknown key has one place, a branch has four,
and a key that has failed has none until a block of it is found valid.
Law of the file: relay policy, no rule (design, section 5); it judges nothing. Blocks of a sync come
in order, and bring their own bound: they take no slot, or nobody new could catch up.
Read next: replays.py, mature_miners.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from edge_node.gossip import limits
from edge_node.gossip.peers import RecentSet
from edge_node.gossip.ports import BlockReceived
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import BlockHash, PublicKey
from edge_node.spec.block import Header

MAX_WAITING_BLOCKS = 64
"""All that wait beside a sync's; a known key's block takes a stranger's place if need be."""
MAX_WITH_SYNC = MAX_WAITING_BLOCKS + limits.BODY_WINDOW
"""All that wait."""
MAX_UNREPLAYED_ANCESTORS = 4
"""A block on so many that wait in a row does not wait with them."""
MAX_FAILED_KEYS = 4_096
"""Keys remembered for a block that was found invalid."""

InSync = Callable[[BlockHash], bool]
"""Says whether a block is part of the sync under way."""


class KnownMiners(Protocol):
    """Keys that are replayed first (mature_miners.py)."""

    def __contains__(self, key: PublicKey) -> bool:
        """Return True if a key is one of them."""

    def follow(self) -> None:
        """Take note of what has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    block: BlockReceived
    miner: PublicKey
    parent: BlockHash


class ReplayQueue:
    """The blocks that wait.

    Parameters
    ----------
    known : KnownMiners
        Keys whose rewards have matured.
    """

    def __init__(self, known: KnownMiners) -> None:
        self._known = known
        self._waiting: dict[BlockHash, _Waiting] = {}  # in the order in which they came
        self._failed = RecentSet(MAX_FAILED_KEYS)

    def __contains__(self, block_hash: BlockHash) -> bool:
        """Return True if a block waits."""
        return block_hash in self._waiting

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def follow(self) -> None:
        """Take note of who has become known."""
        self._known.follow()

    def refuses(self, miner: PublicKey, parent: BlockHash) -> bool:
        """Say whether a new block of this key on this parent would have to go away again."""
        if self._ancestors(parent) >= MAX_UNREPLAYED_ANCESTORS or miner in self._failed:
            return True
        if miner in self._known:
            return len(self._waiting) >= MAX_WAITING_BLOCKS and self._last_stranger(parent) is None
        slot_taken = any(each.miner == miner for each in self._waiting.values())
        return slot_taken or len(self._waiting) >= MAX_WAITING_BLOCKS

    def add(self, block: BlockReceived, header: Header, in_sync: InSync) -> list[BlockReceived]:
        """Let a block wait.

        Returns
        -------
        list of BlockReceived
            What there was no room for: the block itself, or another in whose place it waits.
        """
        block_hash, miner, parent = block.block_hash, header.miner, header.previous_hash
        if block_hash in self._waiting:
            return []
        gone: list[BlockReceived] = []
        if in_sync(block_hash):
            if len(self._waiting) >= MAX_WITH_SYNC:
                return [block]
        elif self.refuses(miner, parent):
            return [block]
        elif len(self._waiting) >= MAX_WAITING_BLOCKS:
            stranger = self._last_stranger(parent)
            assert stranger is not None, "a known key with no place to take is refused"
            gone.append(self._waiting.pop(stranger).block)
        # Nobody has checked its transport, and it is not needed: replaying makes the model anew.
        kept = replace(block, transport=b"")
        self._waiting[block_hash] = _Waiting(block=kept, miner=miner, parent=parent)
        return gone

    def pop(self, in_sync: InSync) -> tuple[BlockReceived, PublicKey]:
        """Return the block whose turn it is, with its miner; it waits no longer.

        Raises
        ------
        ValueError
            None waits.
        """

        def rank(each: _Waiting) -> int:
            if each.miner in self._known and each.miner not in self._failed:
                return 0
            return 1 if in_sync(each.block.block_hash) else 2

        chosen = min(self._waiting.values(), key=rank)
        while chosen.parent in self._waiting:
            chosen = self._waiting[chosen.parent]
        del self._waiting[chosen.block.block_hash]
        return chosen.block, chosen.miner

    def fail(self, miner: PublicKey, sender: NodeId, in_sync: InSync) -> list[BlockReceived]:
        """Take note that a key has signed an invalid block, which a node delivered.

        Returns
        -------
        list of BlockReceived
            What waits no longer: other blocks of that key, and what else that node delivered of
            strangers.
        """
        self._failed.add(miner)
        gone = [
            each.block
            for block_hash, each in self._waiting.items()
            if not in_sync(block_hash)
            and (
                each.miner == miner
                or (each.block.sender == sender and each.miner not in self._known)
            )
        ]
        for block in gone:
            del self._waiting[block.block_hash]
        return gone

    def pardon(self, miner: PublicKey) -> None:
        """Take note that a key has signed a valid block."""
        self._failed.discard(miner)

    def _ancestors(self, parent: BlockHash) -> int:
        """Count what waits in a row, from a block's parent down."""
        count = 0
        while parent in self._waiting:
            parent = self._waiting[parent].parent
            count += 1
        return count

    def _last_stranger(self, parent: BlockHash) -> BlockHash | None:
        """Return the unknown key's block that came last and has no child, here or to come."""
        parents = {parent, *(each.parent for each in self._waiting.values())}
        for block_hash, each in reversed(self._waiting.items()):
            if each.miner not in self._known and block_hash not in parents:
                return block_hash
        return None
