# SPDX-License-Identifier: Apache-2.0
"""The user's own images become a dataset: read, checked, divided, named.

Rules R-17 and R-18. The same images, options and seed give the same dataset id on every machine.
Law of the file: whatever is wrong is found before anything is stored, and named with its file.
Read next: store.py, whose `add` takes what comes out here.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from edge_node.datasets.content import Bytes, Dataset, ImageShape, name_dataset
from edge_node.datasets.division import divide
from edge_node.datasets.errors import (
    CountsDiffer,
    DatasetTooLarge,
    ImageTooLarge,
    LabelOutOfRange,
    MixedImageSizes,
    TooFewImages,
    WrongForm,
)
from edge_node.datasets.idx import find_idx_pairs, read_idx
from edge_node.datasets.image_folder import read_image_folder
from edge_node.datasets.npz import Array, read_npz
from edge_node.spec.constants import MAX_CHANNELS, MAX_CLASSES, MAX_SIDE, PPM

MAX_IMPORT_BYTES = 1 << 28
"""What a genesis allows by default (max_dataset_bytes)."""


class ImportFormat(Enum):
    """What a user can import."""

    IDX = "idx"
    """A folder of MNIST-like files, or one file of images with its labels beside it."""
    NPZ = "npz"
    """A numpy archive."""
    IMAGES = "images"
    """A folder of class folders of images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import, and how."""

    path: Path
    """File or folder."""
    format: ImportFormat
    """What is there."""
    name: str
    """The dataset's name, for people."""
    classes: int | None = None
    """Number of classes; None: one more than the highest label, or all class folders."""
    class_names: tuple[str, ...] = ()
    """Images only: the class folders in the order of their labels; empty: all, sorted."""
    evaluation_ppm: int = PPM // 5
    """Share of images that blocks are judged on."""
    reserve_ppm: int = PPM // 5
    """Share of images that nobody trains or selects on."""
    seed: int = 0
    """Another seed, another division."""
    max_bytes: int = MAX_IMPORT_BYTES
    """Most bytes of all images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    """All images of an import."""

    shape: ImageShape
    images: Bytes
    labels: Bytes


def import_dataset(request: ImportRequest) -> Dataset:
    """Return the dataset that a user's files make.

    Raises
    ------
    DatasetError
        One class per thing that can be wrong with the files: see errors.py.
    ManifestMalformed
        R-17: the name, or too many images.
    """
    if request.format is ImportFormat.IMAGES:
        shape, images, labels = read_image_folder(
            request.path, class_names=request.class_names, max_bytes=request.max_bytes
        )
        pool = _Pool(shape=shape, images=images, labels=labels)
    else:
        pool = _joined(request, _read_arrays(request))
    classes = _count_classes(request, pool.labels)
    splits = divide(
        pool.images,
        pool.labels,
        evaluation_ppm=request.evaluation_ppm,
        reserve_ppm=request.reserve_ppm,
        seed=request.seed,
        path=request.path,
    )
    return name_dataset(request.name, pool.shape, classes, splits)


def _read_arrays(request: ImportRequest) -> list[_Pool]:
    most = request.max_bytes
    if request.format is ImportFormat.NPZ:
        pairs = read_npz(request.path, max_bytes=most + most // 8)  # labels may be wide integers
        return [_pool(request.path, pair.name, pair.images, pair.labels) for pair in pairs]
    return [
        _pool(
            images, images.name, read_idx(images, max_bytes=most), read_idx(labels, max_bytes=most)
        )
        for images, labels in find_idx_pairs(request.path)
    ]


def _pool(path: Path, name: str, images: Array, labels: Array) -> _Pool:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise WrongForm(
            path=path,
            expected=f"uint8 images (N, rows, columns) or (N, rows, columns, channels) as {name}",
            actual=f"{images.dtype} {images.shape}",
        )
    if labels.dtype.kind not in "iu" or labels.ndim == 0 or labels.size != len(labels):
        raise WrongForm(path=path, expected=f"integer labels (N,) for {name}", actual=_form(labels))
    if len(images) != len(labels):
        raise CountsDiffer(path=path, expected=f"{len(images)} labels", actual=len(labels))
    height, width, channels = (*images.shape[1:], 1)[:3]
    if max(height, width) > MAX_SIDE or channels > MAX_CHANNELS:
        raise ImageTooLarge(
            path=path,
            expected=f"{MAX_SIDE}x{MAX_SIDE}x{MAX_CHANNELS}",
            actual=f"{height}x{width}x{channels}",
        )
    shape = ImageShape(height=height, width=width, channels=channels)
    return _Pool(
        shape=shape,
        images=images.reshape(len(images), shape.image_bytes).astype(np.uint8, copy=False),
        labels=_byte_labels(path, labels.reshape(-1)),
    )


def _byte_labels(path: Path, labels: Array) -> Bytes:
    wrong = np.flatnonzero((labels < 0) | (labels >= MAX_CLASSES))
    if len(wrong):
        index = int(wrong[0])
        raise LabelOutOfRange(
            path=path, expected=f"labels in 0..{MAX_CLASSES - 1}", actual=_at(labels, index)
        )
    return labels.astype(np.uint8)


def _joined(request: ImportRequest, pools: list[_Pool]) -> _Pool:
    first = pools[0]
    for pool in pools:
        if pool.shape != first.shape:
            raise MixedImageSizes(
                path=request.path, expected=f"of one size, {first.shape}", actual=pool.shape
            )
    images = np.concatenate([pool.images for pool in pools])
    if images.nbytes > request.max_bytes:
        raise DatasetTooLarge(
            path=request.path, expected=f"{request.max_bytes} bytes", actual=images.nbytes
        )
    return _Pool(
        shape=first.shape, images=images, labels=np.concatenate([pool.labels for pool in pools])
    )


def _count_classes(request: ImportRequest, labels: Bytes) -> int:
    if not len(labels):
        raise TooFewImages(path=request.path, expected="images", actual="none")
    if request.classes is None:
        return len(request.class_names) or int(labels.max()) + 1
    wrong = np.flatnonzero(labels >= request.classes)
    if len(wrong):
        raise LabelOutOfRange(
            path=request.path,
            expected=f"labels below {request.classes}",
            actual=_at(labels, int(wrong[0])),
        )
    return request.classes


def _at(labels: Array, index: int) -> str:
    return f"{labels[index]} (number {index})"


def _form(array: Array) -> str:
    return f"{array.dtype} {array.shape}"
