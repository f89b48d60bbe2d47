# SPDX-License-Identifier: Apache-2.0
"""Runs on which every trainer must end where the law ends: odd networks, odd batches, hard starts.

Networks are chosen for what the trainers do differently: patterns or bits or pixels below, sums
that need more than 16 bits, kernels that are no multiple of anything, signals that saturate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from edge_node.spec import training
from edge_node.spec.architecture import Architecture, Layer, conv, dense
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX, MAX_BATCH
from edge_node.spec.training import LatentState, Trained

SAMPLES = 13


@dataclass(frozen=True, kw_only=True)
class Run:
    """The arguments of `train`."""

    architecture: Architecture
    state: LatentState
    images: bytes
    labels: bytes
    indices: tuple[int, ...]
    batch: int
    schedule: tuple[tuple[int, int], ...]
    samples_seen: int


def network(
    rows: int, columns: int, channels: int, bits: int, layers: Sequence[Layer]
) -> Architecture:
    return Architecture(
        height=rows,
        width=columns,
        input_channels=channels,
        input_bits=bits,
        layers=tuple(layers),
    )


NETWORKS = {
    "one dense layer": network(5, 7, 1, 1, [dense(3)]),
    "one dense layer, no patterns": network(3, 3, 1, 1, [dense(3)]),
    "dense, odd widths": network(5, 7, 1, 1, [dense(33), dense(17), dense(4)]),
    "deep and dense, signals saturate": network(4, 4, 1, 1, [dense(15)] * 6 + [dense(2)]),
    "dense, more than a vector": network(9, 9, 1, 1, [dense(130), dense(65), dense(10)]),
    "many classes": network(7, 7, 1, 1, [conv(3, kernel=7), dense(256)]),
    "greatest fan-in": network(64, 64, 4, 1, [dense(3), dense(2)]),
    "patterns, odd map": network(9, 12, 1, 1, [conv(3, pool=True), dense(2)]),
    "patterns, one place": network(3, 3, 1, 1, [conv(4), dense(2)]),
    "patterns, no pool, then pool": network(
        8, 9, 1, 1, [conv(9), conv(4, kernel=2, pool=True), dense(3)]
    ),
    "too many channels for patterns": network(8, 8, 1, 1, [conv(33, pool=True), dense(3)]),
    "kernels 5 2 1": network(
        13,
        11,
        2,
        1,
        [conv(9, kernel=5, pool=True), conv(33, kernel=2), conv(7, kernel=1), dense(5)],
    ),
    "kernel 1, 40 channels": network(
        6, 5, 5, 1, [conv(40, kernel=1), conv(3, kernel=2, pool=True), dense(3)]
    ),
    "channels 37 to a kernel of 2": network(
        6, 6, 2, 1, [conv(37, pool=True), conv(3, kernel=2), dense(4)]
    ),
    "channels 32, runs of 96": network(6, 7, 32, 1, [conv(16, pool=True), dense(3)]),
    "sums beyond int16": network(4, 4, 1024, 1, [conv(2, pool=True), dense(2)]),
    "grey": network(8, 9, 1, 8, [conv(5, pool=True), conv(4, kernel=2), dense(3)]),
    "grey, no pool, 33 channels": network(10, 12, 1, 8, [conv(33), conv(20, pool=True), dense(3)]),
    "grey, kernel 1": network(7, 7, 1, 8, [conv(4, kernel=1, pool=True), dense(2)]),
    "grey, one place": network(2, 2, 1, 8, [conv(3, kernel=2), dense(2)]),
    "grey and dense": network(16, 17, 1, 8, [dense(9), dense(3)]),
    "grey, pooled sums beyond int16": network(
        12, 12, 1, 8, [conv(6, kernel=8, pool=True), dense(3)]
    ),
    "grey, sums beyond int16": network(13, 13, 1, 8, [conv(3, kernel=12), dense(2)]),
    "colour, kernels 2 1": network(
        9, 10, 3, 8, [conv(5, kernel=2, pool=True), conv(7, kernel=1), dense(3)]
    ),
    "colour, kernel 5": network(11, 9, 3, 8, [conv(4, kernel=5, pool=True), dense(5), dense(2)]),
}

FULL_BATCHES = {"dense, odd widths", "patterns, odd map", "colour, kernels 2 1"}
"""Cheap for the law."""

STARTS = ("initial", "near zero", "at the ends")


def start_state(architecture: Architecture, start: str, rng: np.random.Generator) -> LatentState:
    """Return the law's start, latents that change sign at once, or latents that saturate."""
    if start == "initial":
        return training.initial_state(architecture, b"start")
    ends = start == "at the ends"

    def draw(count: int, most: int) -> tuple[int, ...]:
        sizes = most - rng.integers(0, 3, count) if ends else rng.integers(0, most, count)
        drawn: list[int] = (sizes * rng.choice([-1, 1], count)).tolist()
        return tuple(drawn)

    shapes = architecture.shapes
    return LatentState(
        latents=tuple(draw(shape.weight_count, LATENT_MAX if ends else 40) for shape in shapes),
        biases=tuple(draw(shape.channels, BIAS_LATENT_MAX if ends else 200) for shape in shapes),
    )


def images_and_labels(
    architecture: Architecture, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images with half of their pixels black, so that sums tie, and labels."""
    images = rng.integers(0, 256, (count, architecture.image_bytes), dtype=np.uint8)
    images *= rng.integers(0, 2, images.shape, dtype=np.uint8)
    return images, rng.integers(0, architecture.classes, count).astype(np.uint8)


@cache
def run(name: str, start: str) -> Run:
    architecture = NETWORKS[name]
    rng = np.random.default_rng([*name.encode(), *start.encode()])
    images, labels = images_and_labels(architecture, SAMPLES, rng)
    batch, steps = {"initial": (4, 3), "near zero": (3, 1), "at the ends": (1, 3)}[start]
    if start == "near zero" and name in FULL_BATCHES:
        batch = MAX_BATCH
    # The last batch is not full, the exponent changes on the way, and one is beyond all limits.
    count = batch * steps - (2 if start == "initial" else 0)
    return Run(
        architecture=architecture,
        state=start_state(architecture, start, rng),
        images=images.tobytes(),
        labels=labels.tobytes(),
        indices=tuple(int(i) for i in rng.integers(0, SAMPLES, count)),
        batch=batch,
        schedule=((7, 6), (8, 40), (1, 4)),
        samples_seen=6 if start == "at the ends" else 0,
    )


def arguments(
    run: Run,
) -> tuple[
    Architecture,
    LatentState,
    bytes,
    bytes,
    tuple[int, ...],
    int,
    tuple[tuple[int, int], ...],
    int,
]:
    return (
        run.architecture,
        run.state,
        run.images,
        run.labels,
        run.indices,
        run.batch,
        run.schedule,
        run.samples_seen,
    )


@cache
def law(name: str, start: str) -> LatentState:
    """Return the state in which the law ends."""
    return training.train(*arguments(run(name, start)))


@cache
def law_summed(name: str, start: str) -> Trained:
    """Return what the law says that the run's gradients were in all."""
    return training.train_summed(*arguments(run(name, start)))


SHIFTS = {"initial": 6, "near zero": 1, "at the ends": 0}
"""Learning shift of a shifted step from each start; at the ends it saturates."""


def shift_arguments(
    run: Run, start: str
) -> tuple[Architecture, LatentState, bytes, bytes, tuple[int, ...], int]:
    indices = run.indices[: run.batch]
    return run.architecture, run.state, run.images, run.labels, indices, SHIFTS[start]


@cache
def law_shifted(name: str, start: str) -> LatentState:
    """Return the state in which the law's shifted step ends."""
    return training.shifted_step(*shift_arguments(run(name, start), start))
