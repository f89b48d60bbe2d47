# SPDX-License-Identifier: Apache-2.0
"""A node that prunes: when it does, what it still serves, and who joins beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.chain.errors import StoreUnavailable
from edge_node.chain.importer import Importer
from edge_node.gossip.ports import HeaderVerdict
from edge_node.node.chain_view import ChainView
from edge_node.node.finality import CHECKPOINT_INTERVAL, SETTLED_BLOCKS
from edge_node.node.pruning import LOOK_MS, STEP_BLOCKS, Pruning
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER
from tests.chain.workshop import ANN, BOB, EASY, Grown, Tree
from tests.node.mining.by_rule import WALKS
from tests.node.rig import Rig, World, mine, sent, world

pytestmark = pytest.mark.slow

KEEP = 8
HEIGHT = 15
FINAL = HEIGHT - SETTLED_BLOCKS


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, EASY, members=[ANN]) as made:
        yield made


@pytest.fixture
def tree(room: World) -> Tree:
    return Tree(room.network)


def give(rig: Rig, grown: list[Grown]) -> None:
    rig.node.do([sent(each) for each in grown])


def test_late_joiner_needs_one_node_that_keeps_all(room: World, tree: Tree) -> None:
    ann, bob = room.add("ann"), room.add("bob")
    room.run()
    chain = tree.branch(None, HEIGHT)
    give(ann, chain)
    room.run_until(lambda: bob.height == HEIGHT)
    room.run()
    assert ann.importer.prune(KEEP).height == HEIGHT - KEEP
    view = ChainView(ann.importer, ann.datasets)
    assert view.block(chain[0].block_hash) is None
    assert view.block(chain[-1].block_hash) is not None
    assert len(view.headers(chain[0].state.height, 99)) == HEIGHT
    bob.node.finish()
    bob.close()
    late = room.add("late")
    room.run(20_000)
    assert late.height == 0, "nobody has the first blocks"
    room.add("bob")
    room.run_until(lambda: late.height == HEIGHT)
    assert late.importer.head == ann.importer.head
    assert not any(peer.score for peer in late.gossip.peers()), "not to have is no fault"


def test_block_below_is_not_judged_and_nobody_blamed(room: World, tree: Tree) -> None:
    ann = room.add("ann")
    room.run()
    give(ann, tree.branch(None, HEIGHT))
    room.run()
    ann.importer.prune(KEEP)
    stray = tree.grow(None, BOB)
    header = stray.mined.block.header.encode()
    assert ChainView(ann.importer, ann.datasets).precheck_header(header) is HeaderVerdict.ORPHAN
    give(ann, [stray])
    assert ann.height == HEIGHT
    assert not ann.importer.is_known(stray.block_hash)


def test_node_prunes_in_steps_and_survives_a_full_disk(
    room: World, tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: Importer) -> bool:
        raise StoreUnavailable("database or disk is full")

    ann = room.add("ann")
    room.run()
    pruning = Pruning(ann.importer, KEEP)
    chain = tree.branch(None, STEP_BLOCKS)
    give(ann, chain)
    room.run()
    pruning.tick(LOOK_MS)
    assert ann.importer.blocks.pruned_height() == 0, "it is not worth it yet"
    more = tree.branch(chain[-1].block_hash, KEEP + SETTLED_BLOCKS + CHECKPOINT_INTERVAL)
    give(ann, more)
    room.run()
    with monkeypatch.context() as patch:
        patch.setattr(Importer, "shrink", full)
        pruning.tick(2 * LOOK_MS)
    assert ann.importer.blocks.pruned_height() >= STEP_BLOCKS
    assert "the file stays as large" in caplog.text
    Pruning(ann.importer, 0).tick(3 * LOOK_MS)
    ann.close()
    assert room.add("ann").importer.head == more[-1].state


def test_node_where_nothing_becomes_final_says_once_that_it_keeps_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with world(tmp_path, WALKS, proof=GUIDING_GRADIENT_PAPER) as room:
        ann = room.add("ann", mines=True)
        room.run()
        mine(ann)
        pruning = Pruning(ann.importer, KEEP)
        for look in range(3):
            pruning.tick(look * LOOK_MS)
        Pruning(ann.importer, 0)
    (told,) = [each for each in caplog.records if "storage.keep_blocks" in each.getMessage()]
    assert told.levelname == "WARNING"
    assert f"keep_blocks = {KEEP}: no members make blocks final" in told.getMessage()
