# SPDX-License-Identifier: Apache-2.0
"""Figures in Prometheus' format: what happened is counted, labels are fixed, states are one-hot."""

import math
import sys
from dataclasses import replace

import pytest

from edge_node.node.errors import MetricsMissing
from edge_node.node.metrics import Metrics
from edge_node.node.watching import Health

HEALTH = Health(
    reasons=("not connected to a broker",),
    height=7,
    final_height=5,
    head_age_ms=1_500,
    peers=2,
    waiting_blocks=2,
    waiting_transactions=3,
    connected=False,
    synced=True,
    trainer="working",
    temperature_c=61.5,
)


def figures(text: bytes) -> dict[str, float]:
    """Return name and labels -> value."""
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture
def metrics() -> Metrics:
    try:
        return Metrics()
    except MetricsMissing:
        pytest.skip("prometheus-client is not installed")


def test_events_are_counted(metrics: Metrics) -> None:
    metrics.judged("child", "accepted", 30)
    metrics.judged("child", "bad message", 300)
    metrics.mined("child")
    metrics.reorganised(2)
    seen = figures(metrics.text())
    assert seen['edge_node_blocks_judged_total{kind="child",verdict="accepted"}'] == 1
    assert seen['edge_node_blocks_judged_total{kind="child",verdict="bad message"}'] == 1
    assert seen['edge_node_blocks_judged_total{kind="founder",verdict="invalid"}'] == 0
    assert seen['edge_node_blocks_mined_total{kind="child"}'] == 1
    assert seen['edge_node_validation_seconds_bucket{le="0.05"}'] == 1
    assert seen["edge_node_validation_seconds_sum"] == pytest.approx(0.33)
    assert seen['edge_node_reorg_depth_bucket{le="1.0"}'] == 0
    assert seen["edge_node_reorg_depth_count"] == 1


def test_last_health_is_what_the_gauges_say(metrics: Metrics) -> None:
    metrics.health(HEALTH)
    seen = figures(metrics.text())
    names = ("height", "final_height", "head_age_seconds", "peers", "mempool_transactions")
    assert [seen[f"edge_node_{name}"] for name in names] == [7, 5, 1.5, 2, 3]
    switches = ("broker_connected", "synced", "healthy")
    assert [seen[f"edge_node_{name}"] for name in switches] == [0, 1, 0]
    states = ("off", "waiting", "working", "paused", "ended")
    assert [seen[f'edge_node_trainer{{state="{state}"}}'] for state in states] == [0, 0, 1, 0, 0]


def test_temperature_is_a_number_or_none(metrics: Metrics) -> None:
    metrics.health(HEALTH)
    assert figures(metrics.text())["edge_node_temperature_celsius"] == 61.5
    metrics.health(replace(HEALTH, temperature_c=None))
    assert math.isnan(figures(metrics.text())["edge_node_temperature_celsius"])


def test_room_on_the_disk_is_a_number_or_none(metrics: Metrics) -> None:
    metrics.health(replace(HEALTH, disk_free_bytes=1 << 30))
    assert figures(metrics.text())["edge_node_disk_free_bytes"] == 1 << 30
    metrics.health(HEALTH)
    assert math.isnan(figures(metrics.text())["edge_node_disk_free_bytes"])


def test_two_nodes_of_one_process_count_apart(metrics: Metrics) -> None:
    other = Metrics()
    metrics.mined("child")
    assert figures(other.text())['edge_node_blocks_mined_total{kind="child"}'] == 0


def test_without_the_library_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MetricsMissing, match="pip install"):
        Metrics()
