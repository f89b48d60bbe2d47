# SPDX-License-Identifier: Apache-2.0
"""Pruning real stores: what goes, what stays, and that the chain goes on as if nothing had gone.

The tree of workshop.py keeps what the law says of every block: a pruned chain must agree with it
wherever it still has an answer.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.block_store import PRUNED, BlockStore
from edge_node.chain.errors import ParentPruned, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.chain.pruning import _needed, prune_height
from edge_node.primitives.types import Height
from tests.chain.workshop import ANN, BOB, Grown, Tree, agree, checkpoint, contents, opened, take

KEEP = 4


def take_all(importer: Importer, blocks: list[Grown]) -> None:
    for grown in blocks:
        take(importer, grown.mined)


def settled(importer: Importer, tree: Tree, height: int = 12) -> list[Grown]:
    """Import a chain whose last block but two is final; return it."""
    chain = tree.branch(None, height)
    take_all(importer, chain)
    agree(importer, chain[-3], tree.network)
    return chain


def test_nothing_goes_that_no_quorum_made_final(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        chain = tree.branch(None, 8)
        take_all(importer, chain)
        importer.add_checkpoint(checkpoint(chain[-1], ANN, tree.network))
        before = contents(importer._database)
        pruned = importer.prune(1)
        assert (pruned.height, pruned.bodies, pruned.models) == (0, 0, 0)
        assert contents(importer._database) == before


def test_height_is_the_lower_of_final_and_kept(tree: Tree) -> None:
    chain = tree.branch(None, 8)
    head, final = chain[-1].state, checkpoint(chain[4], ANN, tree.network)
    assert prune_height(head, final, 2) == 5
    assert prune_height(head, final, 6) == 2
    assert prune_height(head, final, 99) == 0
    assert prune_height(head, None, 0) == 0


def test_old_bodies_and_dead_branches_go_and_headers_stay(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        dead = tree.branch(None, 3, BOB)
        take_all(importer, dead)
        chain = settled(importer, tree)
        late = tree.branch(chain[8].block_hash, 2, BOB, rung=1)
        take_all(importer, late)
        pruned = importer.prune(KEEP)
        assert (pruned.height, pruned.bodies, pruned.dead_blocks) == (8, 8, 3)
        assert len(importer.blocks.main_headers(1, 99)) == 12
        for grown in chain:
            stored = importer.blocks.get(grown.block_hash)
            assert stored is not None
            assert (stored.body == PRUNED) == (stored.height <= 8)
        assert not any(importer.blocks.has(grown.block_hash) for grown in dead)
        assert all(importer.blocks.has(grown.block_hash) for grown in late), "above the height"
        # Once more, with nothing new, nothing happens.
        before = contents(importer._database)
        assert importer.prune(KEEP).bodies == 0
        assert contents(importer._database) == before


def test_pruned_chain_restarts_goes_on_and_knows_its_states(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        chain = settled(importer, tree)
        importer.prune(KEEP)
    with opened(path, tree.network) as importer:
        assert importer.head == chain[-1].state
        for grown in chain[7:]:
            assert importer.state_at(grown.block_hash) == grown.state
        for grown in (chain[0], chain[6]):
            with pytest.raises(ParentPruned, match="pruned up to height 8"):
                importer.state_at(grown.block_hash)
        more = tree.branch(chain[-1].block_hash, 3)
        take_all(importer, more)
        assert importer.head == more[-1].state


def test_reorganisation_within_what_is_kept(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        chain = settled(importer, tree)
        # The weaker branch leaves the main chain right above the final block.
        weaker = tree.branch(chain[9].block_hash, 2, BOB, rung=1)
        take_all(importer, weaker)
        assert importer.prune(2).height == 10
    with opened(path, tree.network) as importer:
        stronger = tree.branch(weaker[-1].block_hash, 2, BOB)
        take_all(importer, stronger)
        assert importer.head == stronger[-1].state
        back = tree.branch(chain[-1].block_hash, 4)
        take_all(importer, back)
        assert importer.head == back[-1].state


def test_block_that_stands_below_is_nobodys_fault_and_changes_nothing(
    path: Path, tree: Tree
) -> None:
    with opened(path, tree.network) as importer:
        chain = settled(importer, tree)
        importer.prune(KEEP)
        before = contents(importer._database)
        for parent in (None, chain[3].block_hash):
            with pytest.raises(ParentPruned):
                take(importer, tree.grow(parent, BOB).mined)
        stray = tree.branch(chain[3].block_hash, 2, BOB)[1]
        with pytest.raises(ParentUnknown):
            take(importer, stray.mined)
        assert take(importer, chain[2].mined).known
        assert contents(importer._database) == before


@pytest.mark.parametrize("moment", ["keep_models", "note_pruned"])
def test_crash_in_the_middle_leaves_the_chain_as_it_was(
    path: Path, tree: Tree, moment: str
) -> None:
    class Crash(Exception):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with opened(path, tree.network) as importer:
        chain = settled(importer, tree)
        before = contents(importer._database)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BlockStore, moment, crash)
            with pytest.raises(Crash):
                importer.prune(KEEP)
        assert contents(importer._database) == before
    with opened(path, tree.network) as importer:
        assert contents(importer._database) == before
        assert importer.prune(KEEP).bodies == 8
        assert importer.state_at(chain[8].block_hash) == chain[8].state


def test_disk_gets_its_room_back(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        settled(importer, tree, height=40)
        importer._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        importer.prune(KEEP)
        assert importer._database.shrink(always=True)
        after = path.stat().st_size
        assert after < before
        assert not importer.shrink(), "half of the file is not free any more"
        head = importer.head
    with opened(path, tree.network) as importer:
        assert importer.head == head


def test_models_of_open_families_stay_and_of_closed_ones_the_best(path: Path, tree: Tree) -> None:
    with opened(path, tree.network) as importer:
        chain = settled(importer, tree)
        ((name, family),) = importer.head.families.items()
        assert importer.prune(KEEP).models == 0
        assert all(importer.blocks.model_blob(each.model_hash) for each in family.models)
        closed = replace(importer.head, families={name: replace(family, closed=True)})
        best = max(family.models, key=lambda each: each.correct_count)
        recent = {grown.mined.block.header.model_hash for grown in chain[8:]}
        needed = _needed(importer.blocks, [closed], Height(8))
        assert needed == {best.model_hash, *recent}
        with importer._database.transaction():
            gone = importer.blocks.keep_models(needed)
        assert gone == len(family.models) - len(needed)
        assert importer.blocks.model(best.model_hash).model_hash() == best.model_hash
