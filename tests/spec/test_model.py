# SPDX-License-Identifier: Apache-2.0
"""Model blobs: round trips for every form of network, and each malformed blob with its rule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_94K,
    Architecture,
    ArchitectureMalformed,
    ArchitectureOutOfRange,
    conv,
    dense,
)
from edge_node.spec.encoding import Decoded, InvalidEncoding, decode, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import (
    BlobMalformed,
    Model,
    ThresholdOutOfRange,
    model_from_blob,
    packed_bytes,
)
from tests.spec.samples import flipped, random_architecture, random_model

pytestmark = pytest.mark.arm

TINY = Architecture(
    height=3, width=3, input_channels=1, input_bits=8, layers=(conv(2, kernel=2), dense(3))
)
"""2 channels of 4 weights, then 3 of 8: 8 and 24 bits, both in one word; 5 thresholds."""
MODEL = Model(
    architecture=TINY,
    weights=((0b0001, 0b1010), (0b0000_0001, 0b1000_0000, 0b1111_0000)),
    thresholds=((-512, 513), (-1, 0, 32_768)),
)


def test_r_5_blob_is_what_the_page_says() -> None:
    assert decode(MODEL.blob(), max_bytes=1_000) == [
        1,
        [3, 3, 1, 8, [[0, 2, 2, 0], [1, 3]]],
        bytes([0b1010_0001, 0, 0, 0]) + bytes([1, 0b1000_0000, 0b1111_0000, 0]),
        [-512, 513, -1, 0, 32_768],
    ]
    assert MODEL.model_hash() == tagged_hash("model", MODEL.blob())


def test_r_5_weights_cross_words_and_layers_do_not_share_one() -> None:
    architecture = replace(TINY, input_bits=1, layers=(conv(11, kernel=2), dense(2)))
    weights = ((*(0,) * 8, 0b0011, 0, 0), (0, 0))  # weights 32 and 33 of the first layer
    model = Model(architecture=architecture, weights=weights, thresholds=((0,) * 11, (0, 0)))
    match decode(model.blob(), max_bytes=1_000):
        case [_, _, bytes(packed), _]:
            assert packed[:8] == bytes([0, 0, 0, 0, 3, 0, 0, 0])
            assert len(packed) == 8 + packed_bytes(architecture.shapes[1]) == 8 + 12


def test_r_5_model_survives() -> None:
    for seed in range(60):
        model = random_model(random_architecture(str(seed)), str(seed))
        assert model_from_blob(model.blob()) == model, seed


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_94K, UINT8_1M, DENSE_256])
def test_r_5_reference_family_survives(architecture: Architecture) -> None:
    model = random_model(architecture, "survives")
    assert model_from_blob(model.blob()).blob() == model.blob()


def test_hash_tells_models_apart() -> None:
    others = [flipped(MODEL, [position]) for position in range(TINY.weight_count)]
    others.append(replace(MODEL, thresholds=((-512, 513), (-1, 1, 32_768))))
    assert len({model.model_hash() for model in [MODEL, *others]}) == TINY.weight_count + 2


PARTS: list["Decoded"] = [
    1,
    [3, 3, 1, 8, [[0, 2, 2, 0], [1, 3]]],
    bytes(8),
    [-512, 513, -1, 0, 32_768],
]


def with_part(index: int, part: "Decoded") -> "Decoded":
    return [part if i == index else old for i, old in enumerate(PARTS)]


@pytest.mark.parametrize(
    "blob",
    [
        0,
        b"",
        {},
        [],
        PARTS[:3],
        [*PARTS, 0],
        with_part(0, b"\1"),
        with_part(2, "weights"),
        with_part(2, [0] * 8),
        with_part(2, b""),
        with_part(2, bytes(7)),
        with_part(2, bytes(9)),
        with_part(2, bytes(12)),
        with_part(2, bytes([0, 1, 0, 0, 0, 0, 0, 0])),  # pad bit 8 of the first layer
        with_part(2, bytes([0, 0, 0, 128, 0, 0, 0, 0])),
        with_part(2, bytes([0, 0, 0, 0, 0, 0, 0, 1])),  # pad bit 24 of the second
        with_part(3, 0),
        with_part(3, {0: 0}),
        with_part(3, []),
        with_part(3, [0] * 4),
        with_part(3, [0] * 6),
        with_part(3, [0, 0, 0, 0, b"\0"]),
        with_part(3, [0, 0, [0], 0, 0]),
    ],
)
def test_r_5_blob_of_another_form_is_refused(blob: "Decoded") -> None:
    with pytest.raises(BlobMalformed, match="R-5: the model blob must be"):
        model_from_blob(encode(blob))


@pytest.mark.parametrize("version", [-1, 0, 2, 1 << 32])
@pytest.mark.parametrize("rest", [PARTS[1:], [], [{}, b"of another time"]])
def test_r_5_blob_of_another_version_is_refused_with_both_numbers(
    version: int, rest: list["Decoded"]
) -> None:
    says = f"R-5: the model blob must be of version 1, not {version}"
    with pytest.raises(BlobMalformed, match=says):
        model_from_blob(encode([version, *rest]))


@pytest.mark.parametrize(
    "thresholds",
    [
        [-513, 0, 0, 0, 0],  # 8-bit layer of 4 weights: -512..513
        [0, 514, 0, 0, 0],
        [0, 0, 32_769, 0, 0],
        [0, 0, 0, -32_769, 0],
        [0, 0, 0, 0, (1 << 64) - 1],
    ],
)
def test_r_6_threshold_that_never_decides_is_refused(thresholds: list["Decoded"]) -> None:
    with pytest.raises(ThresholdOutOfRange, match="R-6: the threshold must be in"):
        model_from_blob(encode(with_part(3, thresholds)))


def with_first_threshold(threshold: int) -> Model:
    """Return a model whose first layer is binary, with 4 weights a channel."""
    return Model(
        architecture=replace(TINY, input_bits=1),
        weights=MODEL.weights,
        thresholds=((threshold, 0), (0, 0, 0)),
    )


def test_r_6_binary_layer_has_one_threshold_for_always_and_one_for_never() -> None:
    for threshold in (-1, 4):
        model = with_first_threshold(threshold)
        assert model_from_blob(model.blob()) == model
    for threshold in (-2, 5):
        with pytest.raises(ThresholdOutOfRange):
            with_first_threshold(threshold)


def test_r_5_parts_that_do_not_fit_the_architecture_are_refused() -> None:
    for changes in (
        {"weights": MODEL.weights[:1]},
        {"weights": ((0,), (0, 0, 0))},
        {"weights": ((0, 16), (0, 0, 0))},
        {"weights": ((0, -1), (0, 0, 0))},
        {"thresholds": ((0, 0), (0, 0))},
        {"thresholds": ((0, 0, 0), (0, 0, 0))},
    ):
        with pytest.raises(BlobMalformed):
            replace(MODEL, **changes)


@pytest.mark.parametrize(
    ("genome", "error"),
    [
        (0, ArchitectureMalformed),
        ([3, 3, 1, 8, [[0, 2, 2], [1, 3]]], ArchitectureMalformed),
        ([3, 3, 1, 8, [[0, 2, 4, 0], [1, 3]]], ArchitectureOutOfRange),
        ([64, 64, 1024, 1, [[1, 256]]], ArchitectureOutOfRange),
    ],
)
def test_blob_with_an_impossible_genome_is_refused_by_its_rule(
    genome: "Decoded", error: type[InvalidInput]
) -> None:
    with pytest.raises(error):
        model_from_blob(encode(with_part(1, genome)))


def test_truncated_blob_is_refused_at_every_byte() -> None:
    blob = MODEL.blob()
    for size in range(len(blob)):
        with pytest.raises(InvalidEncoding):
            model_from_blob(blob[:size])


@given(st.integers(0, 8 * len(MODEL.blob()) - 1))
def test_flipped_bit_of_a_blob_is_another_model_or_a_named_error(bit: int) -> None:
    blob = bytearray(MODEL.blob())
    blob[bit >> 3] ^= 1 << (bit & 7)
    try:
        other = model_from_blob(bytes(blob))
    except InvalidInput:
        return
    assert other != MODEL
    assert other.blob() == bytes(blob)
