# SPDX-License-Identifier: Apache-2.0
"""Who wants a heavier or a better chain than it has worked for.

Chains are of real bursts, or of times alone; the attacker makes every block of them. Gains
are printed and held against the published table.
"""

import pytest

from tests.adversaries import on_chains as attacks
from tests.adversaries import red_team
from tests.adversaries.published import stands_in_the_table

FAKED_POINTS = 2
WORK_BOUND = 1.1


@pytest.mark.slow
def test_luck_on_the_evaluation_split_is_bounded() -> None:
    honest, cheat, paper = (
        attacks.cherry_picked(1),
        attacks.cherry_picked(8),
        attacks.must_rise(),
    )
    assert paper.faked > 1, "where the accuracy must rise, honest miners fake it"
    assert paper.faked > honest.faked
    assert honest.faked < 1
    assert cheat.faked <= FAKED_POINTS
    assert cheat.tries > 8 * honest.tries
    stands_in_the_table(red_team.overfitting())


@pytest.mark.slow
def test_false_times_count_no_work_that_was_not_done() -> None:
    for clock in (
        attacks.honest_clock,
        attacks.stretched_clock,
        attacks.squeezed_clock,
        attacks.sawtooth_clock,
    ):
        assert attacks.counted_work(clock).mean < WORK_BOUND
    stands_in_the_table(red_team.private_chains())


@pytest.mark.slow
def test_small_family_is_not_the_cheap_way_to_win() -> None:
    found = attacks.small_family()
    assert 1 / WORK_BOUND < found.gain < WORK_BOUND
    assert found.unscaled > 3
    stands_in_the_table(red_team.small_family())


def test_headers_that_nobody_replays_cost_a_hash() -> None:
    assert attacks.multiplications_of_a_hash() > 100_000
    stands_in_the_table(red_team.unreplayed_headers())
