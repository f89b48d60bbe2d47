# SPDX-License-Identifier: Apache-2.0
"""Transports: sizes, round trips, one encoding per delta, and hostile streams."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec import transport
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    conv,
    dense,
)
from edge_node.spec.encoding import Decoded, InvalidEncoding, decode, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import BlobMalformed, Model, ThresholdOutOfRange
from edge_node.spec.transport import (
    MAX_RICE_PARAMETER,
    TransportMalformed,
    decode_transport,
    encode_delta,
    encode_full,
)
from tests.spec.samples import flipped, random_architecture, random_child, random_model

pytestmark = pytest.mark.arm

SMALL = Architecture(
    height=6, width=6, input_channels=1, input_bits=1, layers=(conv(5), conv(4), dense(3))
)
"""45 + 180 + 48 weights, 12 thresholds."""
PARENT = random_model(SMALL, "parent")
CHILD = random_child(PARENT, flips=20, moves=3, seed="child")


@pytest.mark.parametrize(
    ("architecture", "full_bytes", "delta_bytes"),
    [
        (BINARY_4K, 800, 100),
        (UINT8_4K, 800, 100),
        (UINT8_94K, 12_700, 1_350),
        (UINT8_1M, 149_000, 16_000),
    ],
)
def test_r_16_transports_are_as_small_as_promised(
    architecture: Architecture, full_bytes: int, delta_bytes: int
) -> None:
    parent = random_model(architecture, "size")
    flips = architecture.weight_count * 13 // 1_000
    child = random_child(parent, flips=flips, moves=architecture.channel_count // 50, seed="size")
    full, delta = encode_full(child), encode_delta(parent, child)
    assert len(full) <= full_bytes
    assert len(delta) <= delta_bytes
    assert decode_transport(full, None) == child
    assert decode_transport(delta, parent) == child


def test_r_16_transports_survive() -> None:
    for seed in range(40):
        parent = random_model(random_architecture(f"transport {seed}"), str(seed))
        weights = parent.architecture.weight_count
        for flips in {0, 1, weights // 50, min(weights // 2, 4_000), min(weights, 4_000)}:
            child = random_child(parent, flips=flips, moves=seed % 2, seed=str(seed))
            assert decode_transport(encode_delta(parent, child), parent) == child, (seed, flips)
            assert decode_transport(encode_full(child), None) == child, (seed, flips)


def test_r_16_delta_is_what_the_page_says() -> None:
    child = flipped(PARENT, [0, 3, 44, 45, 272])
    # Gaps 0, 2, 40, 0, 226: with b = 6 the quotients are 0, 0, 0, 0, 3.
    remainders = 0 | 2 << 6 | 40 << 12 | 0 << 18 | 34 << 24
    quotients = 0b1000_1111
    assert decode(encode_delta(PARENT, child), max_bytes=1_000) == [
        1,
        6,
        quotients.to_bytes(1, "little"),
        remainders.to_bytes(4, "little"),
        [],
    ]


def test_threshold_moves_are_named_by_channels_skipped() -> None:
    (first, *rest), *others = [list(layer) for layer in PARENT.thresholds]
    thresholds = ((first + 1, *rest), *map(tuple, others[:-1]), (*others[-1][:2], -5))
    child = replace(PARENT, thresholds=thresholds)
    match decode(encode_delta(PARENT, child), max_bytes=1_000):
        case [1, 0, b"", b"", moves]:
            assert moves == [0, 1, 10, -5 - PARENT.thresholds[2][2]]


def test_unchanged_model_has_the_empty_delta() -> None:
    delta = encode_delta(PARENT, PARENT)
    assert delta == encode([1, 0, b"", b"", []])
    assert decode_transport(delta, PARENT) == PARENT


def delta_with(parameter: int, parent: Model = PARENT, child: Model = CHILD) -> bytes:
    """Encode with a Rice parameter of one's own choice."""
    quotients, remainders = transport._rice_encode(
        transport._gaps(transport._flipped(parent, child)), parameter
    )
    moves = transport._threshold_moves(parent, child)
    return encode([1, parameter, quotients, remainders, moves])


@pytest.mark.parametrize("parameter", range(MAX_RICE_PARAMETER + 1))
def test_r_16_every_other_rice_parameter_is_refused(parameter: int) -> None:
    data = delta_with(parameter)
    if data == encode_delta(PARENT, CHILD):
        assert decode_transport(data, PARENT) == CHILD
        return
    with pytest.raises(TransportMalformed, match="R-16: the transport must be"):
        decode_transport(data, PARENT)


def test_of_two_parameters_of_one_length_the_smaller_counts() -> None:
    lengths = {b: len(delta_with(b)) for b in range(MAX_RICE_PARAMETER + 1)}
    shortest = min(lengths.values())
    assert encode_delta(PARENT, CHILD) == delta_with(
        min(b for b, length in lengths.items() if length == shortest)
    )


@given(st.integers(0, 8 * len(encode_delta(PARENT, CHILD)) - 1))
def test_r_16_flipped_bit_of_a_delta_never_gives_the_same_model(bit: int) -> None:
    flipped_bit_gives_another(encode_delta(PARENT, CHILD), bit)


@given(st.integers(0, 8 * len(encode_full(CHILD)) - 1))
def test_r_16_flipped_bit_of_a_blob_never_gives_the_same_model(bit: int) -> None:
    flipped_bit_gives_another(encode_full(CHILD), bit)


def flipped_bit_gives_another(data: bytes, bit: int) -> None:
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    try:
        model = decode_transport(bytes(changed), PARENT)
    except InvalidInput:
        return
    assert model.model_hash() != CHILD.model_hash()


@given(st.binary(max_size=12), st.binary(max_size=12), st.integers(0, 15), st.data())
def test_r_16_any_delta_is_canonical_or_refused(
    quotients: bytes, remainders: bytes, parameter: int, data: st.DataObject
) -> None:
    moves = data.draw(st.lists(st.integers(-2, 12), max_size=4))
    delta = encode([1, parameter, quotients, remainders, moves])
    try:
        model = decode_transport(delta, PARENT)
    except InvalidInput:
        return
    assert encode_delta(PARENT, model) == delta


def test_truncated_transport_is_refused_at_every_byte() -> None:
    for whole in (encode_full(CHILD), encode_delta(PARENT, CHILD)):
        for size in range(len(whole)):
            with pytest.raises(InvalidEncoding):
                decode_transport(whole[:size], PARENT)


LEAST = PARENT.thresholds[0][0]


@pytest.mark.parametrize(
    "value",
    [
        0,
        [],
        [0],
        [0, []],
        [0, b"", b""],
        [2, b""],
        [-1, b""],
        [1, 0, b"", b""],
        [1, 0, b"", b"", [], 0],
        [1, 0, b"", b"", b""],
        [1, 0, [], b"", []],
        [1, -1, b"", b"", []],
        [1, 16, b"", b"", []],
        [1, 0, b"\0", b"", []],  # a stream without a flip
        [1, 0, b"", b"\0", []],  # remainders without a flip
        [1, 0, b"\1\0", b"", []],  # a byte of zeros at the end
        [1, 0, b"\1", b"\0", []],
        [1, 0, b"", b"", [0]],  # half a move
        [1, 0, b"", b"", [0, 0]],  # a move by nothing
        [1, 0, b"", b"", [-1, 1]],
        [1, 0, b"", b"", [12, 1]],  # a channel beyond the last
        [1, 0, b"", b"", [0, b""]],
        [1, 0, b"", b"", [[], 1]],
        [1, 0, bytes(35) + b"\1", b"", []],  # weight 280 of 273
        [1, 15, b"\3", b"\xff" * 4, []],  # weight 32,767
        [1, 0, b"\xff" * 35, b"", []],  # more flips than weights
        [1, 0, bytes(1_000) + b"\1", b"", []],  # more zeros than weights
    ],
)
def test_r_16_transport_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(TransportMalformed, match="R-16"):
        decode_transport(encode(value), PARENT)


def test_r_16_delta_without_a_parent_is_refused() -> None:
    with pytest.raises(TransportMalformed, match="known parent"):
        decode_transport(encode_delta(PARENT, CHILD), None)


def test_delta_that_moves_a_threshold_out_of_its_range_is_refused() -> None:
    with pytest.raises(ThresholdOutOfRange):
        decode_transport(encode([1, 0, b"", b"", [0, 100]]), PARENT)


def test_blob_in_a_transport_is_checked_like_any_other() -> None:
    with pytest.raises(BlobMalformed):
        decode_transport(encode([0, encode([1, SMALL.value(), b"", []])]), None)
    with pytest.raises(InvalidEncoding):
        decode_transport(encode([0, b"\xff"]), None)


def test_transport_above_its_limit_is_refused() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        decode_transport(encode([0, bytes(1 << 20)]), None)


def test_r_16_remainders_are_measured_before_they_are_read() -> None:
    # A megabyte behind 273 flips once cost a second; behind 93,000 it cost half a minute.
    flips = b"\xff" * 34 + b"\1"
    with pytest.raises(TransportMalformed, match="must be 512 bytes of remainders, not 1000000"):
        decode_transport(encode([1, 15, flips, b"\xff" * 1_000_000, []]), PARENT)
