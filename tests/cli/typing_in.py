# SPDX-License-Identifier: Apache-2.0
"""Typing commands in tests: what a user sees of one, and the toy node on which most are tried.

The node's chain is mined by tests/chain/workshop.py; its key is the first member's, who is rich.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from edge_node.cli.app import app
from edge_node.cli.deferred import loaded
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeNotRunning
from edge_node.node.service import options_of, run_service
from tests.chain.workshop import ANN, Tree, easy_dataset, easy_network, opened, take
from tests.datasets.samples import stored

HEIGHT = 4
PATIENCE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a user sees of a command."""

    code: int
    """Exit status."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""

    def json(self) -> dict[str, Any]:
        """Return the one object that is all of standard output."""
        assert self.code == 0, self.err
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def lines(self) -> list[dict[str, Any]]:
        """Return the objects of standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def sentence(self, code: int) -> str:
        """Return the one sentence with which the command was refused."""
        assert (self.code, self.out) == (code, ""), (self.out, self.err)
        (line,) = [each for each in self.err.splitlines() if not each[:4].isdigit()]  # no logs
        assert line.startswith("edge-node: ")
        return line


def typed(data_dir: Path, *words: str) -> Seen:
    """Type a command about a data directory."""
    done = CliRunner().invoke(app, ["--data-dir", str(data_dir), *words], prog_name="edge-node")
    return Seen(code=done.exit_code, out=done.stdout, err=done.stderr)


def whole_table(shown: str) -> None:
    """Check that a command shows a table, all of it within 80 columns."""
    lines = [line for line in shown.splitlines() if line[:1] in "┏┃┡│└"]
    assert lines
    assert max(map(len, lines)) <= 80
    assert "…" not in shown


def leaves(group: click.Group = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command that does something, as it is typed."""
    for name, listed in group.commands.items():
        each = loaded(listed)
        if isinstance(each, click.Group):
            yield from leaves(each, (*path, name))
        if not isinstance(each, click.Group) or each.invoke_without_command:
            yield (*path, name)


def leaf(path: Sequence[str]) -> click.Command:
    """Return a command by its words."""
    found: click.Command = app
    for word in path:
        assert isinstance(found, click.Group)
        found = loaded(found.commands[word])
    return found


def found_toy_node(root: Path, *, height: int = HEIGHT) -> Path:
    """Make a data directory with a dataset, a key and a chain."""
    network, directory = easy_network(), DataDirectory(root)
    DatasetStore(directory.datasets).add(stored(easy_dataset()))
    directory.initialise(network.genesis, ANN.seed)
    if height:
        with opened(directory.chain, network) as importer:
            for grown in Tree(network).branch(None, height):
                take(importer, grown.mined)
    return root


@contextmanager
def alive(root: Path) -> Iterator[Path]:
    """Run a data directory's node, a real one with its broker, in a thread."""
    flags = {
        "node.data_dir": str(root),
        "trainer.enabled": "false",
        "inference.backend": "reference",
    }
    stop = threading.Event()
    options = options_of(Session(flags=flags, file=None).config)
    thread = threading.Thread(target=run_service, args=(options, stop))
    thread.start()
    try:
        await_answer(root)
        yield root
    finally:
        stop.set()
        thread.join(PATIENCE_S)


def await_answer(root: Path) -> None:
    """Wait until the node of a data directory answers."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 10):
        try:
            ask(DataDirectory(root).control, "status", {})
        except NodeNotRunning:
            pause.wait(0.1)
        else:
            return
    raise AssertionError(f"no node answers in {root}")
