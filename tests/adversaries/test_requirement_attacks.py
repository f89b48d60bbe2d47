# SPDX-License-Identifier: Apache-2.0
"""Who wants its requirements met without the work: large gains in paper B's rule, none in ours.

Real steps and bursts of a trained net; gains are printed, held within their bounds, and held
against the published table.
"""

import pytest

from tests.adversaries import on_requirements as attacks
from tests.adversaries import red_team
from tests.adversaries.published import stands_in_the_table

TABLE_BOUND = 2
FILTER_BOUND = 1.1
SHOWN = 1.5
"""Least gain that counts as a weakness shown."""


def test_batches_that_change_nothing_meet_every_r_as_published_and_none_of_ours() -> None:
    found = attacks.idle_batches()
    assert found.paper_met == found.tries
    assert found.ours_met == 0
    stands_in_the_table(red_team.idle_batches())


@pytest.mark.slow
def test_searched_batches_gain_many_times_as_published_and_nothing_in_ours() -> None:
    paper = attacks.batch_search()
    assert paper.gain > 10
    assert paper.solved == paper.tips
    told = attacks.foretold_bursts()
    assert told.first_right == told.tries, "one step is a sum"
    assert told.all_right == 0, "sixteen are none"
    assert attacks.seed_filter() < TABLE_BOUND
    stands_in_the_table(red_team.batch_search())


def test_table_of_nonces_gains_many_times_as_published_and_under_twice_in_ours() -> None:
    paper = attacks.nonce_table_paper()
    assert paper.gain > 10
    assert paper.solved == paper.tips
    assert 1 < attacks.nonce_table_ours() < TABLE_BOUND
    stands_in_the_table(red_team.nonce_table())


@pytest.mark.slow
def test_luckiest_requirements_gain_where_r_is_known_before_the_work() -> None:
    assert attacks.paper_filter() > SHOWN
    assert attacks.seed_filter() < FILTER_BOUND
    stands_in_the_table(red_team.lucky_requirements())


@pytest.mark.slow
def test_ground_keys_gain_where_r_follows_from_the_key() -> None:
    assert attacks.early_filter() > SHOWN
    assert attacks.key_grinding() < FILTER_BOUND
    stands_in_the_table(red_team.key_grinding())


@pytest.mark.slow
def test_images_that_the_head_knows_can_not_be_left_out() -> None:
    assert attacks.known_images_skipped() < FILTER_BOUND
    stands_in_the_table(red_team.known_images())
