# SPDX-License-Identifier: Apache-2.0
"""How weights travel: in full, or as the positions that flipped against the parent.

Rule R-16 (design, section 3). A transport is never part of a block's validity: the header commits
to the hash of the decoded model. `delta` holds the gaps between flipped weights in Rice code, the
quotients in one bit stream and the remainders in another, with the parameter that makes it
shortest; so one delta has one encoding.
Law of the file: a decoded transport encodes to the same bytes again.
Read next: block.py.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_TRANSPORT_BYTES
from edge_node.spec.encoding import Value, decode, encode
from edge_node.spec.errors import InvalidModelData
from edge_node.spec.model import Model, model_from_blob, split_channels

MAX_RICE_PARAMETER = 15


class TransportMalformed(InvalidModelData):
    """A transport does not have the form of R-16, or is not the shortest of its kind."""

    reason: ClassVar[str] = "R-16"
    wants: ClassVar[str] = "the transport"


class TransportKind(IntEnum):
    """The first number of a transport."""

    FULL = 0
    """The model's blob."""
    DELTA = 1
    """Flipped weights and moved thresholds against the parent."""


def encode_full(model: Model) -> bytes:
    """Return the transport that needs no parent."""
    return encode([TransportKind.FULL.value, model.blob()])


def encode_delta(parent: Model, child: Model) -> bytes:
    """Return the transport of `child` for whoever has `parent`, a model of its architecture."""
    gaps = _gaps(_flipped(parent, child))
    parameter = min(range(MAX_RICE_PARAMETER + 1), key=lambda b: _rice_bits(gaps, b))
    quotients, remainders = _rice_encode(gaps, parameter)
    return encode(
        [
            TransportKind.DELTA.value,
            parameter,
            quotients,
            remainders,
            _threshold_moves(parent, child),
        ]
    )


def decode_transport(data: bytes, parent: Model | None) -> Model:
    """Return the model that a transport carries.

    Parameters
    ----------
    data : bytes
    parent : Model or None
        The model that a delta is against; None if there is none.

    Raises
    ------
    InvalidEncoding, InvalidModelData
        R-2 to R-6, R-16.
    """
    match decode(data, max_bytes=MAX_TRANSPORT_BYTES):
        case [TransportKind.FULL, bytes(blob)]:
            return model_from_blob(blob)
        case [
            TransportKind.DELTA,
            int(parameter),
            bytes(quotients),
            bytes(remainders),
            list(moves),
        ] if parent is not None and 0 <= parameter <= MAX_RICE_PARAMETER:
            gaps = _rice_decode(quotients, remainders, parameter, parent.architecture.weight_count)
            child = Model(
                architecture=parent.architecture,
                weights=_with_flips(parent, gaps),
                thresholds=_with_moves(parent, moves),
            )
        case _:
            raise TransportMalformed(
                expected="[0, blob], or a delta to a known parent", actual="another form"
            )
    if encode_delta(parent, child) != data:
        raise TransportMalformed(expected="the shortest encoding of its delta", actual="another")
    return child


def _flipped(parent: Model, child: Model) -> list[int]:
    positions: list[int] = []
    start = 0
    for shape, mine, theirs in zip(
        parent.architecture.shapes, parent.weights, child.weights, strict=True
    ):
        for a, b in zip(mine, theirs, strict=True):
            difference = a ^ b
            while difference:
                low = difference & -difference
                positions.append(start + low.bit_length() - 1)
                difference ^= low
            start += shape.fan_in
    return positions


def _gaps(positions: Sequence[int]) -> list[int]:
    before = [-1, *positions[:-1]]
    return (
        [here - last - 1 for last, here in zip(before, positions, strict=True)] if positions else []
    )


def _rice_bits(gaps: Sequence[int], parameter: int) -> int:
    quotient_bits = sum((gap >> parameter) + 1 for gap in gaps)
    return 8 * (-(-quotient_bits // 8) + -(-len(gaps) * parameter // 8))


def _rice_encode(gaps: Sequence[int], parameter: int) -> tuple[bytes, bytes]:
    # Digits of base two, the last gap first: joining text takes linear time, shifting does not.
    quotients = "".join("1" + "0" * (gap >> parameter) for gap in reversed(gaps))
    mask = (1 << parameter) - 1
    remainders = "".join(f"{gap & mask:0{parameter}b}" for gap in reversed(gaps))
    return _bit_string(quotients), _bit_string(remainders if parameter else "")


def _bit_string(digits: str) -> bytes:
    return int(digits or "0", 2).to_bytes(-(-len(digits) // 8), "little")


def _rice_decode(
    quotients: bytes, remainders: bytes, parameter: int, weight_count: int
) -> list[int]:
    # each one bit is a flip and each zero skips 2**parameter weights: both are bounded by
    # the network, so a hostile stream can not make this loop long.
    stream = int.from_bytes(quotients, "little")
    if stream.bit_count() > weight_count or 8 * len(quotients) > 2 * weight_count + 8:
        raise TransportMalformed(expected=f"at most {weight_count} flips", actual="more")
    size = -(-stream.bit_count() * parameter // 8)
    if len(remainders) != size:
        raise TransportMalformed(expected=f"{size} bytes of remainders", actual=len(remainders))
    ends = [i for i, bit in enumerate(reversed(f"{stream:b}")) if bit == "1"]
    return [
        (end - last - 1 << parameter) | _bits_at(remainders, index * parameter, parameter)
        for index, (last, end) in enumerate(zip([-1, *ends], ends, strict=False))
    ]


def _bits_at(data: bytes, start: int, width: int) -> int:
    window = data[start >> 3 : start + width + 7 >> 3]
    return int.from_bytes(window, "little") >> (start & 7) & (1 << width) - 1


def _with_flips(parent: Model, gaps: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    weights = [list(layer) for layer in parent.weights]
    channels = [
        (layer, channel, shape.fan_in)
        for layer, shape in enumerate(parent.architecture.shapes)
        for channel in range(shape.channels)
    ]
    total = parent.architecture.weight_count
    position, start, at = -1, 0, 0
    for gap in gaps:
        position += gap + 1
        if position >= total:
            raise TransportMalformed(expected=f"weights below {total}", actual=position)
        while position >= start + channels[at][2]:
            start += channels[at][2]
            at += 1
        layer, channel, _ = channels[at]
        weights[layer][channel] ^= 1 << position - start
    return tuple(map(tuple, weights))


def _threshold_moves(parent: Model, child: Model) -> list[Value]:
    """Return [channels skipped, change] for every threshold that moved, in one flat list."""
    before = [t for layer in parent.thresholds for t in layer]
    after = [t for layer in child.thresholds for t in layer]
    moves: list[Value] = []
    last = -1
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            moves += [index - last - 1, new - old]
            last = index
    return moves


def _with_moves(parent: Model, moves: Sequence[object]) -> tuple[tuple[int, ...], ...]:
    architecture: Architecture = parent.architecture
    thresholds = [t for layer in parent.thresholds for t in layer]
    index = -1
    for skipped, change in zip(moves[::2], moves[1::2], strict=False):
        if not isinstance(skipped, int) or not isinstance(change, int) or skipped < 0:
            raise TransportMalformed(expected="[skipped, change] integers", actual=skipped)
        index += skipped + 1
        if index >= len(thresholds):
            raise TransportMalformed(expected=f"channels below {len(thresholds)}", actual=index)
        thresholds[index] += change
    return split_channels(architecture, thresholds)
