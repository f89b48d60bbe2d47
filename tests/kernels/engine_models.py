# SPDX-License-Identifier: Apache-2.0
"""Networks and images for the tests of the engines: odd widths first, then the reference families.

Every expectation comes from the law (spec/evaluation.py, spec/bnn.py), once for all engines.
"""

import functools
import random  # noqa: TID251 - seeded, and drawn from as integers of any length
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.spec import bnn
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    ArchitectureOutOfRange,
    Layer,
    LayerShape,
    conv,
    dense,
)
from edge_node.spec.evaluation import all_logits, slice_images
from edge_node.spec.model import Model

RANDOM_NETWORKS = 24
IMAGES = 19
"""One batch of the engine (16) and a rest that is no whole tile (4)."""
FAMILY_IMAGES = 2
MAX_MACS = 25_000
"""The law takes about a microsecond for each."""
CHANNELS = (1, 2, 5, 8, 12, 31, 32, 33, 40, 64, 70, 128, 130)

FAMILIES: Mapping[str, Architecture] = {
    "UINT8_4K": UINT8_4K,
    "BINARY_4K": BINARY_4K,
    "DENSE_256": DENSE_256,
    "UINT8_94K": UINT8_94K,
    "UINT8_1M": UINT8_1M,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network and what the law says of it."""

    model: Model
    """The network."""
    images: npt.NDArray[np.uint8]
    """(N, image_bytes)."""
    logits: npt.NDArray[np.int32]
    """(N, classes), by the law."""


def network(size: tuple[int, int, int], bits: int, *layers: Layer) -> Architecture:
    height, width, channels = size
    return Architecture(
        height=height, width=width, input_channels=channels, input_bits=bits, layers=layers
    )


NETWORKS: Mapping[str, Architecture] = {
    "dense only": network((3, 5, 1), 1, dense(3)),
    "one pixel": network((1, 1, 1), 1, dense(1), dense(2)),
    "wide dense": network((5, 5, 1), 1, dense(130), dense(70), dense(200)),
    "channels 1": network((6, 5, 1), 1, conv(1), conv(1, kernel=2), dense(2)),
    "channels 5": network((7, 6, 5), 1, conv(5, pool=True), conv(5, kernel=1), dense(3)),
    "channels 31": network((5, 6, 2), 1, conv(31, kernel=2), conv(31, kernel=2), dense(3)),
    "channels 33": network(
        (5, 5, 33), 1, conv(33, kernel=2, pool=True), conv(33, kernel=1), dense(4)
    ),
    "channels 40": network(
        (5, 5, 1), 1, conv(40, kernel=2), conv(40, kernel=2, pool=True), dense(5)
    ),
    "channels 70": network(
        (5, 4, 1), 1, conv(70, kernel=2), conv(70, kernel=2, pool=True), dense(9)
    ),
    "channels 64 to 1": network(
        (4, 4, 1), 1, conv(64), conv(1, kernel=1), conv(64, kernel=2), dense(3)
    ),
    "kernel 5": network((8, 7, 3), 1, conv(6, kernel=5), conv(9, kernel=3), dense(4)),
    "kernel 7, not square": network((7, 9, 2), 1, conv(4, kernel=7), dense(4)),
    "same": network((5, 4, 3), 1, conv(7, same=True), conv(40, kernel=5, same=True), dense(3)),
    "same on one pixel": network((1, 1, 1), 1, conv(33, kernel=7, same=True), dense(3)),
    "same, pooled, wide": network(
        (5, 5, 1), 1, conv(64, same=True, pool=True), conv(9, same=True), dense(3)
    ),
    "odd maps pooled": network(
        (9, 10, 1), 1, conv(6, kernel=1, pool=True), conv(6, kernel=2, pool=True), dense(3)
    ),
    "8 bits": network((8, 7, 1), 8, conv(8, pool=True), conv(14, kernel=2), dense(4)),
    "8 bits, colour": network((7, 6, 3), 8, conv(33, kernel=2, pool=True), dense(5)),
    "8 bits, 70 channels": network((5, 5, 2), 8, conv(70), conv(3, kernel=2, pool=True), dense(3)),
    "8 bits, kernel 5": network((9, 8, 1), 8, conv(5, kernel=5, pool=True), dense(3)),
    "8 bits, dense": network((7, 5, 1), 8, dense(66), dense(3)),
    "8 bits, kernel 1": network((3, 3, 1), 8, conv(3, kernel=1), dense(2)),
}


@functools.cache
def case(name: str) -> Case:
    """Return a network of NETWORKS, a family, or a random one by its number."""
    seed = int(name) if name.isdigit() else len(name)
    architecture = random_architecture(seed) if name.isdigit() else {**NETWORKS, **FAMILIES}[name]
    model = random_model(architecture, seed)
    images = random_images(architecture, FAMILY_IMAGES if name in FAMILIES else IMAGES, seed)
    if name in FAMILIES:  # quicker for few images of a large network
        rows = [bnn.logits(model, image.tobytes()) for image in images]
    else:
        rows = all_logits(model, slice_images(architecture, images.tobytes()))
    return Case(model=model, images=images, logits=np.array(rows, np.int32))


def random_architecture(seed: int) -> Architecture:
    source = random.Random(seed)
    while True:
        try:
            architecture = _draw(source)
        except ArchitectureOutOfRange:
            continue
        if architecture.macs <= MAX_MACS:
            return architecture


def _draw(source: random.Random) -> Architecture:
    bits = source.choice((1, 8))
    layers = []
    for index in range(source.randrange(1, 5)):
        same = source.random() < 0.3 and (index > 0 or bits == 1)
        kernel = source.choice((1, 3, 5, 7) if same else (1, 2, 3, 5, 7))
        pool = source.random() < 0.4
        layers.append(conv(source.choice(CHANNELS), kernel=kernel, same=same, pool=pool))
    if source.random() < 0.2:
        layers.append(dense(source.choice(CHANNELS)))
    size = (source.randrange(1, 13), source.randrange(1, 13), source.choice((1, 1, 2, 3, 33)))
    return network(size, bits, *layers, dense(source.randrange(2, 12)))


def random_model(architecture: Architecture, seed: int) -> Model:
    """Return random weights and thresholds; some lie at an end of their range."""
    source = random.Random(seed)
    return Model(
        architecture=architecture,
        weights=tuple(
            tuple(_weights(source, shape.fan_in) for _ in range(shape.channels))
            for shape in architecture.shapes
        ),
        thresholds=tuple(
            tuple(_threshold(source, shape) for _ in range(shape.channels))
            for shape in architecture.shapes
        ),
    )


def _weights(source: random.Random, fan_in: int) -> int:
    kind = source.randrange(20)
    if kind < 2:  # all alike
        return (1 << fan_in) - 1 if kind else 0
    return source.getrandbits(fan_in)


def _threshold(source: random.Random, shape: LayerShape) -> int:
    least, most = shape.threshold_range
    kind = source.randrange(20)
    if kind < 2:
        return most if kind else least
    middle, spread = shape.fan_in // 2, shape.fan_in**0.5 / 2 + 1
    if shape.last or shape.eight_bit:
        middle, spread = 0, 3 if shape.last else 100 * spread
    return min(max(round(source.uniform(middle - spread, middle + spread)), least), most)


def random_images(architecture: Architecture, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return noise, after one black and one white image; pixels 127 and 128 are frequent."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, architecture.image_bytes), dtype=np.uint8)
    near = rng.random(images.shape) < 0.2
    images[near] = rng.integers(127, 129, int(near.sum()), dtype=np.uint8)
    if count > 2:
        images[0], images[1] = 0, 255
    return images
