# SPDX-License-Identifier: Apache-2.0
"""What a folded packet says, read back: the starts of sums as the engine would see them."""

import struct
from dataclasses import dataclass

from edge_node_fpga.driver.folding import FIRST, LIMITS, WEIGHTS, Caps, Layer, fold

CAPS = Caps(elements=8, trees=8, lanes=1, weight_rows=1024)
START_BITS, FIRST_START_BITS, FIRST_TAPS = 20, 13, 9
KERNEL_ROWS, ROW_MIDDLE_BYTES, ROW_MIDDLE_BITS = 3, 383, 2


@dataclass(frozen=True)
class Start:
    """Of one channel."""

    value: int
    """The sum begins with it."""
    odd: bool
    """The logit is one more."""


def targets(layers: list[Layer], caps: Caps = CAPS) -> dict[int, list[int]]:
    """Return the content of every target of a model's packet."""
    packet = fold(layers, caps).packet
    beats = struct.unpack(f"<{len(packet) // 8}Q", packet)[2:-1]
    found: dict[int, list[int]] = {}
    at = 0
    while at < len(beats):
        count = beats[at] >> 32
        found[beats[at] & 7] = list(beats[at + 1 : at + 1 + count])
        at += 1 + count
    return found


def starts(layers: list[Layer], channels: int) -> list[Start]:
    """Return the starts of the first layer of the array."""
    return [
        Start(value=signed(beat, START_BITS), odd=bool(beat >> START_BITS))
        for beat in targets(layers)[LIMITS][:channels]
    ]


def tails(layers: list[Layer], channels: int, words: int) -> list[int]:
    """Return, for each channel of an 8-bit layer, the ones of its two words after the planes."""
    rows = targets(layers)[WEIGHTS]
    found = []
    for channel in range(channels):
        tile, element = divmod(channel, CAPS.elements)
        row = tile * (words + 2) + words
        found.append(sum(rows[(row + i) * CAPS.elements + element].bit_count() for i in range(2)))
    return found


def unit_starts(layers: list[Layer], channels: int) -> list[Start]:
    """Return the starts of a layer in the first-layer unit that needs all its trees.

    They are for the mismatches themselves; the unit's sums of a row are their middle less.
    """
    middle = KERNEL_ROWS * (ROW_MIDDLE_BYTES if layers[0].bytes else ROW_MIDDLE_BITS)
    return [
        Start(value=signed(beat >> FIRST_TAPS, FIRST_START_BITS) - middle, odd=False)
        for beat in targets(layers)[FIRST][:channels]
    ]


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value
