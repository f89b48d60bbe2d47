# SPDX-License-Identifier: Apache-2.0
"""A wrong clock buys at most max_future_ms: a rung can not be claimed before its time.

The sweep plays clocks that are up to a rung ahead; for each rung it looks for the first moment at
which an honest node takes a block that claims it.
"""

from dataclasses import replace

import pytest

from edge_node.primitives.types import TimestampMs
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.scheduling import needed_gain_at, rung_at
from edge_node.spec.validation import (
    BlockFromTheFuture,
    TimestampInvalid,
    check_header,
    check_not_early,
)
from tests.spec.stages import network, stages

STEP_MS = 250


def first_taken_ms(rung: int, skew_ms: int) -> int:
    """Return after how long an honest node takes a block of a rung, made by a skewed clock."""
    stage, rules = stages()["child"], network().rules
    parent, parameters = stage.tip.state, rules.parameters
    for after_ms in range(0, (MAX_RUNG + 20) * parameters.rung_ms, STEP_MS):
        now_ms = TimestampMs(parent.timestamp + after_ms)
        stamp = TimestampMs(now_ms + skew_ms)
        header = replace(stage.header, timestamp=stamp, rung=rung)
        try:
            check_header(header, parent, rules)
            check_not_early(header, now_ms, parameters)
        except (TimestampInvalid, BlockFromTheFuture):
            continue
        return after_ms
    message = "never"
    raise AssertionError(message)


@pytest.mark.parametrize("rung", [1, 4, MAX_RUNG])
def test_rung_is_claimed_no_sooner_than_max_future_before_its_time(rung: int) -> None:
    parameters = network().rules.parameters
    honest = first_taken_ms(rung, 0)
    assert honest == rung * parameters.rung_ms
    skews = [*range(0, 2 * parameters.max_future_ms, 250), parameters.rung_ms]
    soonest = min(_taken_or(honest, rung, skew_ms) for skew_ms in skews)
    assert honest - soonest == parameters.max_future_ms
    # The genesis makes that a quarter of a rung at most.
    assert 4 * (honest - soonest) <= parameters.rung_ms


def test_block_dated_back_needs_the_gain_of_the_time_that_it_claims() -> None:
    stage, rules = stages()["child"], network().rules
    family = stage.tip.state.families[stage.header.family]
    needed = [needed_gain_at(family, rung) for rung in range(MAX_RUNG + 1)]
    assert needed == sorted(needed, reverse=True)
    start = stage.tip.state.timestamp
    late = TimestampMs(start + 5 * rules.parameters.rung_ms)
    assert rung_at(rules.parameters, start, late) == 5
    honest = replace(stage.header, timestamp=late, rung=0)
    with pytest.raises(TimestampInvalid):
        check_header(honest, stage.tip.state, rules)


def _taken_or(otherwise: int, rung: int, skew_ms: int) -> int:
    try:
        return first_taken_ms(rung, skew_ms)
    except AssertionError:
        return otherwise
