# SPDX-License-Identifier: Apache-2.0
"""What a node wants, needs and says to hold, at each stage of a toy upload's life."""

from pathlib import Path

from edge_node.datasets.store import JUDGING, WHOLE, DatasetStore
from edge_node.node.reserves import (
    have_list,
    is_needed,
    is_sealed,
    needs_blocks,
    wanted_splits,
)
from edge_node.spec import market
from edge_node.spec.constants import MAX_HAVE
from edge_node.spec.state import State
from tests.node.market_chain import OF_GENESIS, UPLOADED, UPLOADED_ID, without_reserve
from tests.spec import toy_market
from tests.spec.toy_chain import PARAMETERS

GENESIS_ID = OF_GENESIS.manifest.dataset_id()
RESERVE_ID = market.reserve_id(UPLOADED_ID)


def wanted(state: State) -> tuple[int, ...]:
    return tuple(wanted_splits(state.datasets[UPLOADED_ID]))


def test_reserve_is_wanted_from_the_reveal_until_the_settlement() -> None:
    before = toy_market.uploaded().state
    assert wanted(before) == JUDGING
    assert is_sealed(before, UPLOADED_ID)
    revealed = toy_market.revealed().fork()
    assert wanted(revealed.state) == WHOLE
    assert not is_sealed(revealed.state, UPLOADED_ID)
    toy_market.wait(revealed)
    assert wanted(revealed.state) == ()
    assert not is_sealed(revealed.state, UPLOADED_ID), "it may be given away"
    assert wanted_splits(before.datasets[GENESIS_ID]) == WHOLE
    assert not is_sealed(before, RESERVE_ID), "what the chain does not know is no market's"


def test_blocks_are_needed_while_a_bounty_is_not_settled() -> None:
    assert not needs_blocks(toy_market.network().start())
    revealed = toy_market.revealed().fork()
    for state in (toy_market.uploaded().state, toy_market.competing().state, revealed.state):
        assert needs_blocks(state)
    toy_market.wait(revealed)
    assert not needs_blocks(revealed.state)


def test_what_blocks_can_be_judged_without_is_not_needed() -> None:
    before = toy_market.uploaded().state
    assert not is_needed(before, UPLOADED_ID, PARAMETERS), "nobody mines on it yet"
    assert is_needed(before, GENESIS_ID, PARAMETERS)
    competing = toy_market.competing().fork()
    opened = toy_market.uploaded().fork()
    toy_market.wait(opened, until=4)
    assert is_needed(opened.state, UPLOADED_ID, PARAMETERS)
    toy_market.wait(competing, toy_market.reveal(), have=())
    assert not is_needed(competing.state, UPLOADED_ID, PARAMETERS), "its reserve may be nowhere"
    assert is_needed(toy_market.revealed().state, UPLOADED_ID, PARAMETERS)


def test_have_list_names_what_is_here_and_the_reserve_once_it_is_revealed(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path)
    before, after = toy_market.uploaded().state, toy_market.revealed().state
    assert have_list(before, store) == []
    store.add(OF_GENESIS)
    assert have_list(before, store) == [GENESIS_ID]
    without_reserve(store, UPLOADED)
    assert have_list(before, store) == [UPLOADED_ID, GENESIS_ID], "what is waited for comes first"
    assert RESERVE_ID not in have_list(after, store)
    store.add(UPLOADED)
    assert RESERVE_ID not in have_list(before, store)
    assert have_list(after, store)[0] == RESERVE_ID
    assert len(have_list(after, store)) <= MAX_HAVE
