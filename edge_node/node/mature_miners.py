# SPDX-License-Identifier: Apache-2.0
"""Whose rewards have matured: the keys that a node knows when it chooses what to replay first.

A key is known once it has mined a block of the main chain that was paid and is as old as a reward
must be to be spent (R-29). Not the balance: one coin split a thousand times would make a thousand
keys known, while here each costs a block's work. The chain's records do not say who mined, and an
index of their own would be another format of the file; so headers are read once, as they mature.
Law of the file: it follows the main chain wherever that goes, and decides about no block.
Read next: replay_queue.py.
"""

from collections import Counter, deque

from edge_node.chain.importer import Importer
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, PublicKey
from edge_node.spec.block import header_from_bytes
from edge_node.spec.constants import REWARD_MATURITY_BLOCKS

HEADERS_A_TURN = 256
"""Headers read at once, some 10 ms: a node that starts with a long chain has read it soon."""
REMEMBERED_BLOCKS = 256
"""Counted blocks of which it is known who mined them; below these it counts anew."""


class MatureMiners:
    """The keys of an importer's main chain whose rewards have matured.

    Parameters
    ----------
    importer : Importer
    """

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._blocks: Counter[PublicKey] = Counter()
        self._recent: deque[tuple[BlockHash, PublicKey | None]] = deque(maxlen=REMEMBERED_BLOCKS)
        self._height = 0
        self._seen: BlockHash | None = None

    def __contains__(self, key: PublicKey) -> bool:
        """Return True if a reward of a key has matured, as far as `follow` has come."""
        return key in self._blocks

    def follow(self) -> None:
        """Take note of what has matured, and of what the main chain has left."""
        head = self._importer.head
        if head.head == self._seen:
            return
        mature = max(0, head.height - REWARD_MATURITY_BLOCKS)
        self._leave(mature)
        count = min(HEADERS_A_TURN, mature - self._height)
        for encoded in self._importer.blocks.main_headers(self._height + 1, count):
            header = header_from_bytes(encoded)
            # A fallback earns no reward: it makes nobody known.
            miner = None if header.model_hash == ZERO_HASH else header.miner
            if miner is not None:
                self._blocks[miner] += 1
            self._recent.append((header.block_hash(), miner))
            self._height += 1
        if self._height == mature:
            self._seen = head.head

    def _leave(self, mature: int) -> None:
        """Go back to the last counted block that the main chain still has, and that is mature."""
        main_hash = self._importer.blocks.main_hash
        while self._recent:
            block_hash, miner = self._recent[-1]
            if self._height <= mature and main_hash(self._height) == block_hash:
                return
            self._recent.pop()
            self._height -= 1
            if miner is not None:
                self._blocks[miner] -= 1
                if not self._blocks[miner]:
                    del self._blocks[miner]
        # Who mined what lies below is not remembered.
        self._blocks.clear()
        self._height = 0
