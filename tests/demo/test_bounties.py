# SPDX-License-Identifier: Apache-2.0
"""What is told of an uploaded dataset, on a chain that the law has judged up to its settlement.

The coins of the report are the chain's: together they are all that the uploader has paid.
"""

from dataclasses import replace

import pytest

from edge_node.demo.market import MarketReport
from edge_node.spec.dataset import SplitName
from tests.demo.market_chain import Stopped, stopped
from tests.spec import toy_market
from tests.spec.toy_data import toy_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    chain = toy_market.revealed().fork()
    toy_market.wait(chain)
    datasets = [toy_dataset(), toy_market.UPLOADED]
    return stopped(tmp_path_factory.mktemp("settled"), chain, datasets)


@pytest.fixture(scope="module")
def report(seen: Stopped) -> MarketReport:
    return seen.market()


def test_upload_is_told_with_its_terms_and_stages(report: MarketReport) -> None:
    (offer,) = report.uploads
    assert (offer.height, offer.dataset) == (1, "uploaded")
    assert (offer.bounty, offer.bonus) == (toy_market.BOUNTY, toy_market.BONUS)
    assert (offer.bond, offer.closing) == (toy_market.BOND, toy_market.CLOSING)
    assert offer.holders == len(toy_market.MINERS)
    assert offer.scheduled is not None
    assert offer.ended is not None
    assert offer.height < offer.scheduled < offer.ended < offer.closing
    family = next(each for each in report.families if each.dataset == "uploaded")
    assert offer.scheduled < family.founded
    assert family.closed == offer.ended
    (reveal,) = report.reveals
    assert offer.ended < reveal.height < offer.closing
    assert reveal.images == toy_market.UPLOADED.manifest.splits[SplitName.RESERVE].count


def test_settlement_gives_all_coins_to_miners_or_back(seen: Stopped, report: MarketReport) -> None:
    (settled,) = report.settlements
    assert (settled.height, settled.dataset) == (toy_market.CLOSING, "uploaded")
    dataset = toy_market.UPLOADED.dataset_id
    bounty = seen.states[settled.height - 1].datasets[dataset].bounty
    assert bounty is not None
    paid = sum(share.paid for share in settled.shares)
    assert paid + settled.returned == bounty.coins
    owed = sum(each.amount for each in bounty.owed)
    assert sum(share.owed for share in settled.shares) == owed > 0
    assert all(0 <= share.paid <= share.owed for share in settled.shares)
    at_once = sum(each.amount - each.amount // 2 for each in report.bounties)
    assert at_once + paid + settled.returned == toy_market.BOUNTY + toy_market.BOND
    assert {share.receiver for share in settled.shares} == {b.receiver for b in report.bounties}


def test_each_stage_that_did_not_come_is_told(report: MarketReport) -> None:
    report = replace(report, offered=1)
    told = [each for each in report.failures if "uploaded" in each]
    assert [each for each in told if "never" in each] == []
    waiting = replace(report.uploads[0], scheduled=None)
    for changed, sentence in (
        (replace(report, uploads=()), "0 of 1 uploads are in a block"),
        (replace(report, uploads=(waiting,)), "never was mined on: too few miners held it"),
        (replace(report, bounties=()), "never earned a bonus"),
        (replace(report, reveals=()), "never had its reserve revealed"),
        (replace(report, settlements=()), "never was settled"),
    ):
        assert any(sentence in failure for failure in changed.failures)
