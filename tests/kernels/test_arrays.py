# SPDX-License-Identifier: Apache-2.0
"""Arrays: models and latents survive the way into arrays and back, whatever their widths."""

import numpy as np
import pytest

from edge_node.kernels.arrays import (
    LatentOutOfRange,
    LatentsDoNotFit,
    flat_latents,
    latent_arrays,
    model_from_arrays,
    packed_from_state,
    packed_latents,
    split_latents,
    state_from_arrays,
    weight_bits,
)
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX
from edge_node.spec.training import LatentState, initial_state, model_from_state

pytestmark = pytest.mark.arm

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


def at_both_ends(architecture: Architecture) -> LatentState:
    def ends(count: int, most: int) -> tuple[int, ...]:
        return tuple((-most, most, 0, -1)[i % 4] for i in range(count))

    return LatentState(
        latents=tuple(ends(shape.weight_count, LATENT_MAX) for shape in architecture.shapes),
        biases=tuple(ends(shape.channels, BIAS_LATENT_MAX) for shape in architecture.shapes),
    )


@pytest.mark.parametrize("architecture", [BINARY_4K, ODD])
def test_packed_latents_are_the_laws_and_come_back(architecture: Architecture) -> None:
    for state in (initial_state(architecture, b"packed"), at_both_ends(architecture)):
        packed = packed_from_state(state)
        assert packed == state.packed()
        layers = split_latents(architecture, *flat_latents(architecture, packed))
        assert state_from_arrays(*layers) == state
        assert packed_latents(*layers) == packed


def test_latents_of_another_network_are_refused() -> None:
    packed = initial_state(ODD, b"packed").packed()
    for wrong in (b"", packed[:-1], packed + b"\0"):
        with pytest.raises(LatentsDoNotFit) as caught:
            flat_latents(ODD, wrong)
        assert (caught.value.expected, caught.value.actual) == (len(packed), len(wrong))


@pytest.mark.parametrize("bias", [BIAS_LATENT_MAX + 1, -BIAS_LATENT_MAX - 1])
def test_latents_beyond_their_ranges_are_refused(bias: int) -> None:
    packed = initial_state(ODD, b"packed").packed()
    with pytest.raises(LatentOutOfRange, match=f"not {bias}"):
        flat_latents(ODD, packed[:-4] + bias.to_bytes(4, "little", signed=True))
    with pytest.raises(LatentOutOfRange, match="not -32768"):
        flat_latents(ODD, b"\x00\x80" + packed[2:])
