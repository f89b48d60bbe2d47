# SPDX-License-Identifier: Apache-2.0
"""The float baseline: it learns what can be learned, replays from its seed, and keeps its time."""

import numpy as np

from edge_node.bench.float_training import BATCH, FloatTrainer
from edge_node.datasets.content import Samples
from tests.bench.samples import TICK_NS, random_samples, ticking_clock

STEPS = 150
CLASSES = 4


def striped_samples(images: int, seed: int) -> Samples:
    """Return noise with a bright stripe at the place of the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, images).astype(np.uint8)
    pixels = rng.integers(0, 200, (images, 64)).astype(np.uint8)
    for row, label in zip(pixels, labels.tolist(), strict=True):
        row[16 * label : 16 * label + 12] = 255
    return Samples(images=pixels, labels=labels)


def trained(steps: int) -> FloatTrainer:
    trainer = FloatTrainer(striped_samples(500, 1), hidden=16, classes=CLASSES, seed=3)
    run = trainer.train_for(steps * TICK_NS / 1e9, ticking_clock())
    assert (run.samples, run.seconds) == (steps * BATCH, steps * TICK_NS / 1e9)
    assert run.samples_per_s == run.samples / run.seconds
    return trainer


def test_learns_a_separable_problem() -> None:
    unseen = striped_samples(400, 2)
    assert trained(STEPS).accuracy(unseen) > 0.95
    assert trained(1).accuracy(unseen) < 0.8


def test_same_seed_gives_the_same_network() -> None:
    unseen = random_samples(300, 2)
    noise = Samples(images=unseen.images[:, :64], labels=unseen.labels)
    assert trained(5).accuracy(noise) == trained(5).accuracy(noise)


def test_few_samples_are_one_batch() -> None:
    trainer = FloatTrainer(striped_samples(7, 1), hidden=4, classes=CLASSES, seed=3)
    assert trainer.train_for(0, ticking_clock()).samples == 7
