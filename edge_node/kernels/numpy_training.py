# SPDX-License-Identifier: Apache-2.0
"""Integer training in numpy: the twin of spec/training.py (rule R-9) where no compiler is.

A batch goes through each layer at once; every layer is a product of patches and weights.
Law of the file: int64 throughout, so no sum of R-9 can overflow; equal to the law in every bit.
Read next: training.py, the same in C and some hundred times faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import latent_arrays
from edge_node.kernels.training_data import (
    Indices,
    NetworkInTraining,
    Samples,
)
from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.training import (
    SOFTMAX_TABLE,
    LatentState,
    LayerConstants,
    layer_constants,
)

Numbers = npt.NDArray[np.int64]

_SOFTMAX_OCTAVES = 15
"""Beyond so many halvings a class has no share in the softmax."""
_ERROR_ONE = 256
"""The error of a class is 256 * (wanted probability - probability)."""


@dataclass(slots=True, kw_only=True)
class _Layer:
    """A layer and its latents."""

    shape: LayerShape
    constants: LayerConstants
    patch_index: Numbers  # (convolution places, fan_in)
    latents: Numbers  # (channels, fan_in)
    biases: Numbers  # (channels,)
    signs: Numbers  # (channels, fan_in), the weights of this step: +-1


@dataclass(slots=True, kw_only=True)
class _Trace:
    """What a batch left in one layer."""

    patches: Numbers  # (samples, convolution places, fan_in)
    winners: Numbers  # (samples, places, channels): convolution place
    pre_activations: Numbers  # (samples, places, channels)


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
                patch_index=_patch_index(shape),
                latents=np.zeros((shape.channels, shape.fan_in), np.int64),
                biases=np.zeros(shape.channels, np.int64),
                signs=np.ones((shape.channels, shape.fan_in), np.int64),
            )
            for shape, constants in zip(
                architecture.shapes, layer_constants(architecture), strict=True
            )
        ]

    def set_state(self, state: LatentState) -> None:
        """Go on from `state`."""
        latents, biases = latent_arrays(state)
        for layer, rows, row in zip(self._layers, latents, biases, strict=True):
            layer.latents = rows.astype(np.int64).reshape(layer.latents.shape)
            layer.biases = row.astype(np.int64).reshape(layer.biases.shape)
            layer.signs = _signs(layer.latents)

    def _run(
        self, indices: npt.NDArray[np.int64], batch: int, exponents: npt.NDArray[np.int32]
    ) -> None:
        for step, exponent in enumerate(exponents.tolist()):
            self._step(indices[step * batch : (step + 1) * batch], exponent)

    def _step(self, chosen: npt.NDArray[np.int64], exponent: int) -> None:
        layers = self._layers
        traces = _forward(layers, self._samples.images[chosen])
        labels = self._samples.labels[chosen]
        signals = output_errors(traces[-1].pre_activations[:, 0], labels)[:, np.newaxis]
        gradients: list[tuple[Numbers, Numbers]] = []
        for depth in reversed(range(len(layers))):
            layer, trace = layers[depth], traces[depth]
            # (samples, convolution places, channels): a signal belongs to the place that won.
            placed = np.zeros((*trace.patches.shape[:2], layer.shape.channels), np.int64)
            np.put_along_axis(placed, trace.winners, signals, axis=1)
            gradients.append((_weight_gradients(placed, trace.patches), signals.sum(axis=(0, 1))))
            if depth:
                arriving = _input_signals(layer, placed)
                signals = _gate(layers[depth - 1], traces[depth - 1], arriving)
        for layer, (weights, biases) in zip(reversed(layers), gradients, strict=True):
            _update(layer, weights, biases, exponent)

    def _arrays(self) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
        return (
            [layer.latents.reshape(-1).astype(np.int16) for layer in self._layers],
            [layer.biases.astype(np.int32) for layer in self._layers],
        )


def train(
    architecture: Architecture,
    state: LatentState,
    images: Samples,
    labels: Samples,
    indices: Indices,
    batch: int,
    schedule: Sequence[tuple[int, int]],
    samples_seen: int = 0,
) -> LatentState:
    """Return the state after one step per `batch` indices; see spec.training.train.

    Raises
    ------
    NotTrainable, SamplesDoNotFit, SampleOutOfRange, StepTooSmall
        See NumpyTrainer.
    """
    trainer = NumpyTrainer(architecture, images, labels)
    trainer.set_state(state)
    trainer.run(indices, batch, schedule, samples_seen)
    return trainer.state()


def _forward(layers: list[_Layer], images: npt.NDArray[np.uint8]) -> list[_Trace]:
    first = layers[0].shape
    values: Numbers = images.astype(np.int64) - PIXEL_ZERO
    if not first.eight_bit:
        values = _signs(values)
    traces: list[_Trace] = []
    for layer in layers:
        shape = layer.shape
        patches = values.reshape(len(values), -1)[:, layer.patch_index]
        sums: Numbers = patches @ layer.signs.T  # (samples, convolution places, channels)
        winners = _winners(shape, sums)
        pre_activations = np.take_along_axis(sums, winners, axis=1) + (
            layer.biases >> limits.BIAS_SHIFT
        )
        traces.append(_Trace(patches=patches, winners=winners, pre_activations=pre_activations))
        values = _signs(pre_activations)
    return traces


def _signs(values: Numbers) -> Numbers:
    return 1 - 2 * (values < 0).astype(np.int64)


def _patch_index(shape: LayerShape) -> Numbers:
    """Return (convolution places, fan_in): where the patch of a place lies in a flat map."""
    row, pixel = shape.in_width * shape.in_channels, shape.in_channels
    place = np.add.outer(np.arange(shape.conv_height) * row, np.arange(shape.conv_width) * pixel)
    run = np.arange(shape.kernel_width * pixel)
    inside = np.add.outer(np.arange(shape.kernel_height) * row, run)
    index: Numbers = np.add.outer(place.reshape(-1), inside.reshape(-1))
    return index


def _winners(shape: LayerShape, sums: Numbers) -> Numbers:
    """Return (samples, places, channels): the convolution place whose sum a place takes."""
    rows = np.arange(shape.out_height)[:, np.newaxis]
    columns = np.arange(shape.out_width)
    if not shape.layer.pool:
        place = (rows * shape.conv_width + columns).reshape(-1, 1)
        unpooled: Numbers = np.broadcast_to(place, sums.shape)
        return unpooled
    corner = (2 * rows * shape.conv_width + 2 * columns).reshape(-1, 1)
    window = corner + np.array([0, 1, shape.conv_width, shape.conv_width + 1])
    # argmax keeps the first of equal sums: the law's winner.
    best = sums[:, window].argmax(axis=2)  # (samples, places, channels)
    winners: Numbers = window[np.arange(len(window))[:, np.newaxis], best]
    return winners


def output_errors(scores: Numbers, labels: npt.NDArray[np.uint8]) -> Numbers:
    """Return 256 * (wanted - softmax), (samples, classes); see spec.training.output_errors.

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


def _weight_gradients(placed: Numbers, patches: Numbers) -> Numbers:
    """Return (channels, fan_in)."""
    channels, fan_in = placed.shape[2], patches.shape[2]
    gradients: Numbers = placed.reshape(-1, channels).T @ patches.reshape(-1, fan_in)
    return gradients


def _input_signals(layer: _Layer, placed: Numbers) -> Numbers:
    """Return sum(d * w) for the layer's input map, (samples, rows * columns, channels)."""
    shape, samples = layer.shape, len(placed)
    spread = (placed @ layer.signs).reshape(
        samples,
        shape.conv_height,
        shape.conv_width,
        shape.kernel_height,
        shape.kernel_width,
        shape.in_channels,
    )
    arriving = np.zeros((samples, shape.in_height, shape.in_width, shape.in_channels), np.int64)
    for ky in range(shape.kernel_height):
        for kx in range(shape.kernel_width):
            rows = slice(ky, ky + shape.conv_height)
            columns = slice(kx, kx + shape.conv_width)
            arriving[:, rows, columns] += spread[:, :, :, ky, kx]
    return arriving.reshape(samples, -1, shape.in_channels)


def _gate(layer: _Layer, trace: _Trace, arriving: Numbers) -> Numbers:
    """Return the signals that pass the straight-through window, (samples, places, channels)."""
    constants = layer.constants
    half = 1 << constants.signal_shift >> 1
    signals = np.clip(
        (arriving + half) >> constants.signal_shift, -constants.clamp, constants.clamp
    )
    return np.where(np.abs(trace.pre_activations) <= constants.window, signals, 0)


def _update(layer: _Layer, weights: Numbers, biases: Numbers, exponent: int) -> None:
    dead_zone = int(np.abs(weights).sum()) // weights.size // 2
    step = 1 << exponent
    layer.latents = _move(layer.latents, weights, dead_zone, step, limits.LATENT_MAX)
    slow = step >> layer.constants.threshold_slowdown
    layer.biases = _move(layer.biases, biases, 0, slow, limits.BIAS_LATENT_MAX)
    layer.signs = _signs(layer.latents)


def _move(values: Numbers, gradients: Numbers, dead_zone: int, step: int, most: int) -> Numbers:
    moves = (gradients > dead_zone).astype(np.int64) - (gradients < -dead_zone)
    moved: Numbers = np.clip(values + step * moves, -most, most)
    return moved
