# SPDX-License-Identifier: Apache-2.0
"""Integer-only training: stochastic gradient descent in which W' = update(W, B) has one value.

Rule R-9 (design, section 7). State: an int16 latent per weight and an int32 latent per threshold.
Forward with their signs; softmax from an eight-entry table of powers of two; straight-through
gradients inside a window; then every latent moves by 2**u against its summed gradient, outside a
dead zone of half the layer's mean. Sums of integers have no order, so any machine may take them in
any.
Law of the file: dense and convolutional nets alike; integers only; VALID padding only.
Read next: gradients.py, then recipe.py, then proof/evolution.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

from edge_node.primitives.hashing import shake128_u32, tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture
from edge_node.spec.gradients import StepLayer, gradients, sign_bits, step_layers
from edge_node.spec.model import Model
from edge_node.spec.training_bounds import check_trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentState:
    """Everything that training remembers."""

    latents: tuple[tuple[int, ...], ...]
    """latents[layer][weight], int16 in +-LATENT_MAX; a weight is -1 iff its latent is negative."""
    biases: tuple[tuple[int, ...], ...]
    """biases[layer][channel], int32 in +-BIAS_LATENT_MAX."""

    def root(self) -> Hash32:
        """Return the hash over latents (int16 LE), then biases (int32 LE), layer by layer."""
        return root_of(self.packed())

    def packed(self) -> bytes:
        """Return latents as int16 LE layer by layer, then biases as int32 LE."""
        numbers = [v.to_bytes(2, "little", signed=True) for layer in self.latents for v in layer]
        numbers += [v.to_bytes(4, "little", signed=True) for layer in self.biases for v in layer]
        return b"".join(numbers)


def root_of(packed: bytes) -> Hash32:
    """Return the hash of packed latents (R-9)."""
    return tagged_hash("latents", packed)


def state_from_packed(architecture: Architecture, packed: bytes) -> LatentState:
    """Return the state that packed latents of an architecture hold."""
    latents: list[tuple[int, ...]] = []
    biases: list[tuple[int, ...]] = []
    offset = 0
    for size, counts, rows in (
        (2, [shape.weight_count for shape in architecture.shapes], latents),
        (4, [shape.channels for shape in architecture.shapes], biases),
    ):
        for count in counts:
            ends = range(offset, offset + size * count, size)
            rows.append(
                tuple(int.from_bytes(packed[i : i + size], "little", signed=True) for i in ends)
            )
            offset += size * count
    return LatentState(latents=tuple(latents), biases=tuple(biases))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What some steps of training leave."""

    state: LatentState
    """The state after them."""
    gradient_sums: tuple[tuple[int, ...], ...]
    """[layer][weight], int64: each weight's gradient, summed over all steps."""


def initial_state(architecture: Architecture, seed: bytes) -> LatentState:
    """Return the state from which a family starts.

    Latents of layer i: SHAKE-128(seed || byte(i)) as u32 `v`, (v * 2001 >> 32) - 1000; biases 0.
    """
    span = 2 * limits.LATENT_INIT_RANGE + 1
    latents = tuple(
        tuple(
            (v * span >> 32) - limits.LATENT_INIT_RANGE
            for v in shake128_u32(seed + bytes((index,)), shape.weight_count)
        )
        for index, shape in enumerate(architecture.shapes)
    )
    return LatentState(
        latents=latents, biases=tuple((0,) * shape.channels for shape in architecture.shapes)
    )


def batch_indices(seed: bytes, count: int, image_count: int) -> list[int]:
    """Return `count` sample indices: SHAKE-128(seed) as u32 `v`, v * image_count >> 32."""
    return [v * image_count >> 32 for v in shake128_u32(seed, count)]


def step_exponent(schedule: Sequence[tuple[int, int]], samples_seen: int) -> int:
    """Return u for a step that starts after `samples_seen` samples.

    Parameters
    ----------
    schedule : sequence of (samples, u)
        u holds while fewer than `samples` were seen; the last u holds for ever.
    """
    for samples, exponent in schedule:
        if samples_seen < samples:
            return exponent
    return schedule[-1][1]


def model_from_state(architecture: Architecture, state: LatentState) -> Model:
    """Return the network that the latents stand for; nothing is lost in it (R-9)."""
    weights: list[tuple[int, ...]] = []
    thresholds: list[tuple[int, ...]] = []
    for shape, latents, biases in zip(
        architecture.shapes, state.latents, state.biases, strict=True
    ):
        weights.append(sign_bits(shape, latents))
        least, most = shape.threshold_range
        row: list[int] = []
        for bias in (b >> limits.BIAS_SHIFT for b in biases):
            if shape.last:
                threshold = bias
            elif shape.eight_bit:
                threshold = -bias  # sum + bias >= 0
            else:
                threshold = (shape.fan_in + bias) >> 1  # fan_in - 2 * mismatches + bias >= 0
            row.append(min(max(threshold, least), most))
        thresholds.append(tuple(row))
    return Model(architecture=architecture, weights=tuple(weights), thresholds=tuple(thresholds))


def train(
    architecture: Architecture,
    state: LatentState,
    images: bytes,
    labels: bytes,
    indices: Sequence[int],
    batch: int,
    schedule: Sequence[tuple[int, int]],
    samples_seen: int = 0,
) -> LatentState:
    """Return the state after one step per `batch` indices; the last step may have fewer.

    Parameters
    ----------
    architecture : Architecture
    state : LatentState
        Where training starts.
    images : bytes
        uint8 (N, rows, columns, channels).
    labels : bytes
        u8 (N,).
    indices : sequence of int
        Step t uses indices[t * batch : (t + 1) * batch].
    batch : int
        S, 1..MAX_BATCH.
    schedule : sequence of (int, int)
        See step_exponent.
    samples_seen : int
        Samples seen before the first step.

    Raises
    ------
    NotTrainable
        See check_trainable.
    """
    return train_summed(
        architecture, state, images, labels, indices, batch, schedule, samples_seen
    ).state


def train_summed(
    architecture: Architecture,
    state: LatentState,
    images: bytes,
    labels: bytes,
    indices: Sequence[int],
    batch: int,
    schedule: Sequence[tuple[int, int]],
    samples_seen: int = 0,
) -> Trained:
    """Do as `train`, and say what the gradients were in all.

    Raises
    ------
    NotTrainable
        See check_trainable.
    """
    check_trainable(architecture, batch)
    sums = [[0] * shape.weight_count for shape in architecture.shapes]
    for start in range(0, len(indices), batch):
        layers = step_layers(
            architecture,
            state.latents,
            state.biases,
            images,
            labels,
            indices[start : start + batch],
        )
        rows = [gradients(layer) for layer in layers]
        state = _update(layers, rows, state, step_exponent(schedule, samples_seen + start))
        sums = [list(map(add, *pair)) for pair in zip(sums, rows, strict=True)]
    return Trained(state=state, gradient_sums=tuple(map(tuple, sums)))


def shifted_step(
    architecture: Architecture,
    state: LatentState,
    images: bytes,
    labels: bytes,
    indices: Sequence[int],
    shift: int,
) -> LatentState:
    """Return the state after one step of plain gradient descent with a learning rate of 2**-shift.

    Each latent moves by its gradient / 2**shift, rounded half up; a bias latent by its gradient
    / 2**(shift + st). This is the update of paper B as published; `train` learns better.

    Parameters
    ----------
    architecture, state, images, labels
        See train.
    indices : sequence of int
        One batch.
    shift : int
        0..MAX_LEARNING_SHIFT.

    Raises
    ------
    NotTrainable
        See check_trainable.
    """
    check_trainable(architecture, len(indices))
    layers = step_layers(architecture, state.latents, state.biases, images, labels, indices)
    latents: list[tuple[int, ...]] = []
    biases: list[tuple[int, ...]] = []
    for layer, old, old_biases in zip(layers, state.latents, state.biases, strict=True):
        slow = shift + layer.constants.threshold_slowdown
        latents.append(_shifted(old, gradients(layer), shift, limits.LATENT_MAX))
        biases.append(_shifted(old_biases, layer.bias_gradient, slow, limits.BIAS_LATENT_MAX))
    return LatentState(latents=tuple(latents), biases=tuple(biases))


def _shifted(
    old: Sequence[int], gradients: Sequence[int], shift: int, most: int
) -> tuple[int, ...]:
    half = 1 << shift >> 1
    moved = (v + (g + half >> shift) for v, g in zip(old, gradients, strict=True))
    return tuple(min(max(v, -most), most) for v in moved)


def _update(
    layers: list[StepLayer], rows: list[list[int]], state: LatentState, exponent: int
) -> LatentState:
    latents: list[tuple[int, ...]] = []
    biases: list[tuple[int, ...]] = []
    step = 1 << exponent
    for layer, row, old, old_biases in zip(layers, rows, state.latents, state.biases, strict=True):
        dead_zone = sum(map(abs, row)) // len(row) // 2
        latents.append(
            tuple(
                _move(v, g, dead_zone, step, limits.LATENT_MAX)
                for v, g in zip(old, row, strict=True)
            )
        )
        slow = step >> layer.constants.threshold_slowdown
        biases.append(
            tuple(
                _move(v, g, 0, slow, limits.BIAS_LATENT_MAX)
                for v, g in zip(old_biases, layer.bias_gradient, strict=True)
            )
        )
    return LatentState(latents=tuple(latents), biases=tuple(biases))


def _move(value: int, gradient: int, dead_zone: int, step: int, most: int) -> int:
    if gradient > dead_zone:
        return min(value + step, most)
    if gradient < -dead_zone:
        return max(value - step, -most)
    return value
