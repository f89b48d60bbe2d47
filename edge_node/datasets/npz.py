# SPDX-License-Identifier: Apache-2.0
"""NPZ, numpy's archive, as Keras and others publish datasets: arrays of images and of labels.

An array of images is named `x`, `images`, `x_train`, `train_images`, ...; its labels are named
alike, with `y` or `labels`. All pairs of the archive are taken together. Archives of other arrays,
such as models, are read with the same caution.
Law of the file: no pickle is ever read, and an array's header is believed only as far as the
archive's own sizes bear it out.
Read next: importing.py.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edge_node.datasets.errors import (
    DatasetFileMissing,
    DatasetTooLarge,
    FileTruncated,
    WrongForm,
    WrongMagic,
)

MAX_ARRAYS = 64
"""Arrays in one archive."""

_LABELS_OF = {"x": "y", "images": "labels"}
_SUFFIX = ".npy"

_NOT_A_ZIP = (zipfile.BadZipFile, RuntimeError, UnicodeDecodeError, struct.error)
"""What zipfile raises on bytes that are no archive, or one with features that npz never has."""

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""All that numpy writes."""

Array = npt.NDArray[Any]
"""An array of whatever type the file has; the importer judges it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayPair:
    """Images and labels that belong together."""

    name: str
    """Name of the images in the archive."""
    images: Array
    """As stored."""
    labels: Array
    """As stored."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedArray:
    """One array of an archive."""

    name: str
    """Its name, without `.npy`."""
    values: Array
    """As stored."""


def read_npz(path: Path, *, max_bytes: int) -> list[ArrayPair]:
    """Return all pairs of an archive, in the order of their names.

    Parameters
    ----------
    path : Path
        The archive.
    max_bytes : int
        Most bytes that its arrays may take together.

    Raises
    ------
    DatasetFileMissing, WrongMagic, FileTruncated, WrongForm, DatasetTooLarge
    """
    with _opened(path) as archive:
        return _read_pairs(archive, path, max_bytes)


def read_arrays(path: Path, *, max_bytes: int) -> list[NamedArray]:
    """Return all arrays of an archive, in the order of their names; no two have the same.

    Parameters and errors are those of `read_npz`.
    """
    with _opened(path) as archive:
        members = _members(archive, path)
        if len(members) < len(archive.infolist()):
            raise WrongForm(path=path, expected="one array of a name", actual="two")
        _check_members(members.values(), path, max_bytes)
        return [
            NamedArray(name=name, values=_read_array(archive, members[name], path))
            for name in sorted(members)
        ]


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive, and say in our words what is wrong with it until it is closed."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (EOFError, zlib.error) as error:
        raise FileTruncated(path=path, expected="whole arrays", actual=error) from error
    except _NOT_A_ZIP as error:
        raise WrongMagic(path=path, expected="PK of an npz archive", actual=error) from error
    except OSError as error:
        why = error.strerror or error
        raise DatasetFileMissing(path=path, expected="a readable file", actual=why) from error


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    members = {info.filename.removesuffix(_SUFFIX): info for info in archive.infolist()}
    if len(members) > MAX_ARRAYS:
        raise DatasetTooLarge(path=path, expected=f"{MAX_ARRAYS} arrays", actual=len(members))
    return members


def _check_members(wanted: Iterable[zipfile.ZipInfo], path: Path, max_bytes: int) -> None:
    """Check that arrays are packed as numpy packs them, and not too large."""
    total = 0
    for info in wanted:
        if info.compress_type not in _COMPRESSIONS:
            raise WrongForm(
                path=path, expected="deflated arrays", actual=f"compression {info.compress_type}"
            )
        total += info.file_size
    if total > max_bytes:
        raise DatasetTooLarge(path=path, expected=f"{max_bytes} bytes", actual=total)


def _read_pairs(archive: zipfile.ZipFile, path: Path, max_bytes: int) -> list[ArrayPair]:
    members = _members(archive, path)
    pairs = [
        (name, labels)
        for name in sorted(members)
        if (labels := _labels_of(name)) != name and labels in members
    ]
    if not pairs:
        raise WrongForm(
            path=path,
            expected="arrays such as x_train and y_train, or images and labels",
            actual=", ".join(sorted(members)) or "none",
        )
    _check_members([members[name] for pair in pairs for name in pair], path, max_bytes)
    return [
        ArrayPair(
            name=name,
            images=_read_array(archive, members[name], path),
            labels=_read_array(archive, members[labels], path),
        )
        for name, labels in pairs
    ]


def _labels_of(name: str) -> str:
    return "_".join(_LABELS_OF.get(word, word) for word in name.split("_"))


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Array:
    with archive.open(info) as file:
        shape, fortran, dtype = _read_header(file, info, path)
        if dtype.hasobject or not dtype.itemsize:
            kind = f"{dtype} (a pickle)" if dtype.hasobject else f"{dtype}"
            raise WrongForm(path=path, expected=f"numbers in {info.filename}", actual=kind)
        expected = math.prod(shape) * dtype.itemsize
        # One byte more would already be wrong; the archive's own size bounds what is unpacked.
        data = file.read(min(expected, info.file_size) + 1)
    if len(data) != expected:
        raise FileTruncated(
            path=path, expected=f"{expected} bytes of {info.filename}", actual=len(data)
        )
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _read_header(
    file: IO[bytes], info: zipfile.ZipInfo, path: Path
) -> tuple[tuple[int, ...], bool, "np.dtype[Any]"]:
    try:
        first = np.lib.format.read_magic(file) == (1, 0)
        header: tuple[tuple[int, ...], bool, np.dtype[Any]] = (
            np.lib.format.read_array_header_1_0(file)
            if first
            else np.lib.format.read_array_header_2_0(file)
        )
    except ValueError as error:
        raise WrongMagic(
            path=path, expected=f"a numpy header in {info.filename}", actual=error
        ) from error
    return header
