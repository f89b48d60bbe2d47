# SPDX-License-Identifier: Apache-2.0
"""`edge-node broker run` with a real broker: its join line, its end, and what stops it."""

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from edge_node.gossip.join_line import parse_join_line
from edge_node.node.data_directory import DataDirectory
from edge_node.node.local_broker import find_local_broker
from tests.cli.typing_in import PATIENCE_S, Seen, typed

LOCAL = ("broker", "run", "--listen", "127.0.0.1", "--port")


def typed_until_sigterm(data_dir: Path, *words: str) -> Seen:
    """Type `broker run`, and end it when nodes of this machine would find the broker."""

    def end() -> None:
        pause = threading.Event()
        for _ in range(PATIENCE_S * 10):
            if find_local_broker(DataDirectory(data_dir).broker) is not None:
                break
            pause.wait(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    seen = typed(data_dir, *LOCAL, "0", *words)
    ending.join()
    return seen


def test_join_line_comes_as_the_first_event(toy_node: Path) -> None:
    seen = typed_until_sigterm(toy_node, "--json", "--advertise", "pi.local")
    assert seen.code == 0, seen.err
    first, last = seen.lines()
    assert (first["event"], last) == ("started", {"event": "stopped"})
    line = parse_join_line(first["join"])
    assert line.brokers[0].host == "pi.local"
    assert line.network_id == DataDirectory(toy_node).genesis().network_id()
    assert find_local_broker(DataDirectory(toy_node).broker) is None


def test_people_get_the_lines_to_type(toy_node: Path) -> None:
    seen = typed_until_sigterm(toy_node)
    assert seen.code == 0, seen.err
    assert "\n    edge-node init --join 'edge-node://" in seen.out
    assert seen.out.endswith("    edge-node run\n\n")


def test_it_takes_a_network_and_a_free_port(toy_node: Path, tmp_path: Path) -> None:
    assert "edge-node init" in typed(tmp_path / "none", *LOCAL, "0").sentence(3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = typed(toy_node, *LOCAL, port)
    assert refused.code == 8
    assert port in refused.err


@pytest.mark.parametrize("words", [("--port", "x"), ("--program", "abacus")], ids=" ".join)
def test_options_that_mean_nothing(toy_node: Path, words: tuple[str, str]) -> None:
    assert typed(toy_node, "broker", "run", *words).code == 2
