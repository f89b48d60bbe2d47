# SPDX-License-Identifier: Apache-2.0
"""The forward pass against sums written out with +1 and -1, on networks small enough to read."""

from collections.abc import Sequence

import pytest

from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.bnn import PIXEL_ZERO, binarize, classify, logits
from edge_node.spec.model import Model
from tests.spec.samples import random_architecture, random_images, random_model

pytestmark = pytest.mark.arm

Map = list[list[list[int]]]
"""map[y][x][channel]: plain numbers."""


def plain_logits(model: Model, image: bytes) -> list[int]:
    """Compute logits in numbers: no bit is packed, no popcount is taken."""
    architecture = model.architecture
    pixels = iter(image)
    here: Map = [
        [
            [_input_value(architecture, next(pixels)) for _ in range(architecture.input_channels)]
            for _ in range(architecture.width)
        ]
        for _ in range(architecture.height)
    ]
    for shape, weights, thresholds in zip(
        architecture.shapes, model.weights, model.thresholds, strict=True
    ):
        filters = [[1 - 2 * (w >> i & 1) for i in range(shape.fan_in)] for w in weights]
        sums = _convolve(_pad(here, shape.pad), filters, shape.kernel_height, shape.kernel_width)
        if shape.last:
            return [s + bias for s, bias in zip(sums[0][0], thresholds, strict=True)]
        # mismatches > threshold, with sum = fan_in - 2 * mismatches
        least = [t if shape.eight_bit else shape.fan_in - 2 * t for t in thresholds]
        here = [
            [[-1 if s < t else 1 for s, t in zip(p, least, strict=True)] for p in row]
            for row in sums
        ]
        if shape.layer.pool:
            here = _pool(here)
    raise AssertionError


def _input_value(architecture: Architecture, pixel: int) -> int:
    if architecture.input_bits == 8:
        return pixel - 128
    return 1 if pixel >= 128 else -1


def _pad(here: Map, pad: int) -> Map:
    one = [1] * len(here[0][0])
    rows = [[one] * pad + row + [one] * pad for row in here]
    blank = [[one] * len(rows[0])] * pad
    return blank + rows + blank


def _convolve(here: Map, filters: Sequence[Sequence[int]], rows: int, columns: int) -> Map:
    return [
        [
            [
                sum(
                    w * v
                    for w, v in zip(
                        one,
                        (
                            v
                            for ky in range(rows)
                            for kx in range(columns)
                            for v in here[y + ky][x + kx]
                        ),
                        strict=True,
                    )
                )
                for one in filters
            ]
            for x in range(len(here[0]) - columns + 1)
        ]
        for y in range(len(here) - rows + 1)
    ]


def _pool(here: Map) -> Map:
    return [
        [
            [
                max(values)
                for values in zip(
                    here[y][x], here[y][x + 1], here[y + 1][x], here[y + 1][x + 1], strict=True
                )
            ]
            for x in range(0, len(here[0]) - 1, 2)
        ]
        for y in range(0, len(here) - 1, 2)
    ]


def test_r_7_logits_are_sums_of_products() -> None:
    for seed in range(40):
        architecture = random_architecture(f"bnn {seed}")
        model = random_model(architecture, str(seed))
        image = random_images(architecture, 1, str(seed))
        assert logits(model, image) == plain_logits(model, image), seed


def test_r_7_pixel_128_is_plus_one() -> None:
    architecture = Architecture(
        height=1, width=3, input_channels=2, input_bits=1, layers=(dense(2),)
    )
    assert PIXEL_ZERO == 128
    # Channel 0 is bit 0; 1 means -1, a pixel below 128.
    assert binarize(architecture, bytes([127, 128, 0, 255, 128, 127])) == [[0b01, 0b01, 0b10]]


def test_r_7_mismatches_equal_to_the_threshold_give_plus_one() -> None:
    architecture = Architecture(
        height=1, width=4, input_channels=1, input_bits=1, layers=(dense(3), dense(2))
    )
    model = Model(
        architecture=architecture,
        weights=((0b0000, 0b0000, 0b0000), (0b000, 0b111)),
        thresholds=((1, 2, 3), (0, 5)),
    )
    image = bytes([0, 0, 255, 255])  # two mismatches: only the first channel gives -1
    assert logits(model, image) == [3 - 2, 3 - 2 * 2 + 5]


def test_r_7_eight_bit_sum_equal_to_the_threshold_gives_plus_one() -> None:
    architecture = Architecture(
        height=1, width=2, input_channels=1, input_bits=8, layers=(dense(2), dense(2))
    )
    model = Model(
        architecture=architecture,
        weights=((0b10, 0b10), (0b00, 0b11)),
        thresholds=((90, 91), (0, 0)),
    )
    # (200 - 128) - (110 - 128) = 90: not below 90, below 91.
    assert logits(model, bytes([200, 110])) == [0, 0]
    assert logits(model, bytes([201, 110])) == [2, -2]
    assert logits(model, bytes([199, 110])) == [-2, 2]


def test_r_7_pooled_place_is_minus_one_only_if_all_four_are() -> None:
    architecture = Architecture(
        height=3,
        width=2,
        input_channels=1,
        input_bits=1,
        layers=(conv(1, kernel=1, pool=True), dense(2)),
    )
    model = Model(architecture=architecture, weights=((0,), (0, 1)), thresholds=((0,), (0, 0)))
    assert logits(model, bytes([0, 0, 0, 0, 255, 255])) == [-1, 1]  # the odd row is dropped
    for lit in range(4):
        image = bytes(255 if i == lit else 0 for i in range(6))
        assert logits(model, image) == [1, -1]


def test_r_7_same_padding_is_plus_one() -> None:
    architecture = Architecture(
        height=1, width=1, input_channels=1, input_bits=1, layers=(conv(1, same=True), dense(2))
    )
    for threshold, activation in ((3, -1), (4, 1)):
        model = Model(
            architecture=architecture,
            weights=((0b0_0000_1111,), (0, 1)),  # four weights of -1 on the border
            thresholds=((threshold,), (0, 0)),
        )
        assert logits(model, b"\xff") == [activation, -activation]


def test_r_7_tie_goes_to_the_lowest_class() -> None:
    assert classify([3, 7, 7, 1]) == 1
    assert classify([-5, -5]) == 0
    assert classify([0, 1, 2]) == 2
