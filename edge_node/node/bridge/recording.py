# SPDX-License-Identifier: Apache-2.0
"""Labelled samples of a device as an .npz file that `edge-node dataset import` takes.

One run of sampling has one label, so a file grows run by run: `images` uint8 (N, rows, columns,
channels), `labels` uint8 (N,).
Law of the file: a file is replaced whole or stays as it was; of two shapes nothing is mixed.
Read next: edge_node/datasets/importing.py.
"""

import errno
import io
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.errors import DatasetTooLarge, MixedImageSizes, WrongForm
from edge_node.datasets.importing import MAX_IMPORT_BYTES
from edge_node.datasets.npz import Array, read_arrays
from edge_node.node.errors import NodeError
from edge_node.node.whole_file import naming, write_whole
from edge_node_bridge.device import SensorSample

_MAX_BYTES = MAX_IMPORT_BYTES + MAX_IMPORT_BYTES // 8
"""Of images and labels together."""
_DIMENSIONS = 4
"""Of images: number, rows, columns, channels."""


class RecordingThere(NodeError):
    """The file is there already, and was not to grow."""

    reason = "recording-there"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; add to it with --append, or name another file")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Samples with their labels."""

    images: Bytes
    """uint8 (N, rows, columns, channels)."""
    labels: Bytes
    """uint8 (N,)."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)


def recording_of(samples: list[SensorSample], shape: tuple[int, int, int], label: int) -> Recording:
    """Return samples as arrays.

    Parameters
    ----------
    samples : list of SensorSample
    shape : tuple
        Rows, columns and channels of the device's sensor.
    label : int
        What it saw, 0..255.
    """
    pixels = b"".join(each.pixels for each in samples)
    images = np.frombuffer(pixels, dtype=np.uint8).reshape(len(samples), *shape)
    return Recording(images=images, labels=np.full(len(samples), label, dtype=np.uint8))


def earlier_recording(path: Path, *, append: bool) -> Recording | None:
    """Return what a file has; None if it is not there. Nothing is sampled for a file in vain.

    Raises
    ------
    RecordingThere
        It is, and is not to grow.
    DatasetError
        It has something else, which would be lost if samples took its place.
    OSError
        No file can be made where it is to be.
    """
    draft = path.with_name(f".{path.name}.new")
    with naming(path):
        draft.touch()
        draft.unlink()
    if not path.exists():
        return None
    if not append:
        raise RecordingThere(path)
    arrays = {each.name: each.values for each in read_arrays(path, max_bytes=_MAX_BYTES)}
    images, labels = arrays.pop("images", None), arrays.pop("labels", None)
    if arrays or images is None or labels is None or not _are_samples(images, labels):
        raise WrongForm(
            path=path,
            expected="images and labels of bytes alone, as `edge-node bridge sample` writes them",
            actual="other arrays",
        )
    return Recording(images=images, labels=labels)


def check_room(
    path: Path, earlier: Recording | None, shape: tuple[int, int, int], count: int
) -> None:
    """Check, before anything is sampled, that a file can take so many samples more.

    Raises
    ------
    MixedImageSizes
        Those that it has are of another shape.
    DatasetTooLarge
        No dataset could be made of so many.
    OSError
        The disk has no room for them.
    """
    if earlier is not None and earlier.images.shape[1:] != shape:
        raise MixedImageSizes(
            path=path, expected=f"samples of {shape}", actual=earlier.images.shape[1:]
        )
    total = (count + (0 if earlier is None else len(earlier))) * math.prod(shape)
    if total > MAX_IMPORT_BYTES:
        raise DatasetTooLarge(path=path, expected=f"{MAX_IMPORT_BYTES} bytes", actual=total)
    if total > shutil.disk_usage(path.resolve().parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def write_recording(path: Path, earlier: Recording | None, new: Recording) -> Recording:
    """Write samples behind those that a file has; return all of them."""
    parts = [new] if earlier is None else [earlier, new]
    whole = Recording(
        images=np.concatenate([each.images for each in parts]),
        labels=np.concatenate([each.labels for each in parts]),
    )
    packed = io.BytesIO()  # not the file: numpy's archive would complain of a full disk twice
    np.savez_compressed(packed, images=whole.images, labels=whole.labels)
    write_whole(path, packed.getvalue())
    return whole


def _are_samples(images: Array, labels: Array) -> bool:
    return (
        images.dtype == labels.dtype == np.uint8
        and images.ndim == _DIMENSIONS
        and labels.shape == images.shape[:1]
    )
