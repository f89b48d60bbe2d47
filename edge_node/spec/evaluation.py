# SPDX-License-Identifier: Apache-2.0
"""Accuracy: how many images of a set a model classifies correctly, all images at once.

Rule R-8 (design, section 6): accuracy is a count over the whole evaluation set. This file is
bnn.py turned on its side: one Python integer holds one bit of one activation for all images (bit i
is image i), so that one `^` does the work of 10,000. Sums become "planes", a list of such integers
with plane k of weight 2**k, added up by full adders.
Law of the file: equal to bnn.py in every logit; no floats, no numpy.
Read next: training.py.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.model import Model

Slices: TypeAlias = list[int]
"""Planes of a number per image, least significant first."""

_PIXEL_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicedImages:
    """Images as one integer per pixel bit."""

    count: int
    """Number of images, N."""
    input_bits: int
    """1: `pixels[p]` is one plane (1 = -1). 8: eight planes of the pixel's value."""
    pixels: tuple[tuple[int, ...], ...]
    """pixels[p][k]: bit k of pixel p, N bits."""

    @property
    def full(self) -> int:
        """N ones."""
        return (1 << self.count) - 1


def slice_images(architecture: Architecture, images: bytes) -> SlicedImages:
    """Return images in sliced form.

    Parameters
    ----------
    architecture : Architecture
        Its input form and input bits count.
    images : bytes
        uint8 (N, rows, columns, channels).
    """
    size = architecture.image_bytes
    count = len(images) // size
    pixels: list[tuple[int, ...]] = []
    for p in range(size):
        column = images[p::size]
        if architecture.input_bits == 1:
            pixels.append((_slice_column(column, _BELOW_ZERO_POINT),))
        else:
            pixels.append(tuple(_slice_column(column, table) for table in _PIXEL_BIT_TABLES))
    return SlicedImages(count=count, input_bits=architecture.input_bits, pixels=tuple(pixels))


def count_correct(model: Model, images: SlicedImages, labels: bytes) -> int:
    """Return the number of images whose class is their label (R-8).

    Parameters
    ----------
    model : Model
    images : SlicedImages
        N images.
    labels : bytes
        u8 (N,).
    """
    scores = _logit_planes(model, images)
    best = scores[0]
    winners = [images.full]
    for score in scores[1:]:
        greater = _greater(score, best, images.full)
        keep = images.full ^ greater
        winners = [winner & keep for winner in winners]
        winners.append(greater)
        best = [(s & greater) | (b & keep) for s, b in zip(score, best, strict=True)]
    correct = 0
    for label, winner in enumerate(winners):
        correct |= winner & _slice_column(labels, _EQUALS[label])
    return correct.bit_count()


def all_logits(model: Model, images: SlicedImages) -> list[list[int]]:
    """Return logits[image][class]."""
    per_class: list[list[int]] = []
    offset = _logit_offset(model)
    for planes in _logit_planes(model, images):
        columns = [format(plane, f"0{images.count}b") for plane in reversed(planes)]
        values = [int("".join(bits), 2) - offset for bits in zip(*columns, strict=True)]
        per_class.append(values[::-1])  # the text of an integer begins with its highest bit
    return [list(row) for row in zip(*per_class, strict=True)]


def logits_digest(rows: Sequence[Sequence[int]]) -> str:
    """Return SHA-256, in hex, over int32 little-endian logits[image][class]."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(b"".join(v.to_bytes(4, "little", signed=True) for v in row))
    return digest.hexdigest()


def _logit_planes(model: Model, images: SlicedImages) -> list[Slices]:
    """Return, per class, planes of logit + offset, which is never negative."""
    shapes = model.architecture.shapes
    full = images.full
    places = [pixel[0] for pixel in images.pixels]  # activations of a 1-bit map, [y][x][channel]
    for shape, weights, thresholds in zip(shapes, model.weights, model.thresholds, strict=True):
        if shape.last:
            inverse = [full ^ bit for bit in places]
            offset = _logit_offset(model)
            return [
                _constant_minus_twice(
                    offset + shape.fan_in + bias,
                    _add_up(
                        [[(inverse if w >> i & 1 else places)[i] for i in range(shape.fan_in)]]
                    ),
                    full,
                    offset,
                )
                for w, bias in zip(weights, thresholds, strict=True)
            ]
        signs = [
            list(_eight_bit_channel(shape, images, w, t))
            if shape.eight_bit
            else list(_binary_channel(shape, places, w, t, full))
            for w, t in zip(weights, thresholds, strict=True)
        ]  # [channel][place]
        places = [bit for place in zip(*signs, strict=True) for bit in place]
    raise AssertionError("an architecture ends with a dense layer")


def _logit_offset(model: Model) -> int:
    # A power of two above every |logit|, so logit + offset is a natural number.
    last = model.architecture.shapes[-1]
    return 1 << (last.fan_in + max(abs(bias) for bias in model.thresholds[-1])).bit_length()


def _binary_channel(
    shape: LayerShape, places: Sequence[int], weights: int, threshold: int, full: int
) -> Iterator[int]:
    """Yield the activation bit of every output place of one channel."""
    inverse = [full ^ bit for bit in places]
    taps = _taps(shape)

    def sign(y: int, x: int) -> int:
        column: list[int] = []
        for i, (dy, dx, c) in enumerate(taps):
            iy, ix = y + dy - shape.pad, x + dx - shape.pad
            negative = weights >> i & 1
            if 0 <= iy < shape.in_height and 0 <= ix < shape.in_width:
                index = (iy * shape.in_width + ix) * shape.in_channels + c
                column.append((inverse if negative else places)[index])
            elif negative:
                column.append(full)  # padding is +1, which a weight of -1 mismatches
        return _at_least(_add_up([column]), threshold + 1, full)

    return _conv_and_pool(shape, sign)


def _eight_bit_channel(
    shape: LayerShape, images: SlicedImages, weights: int, threshold: int
) -> Iterator[int]:
    """Yield the activation bit of every output place of one channel of an 8-bit layer."""
    full = images.full
    taps = _taps(shape)
    negatives = weights.bit_count()
    # With v = pixel: sum over + of v and over - of 255 - v = sum(w * (v - 128)) + 128 * positives
    # + 127 * negatives. All terms are natural, so planes suffice.
    limit = threshold + 128 * (shape.fan_in - negatives) + 127 * negatives

    def sign(y: int, x: int) -> int:
        columns: list[list[int]] = [[] for _ in range(_PIXEL_BITS)]
        for i, (dy, dx, c) in enumerate(taps):
            planes = images.pixels[((y + dy) * shape.in_width + x + dx) * shape.in_channels + c]
            flip = full if weights >> i & 1 else 0
            for column, plane in zip(columns, planes, strict=True):
                column.append(plane ^ flip)
        return full ^ _at_least(_add_up(columns), limit, full)

    return _conv_and_pool(shape, sign)


def _taps(shape: LayerShape) -> list[tuple[int, int, int]]:
    return [
        (dy, dx, c)
        for dy in range(shape.kernel_height)
        for dx in range(shape.kernel_width)
        for c in range(shape.in_channels)
    ]


def _conv_and_pool(shape: LayerShape, sign: Callable[[int, int], int]) -> Iterator[int]:
    for y in range(shape.out_height):
        for x in range(shape.out_width):
            if shape.layer.pool:
                top, left = 2 * y, 2 * x
                yield (
                    sign(top, left)
                    & sign(top, left + 1)
                    & sign(top + 1, left)
                    & sign(top + 1, left + 1)
                )
            else:
                yield sign(y, x)


def _add_up(columns: list[list[int]]) -> Slices:
    """Return the planes of a sum: `columns[k]` holds the one-bit numbers of weight 2**k."""
    planes: Slices = []
    pending = list(columns)
    while pending:
        column = pending.pop(0)
        carries: list[int] = []
        while len(column) > 2:
            a, b, c = column.pop(), column.pop(), column.pop()
            half = a ^ b
            column.append(half ^ c)
            carries.append(a & b | half & c)
        if len(column) == 2:
            a, b = column
            column = [a ^ b]
            carries.append(a & b)
        planes.append(column[0] if column else 0)
        if pending:
            pending[0] = pending[0] + carries
        elif carries:
            pending.append(carries)
    return planes


def _at_least(planes: Slices, limit: int, full: int) -> int:
    """Return the images whose number is `limit` or more."""
    if limit <= 0:
        return full
    greater, equal = 0, full
    for k in reversed(range(max(len(planes), limit.bit_length()))):
        plane = planes[k] if k < len(planes) else 0
        if limit >> k & 1:
            equal &= plane
        else:
            greater |= equal & plane
            equal &= full ^ plane
    return greater | equal


def _constant_minus_twice(constant: int, planes: Slices, full: int, offset: int) -> Slices:
    """Return the planes of constant - 2 * number, which is natural and below 4 * offset."""
    width = (2 * offset).bit_length()
    result: Slices = []
    borrow = 0
    for k in range(width):
        plane = planes[k - 1] if 0 < k <= len(planes) else 0
        a = full if constant >> k & 1 else 0
        half = a ^ plane
        result.append(half ^ borrow)
        borrow = (full ^ a) & plane | (full ^ half) & borrow
    return result


def _greater(left: Slices, right: Slices, full: int) -> int:
    """Return the images where the left number is strictly greater."""
    greater = 0
    for a, b in zip(left, right, strict=True):  # from the lowest plane: a higher one overrules
        differ = a ^ b
        greater = a & differ | greater & (full ^ differ)
    return greater


def _slice_column(column: bytes, table: bytes) -> int:
    """Return an integer whose bit i is `table[column[i]]` ("0" or "1")."""
    return int(column[::-1].translate(table) or b"0", 2)


def _table(bits: Iterator[bool]) -> bytes:
    return bytes(b"01"[bit] for bit in bits)


_BELOW_ZERO_POINT = _table(value < PIXEL_ZERO for value in range(256))
_PIXEL_BIT_TABLES = tuple(
    _table(bool(value >> k & 1) for value in range(256)) for k in range(_PIXEL_BITS)
)
_EQUALS = tuple(_table(value == label for value in range(256)) for label in range(256))
