# SPDX-License-Identifier: Apache-2.0
"""The control socket over a real socket: answers, refusals, garbage, and nobody there."""

import contextlib
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node import control
from edge_node.node.control import ControlServer, ask
from edge_node.node.errors import NodeNotRunning, NodeOfAnother, RequestRefused


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Give a control socket, below a path too long for one, that a loop answers."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    server, stop = ControlServer(folder / "control"), threading.Event()

    def answer() -> None:
        while not stop.is_set():
            for request in server.waiting():
                known = request.method == "echo"
                request.answer.put(request.arguments if known else {"error": "no such thing"})
            time.sleep(0.005)

    loop = threading.Thread(target=answer)
    loop.start()
    yield folder / "control"
    stop.set()
    loop.join()
    server.stop()
    assert not (folder / "control").exists()


def test_answers_and_is_for_its_owner_alone(path: Path) -> None:
    assert ask(path, "echo", {"a": [1, "two"]}) == {"a": [1, "two"]}
    assert path.stat().st_mode & 0o777 == 0o600


def test_refusal_is_an_error_in_the_nodes_words(path: Path) -> None:
    with pytest.raises(RequestRefused, match="no such thing"):
        ask(path, "other", {})


@pytest.mark.parametrize("line", [b"garbage\n", b"[1]\n", b"{}\n", b'{"method": 1}\n', b"\n"])
def test_garbage_is_answered_and_harms_nobody(
    path: Path, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path.name)
        client.sendall(line)
        assert "error" in json.loads(client.makefile("rb").readline())
    assert ask(path, "echo", {}) == {}


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NodeNotRunning):
        ask(tmp_path / "control", "status", {})


@pytest.mark.parametrize("closed", ["control", "."])
def test_node_of_somebody_else_is_not_said_to_be_gone(
    path: Path, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Root is let in everywhere: here it is not.
    if closed == "control":
        monkeypatch.setattr(socket.socket, "connect", refuse)
    else:
        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NodeOfAnother, match="run this with `sudo`") as caught:
        ask(path, "echo", {})
    assert caught.value.owner == path.owner()


def test_node_that_does_not_come_to_it_is_busy_and_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "CONNECT_TIMEOUT_S", 0.01)
    monkeypatch.setattr(control, "ANSWER_TIMEOUT_S", 0.01)
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("control")
        server.listen()
        with pytest.raises(RequestRefused, match="the node is busy; try again"):
            ask(tmp_path / "control", "status", {})


def connect_all(path: str, stack: contextlib.ExitStack) -> None:
    """Connect as often as somebody's turn may be waited for, and once more."""
    while True:
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.setblocking(False)
        client.connect(path)


def test_node_on_which_as_many_wait_as_may_is_busy_and_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as stack:
        server.bind("control")
        server.listen(1)
        with pytest.raises(BlockingIOError):
            connect_all("control", stack)
        with pytest.raises(RequestRefused, match="the node is busy; try again"):
            ask(tmp_path / "control", "status", {})
