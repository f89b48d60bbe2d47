# SPDX-License-Identifier: Apache-2.0
"""Which model a device is to have, and at what speed its port is opened."""

from pathlib import Path

import pytest

from edge_node.cli.bridge_session import at_port, model_to_push
from edge_node.cli.chain_access import ChainEmpty
from edge_node.cli.session import Session
from edge_node.node.bridge.errors import BridgeFailed, NoModelYet
from edge_node.spec.model import hash_of_blob
from tests.cli.typing_in import HEIGHT, found_toy_node
from tests.firmware_bridge.plugged import plugged


def session_in(root: Path, **flags: str) -> Session:
    return Session(flags={"node.data_dir": str(root), **flags}, file=None)


def test_newest_is_taken_where_nothing_is_named(toy_node: Path) -> None:
    newest = model_to_push(session_in(toy_node), model=None, family="", file=None)
    assert newest.height == HEIGHT
    assert hash_of_blob(newest.blob) == newest.model_hash
    best = model_to_push(session_in(toy_node), model="best", family="", file=None)
    assert hash_of_blob(best.blob) == best.model_hash
    with pytest.raises(NoModelYet, match="no family that begins"):
        model_to_push(session_in(toy_node), model=None, family="zz", file=None)


def test_chain_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    root = found_toy_node(tmp_path / "node", height=0)
    with pytest.raises(ChainEmpty):
        model_to_push(session_in(root), model=None, family="", file=None)
    assert not (root / "chain.sqlite3").exists()


def test_speed_is_the_commands_else_the_configurations(tmp_path: Path) -> None:
    with plugged() as board:
        with at_port(session_in(tmp_path), board.port, 9_600) as device:
            assert device.status().frames > 0
        slow = Session(flags={"node.data_dir": str(tmp_path), "bridge.baud": "9600"}, file=None)
        with at_port(slow, board.port, None) as device:
            assert device.link._limits.line_bits_per_s == 9_600
    with pytest.raises(BridgeFailed), at_port(session_in(tmp_path), board.port, None):
        raise AssertionError
