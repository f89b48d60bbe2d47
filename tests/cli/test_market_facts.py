# SPDX-License-Identifier: Apache-2.0
"""What is told of a dataset at each stage of its life, against the chain's own state."""

from pathlib import Path

import pytest

from edge_node.cli.chain_access import open_chain
from edge_node.cli.market_facts import MarketFacts, market_facts
from edge_node.cli.session import Session
from edge_node.primitives.types import DatasetId
from tests.node.market_chain import OF_GENESIS, UPLOADED_ID, market_node
from tests.spec import toy_market
from tests.spec.stages import ALICE
from tests.spec.toy_chain import PARAMETERS, ToyChain

pytestmark = pytest.mark.slow


def facts(folder: Path, chain: ToyChain, dataset: DatasetId = UPLOADED_ID) -> MarketFacts:
    root = market_node(folder / f"at-{chain.state.height}", chain, ALICE)
    with open_chain(Session(flags={"node.data_dir": str(root)}, file=None)) as opened:
        return market_facts(opened, dataset)


def test_terms_are_those_of_the_upload_at_every_stage(tmp_path: Path) -> None:
    settled = toy_market.revealed().fork()
    toy_market.wait(settled)
    for chain in (toy_market.uploaded(), toy_market.competing(), settled):
        told = facts(tmp_path, chain)
        assert (told.bounty, told.bonus, told.bond) == (
            toy_market.BOUNTY,
            toy_market.BONUS,
            toy_market.BOND,
        )
        assert told.uploader == toy_market.TRAINER.address.hex()
        assert told.closing_height == toy_market.CLOSING
        assert told.reveal_height == toy_market.CLOSING - PARAMETERS.reveal_blocks
    assert (told.state, told.bounty_left, told.owed) == ("settled", 0, ())


def test_waiting_tells_who_holds_it(tmp_path: Path) -> None:
    chain = toy_market.uploaded().fork()
    told = facts(tmp_path, chain)
    assert (told.state, told.best_ppm) == ("waiting", None)
    assert told.holders is not None
    assert told.holders.blocks_needed >= 1
    assert told.words.startswith("waiting for holders: ")
    toy_market.wait(chain, until=4)
    told = facts(tmp_path, chain)
    assert (told.state, told.holders) == ("open", None)


def test_closed_and_revealed_are_told_with_families_and_debts(tmp_path: Path) -> None:
    chain = toy_market.competing().fork()
    toy_market.wait(chain)
    told = facts(tmp_path, chain)
    assert told.words == "closed, reveal due"
    bounty = chain.state.datasets[UPLOADED_ID].bounty
    assert bounty is not None
    assert told.bounty_left == bounty.escrow < toy_market.BOUNTY
    assert sum(each.amount for each in told.owed) == sum(each.amount for each in bounty.owed)
    (family,) = told.families
    assert told.best_ppm == family.best_ppm > 0
    assert family.closed
    assert facts(tmp_path, toy_market.revealed()).words.startswith("revealed, held by ")


@pytest.mark.parametrize("dataset", [OF_GENESIS.manifest.dataset_id()])
def test_dataset_of_the_genesis_has_no_terms(tmp_path: Path, dataset: DatasetId) -> None:
    told = facts(tmp_path, toy_market.uploaded(), dataset)
    assert (told.state, told.uploader, told.bounty, told.bond) == ("genesis", "", None, None)
    assert (told.reveal_height, told.closing_height) == (None, None)
