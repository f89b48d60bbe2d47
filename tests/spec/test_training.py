# SPDX-License-Identifier: Apache-2.0
"""Integer training against the law written out with numpy, bounds of what it covers, its draws."""

import hashlib
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.spec import constants
from edge_node.spec.architecture import (
    Architecture,
    conv,
    dense,
)
from edge_node.spec.gradients import output_errors
from edge_node.spec.training import (
    LatentState,
    batch_indices,
    initial_state,
    model_from_state,
    step_exponent,
    train,
)
from edge_node.spec.training_bounds import layer_constants
from tests.spec.samples import random_architecture, random_images, random_labels

Numbers: TypeAlias = npt.NDArray[Any]

CONV = Architecture(
    height=9,
    width=8,
    input_channels=2,
    input_bits=1,
    layers=(conv(5, pool=True), conv(4, kernel=2), dense(3), dense(3)),
)
BYTES = replace(CONV, input_bits=8)
DENSE = Architecture(height=3, width=4, input_channels=1, input_bits=1, layers=(dense(9), dense(4)))
WIDE = Architecture(
    height=7, width=7, input_channels=1, input_bits=1, layers=(conv(3), conv(30), dense(3))
)
"""Signals into its first layer are divided by four."""
SCHEDULE = ((24, 9), (40, 7), (1, 3))


class Naive:
    """Evidence of conv_training, section 2, step by step, with one number per value."""

    def __init__(self, architecture: Architecture, state: LatentState) -> None:
        self.architecture = architecture
        self.constants = layer_constants(architecture)
        self.latents: list[Numbers] = []
        for shape, latents in zip(architecture.shapes, state.latents, strict=True):
            kernel = (shape.channels, shape.kernel_height, shape.kernel_width, shape.in_channels)
            self.latents.append(np.array(latents, dtype=np.int64).reshape(kernel))
        self.biases: list[Numbers] = [np.array(b, dtype=np.int64) for b in state.biases]

    def state(self) -> LatentState:
        return LatentState(
            latents=tuple(tuple(map(int, layer.ravel())) for layer in self.latents),
            biases=tuple(tuple(map(int, layer)) for layer in self.biases),
        )

    def step(self, images: Numbers, labels: bytes, exponent: int) -> None:
        weights = [np.where(layer >= 0, 1, -1) for layer in self.latents]
        gradients: list[Numbers] = [np.zeros_like(layer) for layer in self.latents]
        bias_gradients: list[Numbers] = [np.zeros_like(layer) for layer in self.biases]
        for image, label in zip(images, labels, strict=True):
            self._sample(weights, gradients, bias_gradients, image, label)
        for depth, constants_ in enumerate(self.constants):
            gradient = gradients[depth]
            dead_zone = int(np.abs(gradient).sum()) // gradient.size // 2
            moved = self.latents[depth] + (1 << exponent) * np.where(
                gradient > dead_zone, 1, np.where(gradient < -dead_zone, -1, 0)
            )
            self.latents[depth] = np.clip(moved, -32_767, 32_767)
            slow = (1 << exponent) >> constants_.threshold_slowdown
            self.biases[depth] = np.clip(
                self.biases[depth] + slow * np.sign(bias_gradients[depth]), -(1 << 18), 1 << 18
            )

    def _sample(
        self,
        weights: list[Numbers],
        gradients: list[Numbers],
        bias_gradients: list[Numbers],
        image: Numbers,
        label: int,
    ) -> None:
        inputs: list[Numbers] = []
        sums: list[Numbers] = []
        winners: list[dict[tuple[int, int, int], tuple[int, int]]] = []
        here: Numbers = image - 128 if self.architecture.input_bits == 8 else self._signs(image)
        for depth, shape in enumerate(self.architecture.shapes):
            inputs.append(here)
            plain = _correlate(here, weights[depth])
            pooled, winner = _pool(plain, pooled=shape.layer.pool)
            sums.append(pooled + (self.biases[depth] >> 4))
            winners.append(winner)
            here = np.where(sums[-1] >= 0, 1, -1)
        signal: Numbers = np.array([[output_errors(list(map(int, sums[-1][0, 0])), label)]])
        for depth in reversed(range(len(weights))):
            arriving = np.zeros_like(inputs[depth])
            for (y, x, channel), (wy, wx) in winners[depth].items():
                d = signal[y, x, channel]
                kernel = weights[depth][channel]
                window = (slice(wy, wy + kernel.shape[0]), slice(wx, wx + kernel.shape[1]))
                gradients[depth][channel] += d * inputs[depth][window]
                bias_gradients[depth][channel] += d
                arriving[window] += d * kernel
            if depth:
                below = self.constants[depth - 1]
                half = 1 << below.signal_shift - 1 if below.signal_shift else 0
                value = np.clip((arriving + half) >> below.signal_shift, -below.clamp, below.clamp)
                signal = np.where(np.abs(sums[depth - 1]) <= below.window, value, 0)

    @staticmethod
    def _signs(image: Numbers) -> Numbers:
        return np.where(image >= 128, 1, -1)


def _correlate(here: Numbers, weights: Numbers) -> Numbers:
    _, rows, columns, _ = weights.shape
    height, width = here.shape[0] - rows + 1, here.shape[1] - columns + 1
    return np.array(
        [
            [
                (weights * here[y : y + rows, x : x + columns]).sum(axis=(1, 2, 3))
                for x in range(width)
            ]
            for y in range(height)
        ]
    )


def _pool(
    sums: Numbers, *, pooled: bool
) -> tuple[Numbers, dict[tuple[int, int, int], tuple[int, int]]]:
    height, width, channels = sums.shape
    if pooled:
        height, width = height // 2, width // 2
    out = np.zeros((height, width, channels), dtype=np.int64)
    winners: dict[tuple[int, int, int], tuple[int, int]] = {}
    for place in np.ndindex(height, width, channels):
        y, x, channel = map(int, place)
        corners = [(y, x)]
        if pooled:
            corners = [(2 * y + dy, 2 * x + dx) for dy in range(2) for dx in range(2)]
        best = max(int(sums[cy, cx, channel]) for cy, cx in corners)
        out[place] = best
        winners[y, x, channel] = next(c for c in corners if int(sums[c][channel]) == best)
    return out, winners


def trainable_architecture(seed: int) -> Architecture:
    return next(
        architecture
        for attempt in range(100)
        for architecture in [random_architecture(f"training {seed} {attempt}")]
        if not any(layer.same_padding for layer in architecture.layers)
        and architecture.macs < 6_000
    )


@pytest.mark.parametrize(
    "architecture",
    [CONV, BYTES, DENSE, WIDE, *(trainable_architecture(seed) for seed in range(12))],
)
def test_r_9_training_equals_the_law_written_out(architecture: Architecture) -> None:
    images = random_images(architecture, 10, "naive")
    labels = random_labels(architecture, 10, "naive")
    batch = 4
    indices = batch_indices(b"naive", 4 * batch, 10)
    state = initial_state(architecture, b"naive")
    trained = train(architecture, state, images, labels, indices, batch, SCHEDULE, samples_seen=20)
    naive = Naive(architecture, state)
    shape = (10, architecture.height, architecture.width, architecture.input_channels)
    pixels = np.frombuffer(images, dtype=np.uint8).astype(np.int64).reshape(shape)
    for start, exponent in ((0, 9), (4, 7), (8, 7), (12, 7)):
        chosen = indices[start : start + batch]
        naive.step(pixels[chosen], bytes(labels[i] for i in chosen), exponent)
    assert trained == naive.state()
    assert trained != state


def test_r_9_steps_one_by_one_are_steps_together() -> None:
    images = random_images(CONV, 7, "steps")
    labels = random_labels(CONV, 7, "steps")
    indices = batch_indices(b"steps", 15, 7)
    start = initial_state(CONV, b"steps")
    together = train(CONV, start, images, labels, indices, 5, SCHEDULE, samples_seen=20)
    state = start
    for t in range(3):
        state = train(
            CONV,
            state,
            images,
            labels,
            indices[5 * t : 5 * t + 5],
            5,
            SCHEDULE,
            samples_seen=20 + 5 * t,
        )
    assert state == together


def test_r_9_indices_left_over_are_a_smaller_step() -> None:
    images, labels = random_images(DENSE, 5, "whole"), random_labels(DENSE, 5, "whole")
    start = initial_state(DENSE, b"whole")
    whole = train(DENSE, start, images, labels, [0, 1, 2, 3], 2, [(1, 8)])
    rest = train(DENSE, whole, images, labels, [4], 1, [(1, 8)])
    assert train(DENSE, start, images, labels, [0, 1, 2, 3, 4], 2, [(1, 8)]) == rest != whole


def test_r_9_order_within_a_batch_does_not_matter() -> None:
    images = random_images(BYTES, 6, "order")
    labels = random_labels(BYTES, 6, "order")
    start = initial_state(BYTES, b"order")
    one, other = (
        train(BYTES, start, images, labels, indices, 6, [(1, 8)])
        for indices in ([0, 1, 2, 3, 4, 5], [4, 2, 0, 5, 1, 3])
    )
    assert one == other


def test_r_9_start_comes_from_its_seed_alone() -> None:
    state = initial_state(CONV, b"seed")
    for index, shape in enumerate(CONV.shapes):
        data = hashlib.shake_128(b"seed" + bytes((index,))).digest(4 * shape.weight_count)
        words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        assert list(state.latents[index]) == [(v * 2_001 >> 32) - 1_000 for v in words]
        assert state.biases[index] == (0,) * shape.channels
    assert initial_state(CONV, b"other") != state


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 1 << 24))
def test_r_9_batch_indices_are_scaled_draws(seed: bytes, count: int, images: int) -> None:
    indices = batch_indices(seed, count, images)
    data = hashlib.shake_128(seed).digest(4 * count)
    assert indices == [
        int.from_bytes(data[4 * i : 4 * i + 4], "little") * images >> 32 for i in range(count)
    ]
    assert all(0 <= index < images for index in indices)


def test_r_9_hash_is_over_latents_then_biases() -> None:
    state = LatentState(latents=((-32_767, 1), (32_767,)), biases=((-(1 << 18), 2), (1 << 18,)))
    packed = bytes.fromhex("0180 0100 ff7f 0000fcff 02000000 00000400")
    assert state.packed() == packed
    assert state.root() == tagged_hash("latents", packed)


@pytest.mark.parametrize(
    ("seen", "exponent"), [(0, 6), (31, 6), (32, 5), (63, 5), (64, 3), (1 << 40, 3)]
)
def test_step_size_follows_the_samples_seen(seen: int, exponent: int) -> None:
    assert step_exponent([(32, 6), (64, 5), (1, 3)], seen) == exponent


def test_r_9_latents_and_biases_saturate() -> None:
    images, labels = bytes([255] * 12), bytes([1])
    start = LatentState(
        latents=((32_767,) * 108, (-32_767,) * 36),
        biases=((1 << 18,) * 9, (1 << 18, -(1 << 18), 0, 0)),
    )
    state = train(DENSE, start, images, labels, [0] * 8, 4, [(1, 14)])
    assert max(max(row) for row in state.latents) <= 32_767
    assert min(min(row) for row in state.latents) >= -32_767
    assert max(max(row) for row in state.biases) <= 1 << 18
    assert min(min(row) for row in state.biases) >= -(1 << 18)
    model = model_from_state(DENSE, state)
    assert max(max(row) for row in model.thresholds) <= constants.MAX_LOGIT_BIAS
