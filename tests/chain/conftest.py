# SPDX-License-Identifier: Apache-2.0
"""Fixtures of this folder: a cheap network, a tree of its blocks, and a fresh file."""

from pathlib import Path

import pytest

from tests.chain.workshop import Tree, easy_network
from tests.spec.toy_chain import Network


@pytest.fixture(scope="session")
def network() -> Network:
    return easy_network()


@pytest.fixture(scope="session")
def tree(network: Network) -> Tree:
    """Return a tree that every test may grow, and none may take to be empty."""
    return Tree(network)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.sqlite3"
