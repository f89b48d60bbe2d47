# SPDX-License-Identifier: Apache-2.0
"""Arrays: models and latents survive the way into arrays and back, whatever their widths."""

import numpy as np
import pytest

from edge_node.kernels.arrays import (
    latent_arrays,
    model_from_arrays,
    state_from_arrays,
    weight_bits,
)
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from edge_node.spec.training import initial_state, model_from_state

ODD = Architecture(
    height=7,
    width=5,
    input_channels=3,
    input_bits=8,
    layers=(conv(5, kernel=2, pool=True), dense(33), dense(3)),
)


@pytest.mark.parametrize("architecture", [BINARY_4K, ODD])
def test_a_model_comes_back_from_its_arrays(architecture: Architecture) -> None:
    model = model_from_state(architecture, initial_state(architecture, b"arrays"))
    bits = weight_bits(model)
    thresholds = [np.array(layer, np.int32) for layer in model.thresholds]
    assert model_from_arrays(architecture, bits, thresholds) == model


def test_bit_i_of_a_channel_is_column_i_of_its_row() -> None:
    model = model_from_state(ODD, initial_state(ODD, b"arrays"))
    for layer, channels in zip(weight_bits(model), model.weights, strict=True):
        for row, weights in zip(layer, channels, strict=True):
            assert [int(bit) for bit in row] == [weights >> i & 1 for i in range(len(row))]


@pytest.mark.parametrize("architecture", [BINARY_4K, ODD])
def test_latents_come_back_from_their_arrays(architecture: Architecture) -> None:
    state = initial_state(architecture, b"latents")
    assert state_from_arrays(*latent_arrays(state)) == state
