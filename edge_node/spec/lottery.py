# SPDX-License-Identifier: Apache-2.0
"""The lottery: how rare a winning ticket is, and how that follows the time between blocks.

Rules R-72 (target of a family), R-73 (retarget) and R-50 (work); design, sections 5 and 7. Every
burst is a ticket, and every ticket wins with the same chance whatever came before it: that makes a
miner's share of the blocks its share of the work.
Law of the file: 256-bit integers; a chain's own timestamps are the only clock.
Read next: proof/recipe.py.
"""

from edge_node.primitives.types import Hash32
from edge_node.spec.genesis import Parameters

TARGET_RANGE = 1 << 256
MAX_TARGET = TARGET_RANGE - 1
"""The easiest target: every ticket but one wins."""
LONGEST_INTERVALS = 8
"""A block that took longer than so many targets eases the lottery no further."""
RETARGET_BLOCKS = 14
"""Blocks in which the difficulty follows a change of power by a factor of e."""


def first_target(parameters: Parameters) -> Hash32:
    """Return the target of a network's first block."""
    return _packed(TARGET_RANGE // parameters.first_work - 1)


def next_target(target: Hash32, interval_ms: int, target_ms: int) -> Hash32:
    """Return the target that follows a block which came `interval_ms` after its parent (R-73).

    Design, section 5.
    """
    value = int.from_bytes(target, "big")
    late_ms = min(interval_ms, LONGEST_INTERVALS * target_ms) - target_ms
    moved = value + value * late_ms // (RETARGET_BLOCKS * target_ms)
    return _packed(min(max(moved, 1), MAX_TARGET))


def family_target(target: Hash32, cost: int, max_cost: int) -> int:
    """Return below what a ticket wins: what costs less to try wins less often (R-72).

    Parameters
    ----------
    target : Hash32
        The header's.
    cost, max_cost : int
        Multiplications of a burst of the family, and the most that the network allows.
    """
    return int.from_bytes(target, "big") * cost // max_cost


def work_of(target: Hash32) -> int:
    """Return what a block with this target adds to its chain's work (R-50)."""
    return TARGET_RANGE // (int.from_bytes(target, "big") + 1)


def _packed(value: int) -> Hash32:
    return Hash32(value.to_bytes(32, "big"))
