# SPDX-License-Identifier: Apache-2.0
"""Random networks of every form that the law has (protocol, section 3), for the engine.

1-bit and 8-bit input, kernels of 1 to 7, SAME and VALID, pooling, dense layers anywhere, 1 to 16
layers; thresholds that decide something, and now and then the least and the greatest.
Law of the file: all chance is `below(n)`, an integer in 0..n-1, so that hypothesis can draw and
shrink networks, and a seed repeats them.
Read next: fpga_exactness.py.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_node.inference.backend import Images
from edge_node.kernels.arrays import model_from_arrays
from edge_node.spec.architecture import (
    Architecture,
    ArchitectureOutOfRange,
    Layer,
    LayerShape,
    conv,
    dense,
)
from edge_node.spec.model import Model

Below = Callable[[int], int]
"""Takes n, returns one of 0..n-1; hypothesis shrinks to 0."""
MAX_MACS = 400_000
"""Multiplications for an image: the law evaluates them in pure Python."""
MAX_DRAWS = 1_000
"""Of an architecture, before something is wrong with drawing."""
EXTREME_SHARE = 0.05
"""Of the thresholds: the least or the greatest that there is."""
DEEP = 4
"""From more hidden layers on, maps are kept large and channels few."""
SIDES = (1, 2, 3, 5, 8, 11, 16, 28, 30, 32, 64)
KERNELS = (1, 2, 3, 3, 3, 4, 5, 6, 7)
INPUT_CHANNELS = (1, 1, 1, 2, 3, 5, 33)
CHANNELS = (1, 2, 3, 7, 8, 9, 10, 16, 17, 31, 32, 33, 40, 63, 64, 65, 100, 130)
FEW_CHANNELS = CHANNELS[:9]
LAYERS = (1, 2, 3, 3, 4, 4, 5, 6, 8, 12, 16)
CLASSES = (2, 3, 10, 10, 33, 40, 65)
_SEEDS = 1 << 32

_T = TypeVar("_T")


def draw_architecture(below: Below) -> Architecture:
    """Return an architecture that R-3 and R-4 allow and that the law evaluates soon."""
    for _ in range(MAX_DRAWS):
        try:
            drawn = _draw(below)
        except ArchitectureOutOfRange:
            continue
        if drawn.macs <= MAX_MACS:
            return drawn
    raise AssertionError(f"no architecture in {MAX_DRAWS} draws")


def draw_model(below: Below, architecture: Architecture) -> Model:
    """Return random weights, with thresholds near the middle of what their sums can be."""
    chance = np.random.default_rng(below(_SEEDS))
    return model_from_arrays(
        architecture,
        [
            chance.integers(0, 2, (shape.channels, shape.fan_in), dtype=np.uint8)
            for shape in architecture.shapes
        ],
        [_thresholds(chance, shape) for shape in architecture.shapes],
    )


def draw_images(below: Below, architecture: Architecture, count: int) -> Images:
    """Return noise; pixels 127 and 128, where the sign changes, are frequent."""
    chance = np.random.default_rng(below(_SEEDS))
    shape = (count, architecture.image_bytes)
    images = chance.integers(0, 256, shape, dtype=np.uint8)
    near = chance.random(shape) < 0.2
    images[near] = chance.integers(127, 129, int(near.sum()), dtype=np.uint8)
    return images


def _draw(below: Below) -> Architecture:
    bits = _pick(below, (1, 8))
    height, width = _pick(below, SIDES), _pick(below, SIDES)
    hidden = max(_pick(below, LAYERS) - 1, 0 if bits == 1 else 1)
    layers: list[Layer] = []
    rows, columns = height, width
    for index in range(hidden):
        may_pad = bits == 1 or index > 0
        layer = _layer(below, (rows, columns), deep=hidden > DEEP, may_pad=may_pad)
        layers.append(layer)
        rows, columns = _side(layer, rows), _side(layer, columns)
    return Architecture(
        height=height,
        width=width,
        input_channels=_pick(below, INPUT_CHANNELS),
        input_bits=bits,
        layers=(*layers, dense(_pick(below, CLASSES))),
    )


def _layer(below: Below, size: tuple[int, int], *, deep: bool, may_pad: bool) -> Layer:
    channels = _pick(below, FEW_CHANNELS if deep else CHANNELS)
    if _happens(below, 0.05 if deep else 0.2):
        return dense(channels)
    kernel = _pick(below, KERNELS)
    same = may_pad and kernel % 2 == 1 and _happens(below, 0.8 if deep else 0.35)
    side = min(size)
    if not same:
        kernel = min(kernel, side)
        side -= kernel - 1
    pool = side > 1 and _happens(below, 0.15 if deep else 0.5)
    return conv(channels, kernel=kernel, pool=pool, same=same)


def _side(layer: Layer, side: int) -> int:
    if not layer.kernel:
        return 1
    if not layer.same_padding:
        side -= layer.kernel - 1
    return side // 2 if layer.pool else side


def _thresholds(chance: np.random.Generator, shape: LayerShape) -> npt.NDArray[np.int32]:
    least, most = shape.threshold_range
    spread = int(shape.fan_in**0.5) + 1
    middle, width = shape.fan_in // 2, spread
    if shape.last:
        middle, width = 0, 50
    elif shape.eight_bit:
        middle, width = 0, 60 * spread
    drawn = chance.integers(middle - width, middle + width + 1, shape.channels)
    values = np.clip(drawn, least, most).astype(np.int32)
    extreme = chance.random(shape.channels) < EXTREME_SHARE
    values[extreme] = chance.choice([least, most], int(extreme.sum()))
    return values


def _pick(below: Below, values: Sequence[_T]) -> _T:
    return values[below(len(values))]


def _happens(below: Below, share: float) -> bool:
    return below(100) >= round(100 * (1 - share))
