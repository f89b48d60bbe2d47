# SPDX-License-Identifier: Apache-2.0
"""Integer-only training: stochastic gradient descent in which W' = update(W, B) has one value.

Rule R-9 (design, section 7). State: an int16 latent per weight and an int32 latent per threshold.
Forward with their signs; softmax from an eight-entry table of powers of two; straight-through
gradients inside a window; then every latent moves by 2**u against its summed gradient, outside a
dead zone of half the layer's mean. Sums of integers have no order, so any machine may take them in
any.
Law of the file: dense and convolutional nets alike; integers only; VALID padding only. Sums of
many small numbers are held in lanes (lanes.py).
Read next: recipe.py, then proof/evolution.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import ClassVar

from edge_node.primitives.hashing import shake128_u32, tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec import constants as limits
from edge_node.spec.architecture import BINARY_4K, UINT8_94K, Architecture, LayerKind, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.errors import InvalidModelData
from edge_node.spec.lanes import LANE_BITS, pack_lanes, spread_bits, unpack_lanes
from edge_node.spec.model import Model

SOFTMAX_TABLE = (32768, 30048, 27554, 25268, 23170, 21247, 19484, 17867)
"""round(2**15 * 2**(-i/8)) for i = 0..7: one octave of 2**-x."""
_SOFTMAX_OCTAVES = 15
_ERROR_ONE = 256
"""The error of a class is 256 * (wanted probability - probability)."""
_EIGHT_BIT_WINDOW = 128
_EIGHT_BIT_CLAMP = 1_023
_CLAMP = 32_767
_THRESHOLD_SLOWDOWN = 4
"""Thresholds of binary layers move 2**4 times slower than weights."""
_TUNED_SIGNAL_SHIFTS = {BINARY_4K: (2, 2, 0, 0), UINT8_94K: (3, 3, 3, 2, 0)}
"""Signal shifts of the families on which the law was tuned; others follow the formula."""


class NotTrainable(InvalidModelData):
    """The training law does not cover this architecture or batch size (R-9)."""

    reason: ClassVar[str] = "R-9"
    wants: ClassVar[str] = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerConstants:
    """Constants of the law for one layer."""

    window: int
    """A: the straight-through gradient passes where |pre-activation| <= A."""
    signal_shift: int
    """r: the signal that arrives at this layer's output is divided by 2**r, rounding half up."""
    clamp: int
    """D: signals saturate at +-D."""
    threshold_slowdown: int
    """st: the bias latent moves by 2**(u - st)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentState:
    """Everything that training remembers."""

    latents: tuple[tuple[int, ...], ...]
    """latents[layer][weight], int16 in +-LATENT_MAX; a weight is -1 iff its latent is negative."""
    biases: tuple[tuple[int, ...], ...]
    """biases[layer][channel], int32 in +-BIAS_LATENT_MAX."""

    def root(self) -> Hash32:
        """Return the hash over latents (int16 LE), then biases (int32 LE), layer by layer."""
        return tagged_hash("latents", self.packed())

    def packed(self) -> bytes:
        """Return latents as int16 LE layer by layer, then biases as int32 LE."""
        numbers = [v.to_bytes(2, "little", signed=True) for layer in self.latents for v in layer]
        numbers += [v.to_bytes(4, "little", signed=True) for layer in self.biases for v in layer]
        return b"".join(numbers)


def layer_constants(architecture: Architecture) -> tuple[LayerConstants, ...]:
    """Return the law's constants for each layer; window and clamp of the last are unused."""
    shapes = architecture.shapes
    shifts = _TUNED_SIGNAL_SHIFTS.get(architecture) or tuple(
        _signal_shift(following) for following in (*shapes[1:], None)
    )
    return tuple(
        LayerConstants(
            window=_EIGHT_BIT_WINDOW if shape.eight_bit else isqrt(9 * shape.fan_in // 4),
            signal_shift=shift,
            clamp=_EIGHT_BIT_CLAMP if shape.eight_bit else _CLAMP,
            threshold_slowdown=0 if shape.eight_bit else _THRESHOLD_SLOWDOWN,
        )
        for shape, shift in zip(shapes, shifts, strict=True)
    )


def _signal_shift(following: LayerShape | None) -> int:
    if following is None:
        return 0
    windows = following.kernel_height * following.kernel_width
    return max(0, ((windows * following.channels).bit_length() - 4) // 2)


def check_trainable(architecture: Architecture, batch: int) -> None:
    """Check that no sum of R-9 can leave int32, whatever the data.

    Raises
    ------
    NotTrainable
        Batch size, padding, or a bound.
    """
    # what is not proven to stay in int32 is not trained.
    if not 1 <= batch <= limits.MAX_BATCH:
        raise NotTrainable(expected=f"a batch of 1..{limits.MAX_BATCH}", actual=batch)
    constants = layer_constants(architecture)
    for shape, constant in zip(architecture.shapes, constants, strict=True):
        if shape.layer.same_padding:
            raise NotTrainable(expected="VALID padding", actual="SAME")
        places = shape.out_height * shape.out_width
        signal = _ERROR_ONE if shape.last else constant.clamp
        gradient = batch * places * signal * (PIXEL_ZERO if shape.eight_bit else 1)
        if gradient > limits.MAX_GRADIENT:
            raise NotTrainable(expected=f"gradients up to {limits.MAX_GRADIENT}", actual=gradient)
        windows = 1 if shape.layer.kind is LayerKind.DENSE else shape.layer.kernel**2
        backward = windows * shape.channels * signal
        if backward > limits.MAX_GRADIENT:
            raise NotTrainable(expected=f"signals up to {limits.MAX_GRADIENT}", actual=backward)


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
        weights.append(_sign_bits(shape, latents))
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
    check_trainable(architecture, batch)
    size = architecture.image_bytes
    for start in range(0, len(indices), batch):
        layers = _prepare(architecture, state)
        for index in indices[start : start + batch]:
            image = images[index * size : (index + 1) * size]
            _backward(layers, _forward(layers, image), labels[index])
        state = _update(layers, state, step_exponent(schedule, samples_seen + start))
    return state


@dataclass(slots=True, kw_only=True)
class _StepLayer:
    """A layer during one step."""

    shape: LayerShape
    constants: LayerConstants
    weights: tuple[int, ...]  # [channel], bits
    weight_lanes: list[int]  # [channel], a lane of 1 where the weight is -1
    biases: list[int]  # [channel], already shifted
    positive: list[int]  # [channel], lanes: sum of d * x over positive d
    negative: list[int]  # [channel], lanes: sum of -d * x over negative d
    bias_gradient: list[int]  # [channel]


@dataclass(slots=True, kw_only=True)
class _Trace:
    """What one sample left in one layer; a place is an index into the output map."""

    patches: list[int] = field(default_factory=list)  # [convolution place], lanes of the input
    winners: list[list[int]] = field(default_factory=list)  # [place][channel], convolution place
    pre_activations: list[list[int]] = field(default_factory=list)  # [place][channel]


def _prepare(architecture: Architecture, state: LatentState) -> list[_StepLayer]:
    layers: list[_StepLayer] = []
    for shape, constants, latents, biases in zip(
        architecture.shapes,
        layer_constants(architecture),
        state.latents,
        state.biases,
        strict=True,
    ):
        weights = _sign_bits(shape, latents)
        layers.append(
            _StepLayer(
                shape=shape,
                constants=constants,
                weights=weights,
                weight_lanes=[spread_bits(weight, shape.fan_in) for weight in weights],
                biases=[b >> limits.BIAS_SHIFT for b in biases],
                positive=[0] * shape.channels,
                negative=[0] * shape.channels,
                bias_gradient=[0] * shape.channels,
            )
        )
    return layers


def _forward(layers: list[_StepLayer], image: bytes) -> list[_Trace]:
    traces: list[_Trace] = []
    values: list[int] = []  # the input map, [y][x][channel]: 1 for -1, or the pixel
    for layer in layers:
        shape = layer.shape
        if not traces:
            values = list(image) if shape.eight_bit else [int(v < PIXEL_ZERO) for v in image]
        trace = _Trace()
        sums: list[list[int]] = []
        for y in range(shape.conv_height):
            for x in range(shape.conv_width):
                patch = _patch(shape, values, y, x)
                trace.patches.append(pack_lanes(patch))
                sums.append(_sums(layer, patch))
        for place in range(shape.out_height * shape.out_width):
            candidates = _pool_window(shape, place)
            # max() keeps the first of equal sums: the law's winner.
            winners = [
                max(candidates, key=lambda q, c=c: sums[q][c])  # type: ignore[misc]  # types of a default
                for c in range(shape.channels)
            ]
            trace.winners.append(winners)
            trace.pre_activations.append(
                [sums[q][c] + layer.biases[c] for c, q in enumerate(winners)]
            )
        traces.append(trace)
        values = [int(p < 0) for place in trace.pre_activations for p in place]
    return traces


def _patch(shape: LayerShape, values: list[int], y: int, x: int) -> list[int]:
    run = shape.kernel_width * shape.in_channels
    patch: list[int] = []
    for ky in range(shape.kernel_height):
        start = ((y + ky) * shape.in_width + x) * shape.in_channels
        patch += values[start : start + run]
    return patch  # [ky][kx][channel]


def _sums(layer: _StepLayer, patch: list[int]) -> list[int]:
    if layer.shape.eight_bit:
        signed = [v - PIXEL_ZERO for v in patch]
        return [
            sum(-v if weight >> i & 1 else v for i, v in enumerate(signed))
            for weight in layer.weights
        ]
    bits = int("".join(map(str, reversed(patch))), 2)
    return [layer.shape.fan_in - 2 * (bits ^ weight).bit_count() for weight in layer.weights]


def _pool_window(shape: LayerShape, place: int) -> tuple[int, ...]:
    if not shape.layer.pool:
        return (place,)
    y, x = divmod(place, shape.out_width)
    corner = 2 * y * shape.conv_width + 2 * x
    return (corner, corner + 1, corner + shape.conv_width, corner + shape.conv_width + 1)


def output_errors(scores: Sequence[int], label: int) -> list[int]:
    """Return 256 * (wanted - softmax) of each class, in the law's integers (R-9, step 4)."""
    greatest = max(scores)
    terms: list[int] = []
    for score in scores:
        octave, eighth = divmod(greatest - score, 8)
        terms.append(0 if octave > _SOFTMAX_OCTAVES else SOFTMAX_TABLE[eighth] >> octave)
    total = sum(terms)
    return [
        _ERROR_ONE * (c == label) - (_ERROR_ONE * term + total // 2) // total
        for c, term in enumerate(terms)
    ]


def _backward(layers: list[_StepLayer], traces: list[_Trace], label: int) -> None:
    signals = [output_errors(traces[-1].pre_activations[0], label)]  # [place][channel]
    if not any(signals[0]):
        return
    for depth in reversed(range(len(layers))):
        layer, trace = layers[depth], traces[depth]
        by_place: dict[int, list[tuple[int, int]]] = {}
        for winners, row in zip(trace.winners, signals, strict=True):
            for channel, (place, signal) in enumerate(zip(winners, row, strict=True)):
                if signal:
                    by_place.setdefault(place, []).append((channel, signal))
        for place, active in by_place.items():
            _accumulate(layer, trace.patches[place], active)
        if depth:
            arriving = _input_signals(layer, by_place)
            signals = _gate(layers[depth - 1], traces[depth - 1], arriving)


def _accumulate(layer: _StepLayer, patch: int, active: list[tuple[int, int]]) -> None:
    for channel, signal in active:
        layer.bias_gradient[channel] += signal
        if signal > 0:
            layer.positive[channel] += signal * patch
        else:
            layer.negative[channel] -= signal * patch


def _input_signals(layer: _StepLayer, by_place: dict[int, list[tuple[int, int]]]) -> list[int]:
    """Return sum(d * w) for every value of the layer's input map, [y][x][channel]."""
    shape = layer.shape
    run_lanes = shape.kernel_width * shape.in_channels
    run_mask = (1 << run_lanes * LANE_BITS) - 1
    ones = spread_bits((1 << shape.fan_in) - 1, shape.fan_in)
    plus_map = minus_map = 0
    for place, active in by_place.items():
        # w = 1 - 2 * bit, so sum(d * w) = sum(d) - 2 * sum(d * bit); d is kept apart by its sign.
        plus = minus = 0
        for channel, signal in active:
            if signal > 0:
                plus += signal * ones
                minus += 2 * signal * layer.weight_lanes[channel]
            else:
                minus -= signal * ones
                plus -= 2 * signal * layer.weight_lanes[channel]
        y, x = divmod(place, shape.conv_width)
        for ky in range(shape.kernel_height):
            start = ((y + ky) * shape.in_width + x) * shape.in_channels * LANE_BITS
            drop = ky * run_lanes * LANE_BITS
            plus_map += (plus >> drop & run_mask) << start
            minus_map += (minus >> drop & run_mask) << start
    size = shape.in_height * shape.in_width * shape.in_channels
    return [
        p - m
        for p, m in zip(unpack_lanes(plus_map, size), unpack_lanes(minus_map, size), strict=True)
    ]


def _gate(layer: _StepLayer, trace: _Trace, arriving: list[int]) -> list[list[int]]:
    """Return the signals that pass the straight-through window, [place][channel]."""
    constants, channels = layer.constants, layer.shape.channels
    shift = constants.signal_shift
    half = 1 << shift >> 1
    signals: list[list[int]] = []
    for place, pre_activations in enumerate(trace.pre_activations):
        row = arriving[place * channels : (place + 1) * channels]
        signals.append(
            [
                min(max((v + half) >> shift, -constants.clamp), constants.clamp)
                if abs(p) <= constants.window
                else 0
                for v, p in zip(row, pre_activations, strict=True)
            ]
        )
    return signals


def _update(layers: list[_StepLayer], state: LatentState, exponent: int) -> LatentState:
    latents: list[tuple[int, ...]] = []
    biases: list[tuple[int, ...]] = []
    step = 1 << exponent
    for layer, old, old_biases in zip(layers, state.latents, state.biases, strict=True):
        gradients = _gradients(layer)
        dead_zone = sum(map(abs, gradients)) // len(gradients) // 2
        latents.append(
            tuple(
                _move(v, g, dead_zone, step, limits.LATENT_MAX)
                for v, g in zip(old, gradients, strict=True)
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


def _gradients(layer: _StepLayer) -> list[int]:
    # x = scale * value + offset, with value the lane: 1 - 2 * bit, or pixel - 128.
    scale, offset = (1, -PIXEL_ZERO) if layer.shape.eight_bit else (-2, 1)
    fan_in = layer.shape.fan_in
    gradients: list[int] = []
    for positive, negative, bias in zip(
        layer.positive, layer.negative, layer.bias_gradient, strict=True
    ):
        gradients += [
            scale * (p - n) + offset * bias
            for p, n in zip(
                unpack_lanes(positive, fan_in), unpack_lanes(negative, fan_in), strict=True
            )
        ]
    return gradients


def _move(value: int, gradient: int, dead_zone: int, step: int, most: int) -> int:
    if gradient > dead_zone:
        return min(value + step, most)
    if gradient < -dead_zone:
        return max(value - step, -most)
    return value


def _sign_bits(shape: LayerShape, latents: Sequence[int]) -> tuple[int, ...]:
    rows: list[int] = []
    for channel in range(shape.channels):
        row = latents[channel * shape.fan_in : (channel + 1) * shape.fan_in]
        rows.append(int("".join("1" if v < 0 else "0" for v in reversed(row)), 2))
    return tuple(rows)
