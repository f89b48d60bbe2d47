# SPDX-License-Identifier: Apache-2.0
"""A broker beside the node is found while it listens, and never afterwards."""

import socket
from pathlib import Path

import pytest

from edge_node.gossip.join_line import BrokerAddress
from edge_node.node.local_broker import (
    FILE_NAME,
    NODES_FILE_NAME,
    announced,
    find_local_broker,
)


def test_found_with_its_account_while_it_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with announced(tmp_path, BrokerAddress(host="0.0.0.0", port=port)):
            found = find_local_broker(tmp_path)
            assert found is not None
            assert found.address == BrokerAddress(host="127.0.0.1", port=port)
            assert found.account.password
        assert find_local_broker(tmp_path) is None


def test_broker_of_a_node_is_found_by_who_asks_for_it_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = BrokerAddress(host="127.0.0.1", port=server.getsockname()[1])
        with announced(tmp_path, address, NODES_FILE_NAME):
            # A node that starts anew does not take up with a broker that is about to end.
            assert find_local_broker(tmp_path) is None
            found = find_local_broker(tmp_path, NODES_FILE_NAME)
            assert found is not None
            assert found.address == address


def test_file_of_a_broker_that_was_killed_counts_as_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / FILE_NAME).write_text(f"127.0.0.1:{port}\n")
    assert find_local_broker(tmp_path) is None


@pytest.mark.parametrize("text", ["", "garbage", "host:99999", "\n\n"])
def test_garbage_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert find_local_broker(tmp_path) is None
