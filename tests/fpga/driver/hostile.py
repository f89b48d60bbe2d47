# SPDX-License-Identifier: Apache-2.0
"""Packets that a driver would not make: fields of a good model changed, sealed with a right CRC."""

import struct
import zlib
from dataclasses import dataclass

from edge_node_fpga.driver.folding import LAYERS, MODEL

HEADER_BEATS = 2
DESCRIPTOR_BEATS = 4
BEAT_BITS = 64
_MASK = (1 << BEAT_BITS) - 1


@dataclass(frozen=True)
class Change:
    """A field of one target that gets another value."""

    target: int
    beat: int
    """Within the target's content."""
    low: int
    """First bit; may be beyond the beat."""
    bits: int
    value: int


def of_model(low: int, bits: int, value: int) -> Change:
    return Change(target=MODEL, beat=0, low=low, bits=bits, value=value)


def of_layer(low: int, bits: int, value: int, layer: int = 0) -> Change:
    return Change(target=LAYERS, beat=DESCRIPTOR_BEATS * layer, low=low, bits=bits, value=value)


def changed(packet: bytes, *changes: Change) -> bytes:
    """Return a packet with other fields and the CRC-32 that belongs to it."""
    beats = beats_of(packet)
    where = contents(beats)
    for change in changes:
        begin, _ = where[change.target]
        at = begin + change.beat + change.low // BEAT_BITS
        low = change.low % BEAT_BITS
        mask = ((1 << change.bits) - 1) << low
        beats[at] = beats[at] & (_MASK ^ mask) | change.value << low & mask
    return sealed(beats)


def beats_of(packet: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(packet) // 8}Q", packet))


def sealed(beats: list[int]) -> bytes:
    """Return beats with the length in the header and the CRC-32 at the end made right."""
    beats = [*beats]
    beats[1] = beats[1] & ~0xFFFFFFFF | len(beats) - HEADER_BEATS - 1
    body = struct.pack(f"<{len(beats) - 1}Q", *beats[:-1])
    return body + struct.pack("<Q", zlib.crc32(body))


def contents(beats: list[int]) -> dict[int, tuple[int, int]]:
    """Return, for each target, the first beat of its content, and its beats."""
    found: dict[int, tuple[int, int]] = {}
    at = HEADER_BEATS
    while at < len(beats) - 1:
        count = beats[at] >> 32
        found[beats[at] & 7] = (at + 1, count)
        at += 1 + count
    return found
