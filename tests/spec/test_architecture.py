# SPDX-License-Identifier: Apache-2.0
"""Genomes at and beyond every limit, and the shapes that follow from them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    ArchitectureMalformed,
    ArchitectureOutOfRange,
    Layer,
    LayerKind,
    architecture_from_value,
    conv,
    dense,
)
from edge_node.spec.encoding import Decoded, decode, encode
from tests.spec.samples import random_architecture

REFERENCE_FAMILIES = (BINARY_4K, UINT8_4K, UINT8_94K, UINT8_1M, DENSE_256)


def through_bytes(architecture: Architecture) -> "Decoded":
    data = encode(architecture.value())
    return decode(data, max_bytes=len(data))


@pytest.mark.parametrize("architecture", REFERENCE_FAMILIES)
def test_r_3_genome_of_a_reference_family_survives(architecture: Architecture) -> None:
    assert architecture_from_value(through_bytes(architecture)) == architecture


def test_r_3_genome_survives() -> None:
    for seed in range(60):
        architecture = random_architecture(str(seed))
        assert architecture_from_value(through_bytes(architecture)) == architecture, seed


@pytest.mark.parametrize(
    "genome",
    [
        0,
        b"",
        "genome",
        {},
        [],
        [28, 28, 1, 1],
        [28, 28, 1, 1, [[1, 10]], 0],
        [28, 28, 1, 1, {}],
        [28, 28, 1, 1, b""],
        [b"\x1c", 28, 1, 1, [[1, 10]]],
        [28, 28, 1, "1", [[1, 10]]],
        [28, 28, 1, 1, [1]],
        [28, 28, 1, 1, [[]]],
        [28, 28, 1, 1, [[1]]],
        [28, 28, 1, 1, [[1, 10, 0]]],
        [28, 28, 1, 1, [[1, [10]]]],
        [28, 28, 1, 1, [[2, 10]]],
        [28, 28, 1, 1, [[-1, 10]]],
        [28, 28, 1, 1, [[0, 8], [1, 10]]],
        [28, 28, 1, 1, [[0, 8, 3], [1, 10]]],
        [28, 28, 1, 1, [[0, 8, 3, 4], [1, 10]]],
        [28, 28, 1, 1, [[0, 8, 3, -1], [1, 10]]],
        [28, 28, 1, 1, [[0, 8, 3, 0, 0], [1, 10]]],
    ],
)
def test_r_3_genome_of_another_form_is_refused(genome: "Decoded") -> None:
    with pytest.raises(ArchitectureMalformed, match="R-3: the genome must be"):
        architecture_from_value(genome)


decoded_values: st.SearchStrategy["Decoded"] = st.recursive(
    st.integers(-3, 70) | st.integers(-(1 << 63), (1 << 64) - 1) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@given(st.tuples(*[decoded_values] * 5).map(list) | decoded_values)
def test_r_3_any_value_is_a_genome_or_a_named_error(value: "Decoded") -> None:
    try:
        architecture = architecture_from_value(value)
    except (ArchitectureMalformed, ArchitectureOutOfRange):
        return
    assert architecture.value() == value


def small(
    *layers: Layer, height: int = 8, width: int = 8, channels: int = 1, bits: int = 1
) -> Architecture:
    return Architecture(
        height=height,
        width=width,
        input_channels=channels,
        input_bits=bits,
        layers=layers or (dense(2),),
    )


def test_r_4_limits_themselves_are_allowed() -> None:
    small(height=64, width=64)
    small(height=1, width=1)
    small(height=1, width=1, channels=1_024)
    small(conv(1, kernel=64), dense(2), height=64, width=64)
    small(*[dense(1)] * 15, dense(2))
    small(dense(1_024), dense(256))
    small(height=64, width=64, channels=4)  # 16,384 weights per channel
    small(conv(4, kernel=7, same=True), dense(2), height=1, width=1)
    assert small(*[dense(1_024)] * 4, dense(2), channels=15).weight_count == 1_024 * 4_032 + 2_048


BEYOND: dict[str, tuple[str, tuple[Layer, ...], dict[str, int]]] = {
    "no rows": ("input rows", (dense(2),), {"height": 0}),
    "negative rows": ("input rows", (dense(2),), {"height": -1}),
    "65 rows": ("input rows", (dense(2),), {"height": 65}),
    "no columns": ("input columns", (dense(2),), {"width": 0}),
    "65 columns": ("input columns", (dense(2),), {"width": 65}),
    "no input channels": ("input channels", (dense(2),), {"channels": 0}),
    "1,025 input channels": (
        "input channels",
        (dense(2),),
        {"channels": 1_025, "height": 1, "width": 1},
    ),
    "0 input bits": ("1 or 8 input bits", (dense(2),), {"bits": 0}),
    "2 input bits": ("1 or 8 input bits", (dense(2), dense(2)), {"bits": 2}),
    "8-bit input straight to logits": ("layers in 2", (dense(2),), {"bits": 8}),
    "17 layers": ("layers in 1", (*[dense(1)] * 16, dense(2)), {}),
    "no channels": ("channels in 1", (dense(0), dense(2)), {}),
    "negative channels": ("channels in 1", (conv(-1), dense(2)), {}),
    "1,025 channels": ("channels in 1", (dense(1_025), dense(2)), {}),
    "one class": ("classes in 2", (dense(1),), {}),
    "257 classes": ("classes in 2", (dense(257),), {}),
    "a convolution last": ("a dense last layer", (conv(2),), {}),
    "kernel 0": ("kernel in 1", (conv(1, kernel=0), dense(2)), {}),
    "negative kernel": ("kernel in 1", (conv(1, kernel=-3), dense(2)), {}),
    "kernel above the rows": ("kernel in 1..7", (conv(1, kernel=8), dense(2)), {"height": 7}),
    "kernel above the columns": ("kernel in 1..7", (conv(1, kernel=8), dense(2)), {"width": 7}),
    "kernel of 2**63": ("kernel in 1..8", (conv(1, kernel=1 << 63), dense(2)), {}),
    "kernel 65 on a padded map": (
        "kernel in 1..64",
        (conv(1, kernel=65, same=True), dense(2)),
        {"height": 64, "width": 64},
    ),
    "SAME with an even kernel": ("SAME padding only", (conv(1, kernel=4, same=True), dense(2)), {}),
    "SAME on 8-bit input": ("SAME padding only", (conv(1, same=True), dense(2)), {"bits": 8}),
    "16,385 weights per channel": (
        "weights per channel in 1",
        (dense(2),),
        {"height": 29, "width": 5, "channels": 113},
    ),
    "more than 2**22 weights": (
        "weights in 1",
        (*[dense(1_024)] * 5, dense(2)),
        {"channels": 16},
    ),
    "more than 2**28 multiplications": (
        "multiplications per image",
        (conv(64, kernel=5), conv(64, kernel=5), conv(1), dense(2)),
        {"height": 64, "width": 64, "channels": 2},
    ),
    "pooling a row away": ("pooled rows", (conv(1, kernel=3, pool=True), dense(2)), {"height": 3}),
    "pooling a column away": (
        "pooled columns",
        (conv(1, kernel=3, pool=True), dense(2)),
        {"width": 3},
    ),
    "pooling a dense layer": (
        "pooled rows",
        (Layer(kind=LayerKind.DENSE, channels=2, pool=True), dense(2)),
        {},
    ),
}


@pytest.mark.parametrize("what", BEYOND)
def test_r_4_beyond_a_limit_is_refused(what: str) -> None:
    limit, layers, sizes = BEYOND[what]
    with pytest.raises(ArchitectureOutOfRange) as caught:
        small(*layers, **sizes)
    assert str(caught.value).startswith(f"R-4: the architecture must be {limit}")


def test_r_4_no_layers_are_refused() -> None:
    with pytest.raises(ArchitectureOutOfRange):
        replace(small(), layers=())
    with pytest.raises(ArchitectureOutOfRange):
        architecture_from_value([8, 8, 1, 1, []])


def test_r_4_many_layers_are_counted_before_they_are_read() -> None:
    with pytest.raises(ArchitectureOutOfRange, match=r"layers in 1\.\.16, not 17"):
        architecture_from_value([8, 8, 1, 1, [0] * 17])


def test_shapes_of_the_tutorial_network() -> None:
    shapes = UINT8_94K.shapes
    assert [(s.in_height, s.conv_height, s.out_height) for s in shapes] == [
        (28, 26, 13),
        (13, 11, 5),
        (5, 3, 3),
        (3, 1, 1),
        (1, 1, 1),
    ]
    assert [s.fan_in for s in shapes] == [9, 288, 576, 576, 64]
    assert [s.eight_bit for s in shapes] == [True, False, False, False, False]
    assert [s.last for s in shapes] == [False, False, False, False, True]


def test_reference_families_have_the_parameters_of_the_paper() -> None:
    assert BINARY_4K.weight_count == 4_392
    assert BINARY_4K.weight_count + BINARY_4K.channel_count == 4_440
    # The paper counts batch norm's two parameters a channel.
    assert UINT8_4K.weight_count + 2 * UINT8_4K.channel_count == 4_440
    assert UINT8_94K.weight_count + 2 * UINT8_94K.channel_count == 93_556
    assert UINT8_1M.weight_count + 2 * UINT8_1M.channel_count == 1_165_108
    assert DENSE_256.weight_count == 784 * 256 + 256 * 10


def test_same_padding_keeps_the_size_and_an_odd_row_is_dropped() -> None:
    shape = small(conv(2, kernel=5, same=True, pool=True), dense(2), height=7, width=5).shapes[0]
    assert (shape.pad, shape.conv_height, shape.conv_width) == (2, 7, 5)
    assert (shape.out_height, shape.out_width) == (3, 2)
