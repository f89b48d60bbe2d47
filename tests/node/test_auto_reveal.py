# SPDX-License-Identifier: Apache-2.0
"""The uploader's duty on a toy chain: when it reveals, how often, and when it does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.auto_reveal import AutoReveal
from edge_node.node.purse import Purse
from edge_node.node.signer import KeySigner
from edge_node.spec.transaction import ReserveReveal, Transaction
from tests.chain.workshop import opened, take
from tests.node.market_chain import UPLOADED, UPLOADED_ID, without_reserve
from tests.spec import toy_market
from tests.spec.stages import CAROL
from tests.spec.toy_chain import Miner, ToyChain

pytestmark = pytest.mark.slow

ED25519 = load_ed25519()


class Uploader:
    """A node's duty, and what it sent."""

    def __init__(self, importer: Importer, datasets: DatasetStore, who: Miner) -> None:
        self.importer = importer
        self.mempool = Mempool(importer.rules, ED25519.verify)
        purse = Purse(importer, self.mempool, KeySigner(ED25519, who.seed))
        self.duty = AutoReveal(importer, self.mempool, datasets, purse)
        self.sent: list[Transaction] = []

    def submit(self, transaction: Transaction) -> None:
        self.mempool.add(transaction, self.importer.head)
        self.sent.append(transaction)

    def look(self) -> int:
        """Look, and return how many reveals were ever sent."""
        self.duty.tick(self.submit)
        return len(self.sent)


@contextmanager
def uploader(
    folder: Path, chain: ToyChain, who: Miner = toy_market.TRAINER, *, sealed: bool = False
) -> Iterator[Uploader]:
    datasets = DatasetStore(folder / "datasets")
    if sealed:
        without_reserve(datasets, UPLOADED)
    else:
        datasets.add(UPLOADED)
    with opened(folder / "chain.sqlite3", chain.network) as importer:
        for mined in chain.mined:
            take(importer, mined)
        yield Uploader(importer, datasets, who)


def test_it_is_revealed_once_as_soon_as_the_law_allows(tmp_path: Path) -> None:
    chain = toy_market.competing().fork()
    last = chain.mined.pop()
    with uploader(tmp_path, chain) as bob:
        assert bob.look() == 0, "too early"
        take(bob.importer, last)
        assert bob.look() == 1
        (sent,) = bob.sent
        assert isinstance(sent, ReserveReveal)
        assert sent.dataset == UPLOADED_ID
        assert bob.look() == 1, "the head is the same"
        again = toy_market.competing().fork()
        toy_market.wait(again)
        take(bob.importer, again.mined[-1])
        bob.mempool.refresh(bob.importer.head)
        assert bob.look() == 1, "it still waits"
    with uploader(tmp_path, chain) as restarted:
        assert restarted.look() == 1, "nobody has confirmed it"


def test_what_is_revealed_or_settled_is_not_revealed_again(tmp_path: Path) -> None:
    with uploader(tmp_path, toy_market.revealed()) as bob:
        assert bob.look() == 0


def test_others_and_who_lacks_the_reserve_reveal_nothing(tmp_path: Path) -> None:
    with uploader(tmp_path / "carol", toy_market.competing(), CAROL) as carol:
        assert carol.look() == 0
    with uploader(tmp_path / "bob", toy_market.competing(), sealed=True) as bob:
        assert bob.look() == 0
