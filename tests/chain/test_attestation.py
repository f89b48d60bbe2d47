# SPDX-License-Identifier: Apache-2.0
"""The block that a quorum of tips stands on: agreement, splits, forks, tips that are far off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.chain import attestation
from edge_node.chain.attestation import attested_block
from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.importer import Importer
from edge_node.primitives.types import BlockHash
from tests.chain.workshop import BOB, CAT, Grown, Tree, opened, take
from tests.spec.toy_chain import Network


class Forked:
    """Four blocks in a line, and a longer branch from the second; all are stored."""

    def __init__(self, importer: Importer, tree: Tree) -> None:
        self.importer = importer
        self.genesis = tree.start.head
        self.line = tree.branch(None, 4)
        self.branch = tree.branch(self.line[1].block_hash, 3, BOB)
        for grown in (*self.line, *self.branch):
            take(importer, grown.mined)

    def at(self, quorum: int, *tips: Grown | None) -> BlockHash | None:
        """Return what a quorum of nodes with these tips stands on; None is the genesis."""
        hashes = [self.genesis if each is None else each.block_hash for each in tips]
        found = attested_block(hashes, quorum, self.importer.blocks, self.genesis)
        return None if found is None else found.head


@pytest.fixture
def forked(path: Path, network: Network, tree: Tree) -> Iterator[Forked]:
    with opened(path, network) as importer:
        yield Forked(importer, tree)


def test_nodes_with_one_tip_stand_on_it(forked: Forked) -> None:
    for tip in (forked.line[3], forked.branch[2]):
        assert forked.at(2, tip, tip) == tip.block_hash
    assert forked.at(1, forked.branch[1]) == forked.branch[1].block_hash


def test_node_that_is_ahead_stands_on_what_is_below_it(forked: Forked) -> None:
    line, branch = forked.line, forked.branch
    assert forked.at(2, line[3], line[1]) == line[1].block_hash
    assert forked.at(2, branch[0], branch[2]) == branch[0].block_hash
    assert forked.at(3, line[3], branch[2], line[0]) == line[0].block_hash


def test_split_quorum_stands_where_the_branches_part(forked: Forked) -> None:
    line, branch = forked.line, forked.branch
    assert forked.at(2, line[3], branch[2]) == line[1].block_hash
    assert forked.at(3, line[3], branch[2], branch[0]) == line[1].block_hash


def test_one_voice_for_more_work_does_not_outweigh_two(forked: Forked) -> None:
    line, branch = forked.line, forked.branch
    assert forked.at(2, branch[2], line[3], line[3]) == line[3].block_hash
    assert forked.at(2, branch[2], line[2], line[3]) == line[2].block_hash


def test_of_two_quorums_the_one_of_more_work_counts(forked: Forked) -> None:
    line, branch = forked.line, forked.branch
    assert forked.at(2, line[3], line[3], branch[2], branch[2]) == branch[2].block_hash
    assert forked.at(1, line[3], branch[2]) == branch[2].block_hash


def test_too_few_voices_stand_on_nothing(forked: Forked) -> None:
    assert forked.at(2) is None
    assert forked.at(2, forked.line[3]) is None
    assert forked.at(2, forked.line[3], None) is None, "all stand on the genesis"


def test_voice_that_is_too_far_from_the_others_is_lost(
    forked: Forked, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attestation, "MAX_WALK_BLOCKS", 2)
    # The head is on the branch, so the line above the fork is off the main chain.
    far = tree.branch(forked.line[3].block_hash, 1, CAT)
    take(forked.importer, far[0].mined)
    assert forked.importer.head.head == forked.branch[2].block_hash
    assert forked.at(2, far[0], forked.line[1]) is None
    assert forked.at(2, far[0], forked.line[2]) == forked.line[2].block_hash
    assert forked.at(2, far[0], forked.line[1], forked.line[1]) == forked.line[1].block_hash


def test_tip_that_is_not_stored_is_an_error(forked: Forked) -> None:
    with pytest.raises(StoreCorrupt, match="is missing"):
        attested_block([BlockHash(b"\x01" * 32)], 1, forked.importer.blocks, forked.genesis)  # type: ignore[arg-type]  # 32 bytes
