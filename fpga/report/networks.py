# SPDX-License-Identifier: Apache-2.0
"""The networks that the engine is clocked with: shapes of the chain's families, random weights.

Clocks depend on shapes, never on values; clocks.py looks that this is so. A test holds the shapes
against the chain's own.
Law of the file: the same seed, the same network.
Read next: clocks.py, driver/folding.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.folding import Layer

SIDE = 28
"""Rows and columns of an image, of one plane."""
PIXELS = SIDE * SIDE
CLASSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """3x3, no padding."""

    channels: int
    """Outputs of a place."""
    pool: bool
    """2x2 after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Shape of a network for 28x28 images and ten classes."""

    name: str
    """What the page calls it."""
    what: str
    """Its layers, for a reader."""
    pixel_bytes: bool
    """Its pixels are bytes, else bits."""
    convolutions: tuple[Convolution, ...]
    """They come first."""
    dense: tuple[int, ...]
    """Channels of the layers between them and the classes."""
    images: int
    """Of the batch that it is clocked with."""


def _paper_shape(
    name: str, widths: tuple[int, int, int, int], *, pixel_bytes: bool = True, images: int
) -> Network:
    one, two, three, four = widths
    return Network(
        name=name,
        what=f"conv {one} pool, conv {two} pool, conv {three}, dense {four}, dense 10",
        pixel_bytes=pixel_bytes,
        convolutions=(
            Convolution(channels=one, pool=True),
            Convolution(channels=two, pool=True),
            Convolution(channels=three, pool=False),
        ),
        dense=(four,),
        images=images,
    )


BATCH_IMAGES = 10_000
"""What a block is validated with."""
UINT8_94K = _paper_shape("93.6K, 8-bit images", (32, 64, 64, 64), images=BATCH_IMAGES)
"""93,556 parameters: the chain's middle family."""
UINT8_1M = _paper_shape("1.17M, 8-bit images", (128, 256, 256, 120), images=50)
"""1,165,108 parameters; a batch of ten thousand would be simulated for an hour."""
BINARY_4K = Network(
    name="4,440, 1-bit images",
    what="conv 8 pool, conv 10 pool, conv 20, dense 10",
    pixel_bytes=False,
    convolutions=(
        Convolution(channels=8, pool=True),
        Convolution(channels=10, pool=True),
        Convolution(channels=20, pool=False),
    ),
    dense=(),
    images=BATCH_IMAGES,
)
"""4,440 parameters: the family that is fastest to mine."""
DENSE_64 = Network(
    name="784-64-64-10, 1-bit images",
    what="dense 64, dense 64, dense 10",
    pixel_bytes=False,
    convolutions=(),
    dense=(64, 64),
    images=BATCH_IMAGES,
)
"""54,912 weights."""
NETWORKS = (UINT8_94K, BINARY_4K, DENSE_64, UINT8_1M)


def layers_of(network: Network, seed: int) -> list[Layer]:
    """Return a network of this shape with random weights and limits."""
    rng = np.random.default_rng(seed)
    rows, channels = SIDE, 1
    layers: list[Layer] = []
    shapes = [(3, each.channels, each.pool) for each in network.convolutions]
    shapes += [(0, width, False) for width in (*network.dense, CLASSES)]
    for index, (kernel, width, pool) in enumerate(shapes):
        side = kernel or rows  # a dense layer sees all of the map
        eight_bit = network.pixel_bytes and index == 0
        size = side * side * channels
        layer = Layer(
            in_rows=rows,
            in_columns=rows,
            in_channels=channels,
            kernel_rows=side,
            kernel_columns=side,
            pad=0,
            pool=pool,
            bytes=eight_bit,
            last=index == len(shapes) - 1,
            channels=width,
            weights=_weights(rng, size, width),
            thresholds=_thresholds(rng, size, width, eight_bit=eight_bit),
        )
        layers.append(layer)
        rows, channels = layer.out_rows, width
    return layers


def images_of(count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return random images, uint8 (count, PIXELS)."""
    return np.random.default_rng(seed).integers(0, 256, (count, PIXELS), dtype=np.uint8)


def weights_of(layers: Sequence[Layer]) -> int:
    """Return the number of weights."""
    return sum(layer.fan_in * layer.channels for layer in layers)


def macs_of(layers: Sequence[Layer]) -> int:
    """Return the multiplications of one image; a product of two signs is one as well."""
    total = 0
    for layer in layers:
        rows = layer.in_rows + 2 * layer.pad - layer.kernel_rows + 1
        columns = layer.in_columns + 2 * layer.pad - layer.kernel_columns + 1
        total += rows * columns * layer.fan_in * layer.channels
    return total


def _weights(rng: np.random.Generator, size: int, width: int) -> tuple[int, ...]:
    mask = (1 << size) - 1
    return tuple(int.from_bytes(rng.bytes(size // 8 + 1), "little") & mask for _ in range(width))


def _thresholds(
    rng: np.random.Generator, size: int, width: int, *, eight_bit: bool
) -> tuple[int, ...]:
    # Near the middle of what sums may be, so that activations have both signs.
    middle, spread = (0.0, 60 * size**0.5) if eight_bit else (size / 2, size**0.5 / 2)
    least, most = (-128 * size, 128 * size) if eight_bit else (0, size)
    drawn = np.rint(rng.normal(middle, spread, width)).astype(np.int64)
    return tuple(int(each) for each in np.clip(drawn, least, most))
