# SPDX-License-Identifier: Apache-2.0
"""What a dataset is in memory: images and labels as arrays, beside the manifest that names them.

Rules R-17 and R-18. Images are rows of bytes (row, column, channel), the form in which back ends
and the trainer take them; the shape stands in the manifest.
Law of the file: values and exact conversions; no disk, no network.
Read next: split_file.py, store.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import Manifest, Split, SplitName, chunk_hash, chunks_root

Bytes = npt.NDArray[np.uint8]
"""uint8, of any shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageShape:
    """The shape of every image of a dataset."""

    height: int
    """Rows."""
    width: int
    """Columns."""
    channels: int
    """1 for grey, 3 for colour."""

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Images and what they show."""

    images: Bytes
    """uint8 (N, image_bytes), C-contiguous."""
    labels: Bytes
    """uint8 (N,): classes."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """A whole dataset."""

    manifest: Manifest
    """What names it."""
    splits: tuple[Samples, Samples, Samples]
    """Train, evaluation, reserve."""

    def __getitem__(self, name: SplitName) -> Samples:
        return self.splits[name]


def split_chunks(samples: Samples) -> Iterator[bytes]:
    """Yield the chunks of a split's canonical bytes (R-18) without building them all at once."""
    images, labels = samples.images.reshape(-1).data, samples.labels.data
    total = len(images) + len(labels)
    for start in range(0, total, CHUNK_BYTES):
        end = min(start + CHUNK_BYTES, total)
        in_labels = max(start - len(images), 0), max(end - len(images), 0)
        yield bytes(images[start:end]) + bytes(labels[slice(*in_labels)])


def commit_samples(samples: Samples) -> Split:
    """Return the commitment to a split; equal to spec.dataset.commit_split."""
    hashes = [chunk_hash(chunk) for chunk in split_chunks(samples)]
    return Split(count=len(samples), root=chunks_root(hashes))


def name_dataset(
    name: str, shape: ImageShape, classes: int, splits: tuple[Samples, Samples, Samples]
) -> Dataset:
    """Return the dataset of three splits, with the manifest that names it.

    Raises
    ------
    ManifestMalformed
        R-17: name, shape, classes or the number of images.
    """
    train, evaluation, reserve = (commit_samples(samples) for samples in splits)
    manifest = Manifest(
        name=name,
        height=shape.height,
        width=shape.width,
        channels=shape.channels,
        classes=classes,
        splits=(train, evaluation, reserve),
    )
    return Dataset(manifest=manifest, splits=splits)
