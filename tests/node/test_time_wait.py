# SPDX-License-Identifier: Apache-2.0
"""Clocks that were not set: what can not be right is said, with both times; nothing is founded."""

import pytest

from edge_node.node.errors import ClockUnset
from edge_node.node.time_wait import PROGRAM_MS, check_founding_time, why_no_time
from edge_node.primitives.types import TimestampMs

FOUNDED_MS = TimestampMs(1_790_000_000_000)


def test_clock_before_the_network_s_birthday_is_wrong() -> None:
    assert why_no_time(FOUNDED_MS, FOUNDED_MS) == ""
    assert why_no_time(TimestampMs(FOUNDED_MS + 1), FOUNDED_MS) == ""
    assert why_no_time(TimestampMs(0), FOUNDED_MS) == (
        "waiting for the time: the clock says 1970-01-01 00:00 UTC, and this network was founded"
        " on 2026-09-21 14:13 UTC; see whether `timedatectl` says synchronized, and whether there"
        " is a network"
    )
    assert why_no_time(TimestampMs(FOUNDED_MS - 1), FOUNDED_MS)


def test_nothing_is_founded_before_the_program_was_written() -> None:
    check_founding_time(PROGRAM_MS)
    with pytest.raises(ClockUnset, match="the clock says 2025-12-31 23:59 UTC, so it was not set"):
        check_founding_time(TimestampMs(PROGRAM_MS - 1))
