# SPDX-License-Identifier: Apache-2.0
"""Lanes: many small natural numbers side by side in one Python integer.

Adding two such integers adds every lane, multiplying by a number multiplies every lane: one
operation of the interpreter does the work of a row. Lanes never carry into each other while every
number stays below 2**LANE_BITS; training_bounds.check_trainable proves that it does.
Law of the file: natural numbers only; who needs signs keeps two integers, one for each.
Read next: training.py.
"""

from collections.abc import Sequence

LANE_BITS = 40
"""Sums are bounded by 2**31 and are at most tripled and scaled by 255 / 128 on the way."""

_LANE_BYTES = LANE_BITS // 8


def pack_lanes(values: Sequence[int]) -> int:
    """Return an integer whose lane i holds values[i]."""
    return int.from_bytes(b"".join(v.to_bytes(_LANE_BYTES, "little") for v in values), "little")


def unpack_lanes(lanes: int, count: int) -> list[int]:
    """Return the numbers of the first `count` lanes; there must be no others."""
    data = lanes.to_bytes(count * _LANE_BYTES, "little")
    return [
        int.from_bytes(data[i : i + _LANE_BYTES], "little")
        for i in range(0, len(data), _LANE_BYTES)
    ]


def spread_bits(bits: int, count: int) -> int:
    """Return an integer whose lane i holds bit i of `bits`."""
    return pack_lanes([bits >> i & 1 for i in range(count)])
