# SPDX-License-Identifier: Apache-2.0
"""Attestation: the block that a quorum of tips stands on.

A node that does not replay follows no work: work is claimed by whoever grinds tickets for latents
that nobody trained. It follows the block of most work that q of its full nodes have as their tip,
or below it (design, section 7).
Law of the file: it reads the block store and changes nothing; a tip that is too far from all others
is no voice, so nobody can keep the search busy.
Read next: offload.py, edge_node/node/offload.py.
"""

from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from edge_node.chain.block_store import BlockStore, Link
from edge_node.chain.errors import StoreCorrupt
from edge_node.primitives.types import BlockHash
from edge_node.spec.fork_choice import Candidate, better

MAX_WALK_BLOCKS = 1_024
"""Blocks that a tip may stand above the others, off the main chain, before its voice is lost."""


def attested_block(
    tips: Sequence[BlockHash], quorum: int, blocks: BlockStore, genesis: BlockHash
) -> Candidate | None:
    """Return the block of most work that at least `quorum` of some tips are, or stand above.

    Parameters
    ----------
    tips : sequence of BlockHash
        One for each node, stored all.
    quorum : int
        1 or more.
    blocks : BlockStore
    genesis : BlockHash
        Parent of the first blocks, on which everybody stands.

    Returns
    -------
    Candidate or None
        None if they have nothing but the genesis in common.

    Raises
    ------
    StoreCorrupt
    """
    voices = Counter(tip for tip in tips if tip != genesis)
    walked = dict.fromkeys(voices, 0)
    # The highest first: whoever meets below has met when a block's turn comes.
    heap = [(-_link(blocks, tip).height, tip) for tip in voices]
    heapify(heap)
    best: Candidate | None = None
    on_main = 0
    while heap:
        _, block = heappop(heap)
        link, count = _link(blocks, block), voices.pop(block)
        is_main = blocks.main_hash(link.height) == block
        if is_main:
            # All that met the main chain above stand on this block too.
            on_main += count
            count = on_main
        if count >= quorum:
            candidate = blocks.candidate(block)
            if candidate is not None and (best is None or better(candidate, best)):
                best = candidate
            continue
        parent, steps = link.previous_hash, walked[block] + 1
        if is_main or parent == genesis or steps > MAX_WALK_BLOCKS:
            continue
        if parent not in voices:
            heappush(heap, (1 - link.height, parent))
        voices[parent] += count
        walked[parent] = min(steps, walked.get(parent, steps))
    return best


def _link(blocks: BlockStore, block: BlockHash) -> Link:
    link = blocks.link(block)
    if link is None:
        raise StoreCorrupt(f"block {block.hex()} is missing")
    return link
