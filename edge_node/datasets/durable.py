# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all, whatever instant the process or the power dies.

The order is the point: write beside the target, fsync, rename over it, fsync the folder.
Law of the file: nothing is known here of what the bytes mean. One process writes a folder at a
time; the lock of the data directory sees to that.
Read next: split_file.py.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_node.datasets.errors import StoreNotWritable


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one sentence about `path`.

    Raises
    ------
    StoreNotWritable
        The system said no, for the reason that it gave.
    """
    try:
        yield
    except OSError as error:
        raise StoreNotWritable(path=path, why=error.strerror or str(error)) from error


def write_durably(path: Path, pieces: Iterable[bytes]) -> None:
    """Put a file in its place; a crash leaves the old one, or none.

    Raises
    ------
    StoreNotWritable
    """
    beside = path.with_name(f"{path.name}.tmp")
    with writing(path):
        with beside.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        move_durably(beside, path)


def move_durably(source: Path, target: Path) -> None:
    """Rename a file whose content is on the disk, and make the new name last.

    Raises
    ------
    StoreNotWritable
    """
    with writing(target):
        source.replace(target)
        sync_folder(target.parent)


def make_folder(path: Path) -> None:
    """Make a folder that lasts, and those above it.

    Raises
    ------
    StoreNotWritable
    """
    if path.is_dir():
        return
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Write a folder's list of names to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
