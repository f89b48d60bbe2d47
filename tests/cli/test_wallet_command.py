# SPDX-License-Identifier: Apache-2.0
"""`edge-node wallet` on a toy market's chain: what is here, what is still to come, what waits."""

from pathlib import Path

import pytest

from edge_node.node.control import ask
from tests.acceptance.running import eventually
from tests.cli.typing_in import alive, typed
from tests.node.market_chain import UPLOADED_ID, market_node
from tests.spec import toy_market
from tests.spec.stages import ALICE

pytestmark = pytest.mark.slow


def test_miner_sees_balance_rewards_and_second_halves(tmp_path: Path) -> None:
    chain = toy_market.competing()
    root = market_node(tmp_path / "node", chain, ALICE)
    state = chain.state
    told = typed(root, "wallet", "--json").json()
    assert told["address"] == ALICE.address.hex()
    assert told["balance"] == state.accounts.get(ALICE.address).balance
    rewards = [each for each in state.immature if each.address == ALICE.address]
    assert told["immature"] == sum(each.amount for each in rewards) > 0
    assert sum(each["amount"] for each in told["maturing"]) == told["immature"]
    assert [each["height"] for each in told["maturing"]] == sorted({each.due for each in rewards})
    bounty = state.datasets[UPLOADED_ID].bounty
    assert bounty is not None
    (owed,) = told["owed"]
    assert owed["amount"] == sum(e.amount for e in bounty.owed if e.address == ALICE.address) > 0
    assert owed["closing_height"] == toy_market.CLOSING
    assert told["waiting"] is None, "no node runs"
    shown = typed(root, "wallet").out
    assert f"up to {owed['amount']} when" in shown
    assert "no node runs here" in shown


def test_uploader_sees_what_is_offered_and_what_waits(tmp_path: Path) -> None:
    chain = toy_market.competing()
    root = market_node(tmp_path / "node", chain, toy_market.TRAINER)
    with alive(root):
        eventually("the reveal", lambda: ask(root / "control", "account", {})["waiting"] != [])
        told = typed(root, "wallet", "--json").json()
        shown = typed(root, "wallet").out
    (offered,) = told["offered"]
    bounty = chain.state.datasets[UPLOADED_ID].bounty
    assert bounty is not None
    assert offered["coins"] == bounty.coins
    (waiting,) = told["waiting"]
    assert waiting["kind"] == "reveal", "the node does its duty by itself"
    assert f"waiting   reveal for {waiting['cost']}" in shown


def test_it_takes_a_key(tmp_path: Path) -> None:
    assert "edge-node init" in typed(tmp_path, "wallet").sentence(3)
