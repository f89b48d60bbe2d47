# SPDX-License-Identifier: Apache-2.0
"""The control socket: how other commands talk to the running node of a data directory.

A Unix socket that its owner alone can open; one JSON object each way, then the end. The thread only
queues a request and waits; the node's loop answers it.
Law of the file: bounded requests, bounded waiting; it never touches the node's state itself.
Read next: node.py.
"""

import json
import os
import queue
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_node.node.errors import NodeNotRunning, NodeOfAnother, RequestRefused

MAX_REQUEST_BYTES = 1 << 16
MAX_WAITING_REQUESTS = 64
ANSWER_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 2
STOP_POLL_S = 0.05
"""How soon the thread notes that it is to end."""

JsonObject = dict[str, object]
_BUSY = "the node is busy; try again"


@dataclass(slots=True, kw_only=True)
class Request:
    """A question to the node's loop."""

    method: str
    """What is asked."""
    arguments: JsonObject
    """With what."""
    answer: "queue.Queue[JsonObject]" = field(default_factory=lambda: queue.Queue(1))
    """Where the answer goes, once."""


class ControlServer:
    """Listens on the control socket.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._requests: queue.Queue[Request] = queue.Queue(MAX_WAITING_REQUESTS)
        path.unlink(missing_ok=True)
        with _short_name(path) as name:
            self._server = _Server(name, self._requests)
        path.chmod(0o600)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_POLL_S,), name="control", daemon=True
        )
        self._thread.start()

    def waiting(self) -> list[Request]:
        """Return the requests that came since the last call."""
        requests: list[Request] = []
        while True:
            try:
                requests.append(self._requests.get_nowait())
            except queue.Empty:
                return requests

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, requests: "queue.Queue[Request]") -> None:
        self.requests = requests
        super().__init__(path, _Connection)


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline(MAX_REQUEST_BYTES)
        try:
            question = json.loads(line)
            request = Request(method=str(question["method"]), arguments=dict(question["arguments"]))
            self.server.requests.put_nowait(request)
            answer = request.answer.get(timeout=ANSWER_TIMEOUT_S)
        except (ValueError, KeyError, TypeError):
            answer = {"error": "the request is not a JSON object with method and arguments"}
        except (queue.Full, queue.Empty):
            answer = {"error": _BUSY}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """Name the socket by its open folder: a socket's path is limited to 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(path: Path, method: str, arguments: JsonObject) -> JsonObject:
    """Ask the running node of a data directory.

    Raises
    ------
    NodeNotRunning
    NodeOfAnother
        It is not this user's to ask.
    RequestRefused
        In the node's own words, or it is too busy to answer.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CONNECT_TIMEOUT_S)
            with _short_name(path) as name:
                connection.connect(name)
            connection.settimeout(ANSWER_TIMEOUT_S + CONNECT_TIMEOUT_S)
            question: JsonObject = {"method": method, "arguments": arguments}
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as stream:
                answer: JsonObject = json.loads(stream.readline())
    except PermissionError:
        raise NodeOfAnother(path.parent, _owner_of(path)) from None
    except (TimeoutError, BlockingIOError):  # the latter where as many as may already wait
        raise RequestRefused(_BUSY) from None
    except (OSError, ValueError):
        raise NodeNotRunning(path.parent) from None
    if "error" in answer:
        raise RequestRefused(str(answer["error"]))
    return answer


def _owner_of(path: Path) -> str:
    try:
        return path.owner()
    except (OSError, KeyError):  # in a folder that is closed, or of an account that systemd made
        return "another user"
