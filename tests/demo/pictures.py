# SPDX-License-Identifier: Apache-2.0
"""Images for a whole demonstration in seconds: ten noisy patterns of MNIST's size, and reports."""

from pathlib import Path

import numpy as np

from edge_node.datasets.content import Dataset, Samples
from edge_node.datasets.store import DatasetStore
from edge_node.demo.generations import GenerationReport
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import Manifest, Split, commit_split

SIDE = 28
CLASSES = 10
SIZES = (6_000, 2_000, 1_000)
"""Evaluation images: as few as the rules of the demonstration allow."""


def patterns(seed: int = 1, name: str = "patterns") -> Dataset:
    """Return a dataset that a network of the demonstration learns, but not at once."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, 256, (CLASSES, SIDE * SIDE))
    splits = []
    for count in SIZES:
        labels = random.integers(0, CLASSES, count, dtype=np.uint8)
        noise = random.integers(0, 256, (count, SIDE * SIDE))
        keep = random.random((count, SIDE * SIDE)) < 0.45
        images = np.where(keep, classes[labels], noise).astype(np.uint8)
        splits.append(Samples(images=images, labels=labels))
    train, evaluation, reserve = splits
    manifest = Manifest(
        name=name,
        height=SIDE,
        width=SIDE,
        channels=1,
        classes=CLASSES,
        splits=(_commit(train), _commit(evaluation), _commit(reserve)),
    )
    return Dataset(manifest=manifest, splits=(train, evaluation, reserve))


def _commit(samples: Samples) -> Split:
    return commit_split(samples.images.tobytes(), samples.labels.tobytes())


def stored_patterns(folder: Path) -> tuple[DatasetStore, DatasetId]:
    """Return a store that holds the patterns, and their id."""
    store = DatasetStore(folder)
    return store, store.add(patterns())


def generation(height: int, ppm: int, *, number: int | None = None) -> GenerationReport:
    """Return the line of a block whose accuracies are apart by one percent."""
    return GenerationReport(
        height=height,
        family="f" * 64,
        generation=height if number is None else number,
        miner="node-1",
        train_ppm=ppm - 10_000,
        evaluation_ppm=ppm + 10_000,
        reserve_ppm=ppm,
        block_bytes=700,
        model_bytes=170,
        payload="42 steps + delta",
        interval_ms=1_000 * height,
    )
