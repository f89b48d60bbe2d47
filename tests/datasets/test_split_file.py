# SPDX-License-Identifier: Apache-2.0
"""A split on the disk survives restarts, torn writes and rot: what is read has the right hashes."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.datasets.errors import (
    ChunkOutOfRange,
    ChunkRejected,
    DatasetIncomplete,
    StoreCorrupt,
)
from edge_node.datasets.split_file import SplitFile
from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import chunk_hash, chunks
from tests.datasets.samples import dated_later

DATA = b"".join(n.to_bytes(4, "little") for n in range(70_400))
"""281,600 bytes: 5 chunks, the last one shorter."""

CHUNKS = list(chunks(DATA))
HASHES = [chunk_hash(chunk) for chunk in CHUNKS]


def split_file(folder: Path) -> SplitFile:
    """As after a restart: everything that is known comes from the disk."""
    return SplitFile(folder, "train", HASHES, len(DATA))


def test_whole_split_is_written_and_read(tmp_path: Path) -> None:
    file = split_file(tmp_path)
    assert not file.is_whole()
    file.write(CHUNKS)
    assert file.is_whole()
    assert file.missing() == []
    assert file.open().tobytes() == DATA
    assert [file.chunk(index) for index in range(5)] == CHUNKS


def test_mapped_bytes_can_not_be_changed(tmp_path: Path) -> None:
    split_file(tmp_path).write(CHUNKS)
    with pytest.raises(ValueError, match="read-only"):
        split_file(tmp_path).open()[0] = 1


@given(order=st.permutations(range(5)), restarts=st.sets(st.integers(0, 4)))
@pytest.mark.slow
def test_chunks_come_in_any_order_over_any_restarts(
    order: list[int], restarts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    file = split_file(folder)
    for count, index in enumerate(order):
        if count in restarts:
            file = split_file(folder)
        assert file.missing() == sorted(order[count:])
        assert file.chunk(index) is None
        file.put(index, CHUNKS[index])
        assert file.chunk(index) == CHUNKS[index]
    assert split_file(folder).open().tobytes() == DATA
    assert [path.name for path in folder.iterdir() if path.suffix in (".partial", ".have")] == []


def test_wrong_chunk_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    file = split_file(tmp_path)
    file.put(0, CHUNKS[0])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for bad in (CHUNKS[0], CHUNKS[1][:-1], b"", CHUNKS[1] + b"x"):
        with pytest.raises(ChunkRejected) as caught:
            file.put(1, bad)
        assert caught.value.peer_fault
    with pytest.raises(ChunkOutOfRange, match=r"ask for one of 0\.\.4"):
        file.put(5, CHUNKS[0])
    with pytest.raises(ChunkOutOfRange):
        file.chunk(-1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert file.missing() == [1, 2, 3, 4]


def test_same_chunk_twice_is_no_error(tmp_path: Path) -> None:
    file = split_file(tmp_path)
    for _ in range(2):
        for index, chunk in enumerate(CHUNKS):
            file.put(index, chunk)
    assert file.open().tobytes() == DATA


def test_chunk_that_a_crash_tore_is_missing_again(tmp_path: Path) -> None:
    file = split_file(tmp_path)
    for index in (0, 1, 3):
        file.put(index, CHUNKS[index])
    with (tmp_path / "train.partial").open("rb+") as partial:
        partial.seek(CHUNK_BYTES + 100)
        partial.write(b"torn")
    assert split_file(tmp_path).missing() == [1, 2, 4]


def test_bitmap_without_data_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.have").write_bytes(b"\xff\xff")
    assert split_file(tmp_path).missing() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("left", [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_partial_file_cut_anywhere_is_filled_up(tmp_path: Path, left: int) -> None:
    for index in range(4):
        split_file(tmp_path).put(index, CHUNKS[index])
    os.truncate(tmp_path / "train.partial", left)
    file = split_file(tmp_path)
    assert file.missing() == list(range(left // CHUNK_BYTES, 5))
    for index in file.missing():
        file.put(index, CHUNKS[index])
    assert file.open().tobytes() == DATA


def test_crash_before_the_last_rename_needs_no_chunk_again(tmp_path: Path) -> None:
    for index in range(4):
        split_file(tmp_path).put(index, CHUNKS[index])
    # What the process leaves behind that dies after the last write.
    with (tmp_path / "train.partial").open("rb+") as partial:
        partial.seek(4 * CHUNK_BYTES)
        partial.write(CHUNKS[4])
    (tmp_path / "train.have").write_bytes(b"\x1f")
    file = split_file(tmp_path)
    assert file.is_whole()
    assert file.open().tobytes() == DATA


def test_incomplete_split_says_how_much_is_there(tmp_path: Path) -> None:
    file = split_file(tmp_path)
    file.put(2, CHUNKS[2])
    with pytest.raises(DatasetIncomplete, match="has 1 of its 5 chunks"):
        file.open()


def test_rot_is_found_and_named(tmp_path: Path) -> None:
    split_file(tmp_path).write(CHUNKS)
    path = tmp_path / "train.bin"
    damage(path, 2 * CHUNK_BYTES + 5)
    with pytest.raises(StoreCorrupt, match=r"train\.bin is corrupt \(chunks 2 of 5\)"):
        split_file(tmp_path).open()
    with pytest.raises(StoreCorrupt, match="chunk 2 has another hash"):
        split_file(tmp_path).chunk(2)
    assert split_file(tmp_path).chunk(1) == CHUNKS[1]


def test_what_can_not_be_read_counts_as_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split_file(tmp_path).write(CHUNKS)
    pread = os.pread

    def bad_sector(descriptor: int, length: int, offset: int) -> bytes:
        if offset == 2 * CHUNK_BYTES:
            raise OSError(errno.EIO, "Input/output error")
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", bad_sector)
    file = split_file(tmp_path)
    file.reopen()
    assert file.missing() == [2]


def test_file_is_hashed_again_only_when_it_changed(tmp_path: Path) -> None:
    split_file(tmp_path).write(CHUNKS)
    split_file(tmp_path).open()
    path = tmp_path / "train.bin"
    status = path.stat()
    damage(path, 0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    split_file(tmp_path).open()  # size, time and inode are those that were checked
    with dated_later(path):
        pass
    with pytest.raises(StoreCorrupt):
        split_file(tmp_path).open()


@pytest.mark.parametrize("change", [-1, 1])
def test_wrong_length_is_named(tmp_path: Path, change: int) -> None:
    split_file(tmp_path).write(CHUNKS)
    os.truncate(tmp_path / "train.bin", len(DATA) + change)
    with pytest.raises(StoreCorrupt, match=f"281600 bytes, not {281600 + change}"):
        split_file(tmp_path).open()


def test_many_damaged_chunks_make_a_short_message(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(bytes(7 * CHUNK_BYTES))
    with pytest.raises(StoreCorrupt, match=r"chunks 0, 1, 2, 3, 4 and more of 7"):
        SplitFile(tmp_path, "train", [HASHES[0]] * 7, 7 * CHUNK_BYTES).open()


def test_disk_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.bin").mkdir()
    with pytest.raises(StoreCorrupt, match=r"train\.bin is corrupt \(Is a directory\)"):
        split_file(tmp_path).chunk(0)


def test_reopened_split_lacks_its_damaged_chunks_only(tmp_path: Path) -> None:
    split_file(tmp_path).write(CHUNKS)
    damage(tmp_path / "train.bin", 3 * CHUNK_BYTES)
    file = split_file(tmp_path)
    file.reopen()
    for each in (file, split_file(tmp_path)):
        assert each.missing() == [3]
    file.put(3, CHUNKS[3])
    assert split_file(tmp_path).open().tobytes() == DATA


def test_reopening_takes_back_what_was_appended(tmp_path: Path) -> None:
    split_file(tmp_path).write([*CHUNKS, b"appended"])
    split_file(tmp_path).reopen()
    assert split_file(tmp_path).open().tobytes() == DATA


def damage(path: Path, offset: int) -> None:
    with dated_later(path), path.open("rb+") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))
