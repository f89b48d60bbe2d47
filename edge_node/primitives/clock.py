# SPDX-License-Identifier: Apache-2.0
"""The time port: whoever needs the time is given a `Clock`.

Law of the file: the Protocol only; the real clock is built where the parts meet, so that a
simulation can run on a virtual one.
Read next: randomness.py.
"""

from typing import Protocol

from edge_node.primitives.types import TimestampMs


class Clock(Protocol):
    """A source of time."""

    def now_ms(self) -> TimestampMs:
        """Return milliseconds since the Unix epoch."""

    def monotonic_ms(self) -> int:
        """Return milliseconds that never run backwards; only differences mean anything."""
