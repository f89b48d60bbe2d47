# SPDX-License-Identifier: Apache-2.0
"""`edge-node market` on a toy chain: the table, one dataset, the reveal, the best model."""

from pathlib import Path

import pytest

from edge_node.node.control import ask
from tests.cli.typing_in import alive, typed
from tests.node.market_chain import OF_GENESIS, UPLOADED, UPLOADED_ID, market_node
from tests.spec import toy_market
from tests.spec.stages import ALICE
from tests.spec.toy_chain import Miner

pytestmark = pytest.mark.slow

NAME = UPLOADED.manifest.name


@pytest.fixture(scope="module")
def miner_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("market") / "node"
    return market_node(root, toy_market.competing(), ALICE)


def closed_node(root: Path, who: Miner) -> Path:
    return market_node(root, toy_market.competing(), who)


def test_table_has_all_datasets_and_no_line_is_too_long(miner_node: Path) -> None:
    told = typed(miner_node, "market", "--json").json()
    assert {each["name"]: each["state"] for each in told["datasets"]}[NAME] == "closed"
    assert told["height"] == toy_market.competing().state.height
    shown = typed(miner_node, "market").out
    assert max(map(len, shown.splitlines())) <= 80
    for text in (UPLOADED_ID.hex()[:12], str(toy_market.BOUNTY), str(toy_market.CLOSING)):
        assert text in shown


def test_one_dataset_by_name_or_beginning_of_its_id(miner_node: Path) -> None:
    told = typed(miner_node, "market", "show", UPLOADED_ID.hex()[:8], "--json").json()
    assert (told["dataset"], told["bond"]) == (UPLOADED_ID.hex(), toy_market.BOND)
    (family,) = told["families"]
    assert family["best_evaluation_ppm"] == family["best_ppm"]
    assert family["best_reserve_ppm"] is None, "it is sealed"
    shown = typed(miner_node, "market", "show", UPLOADED_ID.hex()).out
    told_lines = [line for line in shown.splitlines() if "edge-node" not in line]  # to be copied
    assert max(map(len, told_lines)) <= 80
    assert f"left of {toy_market.BOUNTY}, {toy_market.BONUS} for a record" in shown
    assert f"model export best --dataset {UPLOADED_ID.hex()[:12]}" in shown
    assert "edge-node market" in typed(miner_node, "market", "show", "nothing").sentence(7)


def test_best_model_of_any_dataset(miner_node: Path) -> None:
    for dataset in (UPLOADED_ID, OF_GENESIS.manifest.dataset_id()):
        told = typed(miner_node, "market", "show", dataset.hex(), "--json").json()
        words = ("model", "export", "best", "--dataset", dataset.hex(), "--format", "blob")
        output = str(miner_node.parent / "best.bnn")
        made = typed(miner_node, *words, "--output", output, "--json").json()
        assert made["model"] == told["families"][0]["best_model"]
        shown = typed(miner_node, "model", "show", "best", "--dataset", dataset.hex()[:8], "--json")
        assert shown.json()["model"] == made["model"]


def test_uploader_reveals_by_hand_where_the_node_does_not(tmp_path: Path) -> None:
    root = closed_node(tmp_path / "bob", toy_market.TRAINER)
    (root / "config.toml").write_text("[market]\nauto_reveal = false\n")
    words = ("market", "reveal", UPLOADED_ID.hex()[:12], "--fee", "3")
    assert "edge-node run" in typed(root, *words).sentence(5)
    with alive(root):
        assert ask(root / "control", "account", {})["waiting"] == []
        told = typed(root, *words, "--json").json()
        (waiting,) = typed(root, "wallet", "--json").json()["waiting"]
        assert (waiting["transaction"], waiting["cost"]) == (told["transaction"], 3)


def test_reveal_of_what_is_not_ours_is_refused_by_the_law(tmp_path: Path) -> None:
    root = closed_node(tmp_path / "alice", ALICE)
    with alive(root):
        refused = typed(root, "market", "reveal", UPLOADED_ID.hex())
        assert refused.sentence(6).startswith("edge-node: R-60: ")
        assert "edge-node market" in typed(root, "market", "reveal", "nothing").sentence(7)
