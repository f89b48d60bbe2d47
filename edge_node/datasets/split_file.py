# SPDX-License-Identifier: Apache-2.0
"""One split on the disk: whole in `<name>.bin`, or some of its chunks in `<name>.partial`.

`<name>.have` is a bitmap of the chunks that were written. It only says where to look: after a
restart every chunk that it names is hashed again, so neither it nor the data needs an fsync until
the split is whole. `<name>.verified` binds a full check to size, time and inode of the file.
Law of the file: what a reader gets has the hashes of the table, or is refused by name.
Read next: store.py.
"""

import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.durable import move_durably, write_durably, writing
from edge_node.datasets.errors import (
    ChunkOutOfRange,
    ChunkRejected,
    DatasetIncomplete,
    StoreCorrupt,
)
from edge_node.primitives.types import Hash32
from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import chunk_hash

_SHOWN_CHUNKS = 5
"""Damaged chunks that a message names."""


class SplitFile:
    """The files of one split.

    Parameters
    ----------
    folder : Path
        Where they lie.
    name : str
        How they begin.
    hashes : Sequence[Hash32]
        The hash of each chunk.
    size_bytes : int
        Length of the whole split.
    """

    def __init__(self, folder: Path, name: str, hashes: Sequence[Hash32], size_bytes: int) -> None:
        self.path = folder / f"{name}.bin"
        self._partial = folder / f"{name}.partial"
        self._bitmap = folder / f"{name}.have"
        self._mark = folder / f"{name}.verified"
        self._hashes = hashes
        self._size_bytes = size_bytes
        self._have: set[int] | None = None
        self._mapped: tuple[bytes, Bytes] | None = None  # with the stamp of the file that it shows

    def is_whole(self) -> bool:
        """Return True if all chunks were stored.

        Raises
        ------
        StoreNotWritable
            A crash left all chunks but not their file, and it can not be made now.
        """
        if self.path.exists():
            return True
        if self._have is None:
            self._have = self._read_bitmap()
            if len(self._have) == len(self._hashes):
                self._finish()
                return True
        return False

    def missing(self) -> list[int]:
        """Return the chunks that are not here, ascending."""
        if self.is_whole():
            return []
        return [index for index in range(len(self._hashes)) if index not in self._chunks_here()]

    def write(self, chunks: Iterable[bytes]) -> None:
        """Store the whole split at once.

        Parameters
        ----------
        chunks : Iterable[bytes]
            All chunks in order, already known to have the hashes.

        Raises
        ------
        StoreNotWritable
        """
        write_durably(self.path, chunks)
        self._forget_parts()

    def put(self, index: int, data: bytes) -> None:
        """Store one chunk; the last one makes the split whole.

        Raises
        ------
        ChunkOutOfRange, ChunkRejected, StoreNotWritable
        """
        self._check_index(index)
        actual = chunk_hash(data)
        if actual != self._hashes[index]:
            raise ChunkRejected(
                index=index, expected=self._hashes[index].hex(), actual=actual.hex()
            )
        if self.is_whole():
            return
        have = self._chunks_here()
        with writing(self._partial):
            self._write_at(self._partial, self._size_bytes, index * CHUNK_BYTES, data)
            have.add(index)
            byte = sum(1 << bit for bit in range(8) if index // 8 * 8 + bit in have)
            bitmap_bytes = -(-len(self._hashes) // 8)
            self._write_at(self._bitmap, bitmap_bytes, index // 8, bytes([byte]))
        if len(have) == len(self._hashes):
            self._finish()

    def chunk(self, index: int) -> bytes | None:
        """Return a chunk, or None if it is not here.

        Raises
        ------
        ChunkOutOfRange
        StoreCorrupt
            The disk gives other bytes than were stored.
        """
        self._check_index(index)
        path = self.path
        if not self.is_whole():
            path = self._partial
            if index not in self._chunks_here():
                return None
        data = self._read_at(path, index)
        if chunk_hash(data) != self._hashes[index]:
            raise StoreCorrupt(path=path, what=f"chunk {index} has another hash")
        return data

    def open(self) -> Bytes:
        """Return the split's bytes, read-only and mapped from the disk.

        They are hashed the first time, and whenever the file is not the one that was hashed; as
        long as it is, they are the same array.

        Raises
        ------
        DatasetIncomplete, StoreCorrupt
        """
        if not self.is_whole():
            count = len(self._hashes)
            here = count - len(self.missing())
            raise DatasetIncomplete(path=self._partial, expected=count, actual=here)
        size = self.path.stat().st_size
        if size != self._size_bytes:
            what = f"it must have {self._size_bytes} bytes, not {size}"
            raise StoreCorrupt(path=self.path, what=what)
        stamp = self._stamp()
        if self._mapped is not None and self._mapped[0] == stamp:
            return self._mapped[1]
        if self._read_mark() != stamp:
            if damaged := self.damaged():
                shown = ", ".join(map(str, damaged[:_SHOWN_CHUNKS]))
                more = " and more" if len(damaged) > _SHOWN_CHUNKS else ""
                raise StoreCorrupt(
                    path=self.path, what=f"chunks {shown}{more} of {len(self._hashes)}"
                )
            write_durably(self._mark, [stamp])
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._mapped = stamp, np.frombuffer(mapped, dtype=np.uint8)
        return self._mapped[1]

    def damaged(self) -> list[int]:
        """Return the chunks of a whole split that have another hash now."""
        return self._wrong_chunks(self.path, range(len(self._hashes)))

    def reopen(self) -> None:
        """Take a whole split back to a partial one that lacks its damaged chunks.

        Raises
        ------
        StoreNotWritable
        """
        with writing(self.path):
            os.truncate(self.path, self._size_bytes)
        damaged = set(self.damaged())
        if not damaged:
            return
        have = set(range(len(self._hashes))) - damaged
        with writing(self._partial):
            bits = np.zeros(-(-len(self._hashes) // 8) * 8, dtype=np.uint8)
            bits[sorted(have)] = 1
            self._bitmap.write_bytes(np.packbits(bits, bitorder="little").tobytes())
            self._mark.unlink(missing_ok=True)
            move_durably(self.path, self._partial)
        self._have = have

    def discard(self) -> None:
        """Delete all that is here of the split.

        Raises
        ------
        StoreNotWritable
        """
        with writing(self.path):
            self.path.unlink(missing_ok=True)
            self._mark.unlink(missing_ok=True)
        self._forget_parts()
        self._mapped = None

    def _finish(self) -> None:
        with writing(self._partial), self._partial.open("rb+") as file:
            os.fsync(file.fileno())
        move_durably(self._partial, self.path)
        self._forget_parts()

    def _forget_parts(self) -> None:
        with writing(self._bitmap):
            for path in (self._bitmap, self._partial):
                path.unlink(missing_ok=True)
        self._have = None

    def _chunks_here(self) -> set[int]:
        assert self._have is not None, "is_whole() was asked before"
        return self._have

    def _read_bitmap(self) -> set[int]:
        try:
            packed = self._bitmap.read_bytes()
        except FileNotFoundError:
            return set()
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
        claimed = [int(index) for index in np.flatnonzero(bits) if index < len(self._hashes)]
        return set(claimed) - set(self._wrong_chunks(self._partial, claimed))

    def _wrong_chunks(self, path: Path, indices: Iterable[int]) -> list[int]:
        if not path.exists():
            return list(indices)
        return [index for index in indices if not self._is_right(path, index)]

    def _is_right(self, path: Path, index: int) -> bool:
        try:
            return chunk_hash(self._read_at(path, index)) == self._hashes[index]
        except StoreCorrupt:
            return False  # what the disk does not give back can still be written anew

    def _read_at(self, path: Path, index: int) -> bytes:
        start = index * CHUNK_BYTES
        try:
            with path.open("rb") as file:
                return os.pread(file.fileno(), min(CHUNK_BYTES, self._size_bytes - start), start)
        except OSError as error:
            raise StoreCorrupt(path=path, what=error.strerror or str(error)) from error

    @staticmethod
    def _write_at(path: Path, size_bytes: int, offset: int, data: bytes) -> None:
        with path.open("rb+" if path.exists() else "wb") as file:
            file.truncate(size_bytes)
            file.seek(offset)
            file.write(data)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self._hashes):
            raise ChunkOutOfRange(expected=len(self._hashes), actual=index)

    def _stamp(self) -> bytes:
        status = self.path.stat()
        return b"%d %d %d\n" % (status.st_size, status.st_mtime_ns, status.st_ino)

    def _read_mark(self) -> bytes:
        return self._mark.read_bytes() if self._mark.exists() else b""
