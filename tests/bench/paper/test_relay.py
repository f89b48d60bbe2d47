# SPDX-License-Identifier: Apache-2.0
"""The relay passes bytes both ways unchanged and counts each way; closed, it lets nobody in."""

import socket
import threading
from contextlib import closing

import pytest

from edge_node.bench.paper.relay import Passed, Relay


def test_bytes_pass_both_ways_and_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                assert client.recv(100, socket.MSG_WAITALL) == b"a" * 100
                client.sendall(b"b" * 30)

        thread = threading.Thread(target=answer)
        thread.start()
        with closing(Relay("127.0.0.1", server.getsockname()[1])) as relay:
            start = relay.passed()
            with socket.create_connection(("127.0.0.1", relay.port), 5) as client:
                client.sendall(b"a" * 100)
                assert client.recv(30, socket.MSG_WAITALL) == b"b" * 30
            passed = relay.passed().since(start)
        thread.join()
    assert passed == Passed(to_broker_bytes=100, from_broker_bytes=30)


def test_closed_relay_lets_nobody_in() -> None:
    relay = Relay("127.0.0.1", 1)
    port = relay.port
    relay.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 5)
