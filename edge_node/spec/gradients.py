# SPDX-License-Identifier: Apache-2.0
"""The gradients of one batch: forward with signs, softmax in powers of two, and back again.

Rule R-9 (design, section 7): steps 2 to 5 of the training law. Signals pass where a pre-activation
lies inside a window, saturate, and are summed over the samples of the batch; sums of integers have
no order, so any machine may take them in any.
Law of the file: dense and convolutional nets alike; integers only; VALID padding only. Sums of
many small numbers are held in lanes (lanes.py).
Read next: training.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.lanes import LANE_BITS, pack_lanes, spread_bits, unpack_lanes
from edge_node.spec.training_bounds import ERROR_ONE, LayerConstants, layer_constants

SOFTMAX_TABLE = (32768, 30048, 27554, 25268, 23170, 21247, 19484, 17867)
"""round(2**15 * 2**(-i/8)) for i = 0..7: one octave of 2**-x."""
_SOFTMAX_OCTAVES = 15


@dataclass(slots=True, kw_only=True)
class StepLayer:
    """A layer during one step (R-9)."""

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


def step_layers(
    architecture: Architecture,
    latents: Sequence[Sequence[int]],
    biases: Sequence[Sequence[int]],
    images: bytes,
    labels: bytes,
    indices: Sequence[int],
) -> list[StepLayer]:
    """Return the layers of latents and bias latents, [layer][...], after one batch."""
    layers = _prepare(architecture, latents, biases)
    size = architecture.image_bytes
    for index in indices:
        image = images[index * size : (index + 1) * size]
        _backward(layers, _forward(layers, image), labels[index])
    return layers


def _prepare(
    architecture: Architecture,
    all_latents: Sequence[Sequence[int]],
    all_biases: Sequence[Sequence[int]],
) -> list[StepLayer]:
    layers: list[StepLayer] = []
    for shape, constants, latents, biases in zip(
        architecture.shapes,
        layer_constants(architecture),
        all_latents,
        all_biases,
        strict=True,
    ):
        weights = sign_bits(shape, latents)
        layers.append(
            StepLayer(
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


def _forward(layers: list[StepLayer], image: bytes) -> list[_Trace]:
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


def _sums(layer: StepLayer, patch: list[int]) -> list[int]:
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
        ERROR_ONE * (c == label) - (ERROR_ONE * term + total // 2) // total
        for c, term in enumerate(terms)
    ]


def _backward(layers: list[StepLayer], traces: list[_Trace], label: int) -> None:
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


def _accumulate(layer: StepLayer, patch: int, active: list[tuple[int, int]]) -> None:
    for channel, signal in active:
        layer.bias_gradient[channel] += signal
        if signal > 0:
            layer.positive[channel] += signal * patch
        else:
            layer.negative[channel] -= signal * patch


def _input_signals(layer: StepLayer, by_place: dict[int, list[tuple[int, int]]]) -> list[int]:
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


def _gate(layer: StepLayer, trace: _Trace, arriving: list[int]) -> list[list[int]]:
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


def gradients(layer: StepLayer) -> list[int]:
    """Return the gradient of each of a layer's weights, summed over the batch."""
    # x = scale * value + offset, with value the lane: 1 - 2 * bit, or pixel - 128.
    scale, offset = (1, -PIXEL_ZERO) if layer.shape.eight_bit else (-2, 1)
    fan_in = layer.shape.fan_in
    found: list[int] = []
    for positive, negative, bias in zip(
        layer.positive, layer.negative, layer.bias_gradient, strict=True
    ):
        found += [
            scale * (p - n) + offset * bias
            for p, n in zip(
                unpack_lanes(positive, fan_in), unpack_lanes(negative, fan_in), strict=True
            )
        ]
    return found


def sign_bits(shape: LayerShape, latents: Sequence[int]) -> tuple[int, ...]:
    """Return the weights of each channel that latents stand for: bit 1 for a negative one."""
    rows: list[int] = []
    for channel in range(shape.channels):
        row = latents[channel * shape.fan_in : (channel + 1) * shape.fan_in]
        rows.append(int("".join("1" if v < 0 else "0" for v in reversed(row)), 2))
    return tuple(rows)
