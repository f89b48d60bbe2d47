# SPDX-License-Identifier: Apache-2.0
"""Commands that go on: what ends them, and their events as JSON lines.

A script that reads `edge-node run --json` sees one object a line, as the node's control socket
tells: what happens between two looks comes as one event with the latest figures.
Law of the file: it looks on; the node does not wait for whoever reads.
Read next: node_commands.py.
"""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from edge_node.cli.output import reader_is_gone
from edge_node.node.control import JsonObject, ask
from edge_node.node.errors import NodeError

LOOK_S = 0.5

events_option = click.option(
    "--json", "as_json", is_flag=True, help="Print events, one JSON object a line."
)
"""For every command that goes on."""


def stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def tell(event: str, facts: JsonObject) -> None:
    """Print one event.

    Raises
    ------
    BrokenPipeError
        Nobody reads any longer.
    """
    click.echo(json.dumps({"event": event, **facts}))


@contextmanager
def told(control: Path, stop: threading.Event) -> Iterator[None]:
    """Tell a node's events while it runs; a reader who goes away stops it.

    Parameters
    ----------
    control : Path
        The node's socket.
    stop : threading.Event
        What ends the node.
    """
    watch = _Watch(control)
    done = threading.Event()

    def look_on() -> None:
        try:
            while not done.wait(LOOK_S):
                watch.look()
        except BrokenPipeError:
            stop.set()

    # A daemon: the last question may find nobody who answers, and nothing waits for it.
    thread = threading.Thread(target=look_on, name="events", daemon=True)
    thread.start()
    yield
    done.set()
    thread.join(LOOK_S)
    try:
        tell("stopped", {"height": watch.height, "mined": watch.mined})
    except BrokenPipeError:
        reader_is_gone()


class _Watch:
    """Finds out what is new since the last look."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._started = False
        self._head = ""
        self.height = 0
        self.mined = 0

    def look(self) -> None:
        try:
            now = ask(self._control, "status", {})
        except NodeError:
            return
        mined, head = int(str(now["mined"])), str(now["head"])
        self.height = int(str(now["height"]))  # before anything is told: the end may come now
        if not self._started:
            self._started = True
            self._head = head
            keys = ("node", "address", "network", "network_name", "height", "head", "backend")
            tell("started", {key: now[key] for key in keys})
        if head != self._head:
            self._head = head
            tell("head", {"height": self.height, "head": head})
        if mined > self.mined:
            tell("mined", {"height": self.height, "mined": mined})
            self.mined = mined
