# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset publish --bounty` to a real node: what it costs, and what is refused."""

from pathlib import Path

import pytest

from edge_node.datasets.store import DatasetStore
from tests.cli.typing_in import alive, typed
from tests.node.market_chain import OF_GENESIS, UPLOADED, UPLOADED_ID, market_node
from tests.spec import toy_market
from tests.spec.toy_chain import PARAMETERS, ToyChain

pytestmark = pytest.mark.slow

NAME = UPLOADED.manifest.name


@pytest.fixture
def uploader(tmp_path: Path) -> Path:
    return market_node(tmp_path / "node", ToyChain(toy_market.network()), toy_market.TRAINER)


def test_offer_says_what_it_costs_and_when_it_closes(uploader: Path) -> None:
    words = ("dataset", "publish", NAME, "--bounty", "10001", "--blocks", "20", "--fee", "2")
    assert "edge-node run" in typed(uploader, *words).sentence(5)
    with alive(uploader):
        told = typed(uploader, *words, "--json").json()
        (waiting,) = typed(uploader, "wallet", "--json").json()["waiting"]
        again = typed(uploader, *words)
    assert told["dataset"] == UPLOADED_ID.hex()
    assert (told["bounty"], told["bonus"], told["bond"]) == (10_001, 500, 5_001)
    assert told["cost"] == 10_001 + 5_001 + 2 == waiting["cost"]
    assert (waiting["kind"], waiting["transaction"]) == ("dataset", told["transaction"])
    assert told["reveal_height"] == 1 + 20
    assert told["closing_height"] == 1 + 20 + PARAMETERS.reveal_blocks
    assert "it costs 15004: bounty 10001, bond 5001, fee 2" in again.out
    assert f"market show {UPLOADED_ID.hex()[:12]}" in again.out


def test_the_law_refuses_by_its_rules(uploader: Path) -> None:
    words = ("dataset", "publish", NAME, "--bounty")
    with alive(uploader):
        for rest, rule in (
            (("1",), "R-56"),
            (("10000", "--bonus", "10001"), "R-56"),
            (("10000", "--bond", "4999"), "R-57"),
            (("10000", "--blocks", str(1 << 20)), "R-58"),
            (("1000000000000",), "R-27"),
        ):
            assert typed(uploader, *words, *rest).sentence(6).startswith(f"edge-node: {rule}: ")
        of_genesis = OF_GENESIS.manifest.dataset_id().hex()
        known = typed(uploader, "dataset", "publish", of_genesis, "--bounty", "10000")
        assert known.sentence(6).startswith("edge-node: R-54: ")
        assert typed(uploader, "wallet", "--json").json()["waiting"] == []


def test_what_is_public_has_no_reserve_to_seal(uploader: Path) -> None:
    assert typed(uploader, "dataset", "publish", NAME).code == 0
    refused = typed(uploader, "dataset", "publish", NAME, "--bounty", "10000")
    assert "have its reserve" in refused.sentence(7)


def test_terms_without_a_bounty_mean_nothing(uploader: Path) -> None:
    assert typed(uploader, "dataset", "publish", NAME, "--bond", "5").code == 2
    assert not DatasetStore(uploader / "datasets").is_published(UPLOADED_ID)


def test_damaged_dataset_is_not_offered(uploader: Path) -> None:
    path = uploader / "datasets" / UPLOADED_ID.hex() / "reserve.bin"
    path.write_bytes(bytes(path.stat().st_size))
    refused = typed(uploader, "dataset", "publish", NAME, "--bounty", "10000")
    assert "reserve.bin is corrupt" in refused.sentence(7)
