# SPDX-License-Identifier: Apache-2.0
"""The machine's clock and entropy: plausible, in the right units, within bounds."""

from datetime import datetime, timezone

from edge_node.node.system import SystemClock, SystemRandom


def test_clock_tells_milliseconds_of_this_time() -> None:
    told = datetime.fromtimestamp(SystemClock().now_ms() / 1_000, timezone.utc)
    assert abs((told - datetime.now(timezone.utc)).total_seconds()) < 3_600


def test_monotonic_clock_never_goes_back() -> None:
    clock = SystemClock()
    moments = [clock.monotonic_ms() for _ in range(1_000)]
    assert moments == sorted(moments)


def test_chance_keeps_to_its_limits() -> None:
    random = SystemRandom()
    assert len(random.bytes(33)) == 33
    assert random.bytes(16) != random.bytes(16)
    assert {random.below(3) for _ in range(300)} == {0, 1, 2}
    assert {random.below(1) for _ in range(10)} == {0}
