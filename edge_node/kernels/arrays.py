# SPDX-License-Identifier: Apache-2.0
"""Models and latents as arrays, the form in which kernels take them.

Law of the file: conversions only, exact in both directions.
Read next: shared_object.py.
"""

import numpy as np
import numpy.typing as npt

from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model, pack_weights, packed_bytes, unpack_weights
from edge_node.spec.training import LatentState

Bits = npt.NDArray[np.uint8]


def shape_numbers(architecture: Architecture) -> npt.NDArray[np.int32]:
    """Return an architecture as csrc/bitslice.h and csrc/engine.h take it, int32."""
    numbers = [
        architecture.height,
        architecture.width,
        architecture.input_channels,
        architecture.input_bits,
        len(architecture.layers),
    ]
    for shape in architecture.shapes:
        kernel = (shape.kernel_height, shape.kernel_width)
        numbers += [shape.channels, *kernel, shape.pad, int(shape.layer.pool)]
    return np.array(numbers, np.int32)


def weight_bits(model: Model) -> list[Bits]:
    """Return, per layer, uint8 (channels, fan_in): 1 where the weight is -1."""
    packed = pack_weights(model.architecture, model.weights)
    layers: list[Bits] = []
    offset = 0
    for shape in model.architecture.shapes:
        end = offset + packed_bytes(shape)
        words = np.frombuffer(packed[offset:end], dtype=np.uint8)
        bits = np.unpackbits(words, bitorder="little")[: shape.weight_count]
        layers.append(bits.reshape(shape.channels, shape.fan_in))
        offset = end
    return layers


def model_from_arrays(
    architecture: Architecture, bits: list[Bits], thresholds: list[npt.NDArray[np.int32]]
) -> Model:
    """Return the model whose weight_bits and thresholds these are."""
    strings = [np.packbits(layer.reshape(-1), bitorder="little").tobytes() for layer in bits]
    packed = b"".join(
        string.ljust(packed_bytes(shape), b"\0")
        for shape, string in zip(architecture.shapes, strings, strict=True)
    )
    return Model(
        architecture=architecture,
        weights=unpack_weights(architecture, packed),
        thresholds=tuple(tuple(int(v) for v in layer) for layer in thresholds),
    )


def latent_arrays(
    state: LatentState,
) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
    """Return latents, int16 (weights,) per layer, and biases, int32 (channels,) per layer."""
    return (
        [np.array(layer, dtype=np.int16) for layer in state.latents],
        [np.array(layer, dtype=np.int32) for layer in state.biases],
    )


def state_from_arrays(
    latents: list[npt.NDArray[np.int16]], biases: list[npt.NDArray[np.int32]]
) -> LatentState:
    """Return the state whose latent_arrays these are."""
    return LatentState(
        latents=tuple(tuple(layer.tolist()) for layer in latents),
        biases=tuple(tuple(layer.tolist()) for layer in biases),
    )
