# SPDX-License-Identifier: Apache-2.0
"""IDX, the format in which MNIST and its relatives are published: a magic, a shape, bytes.

Two zero bytes, a type (8 = unsigned byte, the only one taken), the number of dimensions, each
dimension as big-endian u32, then the values. Files may be gzipped, whatever their name says.
Law of the file: sizes come from the shape and are checked before anything is unpacked.
Read next: importing.py.
"""

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.errors import (
    DatasetFileMissing,
    DatasetTooLarge,
    FileTooLong,
    FileTruncated,
    WrongForm,
    WrongMagic,
)

MAX_DIMENSIONS = 4
"""Images, rows, columns, channels."""

_UNSIGNED_BYTE = 8
_GZIP_MAGIC = b"\x1f\x8b"
_IMAGES_NAME = re.compile(r"(?P<before>.*)images(?P<between>[-.])idx[34](?P<after>-ubyte(\.gz)?)")


def idx_header(shape: tuple[int, ...]) -> bytes:
    """Return the bytes before the values of an unsigned-byte file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes((0, 0, _UNSIGNED_BYTE, len(shape))) + sizes


def read_idx(path: Path, *, max_bytes: int) -> Bytes:
    """Return the values of a file, plain or gzipped.

    Parameters
    ----------
    path : Path
        The file.
    max_bytes : int
        Most bytes that its values may take.

    Raises
    ------
    DatasetFileMissing, WrongMagic, WrongForm, FileTruncated, FileTooLong, DatasetTooLarge
    """
    try:
        with path.open("rb") as plain:
            zipped = plain.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            plain.seek(0)
            # GzipFile has the read() of a binary file; its type only says less.
            file = cast("IO[bytes]", gzip.GzipFile(fileobj=plain)) if zipped else plain
            return _read_values(file, path, max_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileTruncated(path=path, expected="whole gzip data", actual=error) from error
    except OSError as error:
        why = error.strerror or error
        raise DatasetFileMissing(path=path, expected="a readable file", actual=why) from error


def _read_values(file: IO[bytes], path: Path, max_bytes: int) -> Bytes:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise WrongMagic(path=path, expected="00 00 08 of an IDX file", actual=magic.hex(" "))
    if magic[2] != _UNSIGNED_BYTE or not 1 <= magic[3] <= MAX_DIMENSIONS:
        raise WrongForm(
            path=path,
            expected=f"unsigned bytes (type 8) of 1..{MAX_DIMENSIONS} dimensions",
            actual=f"type {magic[2]} of {magic[3]}",
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FileTruncated(path=path, expected=f"{magic[3]} sizes of 4 bytes", actual=sizes.hex())
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    expected = math.prod(shape)
    if expected > max_bytes:
        raise DatasetTooLarge(path=path, expected=f"{max_bytes} bytes", actual=expected)
    data = file.read(expected)
    if len(data) < expected:
        raise FileTruncated(path=path, expected=f"{expected} bytes of values", actual=len(data))
    if file.read(1):
        raise FileTooLong(path=path, expected=f"{expected} bytes of values", actual="more")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def find_idx_pairs(path: Path) -> list[tuple[Path, Path]]:
    """Return (images, labels) files: all of a folder by name, or one images file with its labels.

    Names are those in use: `train-images-idx3-ubyte`, `t10k-images.idx3-ubyte.gz`, ... The file of
    labels is named alike, with `labels` and `idx1`.

    Raises
    ------
    DatasetFileMissing
        No file of images, or one without its labels.
    """
    names = sorted(path.iterdir()) if path.is_dir() else [path]
    matches = [(each, _IMAGES_NAME.fullmatch(each.name)) for each in names]
    pairs = [(each, _labels_of(each, match)) for each, match in matches if match]
    if not pairs:
        raise DatasetFileMissing(
            path=path,
            expected="a folder with files such as train-images-idx3-ubyte, or one of them",
            actual="without any" if path.exists() else "missing",
        )
    return pairs


def _labels_of(images: Path, match: "re.Match[str]") -> Path:
    name = "{before}labels{between}idx1{after}".format(**match.groupdict())
    plain = name.removesuffix(".gz")
    candidates = (images.with_name(name), images.with_name(plain), images.with_name(f"{plain}.gz"))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DatasetFileMissing(
        path=candidates[0], expected=f"there with the labels of {images.name}", actual="missing"
    )
