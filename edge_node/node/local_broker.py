# SPDX-License-Identifier: Apache-2.0
"""How a node finds the broker of `edge-node broker run`, and its bridge the node's own broker.

While it runs, the broker's address stands in a small file of the broker's folder; its account lies
beside it. A file that was left behind names a port where nobody answers, and counts as none. A node
never looks for one of a node: its predecessor's may be about to end.
Law of the file: who writes it removes it; who reads it asks the port first.
Read next: service.py, edge_node/gossip/embedded_broker.py.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_node.gossip.embedded_broker import LOOPBACK, Account, load_account
from edge_node.gossip.errors import BrokerAddressInvalid
from edge_node.gossip.join_line import BrokerAddress, parse_broker

FILE_NAME = "listening"
"""Of `edge-node broker run`."""
NODES_FILE_NAME = "listening-for-node"
"""Of a broker that a node has started for itself."""
PROBE_TIMEOUT_S = 1
_ANY_ADDRESS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  # compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBroker:
    """A broker that runs already."""

    address: BrokerAddress
    """Where it accepts connections from this machine."""
    account: Account
    """Who may connect."""


@contextmanager
def announced(folder: Path, address: BrokerAddress, file_name: str = FILE_NAME) -> Iterator[None]:
    """Let others of this machine find a broker for as long as the block runs."""
    host = _ANY_ADDRESS.get(address.host, address.host)
    path = folder / file_name
    path.write_text(f"{BrokerAddress(host=host, port=address.port)}\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find_local_broker(folder: Path, file_name: str = FILE_NAME) -> LocalBroker | None:
    """Return the broker that a folder names, if somebody accepts connections there."""
    try:
        address = parse_broker((folder / file_name).read_text(encoding="utf-8").strip())
        socket.create_connection((address.host, address.port), PROBE_TIMEOUT_S).close()
    except (OSError, UnicodeDecodeError, BrokerAddressInvalid):
        return None
    return LocalBroker(address=address, account=load_account(folder))
