# SPDX-License-Identifier: Apache-2.0
"""The real clock and the real randomness, built here and passed to whoever needs them.

Law of the file: the only place of the product that reads the time or the system's entropy.
Read next: node.py.
"""

import os
import time

from edge_node.primitives.types import TimestampMs


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> TimestampMs:
        """See Clock."""
        return TimestampMs(time.time_ns() // 1_000_000)

    def monotonic_ms(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1_000_000


class SystemRandom:
    """The system's entropy."""

    def bytes(self, count: int) -> bytes:
        """See RandomSource."""
        return os.urandom(count)

    def below(self, limit: int) -> int:
        """See RandomSource; the bias of the modulo is below limit / 2**64."""
        return int.from_bytes(os.urandom(8), "little") % limit
