# SPDX-License-Identifier: Apache-2.0
"""Random networks for the engine, and what they compute, by numpy alone.

The definition is that of the law (R-7), written a second time and in another way: sums of products
of +1 and -1, not mismatches of bits.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.folding import Layer

Array = npt.NDArray[np.int64]
MAX_MACS = 200_000


def random_network(rng: np.random.Generator) -> list[Layer]:
    """Return a small network of any form that the law allows: kernels, padding, pooling, bytes."""
    while True:
        layers = _random_layers(rng)
        if layers is not None and sum(_macs(layer) for layer in layers) <= MAX_MACS:
            return layers


def dense_network(rng: np.random.Generator, *widths: int) -> list[Layer]:
    """Return dense layers: inputs of `widths[0]` 1-bit pixels in one row, classes last."""
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        shape = (1, inputs, 1) if i == 0 else (1, 1, inputs)
        layers.append(
            _layer(rng, shape, kernel=shape[:2], channels=outputs, last=i == len(widths) - 2)
        )
    return layers


def unit_network(rng: np.random.Generator, *, eight_bit: bool = False) -> list[Layer]:
    """Return one whose first layer is in its own unit, with a padded layer and a dense one."""
    first = _layer(rng, (10, 10, 1), kernel=(3, 3), channels=6, pool=True, eight_bit=eight_bit)
    second = _layer(rng, (4, 4, 6), kernel=(3, 3), channels=9, pad=1)
    return [first, second, _layer(rng, (4, 4, 9), kernel=(4, 4), channels=10, last=True)]


def random_images(
    rng: np.random.Generator, layers: list[Layer], count: int
) -> npt.NDArray[np.uint8]:
    first = layers[0]
    width = first.in_rows * first.in_columns * first.in_channels
    return rng.integers(0, 256, (count, width), dtype=np.uint8)


def logits(layers: list[Layer], images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return int32 (N, classes)."""
    first = layers[0]
    values: Array = images.astype(np.int64).reshape(
        len(images), first.in_rows, first.in_columns, first.in_channels
    )
    values = values - 128 if first.bytes else np.where(values < 128, -1, 1)
    for layer in layers:
        values = values.reshape(len(images), layer.in_rows, layer.in_columns, layer.in_channels)
        sums = _sums(layer, values)
        limits = np.array(layer.thresholds, np.int64)
        if layer.last:
            values = sums + limits
        else:
            minus = sums < limits if layer.bytes else (layer.fan_in - sums) // 2 > limits
            values = np.where(minus, -1, 1)
            if layer.pool:
                rows, columns = values.shape[1] // 2 * 2, values.shape[2] // 2 * 2
                quads = values[:, :rows, :columns].reshape(
                    len(values), rows // 2, 2, columns // 2, 2, -1
                )
                values = quads.max(axis=(2, 4))
    return values.reshape(len(images), -1).astype(np.int32)


def _sums(layer: Layer, values: Array) -> Array:
    pad = layer.pad
    padded = np.pad(values, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=1)
    views = np.lib.stride_tricks.sliding_window_view
    windows = views(views(padded, layer.kernel_rows, axis=1), layer.kernel_columns, axis=2)
    flat = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], layer.fan_in)
    weights = np.array(
        [[-1 if row >> i & 1 else 1 for i in range(layer.fan_in)] for row in layer.weights],
        np.int64,
    )
    sums: Array = flat @ weights.T
    return sums


def _macs(layer: Layer) -> int:
    rows = layer.in_rows + 2 * layer.pad - layer.kernel_rows + 1
    columns = layer.in_columns + 2 * layer.pad - layer.kernel_columns + 1
    return rows * columns * layer.fan_in * layer.channels


def _random_layers(rng: np.random.Generator) -> list[Layer] | None:
    in_bytes = bool(rng.integers(0, 2))
    shape = (int(rng.integers(1, 17)), int(rng.integers(1, 17)), int(rng.choice([1, 1, 1, 2, 3])))
    layers: list[Layer] = []
    for index in range(int(rng.integers(1 if in_bytes else 0, 4))):
        eight_bit = in_bytes and index == 0
        kernel = int(rng.choice([1, 2, 3, 3, 3, 5]))
        pad = kernel // 2 if not eight_bit and kernel % 2 and rng.integers(0, 3) == 0 else 0
        pool = bool(rng.integers(0, 2))
        least = kernel + pool - 2 * pad
        if min(shape[:2]) < least:
            return None
        layer = _layer(
            rng,
            shape,
            kernel=(kernel, kernel),
            channels=int(rng.choice([1, 3, 8, 10, 17, 33])),
            pad=pad,
            pool=pool,
            eight_bit=eight_bit,
        )
        layers.append(layer)
        shape = (layer.out_rows, layer.out_columns, layer.channels)
    classes = int(rng.choice([2, 3, 10, 21]))
    layers.append(_layer(rng, shape, kernel=shape[:2], channels=classes, last=True))
    return layers


def _layer(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    *,
    kernel: tuple[int, int],
    channels: int,
    pad: int = 0,
    pool: bool = False,
    eight_bit: bool = False,
    last: bool = False,
) -> Layer:
    layer = Layer(
        in_rows=shape[0],
        in_columns=shape[1],
        in_channels=shape[2],
        kernel_rows=kernel[0],
        kernel_columns=kernel[1],
        pad=pad,
        pool=pool,
        bytes=eight_bit,
        last=last,
        channels=channels,
        weights=(),
        thresholds=(),
    )
    size = layer.fan_in
    words = rng.bytes(channels * (size + 7))
    weights = [
        int.from_bytes(words[i * (size + 7) :][: size // 8 + 1], "little") & ((1 << size) - 1)
        for i in range(channels)
    ]
    if last:
        thresholds = rng.integers(-50, 50, channels)
    elif eight_bit:
        middle = np.rint(rng.normal(0, 60 * size**0.5, channels)).astype(np.int64)
        thresholds = np.clip(middle, -128 * size, 128 * size + 1)
    else:
        middle = np.rint(rng.normal(size / 2, size**0.5 / 2, channels)).astype(np.int64)
        thresholds = np.clip(middle, -1, size)
    return replace(layer, weights=weights, thresholds=[int(each) for each in thresholds])
