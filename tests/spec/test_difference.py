# SPDX-License-Identifier: Apache-2.0
"""Hamming distance, shape distance and the record of both values, against plain lists of bits."""

from dataclasses import replace

import pytest

from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    conv,
    dense,
)
from edge_node.spec.difference import (
    COVERAGE_EPOCH_PPM,
    WeightRecord,
    hamming,
    shape_distance_ppm,
    weight_bits,
    weight_mask,
)
from edge_node.spec.model import Model
from tests.spec.samples import flipped, random_architecture, random_model, stream

SMALL = Architecture(
    height=4, width=4, input_channels=1, input_bits=1, layers=(conv(3), dense(5), dense(2))
)
"""27, 60 and 10 weights."""
FAMILIES = (BINARY_4K, UINT8_4K, UINT8_94K, UINT8_1M, DENSE_256, SMALL)


def plain_bits(model: Model) -> list[int]:
    return [
        weight >> i & 1
        for shape, weights in zip(model.architecture.shapes, model.weights, strict=True)
        for weight in weights
        for i in range(shape.fan_in)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_r_13_distance_is_the_number_of_weights_that_differ(seed: int) -> None:
    architecture = random_architecture(f"difference {seed}")
    left, right = (random_model(architecture, f"{side} {seed}") for side in "ab")
    pairs = zip(plain_bits(left), plain_bits(right), strict=True)
    assert hamming(left, right) == hamming(right, left) == sum(a != b for a, b in pairs)
    assert hamming(left, left) == 0
    assert weight_bits(left).bit_count() == sum(plain_bits(left))


def test_r_13_thresholds_do_not_count() -> None:
    model = random_model(SMALL, "thresholds")
    moved = replace(model, thresholds=((0, 0, 0), (0, 0, 0, 0, 0), (9, -9)))
    assert hamming(model, moved) == 0
    assert moved.model_hash() != model.model_hash()


def test_r_13_every_weight_counts_once() -> None:
    model = random_model(SMALL, "once")
    for position in range(SMALL.weight_count):
        assert hamming(model, flipped(model, [position])) == 1
    assert hamming(model, flipped(model, list(range(SMALL.weight_count)))) == SMALL.weight_count


@pytest.mark.parametrize("left", FAMILIES)
@pytest.mark.parametrize("right", FAMILIES)
def test_r_14_shape_distance_is_even_handed(left: Architecture, right: Architecture) -> None:
    distance = shape_distance_ppm(left, right)
    assert distance == shape_distance_ppm(right, left)
    assert (distance == 0) == (left == right)


def with_layers(*channels: int) -> Architecture:
    return Architecture(
        height=1,
        width=1,
        input_channels=8,
        input_bits=1,
        layers=tuple(dense(count) for count in channels),
    )


@pytest.mark.parametrize(
    ("left", "right", "ppm"),
    [
        ((10,), (10,), 0),
        ((10, 5), (10, 5), 0),
        ((10,), (9,), 100_000),  # 8 of 80 weights
        # 80 + 20 against 88 + 22: 8 + 2 of 110 weights, rounded down.
        ((10, 2), (11, 2), 90_909),
        # 80 + 50 against 80: a layer that is missing counts whole.
        ((10, 5), (10,), 384_615),
    ],
)
def test_r_14_shape_distance_in_numbers(
    left: tuple[int, ...], right: tuple[int, ...], ppm: int
) -> None:
    assert shape_distance_ppm(with_layers(*left), with_layers(*right)) == ppm


def test_r_14_layers_of_another_kind_count_whole_on_both_sides() -> None:
    one = Architecture(
        height=3, width=3, input_channels=1, input_bits=1, layers=(conv(2), dense(2))
    )
    other = replace(one, layers=(dense(2), dense(2)))
    # Both layers have 18 weights, but one is a convolution: 36 of 22.
    assert shape_distance_ppm(one, other) == 36 * 1_000_000 // 22


def test_r_14_what_no_weight_shows_is_no_distance() -> None:
    one = Architecture(
        height=6, width=6, input_channels=1, input_bits=1, layers=(conv(2, kernel=5), dense(2))
    )
    assert shape_distance_ppm(one, replace(one, input_bits=8)) == 0


def test_r_15_record_holds_both_values_of_each_weight() -> None:
    model = random_model(SMALL, "record")
    record = WeightRecord(weight_count=SMALL.weight_count).noted(model)
    assert record.seen_minus == weight_bits(model)
    assert record.seen_plus == weight_bits(model) ^ weight_mask(SMALL)
    assert record.covered == 0
    record = record.noted(flipped(model, [0, 26, 27, 96]))
    assert record.covered == 4
    assert record.coverage_ppm == 4 * 1_000_000 // 97
    assert record.noted(model) == record


def test_r_15_record_starts_anew_once_nearly_all_weights_were_both() -> None:
    model = random_model(SMALL, "epoch")
    record = WeightRecord(weight_count=SMALL.weight_count).noted(model)
    prf = stream("epoch")
    order = prf.distinct(SMALL.weight_count, SMALL.weight_count)
    for count in range(1, SMALL.weight_count + 1):
        other = flipped(model, order[:count])
        after = record.noted(other)
        if count * 1_000_000 // SMALL.weight_count < COVERAGE_EPOCH_PPM:
            assert (after.epoch, after.covered) == (0, count)
        else:
            assert after.epoch == 1
            assert after == replace(
                WeightRecord(weight_count=SMALL.weight_count).noted(other), epoch=1
            )


def test_r_15_pad_bits_are_never_seen() -> None:
    assert weight_mask(SMALL).bit_count() == SMALL.weight_count
    model = random_model(SMALL, "pads")
    record = WeightRecord(weight_count=SMALL.weight_count).noted(model)
    assert (record.seen_plus | record.seen_minus) == weight_mask(SMALL)
