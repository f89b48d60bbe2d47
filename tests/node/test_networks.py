# SPDX-License-Identifier: Apache-2.0
"""The usual geneses: each is one that the law accepts, and its members are rich and may sign."""

import pytest

from edge_node.node.networks import DEMO, FIRST_COINS, LAN, new_genesis
from edge_node.primitives.types import TimestampMs
from edge_node.spec.genesis import Parameters, genesis_from_bytes
from edge_node.spec.state import genesis_state
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

NOW = TimestampMs(1_700_000_000_000)
MEMBERS = [toy.miner(name).key for name in ("cat", "ann", "bob")]
MANIFEST = toy_dataset("networks", (20, 2_000, 10)).manifest


@pytest.mark.parametrize("parameters", [LAN, DEMO], ids=["LAN", "DEMO"])
def test_genesis_is_one_that_the_law_accepts(parameters: Parameters) -> None:
    genesis = new_genesis("test", [MANIFEST], MEMBERS, parameters, NOW)
    assert genesis_from_bytes(genesis.encode()) == genesis
    # Design, section 5: no clock may be a rung wrong, and a block never waits for its rung.
    assert parameters.rung_ms >= 4 * parameters.max_future_ms
    assert parameters.min_interval_ms < parameters.rung_ms


def test_members_have_coins_and_order_does_not_matter() -> None:
    genesis = new_genesis("test", [MANIFEST], MEMBERS, LAN, NOW)
    assert genesis == new_genesis("test", [MANIFEST], MEMBERS[::-1], LAN, NOW)
    assert set(genesis.members) == set(MEMBERS)
    state = genesis_state(genesis)
    for name in ("ann", "bob", "cat"):
        assert state.accounts.get(toy.miner(name).address).balance == FIRST_COINS
    assert state.accounts.get(toy.miner("dan").address).balance == 0


def test_another_birthday_is_another_network() -> None:
    one = new_genesis("test", [MANIFEST], MEMBERS, LAN, NOW)
    two = new_genesis("test", [MANIFEST], MEMBERS, LAN, TimestampMs(NOW + 1))
    assert one.network_id() != two.network_id()
