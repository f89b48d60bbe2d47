# SPDX-License-Identifier: Apache-2.0
"""A node that can not replay beside two that do: it evaluates, follows what both sign, waits.

Whole processes and a real broker. A stranger with a valid key gives a block that nobody has
trained; when one of the two full nodes is killed the head stays until it comes back.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.running import (
    Json,
    Running,
    answer,
    broker,
    eventually,
    found_network,
    node,
    run,
)
from tests.acceptance.stranger import Stranger, stranger
from tests.acceptance.test_lottery import RULES

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@contextmanager
def offloading(data_dir: Path, *keys: str) -> Iterator[Running]:
    """Run a node that follows full nodes."""
    settings = ("--set", f"offload.full_nodes={','.join(keys)}", "--set", "offload.quorum=2")
    running = Running(data_dir, "run", settings=settings)
    try:
        yield running
    finally:
        running.stop()


def key_of(data_dir: Path) -> str:
    return str(answer(data_dir, "key", "show")["public_key"])


def follows(now: Json) -> bool:
    return bool(now["offload"]["following"])


def forged_block_moves_nothing(data_dir: Path, line: str, full: Running, light: Running) -> Json:
    """Let a stranger announce a block that only a replay shows to be forged."""
    head = full.until("the resting node", lambda now: bool(now["synced"]))["head"]
    light.until("the last block", lambda now: follows(now) and now["head"] == head)
    answer(data_dir, "init", "--join", line)
    with node(data_dir, "--no-trainer") as joining:
        joining.until("the stranger has the chain", lambda now: now["head"] == head)
        joining.end()
    with stranger(data_dir, line) as eve:
        lie = eve.forge()
        eve.announce(lie)
        name = lie.header.block_hash().hex()[:8]
        told = f"invalid block {name}"
        eventually("a full node replays it", lambda: _says(eve, full, told))
        eve.live(2)
        assert "R-43" in full.log.read_text()
    last = light.until("the board follows", follows)
    assert last["head"] == head
    assert name not in light.log.read_text(), "it is not even looked at"
    return last


def _says(eve: Stranger, full: Running, words: str) -> bool:
    eve.live(0.1)
    return words in full.log.read_text()


def test_offloading_node_follows_two_full_nodes_and_nothing_else(tmp_path: Path) -> None:
    first = found_network(tmp_path, population=3, rules=RULES, proof="recipe")
    second, board = tmp_path / "b", tmp_path / "board"
    with broker(first) as line, node(first) as mining:
        mining.until_height(2)
        for joining in (second, board):
            answer(joining, "init", "--join", line)
        keys = key_of(first), key_of(second)
        with node(second, "--no-trainer") as judging, offloading(board, *keys) as light:
            light.until("both are followed", lambda now: follows(now) and now["height"] >= 5)
            told = run(board, "status")
            assert "follows 2 of 2 full nodes, 2 must agree" in told.stdout
            judging.end(signal.SIGKILL)
            stays = light.until("it waits", lambda now: len(now["offload"]["heard"]) == 1)
            mining.until_height(stays["height"] + 4)
            waiting = light.status()
            assert waiting["height"] <= stays["height"] + 1
            assert not waiting["offload"]["following"]
            assert waiting["offload"]["words"].startswith("waits: 1 of 2 full nodes")
            with node(second, "--no-trainer") as again:
                height = stays["height"] + 4
                light.until("it goes on", lambda now: follows(now) and now["height"] >= height)
                mining.end()
                with node(first, "--no-trainer") as resting:
                    last = forged_block_moves_nothing(tmp_path / "eve", line, resting, light)
                    resting.end()
                again.end()
            light.end()
    assert last["mined"] == 0
    assert last["trainer"] == "off"
    assert last["imported"] >= last["height"], "each was evaluated here"
    assert "evaluated, not replayed" in light.log.read_text()
    assert "never mines, attests or relays" in light.log.read_text()
    verified = answer(board, "chain", "verify")
    assert verified["valid"], verified
