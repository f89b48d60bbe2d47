# SPDX-License-Identifier: Apache-2.0
"""Blocks that can not be judged yet: they are early, or a dataset or a model is not here.

There is room for few, and keys are free: so each sender has a share, and what lies furthest ahead
goes first. A block that is due soon leaves by being judged; whoever sends many that are due late
crowds out himself.
Law of the file: a block that is dropped here is as if it had never come, so gossip may bring it
again; nothing else is remembered of it.
Read next: intake.py.
"""

import logging
from dataclasses import replace

from edge_node.gossip.ports import BlockReceived
from edge_node.primitives.types import BlockHash, TimestampMs

_LOG = logging.getLogger(__name__)

MAX_HELD_BLOCKS = 64
"""All that wait."""
MAX_HELD_OF_SENDER = 8
"""Of these, from one node."""


class HeldBlocks:
    """The blocks that wait.

    Parameters
    ----------
    most : int, optional
        All that may wait.
    most_of_sender : int, optional
        Of these, from one node.
    """

    def __init__(
        self, most: int = MAX_HELD_BLOCKS, most_of_sender: int = MAX_HELD_OF_SENDER
    ) -> None:
        self._most = most
        self._most_of_sender = most_of_sender
        self._blocks: dict[BlockHash, tuple[TimestampMs, BlockReceived]] = {}

    def __contains__(self, block_hash: BlockHash) -> bool:
        """Return True if a block waits."""
        return block_hash in self._blocks

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._blocks)

    def hold(self, block: BlockReceived, timestamp: TimestampMs) -> bool:
        """Keep a block of that time; return False if there was no room for it."""
        # Nobody has checked its transport, and it is not needed: judging makes the model anew.
        kept = replace(block, transport=b"")
        self._blocks.setdefault(block.block_hash, (timestamp, kept))
        shares = [each for _, each in self._blocks.values() if each.sender == block.sender]
        if len(shares) > self._most_of_sender:
            self._drop_latest([each.block_hash for each in shares])
        elif len(self._blocks) > self._most:
            self._drop_latest(list(self._blocks))
        return block.block_hash in self._blocks

    def until(self, latest: TimestampMs) -> list[BlockReceived]:
        """Return the blocks of up to that time, parents before their children."""
        due = [each for each in self._blocks.values() if each[0] <= latest]
        return [block for _, block in sorted(due, key=lambda each: each[0])]

    def release(self, block_hash: BlockHash) -> None:
        """Forget a block that has been judged."""
        del self._blocks[block_hash]

    def _drop_latest(self, among: list[BlockHash]) -> None:
        # Of equals the one that came last goes: a copied timestamp must not push out its model.
        worst = max(reversed(among), key=lambda each: self._blocks[each][0])
        _, block = self._blocks.pop(worst)
        _LOG.warning(
            "block %s of %s is not held: %d others are due before it",
            worst.hex()[:8],
            block.sender,
            len(self._blocks),
        )
