# SPDX-License-Identifier: Apache-2.0
"""A dataset from its upload to its settlement, by two real nodes over a real broker.

One uploads it by a command; the other fetches all but the reserve, which nobody gives away. Both
mine on it for bonuses; the uploader's node reveals by itself, the other fetches the reserve, and
the settlement pays. Whenever it is looked at, the coins add up.
"""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_node.cli.chain_access import open_chain
from edge_node.cli.dataset_choice import parse_dataset_id
from edge_node.cli.market_facts import MarketFacts, market_facts
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.demo.market import stopped_states
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.engine import NodeEngine
from edge_node.primitives.types import DatasetId
from edge_node.spec.constants import REWARD_MATURITY_BLOCKS
from edge_node.spec.state import Bounty, Reward
from tests.acceptance.running import answer, broker, eventually, found_network, node
from tests.spec.toy_data import toy_dataset

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

QUICK_RULES = """
min_family_acc_ppm = 500_000
min_population_acc_ppm = 2_000
max_family_generations = 8
max_founder_steps = 40
min_interval_ms = 100
rung_ms = 240
max_future_ms = 60
target_ms = 300
min_evaluation_images = 100
min_bounty = 100
have_window_blocks = 2
reveal_blocks = 5
"""
BOUNTY, BONUS, BOND, FEE = 1_000, 100, 500, 1
GIVEN = 2_000
MARKET_IMAGES = (1_200, 400, 400)


def market_images(path: Path) -> None:
    """Write the uploader's images as a numpy archive."""
    splits = toy_dataset("market", MARKET_IMAGES).splits
    images = np.frombuffer(b"".join(split.images for split in splits), np.uint8)
    labels = np.frombuffer(b"".join(split.labels for split in splits), np.uint8)
    np.savez(path, images=images.reshape(-1, 8, 8), labels=labels)


def stage(data_dir: Path, dataset: DatasetId) -> MarketFacts | None:
    """Return what the market tells of the uploaded dataset; None before it does."""
    with open_chain(Session(flags={"node.data_dir": str(data_dir)}, file=None)) as chain:
        state = chain.state
        assert state.supply == state.minted - state.burned
        return market_facts(chain, dataset) if dataset in state.datasets else None


def until(data_dir: Path, dataset: DatasetId, *states: str) -> MarketFacts:
    """Wait until the dataset is at one of some stages."""
    last: MarketFacts | None = None

    def there() -> bool:
        nonlocal last
        last = stage(data_dir, dataset)
        return last is not None and last.state in states

    eventually(f"stage {states}", there)
    assert last is not None
    return last


def let_mine(data_dir: Path, *, enabled: bool) -> None:
    ask(data_dir / "control", "mine", {"enabled": enabled})


def settlement(data_dir: Path, dataset: DatasetId) -> tuple[Bounty, Reward]:
    """Return the bounty before the block that settled it, and the last reward of that block."""
    directory = DataDirectory(data_dir)
    engine = NodeEngine(load_ed25519(), [ReferenceBackend()], DatasetStore(directory.datasets))
    with closing(engine), stopped_states(directory.chain, directory.genesis(), engine) as states:
        for before, after in pairwise(states):
            bounty = before.datasets[dataset].bounty if dataset in before.datasets else None
            if bounty is not None and after.datasets[dataset].bounty is None:
                due = after.height + REWARD_MATURITY_BLOCKS
                return bounty, [each for each in after.immature if each.due == due][-1]
    raise AssertionError("it was never settled")


def test_upload_is_mined_on_revealed_and_settled(tmp_path: Path) -> None:
    first, second = found_network(tmp_path, population=2, rules=QUICK_RULES), tmp_path / "b"
    market_images(tmp_path / "market.npz")
    with broker(first) as line, node(first) as a:
        answer(second, "init", "--join", line)
        with node(second) as b:
            address = b.until("a connection", lambda now: now["synced"])["address"]
            answer(first, "tx", "send", address, str(GIVEN))
            b.until("the coins", lambda now: now["balance"] >= GIVEN)
            images = str(tmp_path / "market.npz")
            answer(second, "dataset", "import", images, "--format", "npz", "--name", "market")
            offer = ("--bounty", str(BOUNTY), "--bonus", str(BONUS), "--blocks", "20")
            # Its uploader alone would open it before the other has fetched anything.
            let_mine(second, enabled=False)
            told = answer(second, "dataset", "publish", "market", *offer)
            assert told["cost"] == BOUNTY + BOND + FEE
            dataset = parse_dataset_id(told["dataset"])
            ours, theirs = (each / "datasets" / told["dataset"] for each in (second, first))
            until(first, dataset, "waiting", "open", "closed")
            let_mine(first, enabled=False)
            sealed = "but for its sealed reserve"
            eventually("all but the reserve", lambda: sealed in a.log.read_text())
            assert (theirs / "evaluation.bin").exists()
            assert not (theirs / "reserve.bin").exists()
            for data_dir in (first, second):
                let_mine(data_dir, enabled=True)
            until(first, dataset, "revealed", "settled")
            eventually("the reserve", (theirs / "reserve.bin").exists)
            assert "the reserve of dataset" in b.log.read_text(), "by itself"
            for data_dir in (first, second):
                until(data_dir, dataset, "settled")
            wallet = answer(second, "wallet")
            assert wallet["owed"] == wallet["offered"] == []
            (best, *_) = answer(first, "market", "show", "market")["families"]
            words = ("model", "export", "best", "--dataset", "market", "--format", "blob")
            exported = answer(first, *words, "--output", str(tmp_path / "best.bnn"))
            assert exported["model"] == best["best_model"]
            b.end()
        a.end()
    assert (ours / "reserve.bin").read_bytes() == (theirs / "reserve.bin").read_bytes()
    bounty, last_reward = settlement(first, dataset)
    assert bounty.escrow < BOUNTY, "bonuses were paid"
    assert last_reward.address == bounty.uploader
    assert last_reward.amount >= bounty.escrow + bounty.bond, "what is not paid"
