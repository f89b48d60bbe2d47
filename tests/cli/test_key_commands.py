# SPDX-License-Identifier: Apache-2.0
"""`edge-node key`: a key before there is a node, shown by its public half, kept, brought back."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.cli.app import app
from edge_node.node.data_directory import RESTORED_SESSIONS, DataDirectory
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height, Signature
from edge_node.spec.fork_choice import Checkpoint
from tests.chain.workshop import ANN, BOB, easy_network
from tests.cli.typing_in import alive, typed

pytestmark = pytest.mark.slow

PASSPHRASE = "four words or so"


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    return "--passphrase-file", str(tmp_path / "passphrase")


def word_of(height: int) -> Checkpoint:
    return Checkpoint(
        height=Height(height),
        block=BlockHash(ZERO_HASH),
        member=ANN.key,
        signature=Signature(bytes(64)),
    )


def test_key_of_a_node_is_shown_without_its_secret(toy_node: Path) -> None:
    shown = typed(toy_node, "key", "show", "--json")
    assert shown.json()["public_key"] == ANN.key.hex()
    assert shown.json()["address"] == ANN.address.hex()
    assert typed(toy_node, "key", "show").out == f"{ANN.key.hex()}\n"
    assert ANN.seed.hex() not in shown.out


def test_key_is_made_once(tmp_path: Path) -> None:
    root = tmp_path / "new"
    made = typed(root, "key", "new", "--json").json()
    assert typed(root, "key", "show", "--json").json() == made
    before = DataDirectory(root).seed()
    assert "there is a key in" in typed(root, "key", "new").sentence(3)
    assert DataDirectory(root).seed() == before
    assert "edge-node init" in typed(tmp_path / "none", "key", "show").sentence(3)


def test_key_comes_back_with_its_word_and_later_sessions(
    toy_node: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    there = DataDirectory(toy_node)
    there.keep_word(word_of(15))
    there.raise_session(41)
    file, root = tmp_path / "key.backup", tmp_path / "new"
    kept = typed(toy_node, "key", "backup", str(file), *words, "--json").json()
    assert kept == {"public_key": ANN.key.hex(), "file": str(file)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    back = typed(root, "key", "restore", str(file), *words, "--json").json()
    assert (back["public_key"], back["signed_height"]) == (ANN.key.hex(), 15)
    assert "stop every other copy" in back["warning"]
    here = DataDirectory(root)
    assert (here.seed(), here.word()) == (ANN.seed, word_of(15))
    assert stat.S_IMODE((root / "key").stat().st_mode) == 0o600
    # A node made after that begins where the key has left off.
    here.initialise(easy_network().genesis, here.seed())
    assert here.next_session() == 41 + RESTORED_SESSIONS + 1
    # An old backup takes no word back.
    here.keep_word(word_of(20))
    assert typed(root, "key", "restore", str(file), *words).code == 0
    assert here.word() == word_of(20)


def test_another_key_gives_way_to_force_alone(
    toy_node: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    file, root = tmp_path / "key.backup", tmp_path / "other"
    typed(toy_node, "key", "backup", str(file), *words)
    DataDirectory(root).make_key(BOB.seed)
    assert "there is a key in" in typed(root, "key", "restore", str(file), *words).sentence(3)
    assert DataDirectory(root).seed() == BOB.seed
    seen = typed(root, "key", "restore", str(file), *words, "--force", "--json").json()
    assert DataDirectory(root).seed() == ANN.seed
    assert Path(seen["replaced"]).read_bytes() == BOB.seed


def test_backup_takes_no_files_place_and_no_short_passphrase(
    toy_node: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    file = tmp_path / "mine"
    file.write_text("precious")
    backup = ("key", "backup", str(file))
    assert "is there already" in typed(toy_node, *backup, *words).sentence(3)
    assert file.read_text() == "precious"
    (tmp_path / "passphrase").write_text("1234567\n")
    assert "has 7 characters, and 8" in typed(toy_node, *backup, *words, "--force").sentence(3)
    assert file.read_text() == "precious"


def test_wrong_passphrase_changes_nothing(
    toy_node: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    file, root = tmp_path / "key.backup", tmp_path / "new"
    typed(toy_node, "key", "backup", str(file), *words)
    (tmp_path / "passphrase").write_text("four words or less")
    restore = ("key", "restore", str(file), *words)
    assert "the passphrase is wrong" in typed(root, *restore).sentence(3)
    assert not root.exists()
    file.write_text("{}")
    assert "no file of `edge-node key backup`" in typed(root, *restore).sentence(3)


def test_passphrase_is_asked_for(toy_node: Path, tmp_path: Path) -> None:
    command = ["--data-dir", str(toy_node), "key", "backup", str(tmp_path / "file")]
    asked = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    done = CliRunner().invoke(app, command, prog_name="edge-node", input=asked)
    assert done.exit_code == 0, done.stderr
    assert PASSPHRASE not in done.output
    command = ["--data-dir", str(tmp_path / "new"), "key", "restore", str(tmp_path / "file")]
    done = CliRunner().invoke(app, command, prog_name="edge-node", input=f"{PASSPHRASE}\n")
    assert done.exit_code == 0, done.stderr
    done = CliRunner().invoke(app, command, prog_name="edge-node", input="")
    assert done.exit_code == 2
    assert "--passphrase-file" in done.stderr


@pytest.mark.slow  # a real node with its broker
def test_running_node_keeps_its_key(toy_node: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    file = tmp_path / "key.backup"
    with alive(toy_node):
        assert typed(toy_node, "key", "backup", str(file), *words).code == 0
        refused = typed(toy_node, "key", "restore", str(file), *words).sentence(3)
        assert "another edge-node runs" in refused
