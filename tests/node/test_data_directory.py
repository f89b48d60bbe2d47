# SPDX-License-Identifier: Apache-2.0
"""The data directory on a real disk: made once, locked, private, and never of a newer format."""

import os
import stat
from pathlib import Path

import pytest

from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import (
    AlreadyInitialised,
    DirectoryDamaged,
    DirectoryFormatNewer,
    DirectoryInUse,
    GenesisDiffers,
    GenesisUnknown,
    KeyExists,
    KeyExposed,
    NotInitialised,
)
from tests.full_disk import files_of_at_most
from tests.spec.toy_chain import toy_network
from tests.spec.toy_data import toy_dataset

SEED = bytes(range(32))
GENESIS = toy_network([toy_dataset()]).genesis
OTHER = toy_network([toy_dataset("other")]).genesis


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "node")
    made.initialise(GENESIS, SEED, settings="[trainer]\n")
    return made


def test_what_was_written_is_read(directory: DataDirectory) -> None:
    assert directory.genesis() == GENESIS
    assert directory.seed() == SEED
    assert directory.settings.read_text() == "[trainer]\n"


def test_files_are_for_their_owner_alone(directory: DataDirectory) -> None:
    for path in directory.root.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_second_node_is_refused_and_the_key_stays(directory: DataDirectory) -> None:
    with pytest.raises(AlreadyInitialised):
        directory.initialise(OTHER, bytes(32))
    assert directory.seed() == SEED


def test_key_that_was_there_first_is_the_nodes(tmp_path: Path) -> None:
    made = DataDirectory(tmp_path / "early")
    assert not made.has_key()
    made.make_key(SEED)
    with pytest.raises(KeyExists, match="key backup"):
        made.make_key(bytes(32))
    made.check_new()
    made.initialise(GENESIS, made.seed())
    assert made.seed() == SEED
    assert stat.S_IMODE((made.root / "key").stat().st_mode) == 0o600


def test_lock_is_for_one_and_comes_back(directory: DataDirectory) -> None:
    other = DataDirectory(directory.root)
    directory.open()
    with pytest.raises(DirectoryInUse):
        other.open()
    directory.close()
    other.open()
    other.close()


def test_newer_format_is_left_alone(directory: DataDirectory) -> None:
    (directory.root / "format").write_text("2\n")
    with pytest.raises(DirectoryFormatNewer):
        directory.open()


def test_full_disk_is_told_with_the_file_and_the_old_one_stays(directory: DataDirectory) -> None:
    number = directory.next_session()
    with files_of_at_most(0), pytest.raises(OSError, match="too large") as caught:
        directory.next_session()
    assert caught.value.filename == str(directory.root / "session.new")
    assert directory.last_session() == number
    assert directory.next_session() == number + 1


def test_nothing_there(tmp_path: Path) -> None:
    nothing = DataDirectory(tmp_path / "none")
    for question in (nothing.open, nothing.genesis, nothing.seed):
        with pytest.raises(NotInitialised):
            question()
    assert not nothing.root.exists()


@pytest.mark.parametrize("name", ["format", "session"])
def test_damaged_numbers_are_named(directory: DataDirectory, name: str) -> None:
    (directory.root / name).write_text("x")
    with pytest.raises(DirectoryDamaged, match=name):
        directory.open() if name == "format" else directory.next_session()


def test_short_key_is_damage(directory: DataDirectory) -> None:
    (directory.root / "key").write_bytes(SEED[:31])
    with pytest.raises(DirectoryDamaged, match="key"):
        directory.seed()


@pytest.mark.parametrize("data", [b"", GENESIS.encode()[:30], b"x" + GENESIS.encode()])
def test_damaged_genesis_is_named_with_the_cure(directory: DataDirectory, data: bytes) -> None:
    (directory.root / "genesis").write_bytes(data)
    with pytest.raises(GenesisUnknown, match=r"restore it from a backup if it is damaged"):
        directory.genesis()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_key_that_others_may_read_is_taken_from_them(
    directory: DataDirectory, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    key = directory.root / "key"
    key.chmod(mode)
    assert directory.seed() == SEED
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"key had mode {mode:04o}" in caplog.text
    caplog.clear()
    directory.seed()
    assert not caplog.text


def test_key_that_stays_open_to_others_is_refused(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory.root / "key").chmod(0o644)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)  # root may change any file
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(KeyExposed, match="chmod 600"):
        directory.seed()


def test_sessions_only_grow(directory: DataDirectory) -> None:
    first = directory.next_session()
    directory.raise_session(first + 10)
    assert DataDirectory(directory.root).next_session() == first + 11


def test_directory_is_of_one_network(directory: DataDirectory) -> None:
    directory.check_network(GENESIS)
    with pytest.raises(GenesisDiffers):
        directory.check_network(OTHER)


def test_backups_do_not_replace_each_other(directory: DataDirectory) -> None:
    first, second = directory.backup(), directory.backup()
    assert first != second
    assert DataDirectory(second).seed() == SEED
