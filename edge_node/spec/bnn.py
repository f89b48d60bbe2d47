# SPDX-License-Identifier: Apache-2.0
"""What a model computes for one image: the definition that every engine must match in every bit.

Rule R-7 (design, section 3). A bit of an activation map is 1 for -1 and 0 for +1.
    mismatches = popcount(input xor weights)            the number of products that are -1
    sum        = fan_in - 2 * mismatches
    activation = -1 iff mismatches > threshold          8-bit layer: iff sum < threshold
    pooled     = -1 iff all four are -1                 the maximum of four signs
    logit      = sum + threshold of the last layer
    class      = the greatest logit, the lowest index on a tie
Law of the file: written to be read; evaluation.py does the same for all images at once.
Read next: evaluation.py.
"""

from collections.abc import Iterable, Sequence

from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.model import Model

BinaryMap = list[list[int]]
"""map[y][x]: one integer holding the channels of a place, bit c is channel c, 1 means -1."""

PIXEL_ZERO = 128
"""A pixel from here up is +1; an 8-bit layer counts pixel - PIXEL_ZERO."""


def logits(model: Model, image: bytes) -> list[int]:
    """Return the logits of one image (R-7).

    Parameters
    ----------
    model : Model
    image : bytes
        uint8 pixels, row-major (row, column, channel), `architecture.image_bytes` of them.
    """
    shapes = model.architecture.shapes
    binary_map: BinaryMap = []
    for shape, weights, thresholds in zip(shapes, model.weights, model.thresholds, strict=True):
        if shape.eight_bit:
            signs = _eight_bit_signs(shape, image, weights, thresholds)
        else:
            if shape is shapes[0]:
                binary_map = binarize(model.architecture, image)
            mismatches = _mismatches(shape, binary_map, weights)
            if shape.last:
                return [
                    shape.fan_in - 2 * count + bias
                    for count, bias in zip(mismatches[0][0], thresholds, strict=True)
                ]
            signs = [
                [
                    _pack(count > limit for count, limit in zip(place, thresholds, strict=True))
                    for place in row
                ]
                for row in mismatches
            ]
        binary_map = _pool(signs) if shape.layer.pool else signs
    raise AssertionError("an architecture ends with a dense layer")


def classify(scores: Sequence[int]) -> int:
    """Return the class with the greatest logit, the lowest index on a tie."""
    return scores.index(max(scores))


def binarize(architecture: Architecture, image: bytes) -> BinaryMap:
    """Return an image as bits: 1 (-1) for pixels below PIXEL_ZERO."""
    width, channels = architecture.width, architecture.input_channels
    return [
        [
            _pack(image[(y * width + x) * channels + c] < PIXEL_ZERO for c in range(channels))
            for x in range(width)
        ]
        for y in range(architecture.height)
    ]


def _mismatches(
    shape: LayerShape, binary_map: BinaryMap, weights: Sequence[int]
) -> list[list[list[int]]]:
    padded = _pad(binary_map, shape.pad)
    rows: list[list[list[int]]] = []
    for y in range(shape.conv_height):
        row: list[list[int]] = []
        for x in range(shape.conv_width):
            patch = 0
            for ky in reversed(range(shape.kernel_height)):
                for kx in reversed(range(shape.kernel_width)):
                    patch = patch << shape.in_channels | padded[y + ky][x + kx]
            row.append([(patch ^ weight).bit_count() for weight in weights])
        rows.append(row)
    return rows  # [y][x][channel]


def _eight_bit_signs(
    shape: LayerShape, image: bytes, weights: Sequence[int], thresholds: Sequence[int]
) -> BinaryMap:
    signs: BinaryMap = []
    for y in range(shape.conv_height):
        row: list[int] = []
        for x in range(shape.conv_width):
            patch = [
                image[((y + ky) * shape.in_width + x + kx) * shape.in_channels + c] - PIXEL_ZERO
                for ky in range(shape.kernel_height)
                for kx in range(shape.kernel_width)
                for c in range(shape.in_channels)
            ]
            sums = (
                sum(-v if weight >> i & 1 else v for i, v in enumerate(patch)) for weight in weights
            )
            row.append(_pack(s < limit for s, limit in zip(sums, thresholds, strict=True)))
        signs.append(row)
    return signs


def _pad(binary_map: BinaryMap, pad: int) -> BinaryMap:
    # +1 is the bit 0, so padding is zeros.
    if pad == 0:
        return binary_map
    width = len(binary_map[0]) + 2 * pad
    blank = [[0] * width for _ in range(pad)]
    side = [0] * pad
    return [*blank, *([*side, *row, *side] for row in binary_map), *blank]


def _pool(signs: BinaryMap) -> BinaryMap:
    return [
        [
            signs[y][x] & signs[y][x + 1] & signs[y + 1][x] & signs[y + 1][x + 1]
            for x in range(0, len(signs[0]) - 1, 2)
        ]
        for y in range(0, len(signs) - 1, 2)
    ]


def _pack(bits: Iterable[bool]) -> int:
    packed = 0
    for index, bit in enumerate(bits):
        packed |= int(bit) << index
    return packed
