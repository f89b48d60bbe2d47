# SPDX-License-Identifier: Apache-2.0
"""Labelled samples of a device as an .npz file that `edge-node dataset import` takes.

One run of sampling has one label, so a file grows run by run: `images` uint8 (N, rows, columns,
channels), `labels` uint8 (N,).
Law of the file: a file is replaced whole or stays as it was; of two shapes nothing is mixed.
Read next: edge_node/datasets/importing.py.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.errors import MixedImageSizes
from edge_node.datasets.importing import MAX_IMPORT_BYTES
from edge_node.datasets.npz import read_npz
from edge_node.node.errors import NodeError
from edge_node_bridge.device import SensorSample


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
    """Return what a file has; None if it is not there.

    Raises
    ------
    RecordingThere
        It is, and is not to grow.
    DatasetError
        It is something else.
    """
    if not path.exists():
        return None
    if not append:
        raise RecordingThere(path)
    pair = read_npz(path, max_bytes=MAX_IMPORT_BYTES)[0]
    return Recording(images=pair.images, labels=pair.labels)


def check_alike(path: Path, earlier: Recording | None, shape: tuple[int, int, int]) -> None:
    """Check, before anything is sampled, that a file has samples of the same shape.

    Raises
    ------
    MixedImageSizes
    """
    if earlier is not None and earlier.images.shape[1:] != shape:
        raise MixedImageSizes(
            path=path, expected=f"samples of {shape}", actual=earlier.images.shape[1:]
        )


def write_recording(path: Path, earlier: Recording | None, new: Recording) -> Recording:
    """Write samples behind those that a file has; return all of them."""
    parts = [new] if earlier is None else [earlier, new]
    whole = Recording(
        images=np.concatenate([each.images for each in parts]),
        labels=np.concatenate([each.labels for each in parts]),
    )
    made = path.with_name(f".{path.name}.new")
    try:
        with made.open("wb") as file:
            np.savez_compressed(file, images=whole.images, labels=whole.labels)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return whole
