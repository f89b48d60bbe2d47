# SPDX-License-Identifier: Apache-2.0
"""Seeded models, images and architectures of every form that the law allows, in plain Python."""

import hashlib
from bisect import bisect_right
from dataclasses import replace
from math import isqrt

from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import (
    Architecture,
    ArchitectureOutOfRange,
    Layer,
    LayerShape,
    conv,
    dense,
)
from edge_node.spec.model import Model

SMALL_MACS_PER_IMAGE = 60_000
"""Random architectures stay below: bnn.py takes an image at a time."""

_CHANNELS = (1, 2, 3, 5, 7, 8, 16, 17, 31, 33)


def stream(seed: str) -> Prf:
    """Return the random stream of a test."""
    return Prf("test", seed.encode())


def random_bits(prf: Prf, count: int) -> int:
    """Return an integer of `count` random bits."""
    words = [prf.u32().to_bytes(4, "little") for _ in range(-(-count // 32))]
    return int.from_bytes(b"".join(words), "little") & (1 << count) - 1


def random_model(architecture: Architecture, seed: str) -> Model:
    """Return random weights with thresholds that mostly, but not always, decide something."""
    prf = stream(f"model {seed}")
    return Model(
        architecture=architecture,
        weights=tuple(
            tuple(random_bits(prf, shape.fan_in) for _ in range(shape.channels))
            for shape in architecture.shapes
        ),
        thresholds=tuple(
            tuple(_random_threshold(prf, shape) for _ in range(shape.channels))
            for shape in architecture.shapes
        ),
    )


def _random_threshold(prf: Prf, shape: LayerShape) -> int:
    least, most = shape.threshold_range
    if prf.below(16) == 0:
        return (least, most)[prf.below(2)]
    middle, spread = (0, 9) if shape.last else (shape.fan_in // 2, isqrt(shape.fan_in) + 1)
    if shape.eight_bit:
        middle, spread = 0, 60 * spread
    return min(max(middle + prf.below(2 * spread + 1) - spread, least), most)


def random_images(architecture: Architecture, count: int, seed: str) -> bytes:
    """Return noise in which every third pixel lies next to the border of +1 and -1."""
    size = count * architecture.image_bytes
    noise = hashlib.shake_128(f"images {seed}".encode()).digest(size)
    near = bytes(127 + (value & 1) for value in noise)
    return bytes(near[i] if i % 3 == 0 else noise[i] for i in range(size))


def random_labels(architecture: Architecture, count: int, seed: str) -> bytes:
    """Return labels."""
    prf = stream(f"labels {seed}")
    return bytes(prf.below(architecture.classes) for _ in range(count))


def random_architecture(seed: str) -> Architecture:
    """Return one of the forms that R-3 and R-4 allow, small enough for bnn.py."""
    prf = stream(f"architecture {seed}")
    while True:
        try:
            architecture = _draw_architecture(prf)
        except ArchitectureOutOfRange:
            continue
        if architecture.macs <= SMALL_MACS_PER_IMAGE:
            return architecture


def _draw_architecture(prf: Prf) -> Architecture:
    input_bits = (1, 8)[prf.below(2)]
    layers = [
        _draw_layer(prf, may_pad=input_bits == 1 or index > 0) for index in range(prf.below(5))
    ]
    return Architecture(
        height=1 + prf.below(13),
        width=1 + prf.below(13),
        input_channels=(1, 1, 2, 3, 33)[prf.below(5)],
        input_bits=input_bits,
        layers=(*layers, dense(2 + prf.below(9))),
    )


def _draw_layer(prf: Prf, *, may_pad: bool) -> Layer:
    channels = _CHANNELS[prf.below(len(_CHANNELS))]
    if prf.below(5) == 0:
        return dense(channels)
    same = may_pad and prf.below(2) == 0
    kernel = (1, 3, 5, 7)[prf.below(4)] if same else 1 + prf.below(5)
    return conv(channels, kernel=kernel, pool=prf.below(2) == 0, same=same)


def flipped(model: Model, positions: list[int]) -> Model:
    """Return a model with some weights negated; positions count all weights of the network."""
    weights = [list(layer) for layer in model.weights]
    places: list[tuple[int, int]] = []
    starts: list[int] = []
    start = 0
    for layer, shape in enumerate(model.architecture.shapes):
        for channel in range(shape.channels):
            places.append((layer, channel))
            starts.append(start)
            start += shape.fan_in
    for position in positions:
        index = bisect_right(starts, position) - 1
        layer, channel = places[index]
        weights[layer][channel] ^= 1 << position - starts[index]
    return replace(model, weights=tuple(map(tuple, weights)))


def random_child(parent: Model, flips: int, moves: int, seed: str) -> Model:
    """Return a model some weights and thresholds away from its parent.

    Parameters
    ----------
    parent : Model
    flips, moves : int
        `moves` thresholds move by one, if their range allows it.
    seed : str
    """
    prf = stream(f"child {seed}")
    architecture = parent.architecture
    child = flipped(parent, prf.distinct(architecture.weight_count, flips))
    thresholds = [list(layer) for layer in parent.thresholds]
    places = [
        (layer, channel)
        for layer, shape in enumerate(architecture.shapes)
        for channel in range(shape.channels)
    ]
    for index in prf.distinct(len(places), moves):
        layer, channel = places[index]
        least, most = architecture.shapes[layer].threshold_range
        moved = thresholds[layer][channel] + (1 if prf.below(2) else -1)
        thresholds[layer][channel] = min(max(moved, least), most)
    return replace(child, thresholds=tuple(map(tuple, thresholds)))
