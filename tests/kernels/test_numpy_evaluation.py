# SPDX-License-Identifier: Apache-2.0
"""The bit-sliced evaluator in numpy words gives the law's logits, past the end of a word too."""

import hashlib

import numpy as np
import pytest

from edge_node.kernels.numpy_evaluation import plane_logits, slice_planes
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.evaluation import all_logits, slice_images
from edge_node.spec.training import initial_state, model_from_state

BINARY = Architecture(
    height=7,
    width=6,
    input_channels=3,
    input_bits=1,
    layers=(conv(5, same=True, pool=True), conv(4, kernel=2), dense(3)),
)
EIGHT_BIT = Architecture(
    height=6, width=5, input_channels=2, input_bits=8, layers=(conv(5, pool=True), dense(4))
)


@pytest.mark.parametrize("count", [1, 64, 65])
@pytest.mark.parametrize("architecture", [BINARY, EIGHT_BIT])
def test_r_7_logits_are_those_of_the_law(architecture: Architecture, count: int) -> None:
    model = model_from_state(architecture, initial_state(architecture, b"numpy"))
    pixels = hashlib.shake_128(b"pixels").digest(count * architecture.image_bytes)
    rows = np.frombuffer(pixels, np.uint8).reshape(count, -1)
    found = plane_logits(model, slice_planes(architecture, rows), count)
    assert found.tolist() == all_logits(model, slice_images(architecture, pixels))
