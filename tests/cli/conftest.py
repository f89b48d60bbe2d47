# SPDX-License-Identifier: Apache-2.0
"""Fixtures of this folder: a toy node's data directory, and nothing left behind by a command."""

import logging
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.cli.output import console
from tests.cli.typing_in import found_toy_node


@pytest.fixture(scope="session")
def kept_toy_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found_toy_node(tmp_path_factory.mktemp("toy") / "node")


@pytest.fixture
def toy_node(kept_toy_node: Path, tmp_path: Path) -> Path:
    """Return a data directory with a chain, which the test may change."""
    return Path(shutil.copytree(kept_toy_node, tmp_path / "node"))


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give logging and signals back, and have no configuration of this machine's user count."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "_width", 80)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root, numbers = logging.getLogger(), (signal.SIGINT, signal.SIGTERM)
    handlers, level = root.handlers[:], root.level
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, action in before.items():
        signal.signal(number, action)
    root.handlers[:] = handlers
    root.setLevel(level)
