# SPDX-License-Identifier: Apache-2.0
"""What numpy alone has: chunks of images, and the plain baseline. The rest is in test_engine.py."""

import numpy as np
import pytest

from edge_node.kernels import numpy_engine
from edge_node.kernels.numpy_engine import PLAIN_BATCH, NumpyEngine, dense_float_logits
from tests.kernels.engine_models import NETWORKS, case, random_images


def test_plain_baseline_gives_the_logits_of_the_law() -> None:
    for name in (*NETWORKS, "UINT8_4K", "BINARY_4K", "UINT8_94K"):
        expected = case(name)
        logits = dense_float_logits(expected.model, expected.images)
        assert logits.dtype == np.int32, name
        np.testing.assert_array_equal(logits, expected.logits, name)


def test_plain_baseline_takes_more_than_one_batch() -> None:
    model = case("dense only").model
    images = random_images(model.architecture, 2 * PLAIN_BATCH + 1, 3)
    np.testing.assert_array_equal(
        dense_float_logits(model, images), NumpyEngine(model).logits(images)
    )


@pytest.mark.parametrize("elements", [1, 1_000, 10_000])
def test_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch, elements: int) -> None:
    monkeypatch.setattr(numpy_engine, "PATCH_ELEMENTS", elements)
    expected = case("8 bits, 70 channels")
    np.testing.assert_array_equal(
        NumpyEngine(expected.model).logits(expected.images), expected.logits
    )
