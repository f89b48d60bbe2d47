# SPDX-License-Identifier: Apache-2.0
"""Waiting for a dataset at the real control socket, where a scripted node answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.cli import dataset_fetching
from edge_node.cli.dataset_fetching import DatasetNotFetched, FetchStalled, fetch_from_peers
from edge_node.node.control import ControlServer, JsonObject
from edge_node.node.errors import NodeNotRunning
from edge_node.primitives.types import DatasetId, Hash32

WANTED = DatasetId(Hash32(b"w" * 32))


def progress(chunks: int, missing: int, *, connected: bool = True) -> JsonObject:
    done = chunks > 0 and not missing
    return {"connected": connected, "chunks": chunks, "missing": missing, "complete": done}


@contextmanager
def answering(path: Path, *answers: JsonObject) -> Iterator[list[JsonObject]]:
    """Give these answers in turn, the last one again and again; yield what was asked."""
    server, stop = ControlServer(path), threading.Event()
    script, asked = list(answers), []

    def serve() -> None:
        while not stop.wait(0.01):
            for request in server.waiting():
                asked.append({"method": request.method, **request.arguments})
                request.answer.put(script.pop(0) if len(script) > 1 else script[0])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
        server.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_fetching, "POLL_S", 0.01)
    monkeypatch.setattr(dataset_fetching, "MAX_POLLS_WITHOUT_CHUNK", 5)


def test_it_returns_when_all_is_here(tmp_path: Path) -> None:
    script = (progress(0, 0), progress(9, 9), progress(9, 4), progress(9, 0))
    with answering(tmp_path / "control", *script) as asked:
        fetch_from_peers(tmp_path / "control", WANTED)
    assert asked == [{"method": "fetch", "dataset": WANTED.hex()}] * 4


@pytest.mark.slow
def test_slow_is_not_stalled(tmp_path: Path) -> None:
    slow = [progress(9, left) for left in range(9, -1, -1) for _ in range(4)]
    with answering(tmp_path / "control", *slow):
        fetch_from_peers(tmp_path / "control", WANTED)


def test_what_the_node_gives_up_is_told_in_its_words(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "control", {"failed": "no disk; buy one"}),
        pytest.raises(DatasetNotFetched, match="no disk; buy one"),
    ):
        fetch_from_peers(tmp_path / "control", WANTED)


@pytest.mark.parametrize(("connected", "why"), [(True, "nobody sends"), (False, "lost its broker")])
def test_standing_still_ends_with_both_numbers(tmp_path: Path, connected: bool, why: str) -> None:
    with (
        answering(tmp_path / "control", progress(9, 4, connected=connected)),
        pytest.raises(FetchStalled, match=f"5 of 9 chunks because .*{why}"),
    ):
        fetch_from_peers(tmp_path / "control", WANTED)


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(NodeNotRunning):
        fetch_from_peers(tmp_path / "control", WANTED)
