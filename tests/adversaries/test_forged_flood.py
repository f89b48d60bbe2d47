# SPDX-License-Identifier: Apache-2.0
"""A flood of forged winners: a known key comes first, and an unknown one costs one replay.

A whole node hears a hundred forged headers and an honest block in one moment, over real gossip.
"""

from tests.adversaries.on_nodes import HELPERS, flood


def test_known_miners_block_is_replayed_before_all_that_came_with_it() -> None:
    found = flood()
    assert found.honest_place == 0
    assert found.heads_after_a_turn == (True, True)


def test_keys_cost_a_replay_each_and_their_peers_a_ban() -> None:
    found = flood()
    assert found.of_one_key == 1
    assert found.of_fresh_keys == found.headers == 50
    assert found.banned == found.headers + 1, f"of {HELPERS} helpers one was heard out"


def test_nothing_of_a_flood_is_left() -> None:
    found = flood()
    assert found.left == (0, 0)
    assert found.synced
