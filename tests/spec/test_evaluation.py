# SPDX-License-Identifier: Apache-2.0
"""All images at once against one at a time, on odd shapes first."""

import hashlib

import pytest

from edge_node.spec import bnn
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_4K,
    Architecture,
    conv,
    dense,
)
from edge_node.spec.evaluation import all_logits, count_correct, logits_digest, slice_images
from edge_node.spec.model import Model
from tests.spec.samples import (
    random_architecture,
    random_images,
    random_labels,
    random_model,
)


def one_at_a_time(model: Model, images: bytes) -> list[list[int]]:
    size = model.architecture.image_bytes
    return [bnn.logits(model, images[i : i + size]) for i in range(0, len(images), size)]


def test_r_8_every_logit_and_the_count_equal_bnn() -> None:
    for seed in range(60):
        architecture = random_architecture(f"evaluation {seed}")
        model = random_model(architecture, str(seed))
        count = (1, 2, 3, 7, 9, 17)[seed % 6]
        images = random_images(architecture, count, str(seed))
        labels = random_labels(architecture, count, str(seed))
        sliced = slice_images(architecture, images)
        expected = one_at_a_time(model, images)
        assert all_logits(model, sliced) == expected, seed
        right = sum(bnn.classify(row) == label for row, label in zip(expected, labels, strict=True))
        assert count_correct(model, sliced, labels) == right, seed


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, DENSE_256])
def test_r_8_reference_families_equal_bnn(architecture: Architecture) -> None:
    model = random_model(architecture, "reference")
    images = random_images(architecture, 5, "reference")
    assert all_logits(model, slice_images(architecture, images)) == one_at_a_time(model, images)


TWO = Architecture(height=1, width=1, input_channels=1, input_bits=1, layers=(dense(4),))


def constant(*biases: int) -> Model:
    """Answer the same whatever the image, but for +-1."""
    return Model(architecture=TWO, weights=((0, 0, 0, 0),), thresholds=(biases,))


@pytest.mark.parametrize(
    ("biases", "winner"),
    [
        ((0, 0, 0, 0), 0),
        ((-1, 5, 5, 5), 1),
        ((-32_768, -32_768, -32_767, -32_768), 2),
        ((32_767, 32_767, 32_767, 32_768), 3),
        ((-32_768, 32_768, 32_768, 0), 1),
    ],
)
def test_r_8_tie_goes_to_the_lowest_class_at_any_bias(biases: tuple[int, ...], winner: int) -> None:
    images = slice_images(TWO, bytes([0, 255, 0]))
    for label in range(4):
        assert count_correct(constant(*biases), images, bytes([label] * 3)) == 3 * (label == winner)


def test_label_that_no_class_has_is_never_correct() -> None:
    images = slice_images(TWO, bytes(2))
    assert count_correct(constant(0, 0, 0, 0), images, bytes([4, 255])) == 0


def test_digest_is_over_int32_little_endian() -> None:
    expected = hashlib.sha256(bytes.fromhex("01000000ffffffff00800000")).hexdigest()
    assert logits_digest([[1, -1], [32_768]]) == expected


def test_thresholds_at_their_ends_and_images_of_extremes() -> None:
    architecture = Architecture(
        height=4, width=4, input_channels=2, input_bits=8, layers=(conv(4, kernel=3), dense(2))
    )
    shape = architecture.shapes[0]
    least, most = shape.threshold_range
    every = (1 << shape.fan_in) - 1
    model = Model(
        architecture=architecture,
        weights=((0, every, 0, every), (0x5555, 0xAAAA)),
        thresholds=((least, least, most, most), (-32_768, 32_768)),
    )
    for value in (0, 127, 128, 255):
        images = bytes([value]) * architecture.image_bytes
        assert all_logits(model, slice_images(architecture, images)) == one_at_a_time(model, images)
