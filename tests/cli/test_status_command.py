# SPDX-License-Identifier: Apache-2.0
"""`edge-node status`: of a toy node, of strangers' words, and what it does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.cli.output import console
from edge_node.cli.status_command import _peers, _show_status
from edge_node.node.control import JsonObject
from tests.cli.typing_in import HEIGHT, alive, typed


@pytest.mark.slow
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


def test_one_of_each_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    keys = ("waiting_transactions", "imported", "mined", "waiting_models")
    texts = ("network", "network_name", "head", "final", "address", "backend", "trainer")
    empty: JsonObject = {"families": [], "peers": [], "connected": True, "synced": True}
    numbers = ("height", "final_height", "balance", "immature")
    _show_status(
        {
            **empty,
            **dict.fromkeys(texts, ""),
            **dict.fromkeys(numbers, 0),
            **dict.fromkeys(keys, 1),
            "member": False,
        }
    )
    shown = capsys.readouterr().out
    for words in ("1 transaction waits", "1 model waits until", "judged    1 block since"):
        assert words in shown


def test_question_needs_nothing_that_only_a_node_does() -> None:
    code = "import sys, edge_node.cli.status_command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {f"edge_node.{name}" for name in ("node.service", "chain.importer", "trainer.pool")}
    assert not heavy & set(done.stdout.split())
