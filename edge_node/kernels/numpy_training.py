# SPDX-License-Identifier: Apache-2.0
"""Integer training in numpy: the twin of spec/training.py (rule R-9) where no compiler is.

A batch goes through each layer at once, and every layer is a product of weights and patches. Maps
are (channels, rows, columns, samples): what numpy does in one go then lies side by side. Products
are of floats, which numpy multiplies many times faster than integers; they are float32 while no sum
of absolute values reaches 2**24, else float64, in which R-9 keeps every sum far below 2**53. So
each is exact in whatever order it is added up.
Law of the file: floats hold whole numbers only; equal to the law in every bit.
Read next: training.py, the same in C and many times faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import flat_latents, split_latents
from edge_node.kernels.training_data import NetworkInTraining, Samples
from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.gradients import SOFTMAX_TABLE
from edge_node.spec.training_bounds import LayerConstants, layer_constants

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[Any]  # float32 or float64

_SOFTMAX_OCTAVES = 15
"""Beyond so many halvings a class has no share in the softmax."""
_ERROR_ONE = 256
"""The error of a class is 256 * (wanted probability - probability)."""
_FLOAT32_EXACT = 1 << 24
"""Whole numbers up to here are exact in float32."""

assert PIXEL_ZERO * limits.MAX_FAN_IN < _FLOAT32_EXACT


@dataclass(slots=True, kw_only=True)
class _Layer:
    """A layer and its latents."""

    shape: LayerShape
    constants: LayerConstants
    latents: Numbers  # (channels, fan_in)
    biases: Numbers  # (channels,)
    signs: Floats  # (channels, fan_in), the weights of this step: +-1


@dataclass(slots=True, kw_only=True)
class _Trace:
    """What a batch left in one layer."""

    patches: Floats  # (fan_in, convolution places * samples)
    winners: "list[npt.NDArray[np.bool_]]"  # for each place of a pooling window: where it won
    pre_activations: Floats  # (channels, rows, columns, samples)


class NumpyTrainer(NetworkInTraining):
    """A network in training; the interface of training.Trainer.

    Its latents and biases are 0 until `set_state`.

    Parameters
    ----------
    architecture : Architecture
    images : bytes or uint8 array
        (N, rows, columns, channels). A contiguous array is not copied and must not change.
    labels : bytes or uint8 array
        (N,).

    Raises
    ------
    NotTrainable
        The law of training does not cover the architecture.
    SamplesDoNotFit
        The images are not those of the architecture and the labels.
    """

    def __init__(self, architecture: Architecture, images: Samples, labels: Samples) -> None:
        super().__init__(architecture, images, labels)
        self._layers = [
            _Layer(
                shape=shape,
                constants=constants,
                latents=np.zeros((shape.channels, shape.fan_in), np.int64),
                biases=np.zeros(shape.channels, np.int64),
                signs=np.ones((shape.channels, shape.fan_in), np.float32),
            )
            for shape, constants in zip(
                architecture.shapes, layer_constants(architecture), strict=True
            )
        ]
        self._sums: Numbers | None = None

    def set_packed(self, packed: bytes) -> None:
        """Go on from packed latents; see NetworkInTraining."""
        flat = flat_latents(self.architecture, packed)
        latents, biases = split_latents(self.architecture, *flat)
        for layer, rows, row in zip(self._layers, latents, biases, strict=True):
            layer.latents = rows.astype(np.int64).reshape(layer.latents.shape)
            layer.biases = row.astype(np.int64).reshape(layer.biases.shape)
            layer.signs = _signs(layer.latents)

    def _run(
        self, indices: npt.NDArray[np.int64], batch: int, exponents: npt.NDArray[np.int32]
    ) -> None:
        for step, exponent in enumerate(exponents.tolist()):
            gradients = self._gradients(indices[step * batch : (step + 1) * batch])
            if self._sums is not None:
                flat = [weights.reshape(-1).astype(np.int64) for weights, _ in gradients]
                self._sums += np.concatenate(flat)
            for layer, (weights, biases) in zip(self._layers, gradients, strict=True):
                _update(layer, weights, biases, exponent)

    def _shift(self, indices: npt.NDArray[np.int64], shift: int) -> None:
        gradients = self._gradients(indices)
        for layer, (weights, biases) in zip(self._layers, gradients, strict=True):
            slow = shift + layer.constants.threshold_slowdown
            layer.latents = _shifted(layer.latents, weights, shift, limits.LATENT_MAX)
            layer.biases = _shifted(layer.biases, biases, slow, limits.BIAS_LATENT_MAX)
            layer.signs = _signs(layer.latents)

    def _sum_gradients(self, sums: Numbers | None) -> None:
        self._sums = sums

    def _gradients(self, chosen: npt.NDArray[np.int64]) -> list[tuple[Floats, Floats]]:
        """Return those of weights and biases of each layer on one batch."""
        layers = self._layers
        traces = _forward(layers, self._samples.images[chosen])
        scores = traces[-1].pre_activations.reshape(-1, len(chosen)).T
        errors = output_errors(scores.astype(np.int64), self._samples.labels[chosen])
        signals: Floats = errors.T.astype(np.float32).reshape(traces[-1].pre_activations.shape)
        gradients: list[tuple[Floats, Floats]] = []
        for depth in reversed(range(len(layers))):
            layer, trace = layers[depth], traces[depth]
            placed = _placed(layer.shape, signals, trace.winners)
            weights = _weight_gradients(layer.shape, placed, trace.patches)
            gradients.append((weights, signals.sum(axis=(1, 2, 3), dtype=np.float64)))
            if depth:
                arriving = _input_signals(layer, placed)
                signals = _gate(layers[depth - 1], traces[depth - 1], arriving)
        return gradients[::-1]

    def _arrays(self) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
        return (
            [layer.latents.reshape(-1).astype(np.int16) for layer in self._layers],
            [layer.biases.astype(np.int32) for layer in self._layers],
        )


def _forward(layers: list[_Layer], images: npt.NDArray[np.uint8]) -> list[_Trace]:
    first = layers[0].shape
    size = (len(images), first.in_height, first.in_width, first.in_channels)
    values: Floats = images.reshape(size).transpose(3, 1, 2, 0).astype(np.float32) - PIXEL_ZERO
    if not first.eight_bit:
        values = _signs(values)
    traces: list[_Trace] = []
    for layer in layers:
        patches = _patches(layer.shape, values)
        sums = (layer.signs @ patches).reshape(
            layer.shape.channels, layer.shape.conv_height, layer.shape.conv_width, len(images)
        )
        best, winners = _pool(layer.shape, sums)
        offsets = (layer.biases >> limits.BIAS_SHIFT).astype(np.float32)
        pre_activations = best + offsets[:, np.newaxis, np.newaxis, np.newaxis]
        traces.append(_Trace(patches=patches, winners=winners, pre_activations=pre_activations))
        values = _signs(pre_activations)
    return traces


def _signs(values: Numbers | Floats) -> Floats:
    return np.where(values < 0, np.float32(-1), np.float32(1))


def _windows(shape: LayerShape) -> Iterator[tuple[int, int, slice, slice]]:
    """Return each place of the kernel, and the rows and columns that it sees."""
    for ky in range(shape.kernel_height):
        for kx in range(shape.kernel_width):
            yield ky, kx, slice(ky, ky + shape.conv_height), slice(kx, kx + shape.conv_width)


def _patches(shape: LayerShape, values: Floats) -> Floats:
    """Return what each convolution place sees, (fan_in, convolution places * samples)."""
    places = (shape.conv_height, shape.conv_width, values.shape[-1])
    kernel = (shape.kernel_height, shape.kernel_width, shape.in_channels)
    patches = np.empty((*kernel, *places), np.float32)
    for ky, kx, rows, columns in _windows(shape):
        patches[ky, kx] = values[:, rows, columns]
    return patches.reshape(shape.fan_in, -1)


def _corners(shape: LayerShape, maps: Floats) -> list[Floats]:
    """Return the maps (channels, rows, columns, samples) of a pooling window's places, in order."""
    if not shape.layer.pool:
        return [maps]
    even = maps[:, : 2 * shape.out_height, : 2 * shape.out_width]
    return [even[:, dy::2, dx::2] for dy in range(2) for dx in range(2)]


def _pool(shape: LayerShape, sums: Floats) -> "tuple[Floats, list[npt.NDArray[np.bool_]]]":
    """Return the greatest sums of the windows, and where each place of a window won."""
    corners = _corners(shape, sums)
    best = corners[0]
    for corner in corners[1:]:
        best = np.maximum(best, corner)
    taken = np.zeros(best.shape, bool)
    winners = []
    for corner in corners:  # of equal sums the first wins
        won = (corner == best) & ~taken
        taken |= won
        winners.append(won)
    return best, winners


def output_errors(scores: Numbers, labels: npt.NDArray[np.uint8]) -> Numbers:
    """Return 256 * (wanted - softmax), (samples, classes); see spec.gradients.output_errors.

    Parameters
    ----------
    scores : int64 array
        (samples, classes).
    labels : uint8 array
        (samples,).
    """
    octaves, eighths = np.divmod(scores.max(axis=1, keepdims=True) - scores, 8)
    powers = np.array(SOFTMAX_TABLE, np.int64)[eighths]
    terms = np.where(octaves > _SOFTMAX_OCTAVES, 0, powers >> np.minimum(octaves, _SOFTMAX_OCTAVES))
    totals = terms.sum(axis=1, keepdims=True)
    wanted = labels[:, np.newaxis] == np.arange(scores.shape[1])
    errors: Numbers = _ERROR_ONE * wanted - (_ERROR_ONE * terms + totals // 2) // totals
    return errors


def _placed(shape: LayerShape, signals: Floats, winners: "list[npt.NDArray[np.bool_]]") -> Floats:
    """Return the signals where they belong, (channels, convolution places * samples)."""
    places = (shape.channels, shape.conv_height, shape.conv_width, signals.shape[-1])
    placed = np.zeros(places, np.float32)
    for corner, won in zip(_corners(shape, placed), winners, strict=True):
        np.multiply(signals, won, out=corner)
    return placed.reshape(shape.channels, -1)


def _weight_gradients(shape: LayerShape, placed: Floats, patches: Floats) -> Floats:
    """Return (channels, fan_in)."""
    most = np.abs(placed).sum(axis=1, dtype=np.float64).max()
    return _product(placed, patches.T, most * (PIXEL_ZERO if shape.eight_bit else 1))


def _input_signals(layer: _Layer, placed: Floats) -> Floats:
    """Return sum(d * w) for the layer's input map, (channels, rows, columns, samples)."""
    shape = layer.shape
    kernel = shape.kernel_height, shape.kernel_width
    most = np.abs(placed).max() * shape.channels * kernel[0] * kernel[1]
    spread = _product(layer.signs.T, placed, most).reshape(
        *kernel, shape.in_channels, shape.conv_height, shape.conv_width, -1
    )
    size = (shape.in_channels, shape.in_height, shape.in_width, spread.shape[-1])
    arriving = np.zeros(size, spread.dtype)
    for ky, kx, rows, columns in _windows(shape):
        arriving[:, rows, columns] += spread[ky, kx]
    return arriving


def _product(left: Floats, right: Floats, most: float) -> Floats:
    """Return left @ right, exactly; no sum of absolute values is greater than `most`."""
    if most < _FLOAT32_EXACT:
        return left @ right
    return left.astype(np.float64) @ right.astype(np.float64)


def _gate(layer: _Layer, trace: _Trace, arriving: Floats) -> Floats:
    """Return the signals that pass the straight-through window, float32 of arriving's shape."""
    constants = layer.constants
    unit = 1 << constants.signal_shift
    rounded = np.floor((arriving + (unit >> 1)) * (1 / unit))
    signals = np.clip(rounded, -constants.clamp, constants.clamp).astype(np.float32)
    inside = np.abs(trace.pre_activations) <= constants.window
    return np.where(inside, signals, np.float32(0))


def _update(layer: _Layer, weights: Floats, biases: Floats, exponent: int) -> None:
    step = 1 << exponent
    layer.latents = _move(layer.latents, weights, dead_zone(weights), step, limits.LATENT_MAX)
    slow = step >> layer.constants.threshold_slowdown
    layer.biases = _move(layer.biases, biases, 0, slow, limits.BIAS_LATENT_MAX)
    layer.signs = _signs(layer.latents)


def dead_zone(gradients: Floats) -> int:
    """Return half the mean size of a layer's gradients, inside of which no latent moves."""
    # Each may fit float32 where their sum does not.
    return int(np.abs(gradients).sum(dtype=np.float64)) // gradients.size // 2


def _move(values: Numbers, gradients: Floats, zone: int, step: int, most: int) -> Numbers:
    moves = (gradients > zone).astype(np.int64) - (gradients < -zone)
    moved: Numbers = np.clip(values + step * moves, -most, most)
    return moved


def _shifted(values: Numbers, gradients: Floats, shift: int, most: int) -> Numbers:
    half = 1 << shift >> 1
    moved: Numbers = np.clip(values + (gradients.astype(np.int64) + half >> shift), -most, most)
    return moved
