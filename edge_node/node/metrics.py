# SPDX-License-Identifier: Apache-2.0
"""Figures for Prometheus: events counted, the last health as gauges.

Law of the file: the only importer of prometheus_client, which is optional; nothing is measured
here, and every label has a fixed set of values.
Read next: watching.py, health_server.py.
"""

import math
from typing import TYPE_CHECKING

from edge_node.node.block_kind import KINDS
from edge_node.node.errors import MetricsMissing
from edge_node.node.watching import TRAINER_STATES, Health

if TYPE_CHECKING:
    pass

VERDICTS = ("accepted", "orphan", "held", "invalid", "bad message")
"""What becomes of a block; see BlockVerdict."""
_JUDGED_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds in seconds: a small family on a PC takes 0.01 to 0.05, a large one on a Pi up to 10."""
_DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)
_PREFIX = "edge_node_"
_GAUGES = {
    "height": "Height of the head",
    "final_height": "Height of the block that a quorum of members made final",
    "head_age_seconds": "Age of the head by the local clock",
    "peers": "Peers that are here",
    "waiting_blocks": "Blocks that wait to be replayed",
    "mempool_transactions": "Transactions that wait",
    "broker_connected": "1 while a broker carries messages",
    "synced": "1 while nobody is known to be ahead",
    "healthy": "1 while /healthz answers 200",
    "temperature_celsius": "Temperature of thermal.source; NaN if unknown",
    "disk_free_bytes": "Room on the disk of the data directory; NaN if unknown",
}


class Metrics:
    """A watcher (watching.py) that counts.

    Raises
    ------
    MetricsMissing
        prometheus-client is not installed.
    """

    def __init__(self) -> None:
        try:
            from prometheus_client import (  # noqa: PLC0415 - an extra
                CollectorRegistry,
                Counter,
                Gauge,
                Histogram,
                generate_latest,
            )
        except ImportError:
            raise MetricsMissing from None
        # A registry of our own: the library's has figures of the process, and is one for all.
        registry = CollectorRegistry()
        self._registry: CollectorRegistry = registry
        self._render = generate_latest
        self._judged = Counter(
            f"{_PREFIX}blocks_judged",
            "Blocks judged since the start",
            ["kind", "verdict"],
            registry=registry,
        )
        self._mined = Counter(
            f"{_PREFIX}blocks_mined", "Own blocks since the start", ["kind"], registry=registry
        )
        self._seconds = Histogram(
            f"{_PREFIX}validation_seconds",
            "Time to judge a block",
            buckets=_JUDGED_S,
            registry=registry,
        )
        self._depth = Histogram(
            f"{_PREFIX}reorg_depth",
            "Blocks that left the main chain at once",
            buckets=_DEPTHS,
            registry=registry,
        )
        self._gauges: dict[str, Gauge] = {
            name: Gauge(_PREFIX + name, words, registry=registry) for name, words in _GAUGES.items()
        }
        self._trainer = Gauge(
            f"{_PREFIX}trainer", "1 for the state of the trainer", ["state"], registry=registry
        )
        for kind in KINDS:
            self._mined.labels(kind)
            for verdict in VERDICTS:
                self._judged.labels(kind, verdict)

    def judged(self, kind: str, verdict: str, took_ms: int) -> None:
        """See Watcher."""
        self._judged.labels(kind, verdict).inc()
        self._seconds.observe(took_ms / 1_000)

    def mined(self, kind: str) -> None:
        """See Watcher."""
        self._mined.labels(kind).inc()

    def reorganised(self, depth: int) -> None:
        """See Watcher."""
        self._depth.observe(depth)

    def health(self, health: Health) -> None:
        """See Watcher."""
        temperature_c, free_bytes = health.temperature_c, health.disk_free_bytes
        values = {
            "height": health.height,
            "final_height": health.final_height,
            "head_age_seconds": health.head_age_ms / 1_000,
            "peers": health.peers,
            "waiting_blocks": health.waiting_blocks,
            "mempool_transactions": health.waiting_transactions,
            "broker_connected": int(health.connected),
            "synced": int(health.synced),
            "healthy": int(not health.reasons),
            "temperature_celsius": math.nan if temperature_c is None else temperature_c,
            "disk_free_bytes": math.nan if free_bytes is None else free_bytes,
        }
        for name, value in values.items():
            self._gauges[name].set(value)
        for state in TRAINER_STATES:
            self._trainer.labels(state).set(int(state == health.trainer))

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format; any thread may ask."""
        return bytes(self._render(self._registry))
