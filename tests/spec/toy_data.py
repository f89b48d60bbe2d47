# SPDX-License-Identifier: Apache-2.0
"""A dataset for tests: three classes of 8x8 images, noise with a brighter stripe for the class.

So training and evolution find something, in milliseconds, and never everything.
Law of the file: everything follows from the dataset's name.
"""

import hashlib
from dataclasses import dataclass

from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import Manifest, Split, commit_split
from edge_node.spec.engine import LabelledImages

SIDE = 8
CLASSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyDataset:
    """A dataset whose bytes are at hand."""

    manifest: Manifest
    """What it is."""
    splits: tuple[LabelledImages, LabelledImages, LabelledImages]
    """Train, evaluation, reserve."""

    @property
    def dataset_id(self) -> DatasetId:
        """Its name in blocks."""
        return self.manifest.dataset_id()


def toy_dataset(name: str = "toy", sizes: tuple[int, int, int] = (200, 100, 50)) -> ToyDataset:
    """Return a dataset of noise with a stripe of signal; another name gives other images."""
    train, evaluation, reserve = (_draw(f"{name}/{i}", count) for i, count in enumerate(sizes))
    commitments = (_commit(train), _commit(evaluation), _commit(reserve))
    manifest = Manifest(
        name=name, height=SIDE, width=SIDE, channels=1, classes=CLASSES, splits=commitments
    )
    return ToyDataset(manifest=manifest, splits=(train, evaluation, reserve))


def _commit(split: LabelledImages) -> Split:
    return commit_split(split.images, split.labels)


def _draw(seed: str, count: int) -> LabelledImages:
    size = SIDE * SIDE
    labels = bytes(v % CLASSES for v in hashlib.shake_128(b"labels" + seed.encode()).digest(count))
    noise = hashlib.shake_128(b"images" + seed.encode()).digest(count * size)
    pixels = bytearray(value * 200 >> 8 for value in noise)  # 0..199: 36 % are +1
    for index, label in enumerate(labels):
        start = index * size + 20 * label
        for place in range(start, start + 12):
            pixels[place] = 70 + (noise[place] * 186 >> 8)  # 70..255: 69 % are +1
    return LabelledImages(images=bytes(pixels), labels=labels)
