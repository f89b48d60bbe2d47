# SPDX-License-Identifier: Apache-2.0
"""`/healthz` and `/metrics` by real HTTP: on a node in a thread, and on the server alone."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.errors import MetricsMissing, MetricsPortTaken
from edge_node.node.health_server import HOST, SILENT_MS, HealthServer
from edge_node.node.metrics import Metrics
from edge_node.primitives.types import TimestampMs
from tests.cli.typing_in import alive, found_toy_node, typed
from tests.node.test_metrics import HEALTH, figures
from tests.ports import quiet_port

PATIENCE_S = 60


class StoppedClock:
    """Time that the test moves."""

    ms = 0

    def now_ms(self) -> TimestampMs:
        return TimestampMs(self.ms)

    def monotonic_ms(self) -> int:
        return self.ms


def get(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def server(clock: StoppedClock) -> Iterator[HealthServer]:
    made = HealthServer(0, clock, None)
    yield made
    made.stop()


def test_health_is_200_or_503_with_the_reason(server: HealthServer, clock: StoppedClock) -> None:
    status, body = get(server.port, "/healthz")
    assert (status, json.loads(body)["reasons"]) == (503, ["the node has not reported yet"])
    server.health(HEALTH)
    status, body = get(server.port, "/healthz")
    assert (status, json.loads(body)["reasons"]) == (503, ["not connected to a broker"])
    server.health(replace(HEALTH, reasons=()))
    status, body = get(server.port, "/healthz?from=a-probe")
    assert status == 200
    assert json.loads(body) == {
        "healthy": True,
        "reasons": [],
        "height": 7,
        "final_height": 5,
        "head_age_ms": 1_500,
        "peers": 2,
    }
    clock.ms += SILENT_MS + 1_000
    status, body = get(server.port, "/healthz")
    assert (status, json.loads(body)["reasons"]) == (
        503,
        ["the node's loop has not turned for 31 s"],
    )


def test_other_paths_methods_and_noise_are_turned_away(server: HealthServer) -> None:
    assert get(server.port, "/")[0] == 404
    assert get(server.port, "/../key")[0] == 404
    status, body = get(server.port, "/metrics")
    assert (status, body.decode()) == (501, f"{MetricsMissing()}\n")
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE_S)) as connection:
        connection.request("POST", "/healthz", body=b"x")
        assert connection.getresponse().status == 501
    with closing(socket.create_connection((HOST, server.port))) as noise:
        noise.sendall(b"\x00" * 70_000)
    assert get(server.port, "/healthz")[0] == 503, "it still answers"


def test_it_listens_on_loopback_alone_and_says_what_is_taken(server: HealthServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"
    with pytest.raises(MetricsPortTaken, match=r"set another metrics\.port"):
        HealthServer(server.port, StoppedClock(), None)


@pytest.mark.slow  # a whole node with its broker
def test_running_node_answers_both(tmp_path: Path) -> None:
    root, port = found_toy_node(tmp_path / "node"), quiet_port()
    (root / "config.toml").write_text(f"[metrics]\nport = {port}\n")
    with alive(root):
        status, body = get(port, "/healthz")
        answer = json.loads(body)
        assert status == 503
        assert "no new block" in " ".join(answer["reasons"]), "the toy chain is years old"
        assert answer["height"] == 4
        status, text = get(port, "/metrics")
        try:
            Metrics()
        except MetricsMissing:
            assert status == 501
        else:
            assert status == 200
            assert figures(text)["edge_node_height"] == 4
        assert typed(root, "status", "--json").json()["height"] == 4
    with pytest.raises(OSError, match="refused"):
        get(port, "/healthz")
