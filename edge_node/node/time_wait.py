# SPDX-License-Identifier: Apache-2.0
"""Waiting for the time: a board without a battery for its clock begins in 1970, or where it ended.

A clock that says a time before its network was founded is wrong for certain. With it every block
would seem to come from the future, and an own one would be invalid; so the node does not connect,
judges and mines nothing, and says so, until the system's clock is set (NTP).
Law of the file: pure functions of times; nobody waits here.
Read next: service.py, which waits.
"""

from datetime import datetime, timezone
from typing import Final

from edge_node.node.errors import ClockUnset
from edge_node.primitives.types import TimestampMs

PROGRAM_MS: Final = TimestampMs(1_767_225_600_000)
"""2026-01-01: this program was written later, so no network of its was founded before."""
_CURE = "see whether `timedatectl` says synchronized, and whether there is a network"


def why_no_time(now_ms: TimestampMs, founded_ms: TimestampMs) -> str:
    """Return why a clock can not be right; empty if it may be.

    Parameters
    ----------
    now_ms : TimestampMs
        What it says.
    founded_ms : TimestampMs
        When the node's network was founded, by its genesis.
    """
    if now_ms >= founded_ms:
        return ""
    return (
        f"waiting for the time: the clock says {_as_text(now_ms)}, and this network was founded on"
        f" {_as_text(founded_ms)}; {_CURE}"
    )


def check_founding_time(now_ms: TimestampMs) -> None:
    """Check that a network may be founded at a time.

    Raises
    ------
    ClockUnset
    """
    if now_ms < PROGRAM_MS:
        raise ClockUnset(says=_as_text(now_ms))


def _as_text(time_ms: TimestampMs) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1_000, timezone.utc):%Y-%m-%d %H:%M} UTC"
