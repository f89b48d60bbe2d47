# SPDX-License-Identifier: Apache-2.0
"""Who is known by the main chain: after how many blocks, for what, and after a reorganisation.

Chains are real, with the cheap blocks of the chain's own tests.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edge_node.chain.importer import Importer
from edge_node.node import mature_miners
from edge_node.node.mature_miners import MatureMiners
from edge_node.spec.constants import MAX_RUNG, REWARD_MATURITY_BLOCKS
from tests.chain.workshop import ANN, BOB, CAT, Grown, Tree, easy_network, opened, take
from tests.spec.toy_chain import Miner

NETWORK = easy_network()


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    with opened(tmp_path / "chain.sqlite3", NETWORK) as made:
        yield made


@pytest.fixture
def tree() -> Tree:
    return Tree(NETWORK)


def import_all(importer: Importer, blocks: Sequence[Grown]) -> None:
    for each in blocks:
        take(importer, each.mined)


def known(miners: MatureMiners) -> list[Miner]:
    """Return who is known, after one look."""
    miners.follow()
    return [who for who in (ANN, BOB, CAT) if who.key in miners]


def test_key_is_known_from_the_block_on_that_pays_its_first_reward(
    importer: Importer, tree: Tree
) -> None:
    first = tree.grow(who=BOB)
    rest = tree.branch(first.block_hash, REWARD_MATURITY_BLOCKS)
    miners = MatureMiners(importer)
    assert known(miners) == []
    import_all(importer, [first, *rest[:-1]])
    assert known(miners) == []
    import_all(importer, rest[-1:])
    assert known(miners) == [BOB]
    assert known(MatureMiners(importer)) == [BOB], "after a start"


def test_reorganisation_changes_who_is_known(importer: Importer, tree: Tree) -> None:
    first = tree.grow(who=CAT)
    old = tree.branch(first.block_hash, REWARD_MATURITY_BLOCKS + 1)
    new = tree.branch(first.block_hash, REWARD_MATURITY_BLOCKS + 2, who=BOB)
    miners = MatureMiners(importer)
    import_all(importer, [first, *old])
    assert known(miners) == [ANN, CAT]
    import_all(importer, new)
    assert importer.head.head == new[-1].block_hash
    assert known(miners) == [BOB, CAT]


def test_reorganisation_deeper_than_what_is_remembered_is_counted_anew(
    importer: Importer, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mature_miners, "REMEMBERED_BLOCKS", 2)
    first = tree.grow(who=CAT)
    old = tree.branch(first.block_hash, REWARD_MATURITY_BLOCKS + 4)
    new = tree.branch(first.block_hash, REWARD_MATURITY_BLOCKS + 5, who=BOB)
    miners = MatureMiners(importer)
    import_all(importer, [first, *old])
    assert known(miners) == [ANN, CAT]
    import_all(importer, new)
    assert known(miners) == [BOB, CAT]


def test_long_chain_is_read_a_part_at_a_time(
    importer: Importer, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mature_miners, "HEADERS_A_TURN", 1)
    first, second = tree.branch(None, 2)
    third = tree.grow(second.block_hash, who=BOB)
    rest = tree.branch(third.block_hash, REWARD_MATURITY_BLOCKS, who=CAT)
    import_all(importer, [first, second, third, *rest])
    miners = MatureMiners(importer)
    assert [known(miners) for _ in range(4)] == [[ANN], [ANN], [ANN, BOB], [ANN, BOB]]


def test_fallback_makes_nobody_known(importer: Importer, tree: Tree) -> None:
    first = tree.grow()
    fallback = tree.grow(first.block_hash, who=BOB, rung=MAX_RUNG)
    rest = tree.branch(fallback.block_hash, REWARD_MATURITY_BLOCKS)
    import_all(importer, [first, fallback, *rest])
    assert importer.head.head == rest[-1].block_hash
    assert known(MatureMiners(importer)) == [ANN]
