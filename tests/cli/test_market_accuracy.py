# SPDX-License-Identifier: Apache-2.0
"""Accuracy side by side, counted anew on a toy market: the law's own counts, and what is sealed."""

from pathlib import Path

import pytest

from edge_node.cli.chain_access import open_chain
from edge_node.cli.market_accuracy import accuracy_ppm
from edge_node.cli.market_facts import market_facts
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import Hash32, ModelHash
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from tests.node.market_chain import UPLOADED, UPLOADED_ID, market_node
from tests.spec import toy_market
from tests.spec.stages import ALICE
from tests.spec.toy_chain import ToyChain

pytestmark = pytest.mark.slow


def counted(root: Path, chain: ToyChain) -> tuple[int | None, int | None, int | None]:
    """Return what is told of the uploaded dataset's best model, checked against the chain."""
    market_node(root, chain, ALICE)
    with open_chain(Session(flags={"node.data_dir": str(root)}, file=None)) as opened:
        best = market_facts(opened, UPLOADED_ID).families[0]
        found = accuracy_ppm(opened, DatasetStore(root / "datasets"), UPLOADED_ID, best.best_model)
        model = opened.blocks.model(ModelHash(Hash32(bytes.fromhex(best.best_model))))
    assert found[SplitName.EVALUATION] == best.best_ppm
    if found[SplitName.RESERVE] is not None:
        engine = toy_market.network().engine
        correct = engine.count_correct(model, UPLOADED_ID, SplitName.RESERVE)
        images = UPLOADED.manifest.splits[SplitName.RESERVE].count
        assert found[SplitName.RESERVE] == correct * PPM // images
    return found


def test_reserve_is_counted_once_it_is_revealed(tmp_path: Path) -> None:
    train, _, sealed = counted(tmp_path / "before", toy_market.competing())
    assert train is not None
    assert sealed is None, "even where it is here"
    _, _, revealed = counted(tmp_path / "after", toy_market.revealed())
    assert revealed is not None


def test_what_is_not_here_is_not_counted(tmp_path: Path) -> None:
    root = market_node(tmp_path / "node", toy_market.competing(), ALICE, uploaded=False)
    with open_chain(Session(flags={"node.data_dir": str(root)}, file=None)) as opened:
        best = market_facts(opened, UPLOADED_ID).families[0].best_model
        store = DatasetStore(root / "datasets")
        assert accuracy_ppm(opened, store, UPLOADED_ID, best) == (None, None, None)
        assert accuracy_ppm(opened, store, UPLOADED_ID, "00" * 32) == (None, None, None)
