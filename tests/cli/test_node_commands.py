# SPDX-License-Identifier: Apache-2.0
"""`edge-node run`, `trainer run`, `status` and `upgrade` on a toy node: tables, events, errors."""

import os
import signal
import threading
from pathlib import Path

import pytest

from edge_node.cli import events
from edge_node.cli.node_commands import _peers
from edge_node.cli.output import console
from edge_node.node.control import JsonObject
from tests.cli.typing_in import HEIGHT, Seen, alive, await_answer, typed

pytestmark = pytest.mark.slow  # whole nodes


def typed_until_sigterm(data_dir: Path, *words: str) -> Seen:
    """Type a command that goes on, and end it a second after its node answers."""

    def end() -> None:
        await_answer(data_dir)
        threading.Event().wait(3 * events.LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    seen = typed(data_dir, "--set", "inference.backend=reference", *words)
    ending.join()
    return seen


def test_run_tells_its_events_one_a_line(toy_node: Path) -> None:
    seen = typed_until_sigterm(toy_node, "run", "--no-trainer", "--json")
    assert seen.code == 0, seen.err
    first, last = seen.lines()
    assert (first["event"], first["height"]) == ("started", HEIGHT)
    assert last == {"event": "stopped", "height": HEIGHT, "mined": 0}
    assert not (toy_node / "control").exists()


def test_run_for_people_says_nothing_on_standard_output(toy_node: Path) -> None:
    seen = typed_until_sigterm(toy_node, "run", "--no-trainer")
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


def test_status_of_a_node_alone(toy_node: Path) -> None:
    assert "edge-node run" in typed(toy_node, "status").sentence(5)
    with alive(toy_node):
        told = typed(toy_node, "status", "--json").json()
        seen = typed(toy_node, "status")
    assert (told["height"], told["peers"]) == (HEIGHT, [])
    assert seen.code == 0
    assert max(map(len, seen.out.splitlines())) <= 80
    assert "…" not in seen.out
    for wanted in (told["head"][:12], told["address"], "no other node was seen yet", "easy"):
        assert wanted in seen.out


def test_what_peers_tell_of_themselves_steers_no_terminal() -> None:
    peer: JsonObject = {
        "node": "ab" * 8,
        "online": True,
        "banned": False,
        "height": 3,
        "software": "[/red]\x1b[2Jmine",
    }
    with console.capture() as capture:
        console.print(_peers([peer, {**peer, "banned": True}]))
    shown = capture.get()
    assert "[/red]?[2Jmine" in shown
    assert "\x1b" not in shown
    assert "ignored" in shown


def test_upgrade_copies_what_it_is_asked_to(toy_node: Path) -> None:
    told = typed(toy_node, "upgrade", "--json").json()
    assert told == {"data_dir": str(toy_node), "backup": None}
    copy = Path(typed(toy_node, "upgrade", "--backup", "--json").json()["backup"])
    assert (copy / "genesis").read_bytes() == (toy_node / "genesis").read_bytes()
    assert "its copy is" in typed(toy_node, "upgrade", "--backup").out
    (toy_node / "format").write_text("99\n")
    assert "install the newer edge-node" in typed(toy_node, "upgrade").sentence(3)
