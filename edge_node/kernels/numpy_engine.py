# SPDX-License-Identifier: Apache-2.0
"""The engine in numpy, for machines without a compiler, and the dense baseline of the bench.

Twin of spec/bnn.py (rule R-7). Sums of +-1 and of pixel - 128 are matrix products in float32: every
partial sum is a whole number of at most 128 * MAX_FAN_IN = 2**21 < 2**24, so each is exact in
whatever order it is added up.
Law of the file: floats hold whole numbers only; equal to the law in every logit.
Read next: engine.py, many times faster.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import weight_bits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.constants import MAX_FAN_IN
from edge_node.spec.model import Model

Floats = npt.NDArray[np.float32]

PATCH_ELEMENTS = 1 << 19
"""Patches of one chunk of images: 2 MiB of float32, about a level-2 cache."""
PLAIN_BATCH = 500
"""Images per batch of dense_float_logits."""

assert PIXEL_ZERO * MAX_FAN_IN < 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A layer as matrices."""

    shape: LayerShape
    """Its place in the architecture."""
    weights: Floats
    """(fan_in, channels), +-1."""
    limits: Floats
    """(channels,): a sum below gives -1; in the last layer, what is added to the sum."""


class NumpyEngine:
    """A model, prepared for numpy. It does not change after construction.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.architecture = model.architecture
        self._layers = _layers(model)
        largest = max(s.conv_height * s.conv_width * s.fan_in for s in model.architecture.shapes)
        self._chunk_images = max(1, PATCH_ELEMENTS // largest)

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        """Return int32 (N, classes) for uint8 (N, image_bytes)."""
        assert images.dtype == np.uint8
        assert images.ndim == 2
        assert images.shape[1] == self.architecture.image_bytes
        out = np.empty((len(images), self.architecture.classes), np.int32)
        for first in range(0, len(images), self._chunk_images):
            chunk = images[first : first + self._chunk_images]
            out[first : first + len(chunk)] = self._chunk_logits(chunk)
        return out

    def count_correct(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> int:
        """Return how many of the images uint8 (N, image_bytes) are of the class uint8 (N,) says."""
        assert labels.dtype == np.uint8
        assert labels.shape == (len(images),)
        # argmax takes the first of equals, as the law does.
        return int(np.count_nonzero(self.logits(images).argmax(axis=1) == labels))

    def _chunk_logits(self, images: npt.NDArray[np.uint8]) -> Floats:
        values = _input_values(self.architecture, images)
        for layer in self._layers[:-1]:
            sums = _convolve(layer.shape, values, layer.weights)  # (n, rows, columns, channels)
            if layer.shape.layer.pool:  # the sign of the maximum is the maximum of the signs
                sums = _pool(sums)
            values = np.where(sums < layer.limits, np.float32(-1), np.float32(1))
        last = self._layers[-1]
        logits: Floats = values.reshape(len(images), -1) @ last.weights + last.limits
        return logits


def dense_float_logits(model: Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return int32 (N, classes), the way a user of numpy would write it first.

    Every layer in full, one after the other, as a product of float32 matrices; then signs, then
    pooling. The bench compares the kernels with it and with NumpyEngine.
    """
    architecture = model.architecture
    layers = _layers(model)
    batches = []
    for first in range(0, len(images), PLAIN_BATCH):
        batch = images[first : first + PLAIN_BATCH]
        values = _input_values(architecture, batch)
        for layer in layers:
            shape = layer.shape
            patches = _patches(shape, _pad(shape, values)).reshape(-1, shape.fan_in)
            places = (len(batch), shape.conv_height, shape.conv_width, shape.channels)
            values = (patches @ layer.weights).reshape(places)
            if shape.last:
                values = values + layer.limits
            else:
                values = np.where(values < layer.limits, np.float32(-1), np.float32(1))
            if shape.layer.pool:
                values = values[:, : 2 * shape.out_height, : 2 * shape.out_width]
                values = _pool(values)
        batches.append(values.reshape(len(batch), -1))
    logits: npt.NDArray[np.int32] = np.concatenate(batches).astype(np.int32)
    return logits


def _layers(model: Model) -> list[_Layer]:
    return [
        _Layer(shape=shape, weights=_signs(bits).T.copy(), limits=_limits(shape, thresholds))
        for shape, bits, thresholds in zip(
            model.architecture.shapes, weight_bits(model), model.thresholds, strict=True
        )
    ]


def _signs(bits: npt.NDArray[np.uint8]) -> Floats:
    signs: Floats = np.float32(1) - np.float32(2) * bits
    return signs


def _limits(shape: LayerShape, thresholds: tuple[int, ...]) -> Floats:
    values = np.array(thresholds, np.float32)
    if shape.last or shape.eight_bit:
        return values
    # mismatches > threshold, with mismatches = (fan_in - sum) / 2
    limits: Floats = np.float32(shape.fan_in) - np.float32(2) * values
    return limits


def _input_values(architecture: Architecture, images: npt.NDArray[np.uint8]) -> Floats:
    """Return (n, rows, columns, channels)."""
    size = (architecture.height, architecture.width, architecture.input_channels)
    pixels = images.reshape(-1, *size)
    if architecture.input_bits == 1:
        return np.where(pixels < PIXEL_ZERO, np.float32(-1), np.float32(1))
    values: Floats = pixels.astype(np.float32) - np.float32(PIXEL_ZERO)
    return values


def _pad(shape: LayerShape, values: Floats) -> Floats:
    pad = (shape.pad, shape.pad)
    return np.pad(values, ((0, 0), pad, pad, (0, 0)), constant_values=1) if shape.pad else values


def _pool(values: Floats) -> Floats:
    rows = np.maximum(values[:, ::2], values[:, 1::2])
    return np.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _convolve(shape: LayerShape, values: Floats, weights: Floats) -> Floats:
    """Return the sums (n, rows, columns, channels) of those places that pooling does not drop."""
    window = 2 if shape.layer.pool else 1
    rows, columns = shape.out_height * window, shape.out_width * window
    values = _pad(shape, values)
    values = values[:, : rows + shape.kernel_height - 1, : columns + shape.kernel_width - 1]
    patches = _patches(shape, values).reshape(-1, shape.fan_in)
    sums: Floats = (patches @ weights).reshape(len(values), rows, columns, shape.channels)
    return sums


def _patches(shape: LayerShape, values: Floats) -> Floats:
    """Return what the kernel sees at each place: (n, rows, columns, fan_in)."""
    count, height, width, channels = values.shape
    rows, columns = height - shape.kernel_height + 1, width - shape.kernel_width + 1
    image, row, column, channel = values.strides
    windows = np.lib.stride_tricks.as_strided(
        values,
        (count, rows, columns, shape.kernel_height, shape.kernel_width, channels),
        (image, row, column, row, column, channel),
        writeable=False,
    )
    return windows.reshape(count, rows, columns, shape.fan_in)
