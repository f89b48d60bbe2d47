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
from edge_node.spec import bnn, constants, training
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    Layer,
    conv,
    dense,
)
from edge_node.spec.training import (
    LatentState,
    NotTrainable,
    batch_indices,
    check_trainable,
    initial_state,
    layer_constants,
    model_from_state,
    output_errors,
    step_exponent,
    train,
)
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


@pytest.mark.parametrize(
    ("scores", "label", "errors"),
    [
        ([0, 0], 0, [128, -128]),
        ([0, 0], 1, [-128, 128]),
        ([0, -8], 0, [85, -85]),  # 2/3 and 1/3: 256 - 171, -85
        ([1_000, -1_000], 0, [0, 0]),
        ([1_000, -1_000], 1, [-256, 256]),
        ([0, -127], 1, [-256, 256]),  # 17867 >> 15 is 0
        ([5, 5, 5], 2, [-85, -85, 171]),
    ],
)
def test_r_9_errors_of_the_classes(scores: list[int], label: int, errors: list[int]) -> None:
    assert output_errors(scores, label) == errors


@given(st.lists(st.integers(-(1 << 16), 1 << 16), min_size=2, max_size=256), st.data())
def test_r_9_errors_are_bounded_as_the_overflow_proof_says(
    scores: list[int], data: st.DataObject
) -> None:
    label = data.draw(st.integers(0, len(scores) - 1))
    errors = output_errors(scores, label)
    assert all(-256 <= error <= 256 for error in errors)
    assert errors[label] >= 0
    assert all(error <= 0 for c, error in enumerate(errors) if c != label)


@pytest.mark.parametrize("architecture", [CONV, BYTES, DENSE])
def test_r_9_model_computes_what_training_saw(architecture: Architecture) -> None:
    images = random_images(architecture, 12, "model")
    labels = random_labels(architecture, 12, "model")
    state = initial_state(architecture, b"model")
    state = train(architecture, state, images, labels, list(range(12)) * 4, 6, [(1, 9)])
    biased = replace(
        state, biases=tuple(tuple(b + 37 * i for i, b in enumerate(row)) for row in state.biases)
    )
    model = model_from_state(architecture, biased)
    layers = training._prepare(architecture, biased)
    size = architecture.image_bytes
    for i in range(12):
        image = images[i * size : (i + 1) * size]
        assert training._forward(layers, image)[-1].pre_activations[0] == bnn.logits(model, image)


def test_r_9_signal_is_rounded_half_up_clamped_and_stopped_by_the_window() -> None:
    layer = training._prepare(WIDE, initial_state(WIDE, b"gate"))[0]
    assert (layer.constants.signal_shift, layer.constants.window) == (2, 4)
    for arriving, signal in ((1, 0), (2, 1), (-2, 0), (-3, -1), (-6, -1), (-7, -2)):
        trace = training._Trace(pre_activations=[[4, -4, 5]])
        assert training._gate(layer, trace, [arriving] * 3) == [[signal, signal, 0]]
    trace = training._Trace(pre_activations=[[0, 0, -5]])
    assert training._gate(layer, trace, [1 << 20, -(1 << 20), 8]) == [[32_767, -32_767, 0]]


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


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, UINT8_94K, UINT8_1M, DENSE_256])
def test_r_9_reference_families_can_be_trained(architecture: Architecture) -> None:
    check_trainable(architecture, constants.MAX_BATCH)


def first_layer(height: int, width: int, first: Layer, *, bits: int = 1) -> Architecture:
    return Architecture(
        height=height, width=width, input_channels=1, input_bits=bits, layers=(first, dense(2))
    )


@pytest.mark.parametrize("batch", [0, -1, 65, 1 << 40])
def test_r_9_batch_beyond_the_proof_is_refused(batch: int) -> None:
    with pytest.raises(NotTrainable, match=r"R-9: training must be a batch of 1\.\.64"):
        check_trainable(BINARY_4K, batch)


def test_r_9_padding_is_refused() -> None:
    architecture = first_layer(9, 9, conv(2, same=True))
    with pytest.raises(NotTrainable, match="VALID padding"):
        check_trainable(architecture, 1)
    with pytest.raises(NotTrainable):
        train(architecture, initial_state(architecture, b""), bytes(81), b"\0", [0], 1, [(1, 6)])


@pytest.mark.parametrize(
    ("allowed", "refused", "what"),
    [
        # 64 * 256 places * 1,023 * 128 fits int32, 272 places do not.
        (
            first_layer(18, 18, conv(2), bits=8),
            first_layer(19, 18, conv(2), bits=8),
            "gradients up to",
        ),
        # 64 * 1,024 * 32,767 fits, 33 * 32 places do not.
        (first_layer(34, 34, conv(2)), first_layer(35, 34, conv(2)), "gradients up to"),
        # 16 * 16 * 256 * 32,767 fits, 257 channels do not.
        (
            first_layer(18, 18, conv(256, kernel=16)),
            first_layer(18, 18, conv(257, kernel=16)),
            "signals up to",
        ),
    ],
)
def test_r_9_sum_that_could_leave_int32_is_refused(
    allowed: Architecture, refused: Architecture, what: str
) -> None:
    check_trainable(allowed, constants.MAX_BATCH)
    with pytest.raises(NotTrainable, match=what):
        check_trainable(refused, constants.MAX_BATCH)


def test_r_9_constants_of_the_tuned_families() -> None:
    def rows(architecture: Architecture) -> list[tuple[int, int]]:
        return [(c.window, c.signal_shift) for c in layer_constants(architecture)[:-1]]

    assert rows(BINARY_4K) == [(4, 2), (12, 2), (14, 0)]
    assert rows(UINT8_94K) == [(128, 3), (25, 3), (36, 3), (36, 2)]
    assert rows(DENSE_256) == [(42, 0)]
    assert [c.clamp for c in layer_constants(UINT8_94K)[:-1]] == [1_023, 32_767, 32_767, 32_767]
    assert [c.threshold_slowdown for c in layer_constants(UINT8_94K)] == [0, 4, 4, 4, 4]
    # Others: r = max(0, (bitlength(k * k * cout of the next layer) - 4) // 2).
    assert rows(UINT8_1M) == [(128, 4), (50, 4), (72, 3), (72, 0)]
