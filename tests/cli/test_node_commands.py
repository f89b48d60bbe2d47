# SPDX-License-Identifier: Apache-2.0
"""`edge-node run`, `trainer run` and `upgrade` on a toy node: tables, events, errors."""

import contextlib
import os
import signal
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edge_node.cli import events
from edge_node.node.control import JsonObject
from tests.cli.typing_in import HEIGHT, PATIENCE_S, Seen, alive, await_answer, typed

pytestmark = pytest.mark.slow  # whole nodes

USED = Path(__file__).parents[1] / "vectors" / "used_directory.tar.xz"


@pytest.fixture
def await_started(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what waits until the event `started` was told."""
    was_told, tell = threading.Event(), events.tell

    def tell_and_note(event: str, facts: JsonObject) -> None:
        tell(event, facts)
        if event == "started":
            was_told.set()

    def wait() -> None:
        assert was_told.wait(PATIENCE_S)

    monkeypatch.setattr(events, "tell", tell_and_note)
    return wait


def typed_until_sigterm(data_dir: Path, ready: Callable[[], None], *words: str) -> Seen:
    """Type a command that goes on, and end it when `ready` returns."""

    def end() -> None:
        ready()
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    seen = typed(data_dir, "--set", "inference.backend=reference", *words)
    ending.join()
    return seen


def test_run_tells_its_events_one_a_line(toy_node: Path, await_started: Callable[[], None]) -> None:
    seen = typed_until_sigterm(toy_node, await_started, "run", "--no-trainer", "--json")
    assert seen.code == 0, seen.err
    first, last = seen.lines()
    assert (first["event"], first["height"]) == ("started", HEIGHT)
    assert last == {"event": "stopped", "height": HEIGHT, "mined": 0}
    assert not (toy_node / "control").exists()


def test_run_for_people_says_nothing_on_standard_output(toy_node: Path) -> None:
    seen = typed_until_sigterm(toy_node, partial(await_answer, toy_node), "run", "--no-trainer")
    assert (seen.code, seen.out) == (0, "")
    assert "running; data in" in seen.err


@pytest.mark.parametrize("words", [("run",), ("trainer", "run")], ids=" ".join)
def test_run_takes_a_node_and_options_that_mean_something(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert "edge-node init" in typed(tmp_path, *words, "--json").sentence(3)
    assert typed(tmp_path, "--set", "trainer.architecture=what", *words).code == 3


def test_one_node_in_a_directory(toy_node: Path) -> None:
    with alive(toy_node):
        assert "another edge-node runs" in typed(toy_node, "run").sentence(3)
        assert "another edge-node runs" in typed(toy_node, "upgrade").sentence(3)


def test_upgrade_copies_what_it_is_asked_to(toy_node: Path) -> None:
    told = typed(toy_node, "upgrade", "--json").json()
    assert told == {"data_dir": str(toy_node), "backup": None}
    copy = Path(typed(toy_node, "upgrade", "--backup", "--json").json()["backup"])
    assert (copy / "genesis").read_bytes() == (toy_node / "genesis").read_bytes()
    assert "its copy is" in typed(toy_node, "upgrade", "--backup").out
    (toy_node / "format").write_text("99\n")
    assert "install the newer edge-node" in typed(toy_node, "upgrade").sentence(3)


def newer_directory(root: Path) -> None:
    (root / "format").write_text("2\n")


def newer_chain(root: Path) -> None:
    with contextlib.closing(sqlite3.connect(root / "chain.sqlite3")) as chain:
        chain.execute("UPDATE meta SET value = value + 1 WHERE key = 'format'")
        chain.commit()


def other_law(root: Path) -> None:
    genesis = (root / "genesis").read_bytes()
    (root / "genesis").write_bytes(genesis + b"\0")


def newer_setting(root: Path) -> None:
    (root / "config.toml").write_text("[trainer]\nquantum = true\n")


OF_ANOTHER_VERSION = [
    (newer_directory, 3, "format 2, this program knows up to 1; install the newer edge-node again"),
    (newer_chain, 4, "this program knows up to 1; install the newer edge-node"),
    (other_law, 3, "install the version that made it"),
    (newer_setting, 3, "there is no setting trainer.quantum"),
]


@pytest.mark.parametrize("words", [("upgrade",), ("run", "--no-trainer")], ids=" ".join)
@pytest.mark.parametrize(("change", "code", "told"), OF_ANOTHER_VERSION)
def test_used_directory_of_another_version_is_refused_and_left_as_it_is(
    toy_node: Path,
    change: Callable[[Path], None],
    code: int,
    told: str,
    words: tuple[str, ...],
) -> None:
    change(toy_node)
    before = kept_files(toy_node)
    assert told in typed(toy_node, *words).sentence(code)
    assert kept_files(toy_node) == before


def test_used_directory_of_this_format_goes_on(toy_node: Path) -> None:
    before = kept_files(toy_node)
    assert typed(toy_node, "upgrade").code == 0
    assert kept_files(toy_node) == before
    with alive(toy_node):
        assert typed(toy_node, "status", "--json").json()["height"] == HEIGHT


def test_directory_that_an_earlier_program_used_goes_on(tmp_path: Path) -> None:
    """Commit 69bdcbc made it, with this folder's toy node, and ran it once."""
    root = tmp_path / "node"
    with tarfile.open(USED) as archive:
        # PEP 706; the Python of Debian 12 has no such filters, and the archive is our own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(root)
    before = kept_files(root)
    assert typed(root, "upgrade").code == 0
    assert kept_files(root) == before
    assert typed(root, "chain", "verify", "--json").json()["valid"]
    last = int(before["session"])
    with alive(root):
        assert typed(root, "status", "--json").json()["height"] == HEIGHT
    assert int((root / "session").read_text()) == last + 1
    assert (root / "key").read_bytes() == before["key"]


def kept_files(root: Path) -> dict[str, bytes]:
    """Return what must not be lost: all files but sqlite's scratch, the lock and the socket."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", "lock"))
    }
