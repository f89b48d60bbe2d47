# SPDX-License-Identifier: Apache-2.0
"""Reading a chain beside its node: all of it or a sentence, and nothing is written."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.errors import StoreCorrupt
from edge_node.cli.chain_access import ChainEmpty, open_chain
from edge_node.cli.session import Session
from edge_node.node.errors import NotInitialised
from edge_node.primitives.types import Height
from edge_node.spec.validation import first_state
from tests.cli.typing_in import HEIGHT, found_toy_node


def session_of(root: Path) -> Session:
    return Session(flags={"node.data_dir": str(root)}, file=None)


def test_chain_and_state_are_those_of_the_head(toy_node: Path) -> None:
    with open_chain(session_of(toy_node)) as read:
        heights = [block.height for block in read.main_chain()]
        assert (heights, read.state.height) == ([*range(1, HEIGHT + 1)], HEIGHT)


def test_blocks_that_come_while_it_is_read_are_left_out(toy_node: Path) -> None:
    with open_chain(session_of(toy_node)) as read:
        below = replace(read.state, height=Height(HEIGHT - 1))
        heights = [block.height for block in replace(read, state=below).main_chain()]
        assert heights == [*range(1, HEIGHT)]
        assert not list(replace(read, state=first_state(read.genesis)).main_chain())


def test_without_node_or_chain_it_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(NotInitialised, match="edge-node init"),
        open_chain(session_of(tmp_path / "none")),
    ):
        pass
    fresh = found_toy_node(tmp_path / "fresh", height=0)
    with pytest.raises(ChainEmpty, match="edge-node run"), open_chain(session_of(fresh)):
        pass
    assert not (fresh / "chain.sqlite3").exists()
    assert not (tmp_path / "none").exists()


def test_file_that_its_node_is_just_making_is_left_alone(tmp_path: Path) -> None:
    session = session_of(found_toy_node(tmp_path, height=0))
    chain, network = session.directory.chain, session.directory.genesis().network_id()
    chain.touch()
    with pytest.raises(ChainEmpty, match="edge-node run"), open_chain(session):
        pass
    assert [each.name for each in tmp_path.glob("chain*")] == [chain.name]
    assert chain.read_bytes() == b"", "its node makes the tables"
    with (
        closing(Database(chain, network)),
        pytest.raises(ChainEmpty, match="edge-node run"),
        open_chain(session),
    ):
        pass


def test_chain_that_was_cut_off_is_told_and_keeps_its_log(toy_node: Path) -> None:
    session = session_of(toy_node)
    log = session.directory.chain.with_name("chain.sqlite3-wal")
    session.directory.chain.write_bytes(b"")
    log.write_bytes(b"what was not yet in the file")
    with pytest.raises(StoreCorrupt, match="the file is empty"), open_chain(session):
        pass
    assert log.read_bytes() == b"what was not yet in the file"
