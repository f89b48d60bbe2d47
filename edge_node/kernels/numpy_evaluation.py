# SPDX-License-Identifier: Apache-2.0
"""Bit-sliced evaluation in numpy: the same as csrc/bitslice.h, for machines without a compiler.

As in spec/evaluation.py a plane holds one bit of one number for all images, here in uint64 words,
and for a whole map at once. 1 means -1.
Law of the file: equal to spec/evaluation.py in every logit; arrays in, arrays out.
Read next: evaluation.py.
"""

import numpy as np
import numpy.typing as npt

from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.model import Model

Planes = npt.NDArray[np.uint64]

_WORD_BITS = 64
_CHUNK_WORDS = 64
"""Words that go through the network together: 4,096 images, for the caches' sake."""
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def slice_planes(architecture: Architecture, images: npt.NDArray[np.uint8]) -> Planes:
    """Return uint64 (rows, columns, channels, input bits, words) from uint8 (N, image_bytes)."""
    count = len(images)
    words = -(-count // _WORD_BITS)
    bits = np.zeros((architecture.image_bytes, architecture.input_bits, words * _WORD_BITS), bool)
    for k in range(architecture.input_bits):
        plane = images < PIXEL_ZERO if architecture.input_bits == 1 else images >> k & 1
        bits[:, k, :count] = plane.T
    packed = np.packbits(bits, axis=-1, bitorder="little").view(np.uint64)
    size = (architecture.height, architecture.width, architecture.input_channels)
    return packed.reshape(*size, architecture.input_bits, words)


def reorder_planes(planes: Planes, order: npt.NDArray[np.int64]) -> Planes:
    """Return planes (..., words) of the images order[0], order[1], ... of these."""
    bits = np.unpackbits(planes.view(np.uint8), axis=-1, bitorder="little")
    taken = np.zeros_like(bits)
    taken[..., : len(order)] = bits[..., order]
    return np.packbits(taken, axis=-1, bitorder="little").view(np.uint64)


def plane_logits(model: Model, planes: Planes, count: int) -> npt.NDArray[np.int32]:
    """Return logits int32 (N, classes) of N = `count` sliced images."""
    chunks = [
        _chunk_logits(model, planes[..., start : start + _CHUNK_WORDS])
        for start in range(0, planes.shape[-1], _CHUNK_WORDS)
    ]
    empty = np.zeros((0, model.architecture.classes), np.int32)
    logits: npt.NDArray[np.int32] = np.concatenate([empty, *chunks])[:count]
    return logits


def _chunk_logits(model: Model, planes: Planes) -> npt.NDArray[np.int32]:
    shapes = model.architecture.shapes
    for shape, weights, thresholds in zip(shapes, model.weights, model.thresholds, strict=True):
        border = ((shape.pad, shape.pad), (shape.pad, shape.pad), (0, 0), (0, 0), (0, 0))
        padded = np.pad(planes, border) if shape.pad else planes  # a bit of 0 is +1
        inverse = ~padded
        channels = [(_columns(shape, padded, inverse, weight), weight) for weight in weights]
        if shape.last:
            break
        signs = [
            _pool(shape, _sign(shape, columns, weight, threshold))
            for (columns, weight), threshold in zip(channels, thresholds, strict=True)
        ]
        planes = np.stack(signs, axis=2)[:, :, :, None, :]
    logits = [
        shape.fan_in - 2 * _numbers(_add_up(columns)) + np.int32(bias)
        for (columns, _), bias in zip(channels, thresholds, strict=True)
    ]
    return np.stack(logits, axis=1)


def _columns(
    shape: LayerShape, planes: Planes, inverse: Planes, weights: int
) -> list[list[Planes]]:
    """Return what one channel adds up: columns[k] are maps of weight 2**k."""
    columns: list[list[Planes]] = [[] for _ in range(planes.shape[3])]
    for i in range(shape.fan_in):
        place, channel = divmod(i, shape.in_channels)
        dy, dx = divmod(place, shape.kernel_width)
        source = inverse if weights >> i & 1 else planes
        rows, places = slice(dy, dy + shape.conv_height), slice(dx, dx + shape.conv_width)
        for k, column in enumerate(columns):
            column.append(source[rows, places, channel, k])
    return columns


def _sign(shape: LayerShape, columns: list[list[Planes]], weights: int, threshold: int) -> Planes:
    sums = _add_up(columns)
    if not shape.eight_bit:
        return _at_least(sums, threshold + 1)
    # As in spec/evaluation.py: sum over + of v and over - of 255 - v.
    negatives = weights.bit_count()
    return ~_at_least(sums, threshold + 128 * (shape.fan_in - negatives) + 127 * negatives)


def _pool(shape: LayerShape, signs: Planes) -> Planes:
    if not shape.layer.pool:
        return signs
    even = signs[: 2 * shape.out_height, : 2 * shape.out_width]
    pooled: Planes = even[::2, ::2] & even[::2, 1::2] & even[1::2, ::2] & even[1::2, 1::2]
    return pooled


def _add_up(columns: list[list[Planes]]) -> list[Planes]:
    """Return the planes of a sum, least significant first."""
    sums: list[Planes] = []
    carries: list[Planes] = []
    while columns or carries:
        column = carries + (columns.pop(0) if columns else [])
        carries = []
        while len(column) > 2:
            a, b, c = column.pop(), column.pop(), column.pop()
            half = a ^ b
            column.append(half ^ c)
            carries.append(a & b | half & c)
        if len(column) == 2:
            a, b = column
            column = [a ^ b]
            carries.append(a & b)
        sums += column
    return sums


def _at_least(sums: list[Planes], limit: int) -> Planes:
    """Return a plane with the images whose number is `limit` or more."""
    if limit <= 0 or limit >> len(sums):
        return np.full_like(sums[0], _FULL if limit <= 0 else 0)
    reached = np.full_like(sums[0], _FULL)
    for k, plane in enumerate(sums):  # from the lowest plane: a higher one overrules
        reached = plane & reached if limit >> k & 1 else plane | reached
    return reached


def _numbers(sums: list[Planes]) -> npt.NDArray[np.int32]:
    """Return the numbers of a map of one place, int32 (64 * words,)."""
    total = np.zeros(sums[0].shape[-1] * _WORD_BITS, np.int32)
    for k, plane in enumerate(sums):
        octets = np.ascontiguousarray(plane).reshape(-1).view(np.uint8)
        total += np.unpackbits(octets, bitorder="little").astype(np.int32) << k
    return total
