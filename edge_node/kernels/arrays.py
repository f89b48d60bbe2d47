# SPDX-License-Identifier: Apache-2.0
"""Models and latents as arrays, the form in which kernels take them.

Nodes and trainers hold latents packed (LatentState.packed); the law's tuples are many times slower.
Law of the file: conversions only, exact in both directions; bytes that are no state are refused.
Read next: shared_object.py.
"""

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX
from edge_node.spec.model import Model, pack_weights, packed_bytes, unpack_weights
from edge_node.spec.training import LatentState

Bits = npt.NDArray[np.uint8]

_LATENT_BYTES = 2
_BIAS_BYTES = 4


class BadLatents(EdgeNodeError):
    """Packed latents are not those of a state of the architecture."""

    reason = "latents"


class LatentsDoNotFit(BadLatents):
    """There are too many bytes, or too few."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"The latents of this architecture take {expected} bytes, not {actual}: choose those "
            "of the family."
        )
        self.expected = expected
        self.actual = actual


class LatentOutOfRange(BadLatents):
    """A number is greater than training lets any become."""

    def __init__(self, *, limit: int, actual: int) -> None:
        super().__init__(
            f"Latents must be in -{limit}..{limit}, not {actual}: fetch the state again, it is "
            "damaged."
        )
        self.limit = limit
        self.actual = actual


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


def flat_latents(
    architecture: Architecture, packed: bytes
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    """Return the numbers of packed latents as they lie: latents (weights,), biases (channels,).

    Raises
    ------
    LatentsDoNotFit, LatentOutOfRange
        They are not those of a state of the architecture.
    """
    latent_bytes = _LATENT_BYTES * architecture.weight_count
    expected = latent_bytes + _BIAS_BYTES * architecture.channel_count
    if len(packed) != expected:
        raise LatentsDoNotFit(expected=expected, actual=len(packed))
    latents = np.frombuffer(packed[:latent_bytes], "<i2").astype(np.int16)
    biases = np.frombuffer(packed[latent_bytes:], "<i4").astype(np.int32)
    _check_range(latents, LATENT_MAX)
    _check_range(biases, BIAS_LATENT_MAX)
    return latents, biases


def _check_range(numbers: npt.NDArray[np.int16] | npt.NDArray[np.int32], limit: int) -> None:
    for actual in (int(numbers.min()), int(numbers.max())):
        if not -limit <= actual <= limit:
            raise LatentOutOfRange(limit=limit, actual=actual)


def split_latents(
    architecture: Architecture, latents: npt.NDArray[np.int16], biases: npt.NDArray[np.int32]
) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
    """Return flat latents and biases layer by layer, as latent_arrays does."""
    shapes = architecture.shapes
    ends = list(accumulate(shape.weight_count for shape in shapes))[:-1]
    channel_ends = list(accumulate(shape.channels for shape in shapes))[:-1]
    return np.split(latents, ends), np.split(biases, channel_ends)


def packed_latents(
    latents: list[npt.NDArray[np.int16]], biases: list[npt.NDArray[np.int32]]
) -> bytes:
    """Return the latents of each layer, then the biases, as LatentState.packed does."""
    return b"".join(
        [layer.astype("<i2", copy=False).tobytes() for layer in latents]
        + [layer.astype("<i4", copy=False).tobytes() for layer in biases]
    )


def packed_from_state(state: LatentState) -> bytes:
    """Return state.packed(), faster."""
    return packed_latents(*latent_arrays(state))
