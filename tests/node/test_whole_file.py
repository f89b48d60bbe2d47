# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all: full disks, links, pipes, modes."""

import os
import stat
import threading
from pathlib import Path

import pytest

from edge_node.node.whole_file import ANYBODY, OWNER, write_whole
from tests.full_disk import files_of_at_most


@pytest.mark.parametrize("mode", [ANYBODY, OWNER])
def test_file_is_made_and_takes_the_place_of_another(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "best.tflite"
    for data in (b"first", b"second"):
        write_whole(path, data, mode=mode)
        assert path.read_bytes() == data
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~umask
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, b"a good one"])
def test_full_disk_leaves_what_was_there_and_names_the_file(
    tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "best.tflite"
    if before is not None:
        path.write_bytes(before)
    with files_of_at_most(1_000), pytest.raises(OSError, match="too large") as caught:
        write_whole(path, bytes(5_000))
    assert (caught.value.filename, caught.value.filename2) == (str(path), None)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([before] if before else [])


def test_folder_that_is_not_there_is_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "none" / "best.tflite"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(path, b"x")
    assert caught.value.filename == str(path)


def test_draft_that_a_crash_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".key.new").write_bytes(b"half")
    write_whole(tmp_path / "key", b"whole", mode=OWNER)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]


def test_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    link, file = tmp_path / "best", tmp_path / "card" / "best.tflite"
    link.symlink_to(file)
    write_whole(link, b"model")
    assert link.is_symlink()
    assert file.read_bytes() == b"model"


def test_pipe_is_written_to_where_it_is(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"model")
    reader.join(timeout=30)
    assert read == [b"model"]
    assert pipe.is_fifo()
