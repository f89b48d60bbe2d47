# SPDX-License-Identifier: Apache-2.0
"""Whether a node is well, and why not: connected, in sync, room to mine, its head not stalled.

Law of the file: it looks at a node and changes nothing.
Read next: watching.py, health_server.py.
"""

from edge_node.node.disk_room import DiskRoom
from edge_node.node.mining.miner import Miner
from edge_node.node.node import Node
from edge_node.node.thermal import Thermometer
from edge_node.node.time_wait import why_no_time
from edge_node.node.watching import Health
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import Height
from edge_node.spec.genesis import Parameters
from edge_node.spec.validation import ProtocolNewer, check_version_known

REPORT_MS = 1_000
"""How often the watcher hears how the node is."""
STALLED_TARGETS = 50
"""A head older than so many target intervals stands still: the time ladder is shorter."""


class HealthReports:
    """Tells a node's watcher how it is, now and then.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_ms = 0

    def tick(self, node: Node) -> None:
        """Report if it is time."""
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + REPORT_MS
            node.parts.watcher.health(health_of(node))


def health_of(node: Node) -> Health:
    """Return how a node is at this moment."""
    parts = node.parts
    head, final = parts.importer.head, parts.importer.final
    age_ms = max(0, parts.clock.now_ms() - head.timestamp)
    allowed_ms = stalled_after_ms(parts.importer.rules.parameters)
    reasons = []
    try:
        height = Height(head.height + 1)
        check_version_known(parts.importer.rules.parameters.version_at(height), height)
    except ProtocolNewer as error:
        reasons.append(str(error))
    no_time = why_no_time(parts.clock.now_ms(), node.founded_ms)
    if no_time:
        reasons.append(no_time)
    elif not node.connected:
        reasons.append("not connected to a broker")
    elif not parts.gossip.synced:
        reasons.append("not in sync with its peers")
    if node.offload is not None and not node.offload.agreed:
        reasons.append(f"offload {node.offload.status().words}")
    if node.beyond_limits:
        reasons.append(f"can not follow block {node.beyond_limits}")
    if parts.disk_room is not None and parts.disk_room.paused:
        reasons.append(parts.disk_room.why_paused)
    if age_ms > allowed_ms:
        reasons.append(
            f"the head is {age_ms // 1_000} s old, more than {allowed_ms // 1_000} s: no new block"
        )
    return Health(
        reasons=tuple(reasons),
        height=head.height,
        final_height=0 if final is None else final.height,
        head_age_ms=age_ms,
        peers=sum(peer.online for peer in parts.gossip.peers()),
        waiting_blocks=len(parts.replays or ()),
        waiting_transactions=len(parts.mempool),
        connected=node.connected,
        synced=parts.gossip.synced,
        trainer=trainer_state(parts.miner, parts.thermometer, parts.disk_room),
        temperature_c=None if parts.thermometer is None else parts.thermometer.temperature_c,
        disk_free_bytes=None if parts.disk_room is None else parts.disk_room.free_bytes,
    )


def stalled_after_ms(parameters: Parameters) -> int:
    """Return the age in ms at which a head counts as stalled."""
    return STALLED_TARGETS * (parameters.target_ms or parameters.rung_ms)


def trainer_state(miner: Miner | None, *senses: Thermometer | DiskRoom | None) -> str:
    """Return one of watching.TRAINER_STATES."""
    if miner is None:
        return "off"
    if miner.given_up:
        return "ended"
    if any(sense is not None and sense.paused for sense in senses):
        return "paused"
    return "waiting" if miner.progress is None else "working"
