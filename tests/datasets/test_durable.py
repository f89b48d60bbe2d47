# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all, and a disk that refuses is named in one sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.datasets.durable import make_folder, move_durably, write_durably
from edge_node.datasets.errors import StoreNotWritable


def test_file_has_all_pieces_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", [b"one ", b"two"])
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_old_file_stays_when_the_new_one_is_not_finished(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    write_durably(tmp_path / "file", [b"old"])
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "file", pieces())
    assert (tmp_path / "file").read_bytes() == b"old"


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_refusal_names_path_and_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    inside_a_file = tmp_path / "file" / "below"
    with pytest.raises(StoreNotWritable, match="file/below can not be written"):
        write_durably(inside_a_file, [b""])
    with pytest.raises(StoreNotWritable, match="make room or change its permissions"):
        make_folder(inside_a_file)
    with pytest.raises(StoreNotWritable, match="No such file"):
        move_durably(tmp_path / "missing", tmp_path / "other")
