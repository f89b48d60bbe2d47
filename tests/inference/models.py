# SPDX-License-Identifier: Apache-2.0
"""Models and images for the tests of back ends: seeded, of every form that the law allows."""

import numpy as np
import numpy.typing as npt

from edge_node.inference.backend import Images
from edge_node.kernels.arrays import model_from_arrays
from edge_node.spec.architecture import Architecture, ArchitectureOutOfRange, Layer, conv, dense
from edge_node.spec.model import Model

SMALL_MACS_PER_IMAGE = 400_000
"""Random architectures stay below: the law evaluates them in pure Python."""


def random_model(architecture: Architecture, seed: int) -> Model:
    """Return random weights with thresholds that mostly, but not always, decide something."""
    rng = np.random.default_rng(seed)
    bits: list[npt.NDArray[np.uint8]] = []
    thresholds: list[npt.NDArray[np.int32]] = []
    for shape in architecture.shapes:
        bits.append(rng.integers(0, 2, (shape.channels, shape.fan_in), dtype=np.uint8))
        least, most = shape.threshold_range
        spread = int(shape.fan_in**0.5) + 1
        middle, width = shape.fan_in // 2, spread
        if shape.eight_bit:
            middle, width = 0, 60 * spread
        elif shape.last:
            middle, width = 0, 9
        values = np.clip(
            rng.integers(middle - width, middle + width + 1, shape.channels), least, most
        )
        values[rng.random(shape.channels) < 0.05] = rng.choice([least, most])
        thresholds.append(values.astype(np.int32))
    return model_from_arrays(architecture, bits, thresholds)


def random_images(architecture: Architecture, count: int, seed: int) -> Images:
    """Return strokes on black and noise, half of each; pixels 127 and 128 are frequent."""
    rng = np.random.default_rng(seed)
    shape = (count, architecture.height, architecture.width, architecture.input_channels)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    images[: count // 2] *= rng.random(shape)[: count // 2] < 0.2
    near = rng.random(shape) < 0.2
    images[near] = rng.integers(127, 129, int(near.sum()), dtype=np.uint8)
    return images.reshape(count, architecture.image_bytes)


def random_labels(architecture: Architecture, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return labels."""
    return np.random.default_rng(seed).integers(0, architecture.classes, count, dtype=np.uint8)


def random_architecture(seed: int) -> Architecture:
    """Return one of the forms that R-3 and R-4 allow, small enough for the law to evaluate."""
    rng = np.random.default_rng(seed)
    while True:
        try:
            architecture = _draw_architecture(rng)
        except ArchitectureOutOfRange:
            continue
        if architecture.macs <= SMALL_MACS_PER_IMAGE:
            return architecture


def _draw_architecture(rng: np.random.Generator) -> Architecture:
    input_bits = int(rng.choice([1, 8]))
    layers: list[Layer] = []
    for index in range(int(rng.integers(0, 5))):
        channels = int(rng.choice([1, 3, 8, 31, 32, 33, 40, 64, 70]))
        if rng.random() < 0.2:
            layers.append(dense(channels))
            continue
        same = bool(rng.random() < 0.4) and (index > 0 or input_bits == 1)
        layers.append(
            conv(
                channels,
                kernel=int(rng.choice([1, 3, 5, 7] if same else [1, 2, 3, 4, 5])),
                pool=bool(rng.random() < 0.4),
                same=same,
            )
        )
    return Architecture(
        height=int(rng.integers(1, 20)),
        width=int(rng.integers(1, 20)),
        input_channels=int(rng.choice([1, 1, 2, 3, 33])),
        input_bits=input_bits,
        layers=(*layers, dense(int(rng.integers(2, 12)))),
    )
