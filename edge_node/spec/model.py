# SPDX-License-Identifier: Apache-2.0
"""Models: an architecture with its weights and thresholds, in one canonical blob.

Rules R-5 (blob) and R-6 (thresholds; design, section 3). Bits follow Larq Compute Engine: 1 means
-1, 0 means +1, least significant bit first in little-endian 32-bit words, pad bits 0. A weight's
index counts layers, then output channels, then kernel rows, kernel columns and input channels.
Law of the file: one model has one blob, one blob one model.
Read next: bnn.py (what a model computes), transport.py (how it travels).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import ModelHash
from edge_node.spec.architecture import Architecture, LayerShape, architecture_from_value
from edge_node.spec.constants import MAX_TRANSPORT_BYTES, PROTOCOL_VERSION
from edge_node.spec.encoding import decode, encode
from edge_node.spec.errors import InvalidModelData

_WORD_BITS = 32


class BlobMalformed(InvalidModelData):
    """A model blob does not have the form of R-5."""

    reason: ClassVar[str] = "R-5"
    wants: ClassVar[str] = "the model blob"


class ThresholdOutOfRange(InvalidModelData):
    """A threshold lies where it could never decide (R-6), so two blobs would mean one model."""

    reason: ClassVar[str] = "R-6"
    wants: ClassVar[str] = "the threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A binary neural network.

    Raises
    ------
    BlobMalformed, ThresholdOutOfRange
        At construction, if the parts do not fit the architecture.
    """

    architecture: Architecture
    """Shape of the network."""
    weights: tuple[tuple[int, ...], ...]
    """weights[layer][channel]: `fan_in` bits, bit i is weight i of the channel, 1 means -1."""
    thresholds: tuple[tuple[int, ...], ...]
    """thresholds[layer][channel].

    A hidden channel gives -1 iff its mismatches (popcount of input xor weights) exceed its
    threshold; in an 8-bit layer, iff its sum of weight x (pixel - 128) is below it. In the last
    layer it is added to the logit.
    """

    def __post_init__(self) -> None:
        """Check R-5 and R-6."""
        # parts that fit. R-6: no threshold beyond the sums that can occur.
        shapes = self.architecture.shapes
        _check_lengths(shapes, self.weights)
        _check_lengths(shapes, self.thresholds)
        for shape, weights, thresholds in zip(shapes, self.weights, self.thresholds, strict=True):
            if any(weight >> shape.fan_in for weight in weights):
                raise BlobMalformed(expected=f"{shape.fan_in} weights per channel", actual="more")
            least, most = shape.threshold_range
            for threshold in thresholds:
                if not least <= threshold <= most:
                    raise ThresholdOutOfRange(expected=f"in {least}..{most}", actual=threshold)

    def blob(self) -> bytes:
        """Return the canonical encoding (R-5)."""
        return encode(
            [
                PROTOCOL_VERSION,
                self.architecture.value(),
                pack_weights(self.architecture, self.weights),
                [threshold for layer in self.thresholds for threshold in layer],
            ]
        )

    def model_hash(self) -> ModelHash:
        """Return the hash that names this model."""
        return hash_of_blob(self.blob())


def hash_of_blob(blob: bytes) -> ModelHash:
    """Return the hash that names the model of a canonical blob."""
    return ModelHash(tagged_hash("model", blob))


def model_from_blob(blob: bytes) -> Model:
    """Return the model that a blob encodes.

    Raises
    ------
    InvalidEncoding, InvalidModelData
        R-2 to R-6.
    """
    match decode(blob, max_bytes=MAX_TRANSPORT_BYTES):
        # the version before all that another one may mean otherwise.
        case [int(version), *_] if version != PROTOCOL_VERSION:
            raise BlobMalformed(expected=f"of version {PROTOCOL_VERSION}", actual=version)
        case [int(), genome, bytes(packed), list(flat)]:
            architecture = architecture_from_value(genome)
            return Model(
                architecture=architecture,
                weights=unpack_weights(architecture, packed),
                thresholds=split_channels(architecture, flat),
            )
        case _:
            raise BlobMalformed(
                expected=f"[{PROTOCOL_VERSION}, genome, weights, thresholds]", actual="another form"
            )


def packed_bytes(shape: LayerShape) -> int:
    """Return the bytes of a layer's packed weights: whole 32-bit words."""
    return -(-shape.weight_count // _WORD_BITS) * (_WORD_BITS // 8)


def pack_weights(architecture: Architecture, weights: Sequence[Sequence[int]]) -> bytes:
    """Return weights[layer][channel] as the blob's bit string, each layer filled to a word."""
    parts: list[bytes] = []
    for shape, channels in zip(architecture.shapes, weights, strict=True):
        layer_bits = 0
        for channel in reversed(channels):
            layer_bits = layer_bits << shape.fan_in | channel
        parts.append(layer_bits.to_bytes(packed_bytes(shape), "little"))
    return b"".join(parts)


def unpack_weights(architecture: Architecture, packed: bytes) -> tuple[tuple[int, ...], ...]:
    """Return weights[layer][channel] from the blob's bit string.

    Raises
    ------
    BlobMalformed
        Wrong length, or a pad bit that is not 0.
    """
    expected = sum(packed_bytes(shape) for shape in architecture.shapes)
    if len(packed) != expected:
        raise BlobMalformed(expected=f"{expected} bytes of weights", actual=len(packed))
    weights: list[tuple[int, ...]] = []
    offset = 0
    for shape in architecture.shapes:
        end = offset + packed_bytes(shape)
        layer = packed[offset:end]
        if int.from_bytes(layer, "little") >> shape.weight_count:
            raise BlobMalformed(expected="pad bits of 0", actual=1)
        weights.append(tuple(_channel_bits(layer, shape.fan_in, c) for c in range(shape.channels)))
        offset = end
    return tuple(weights)


def _channel_bits(layer: bytes, fan_in: int, channel: int) -> int:
    # Cut out of the bytes: shifting the whole layer once per channel would take ten times as long.
    first = channel * fan_in
    end = first + fan_in
    cut = int.from_bytes(layer[first // 8 : -(-end // 8)], "little")
    return cut >> first % 8 & (1 << fan_in) - 1


def split_channels(
    architecture: Architecture, flat: Sequence[object]
) -> tuple[tuple[int, ...], ...]:
    """Return a flat list of one integer per channel as tuples per layer.

    Raises
    ------
    BlobMalformed
        Wrong count, or something that is not an integer.
    """
    if len(flat) != architecture.channel_count:
        raise BlobMalformed(expected=f"{architecture.channel_count} thresholds", actual=len(flat))
    numbers: list[int] = []
    for item in flat:
        if not isinstance(item, int):
            raise BlobMalformed(expected="integer thresholds", actual=type(item).__name__)
        numbers.append(item)
    layers: list[tuple[int, ...]] = []
    offset = 0
    for shape in architecture.shapes:
        layers.append(tuple(numbers[offset : offset + shape.channels]))
        offset += shape.channels
    return tuple(layers)


def _check_lengths(shapes: Sequence[LayerShape], values: Sequence[Sequence[int]]) -> None:
    expected = [shape.channels for shape in shapes]
    actual = [len(layer) for layer in values]
    if expected != actual:
        raise BlobMalformed(expected=f"channels {expected}", actual=actual)
