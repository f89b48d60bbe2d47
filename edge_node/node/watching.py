# SPDX-License-Identifier: Apache-2.0
"""What somebody who watches a node is told: events as they happen, and its health now and then.

Law of the file: telling changes nothing and fails never; who does not watch costs nothing.
Read next: metrics.py, which counts events; health_server.py, which answers over HTTP.
"""

from dataclasses import dataclass
from typing import Protocol

TRAINER_STATES = ("off", "waiting", "working", "paused", "ended")
"""No trainer; one without a task that it has begun; one at work; one that waits for the node to
cool down or for room on its disk; one that died too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A node at one moment, as far as its keepers care."""

    reasons: tuple[str, ...]
    """What is wrong, in words; none for a healthy node."""
    height: int
    """Height of the head."""
    final_height: int
    """Height of the final block; 0 for none."""
    head_age_ms: int
    """How long ago the head's miner made it, by the local clock."""
    peers: int
    """Peers that are here."""
    waiting_blocks: int
    """Blocks that wait to be replayed."""
    waiting_transactions: int
    """Transactions in the mempool."""
    connected: bool
    """Whether a broker has accepted the node."""
    synced: bool
    """Whether nobody is known to be ahead."""
    trainer: str
    """One of TRAINER_STATES."""
    temperature_c: float | None = None
    """The machine's; None if nobody looks, or it can not be read."""
    disk_free_bytes: int | None = None
    """Room on the disk of the data directory; None if nobody looks, or can tell."""


class Watcher(Protocol):
    """Port: whoever watches."""

    def judged(self, kind: str, verdict: str, took_ms: int) -> None:
        """Hear of a block that was judged, how, and how long it took."""

    def mined(self, kind: str) -> None:
        """Hear of a block of the node's own."""

    def reorganised(self, depth: int) -> None:
        """Hear that so many blocks have left the main chain at once."""

    def health(self, health: Health) -> None:
        """Hear how the node is."""


class NobodyWatches:
    """A watcher that looks away."""

    def judged(self, kind: str, verdict: str, took_ms: int) -> None:
        """See Watcher."""

    def mined(self, kind: str) -> None:
        """See Watcher."""

    def reorganised(self, depth: int) -> None:
        """See Watcher."""

    def health(self, health: Health) -> None:
        """See Watcher."""
