# SPDX-License-Identifier: Apache-2.0
"""Room on the disk: a node whose disk is nearly full stops mining, and goes on once there is room.

`limits.min_free_mib` says how little may be left. From there up to an eighth more, all stays as it
was: a log that grows and a file that is deleted do not end and begin mining in turn. Validation
never pauses, and a disk that is full after all ends the node with a sentence (chain/database.py).
Law of the file: it decides by free bytes alone, and says so once at each change.
Read next: node.py, which asks before it mines; thermal.py, the same for heat.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_node.primitives.clock import Clock

_LOG = logging.getLogger(__name__)

LOOK_MS: Final = 1_000
"""How often the room is looked at."""
_MORE_SHARE = 8
"""Mining goes on once a part more is free, one in so many."""
_MIB = 1 << 20


def free_bytes(folder: Path) -> int | None:
    """Return the bytes that a user may still write on a folder's disk; None if nobody tells."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free
    return None


class DiskRoom:
    """A node's sense of the room on its disk.

    Parameters
    ----------
    folder : Path
        Its data directory.
    min_free_mib : int
        Mining pauses where less is free.
    clock : Clock
    free : callable, optional
        Says how many bytes are free, as free_bytes does.
    """

    def __init__(
        self,
        folder: Path,
        min_free_mib: int,
        clock: Clock,
        free: Callable[[Path], int | None] = free_bytes,
    ) -> None:
        self._folder = folder
        self._min_free_mib = min_free_mib
        self._enough_mib = min_free_mib + -(-min_free_mib // _MORE_SHARE)
        self._clock = clock
        self._free = free
        self._look_at_ms: int | None = None
        self.paused = False
        """True while there is too little room to mine."""
        self.free_bytes: int | None = None
        """At the last look; None if nobody could tell."""

    @property
    def why_paused(self) -> str:
        """What is wrong and what cures it, for people; empty while there is room."""
        if not self.paused:
            return ""
        left = "nobody can tell how much is" if self.free_bytes is None else f"{self._left} MiB are"
        return (
            f"{left} free on the disk of {self._folder}, and limits.min_free_mib ="
            f" {self._min_free_mib}; mining is paused until there are {self._enough_mib}: make room"
        )

    @property
    def _left(self) -> int:
        return (self.free_bytes or 0) // _MIB

    def tick(self) -> None:
        """Look, if it is time."""
        now_ms = self._clock.monotonic_ms()
        if self._look_at_ms is None or now_ms >= self._look_at_ms:
            self._look_at_ms = now_ms + LOOK_MS
            self.free_bytes = self._free(self._folder)
            if self.free_bytes is not None:
                self._judge()

    def _judge(self) -> None:
        wanted_mib = self._enough_mib if self.paused else self._min_free_mib
        before, self.paused = self.paused, self._left < wanted_mib
        if self.paused and not before:
            _LOG.warning("%s", self.why_paused)
        elif before and not self.paused:
            _LOG.warning("mining goes on: %d MiB are free on the disk", self._left)
