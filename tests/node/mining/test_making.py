# SPDX-License-Identifier: Apache-2.0
"""Blocks of a node's own: told to others, refused and not made for ever, or made of nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.mining.making import TIE_SHARE
from edge_node.node.mining.miner import MAX_REFUSALS
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import ModelHash
from edge_node.spec.constants import MAX_RUNG
from tests.chain.workshop import EASY, Tree
from tests.node.rig import STEP_MS, World, found, mine, sent, world
from tests.spec import toy_chain as toy

ANN, BOB = toy.miner("ann"), toy.miner("bob")
EVOLVING = replace(EASY, min_population=2, min_population_diff_ppm=10_000)

INTERVAL_MS = 10_000


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_mined_block_reaches_the_others_and_the_miner_goes_on(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    mine(ann)
    room.run(1_000)
    assert bob.importer.head.head == ann.importer.head.head
    assert (ann.node.mined, bob.node.mined, bob.node.imported) == (1, 0, 1)
    assert ann.mines_on == ann.importer.head.head


def test_reorganisation_under_a_miner_never_signs_the_offer_of_the_other_branch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two found one family at height 1; the weaker one's child is ready when it is overtaken."""
    with world(tmp_path, EVOLVING) as room:
        ann = room.add("ann", mines=True)
        room.run()
        mine(ann)
        mine(ann)
        room.run(200)
        child = found(ann)
        (family,) = ann.importer.head.families.values()
        assert child.child
        assert child.family == family.family_id
        tree = Tree(room.network)
        branch = tree.branch(None, 2, BOB)
        assert child.family in branch[-1].state.families, "the same family by name"
        for each in branch:
            ann.node.do([sent(each.mined.block)])
        assert ann.importer.head.head == branch[-1].block_hash
        ann.trainer.out.append(child)
        ann.trainer.out.append(replace(child, correct_count=20))
        room.run(60_000)
        assert "own block dropped" not in caplog.text
        signed = ann.database.rows("SELECT previous_hash FROM signed")
        assert len(signed) == 2, "nothing was signed on the new branch"
        caplog.clear()
        mine(ann)
        assert ann.height == 3, "what is found on the new branch makes a block"


def test_refused_own_block_is_said_and_not_made_for_ever(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    good = found(ann)
    room.run(5_000)
    for number in range(1, 3 * MAX_REFUSALS):
        lie = replace(good, model_hash=ModelHash(type(ZERO_HASH)(bytes([number]) * 32)))
        ann.trainer.out.append(lie)
        room.run(1_000)
    said = [each for each in caplog.records if "own block dropped: R-44" in each.getMessage()]
    assert len(said) == MAX_REFUSALS
    assert {each.levelname for each in said} == {"WARNING"}
    assert ann.height == 0
    tree = Tree(room.network)
    block = tree.grow(who=BOB).mined.block
    ann.node.do([sent(block)])
    mine(ann)
    assert ann.height == 2, "the next head is mined on again"


def test_fallback_confirms_transactions_when_nothing_is_learned(tmp_path: Path) -> None:
    with world(tmp_path, replace(EASY, rung_ms=4_000, min_interval_ms=2_000)) as room:
        ann, bob = room.add("ann", mines=True), room.add("bob")
        room.run()
        bob.node.submit(toy.transfer(BOB, ANN.address, 7, network=room.network))
        room.run_until(lambda: bob.height == 1, limit_ms=8_000 * MAX_RUNG)
        assert len(bob.mempool) == len(ann.mempool) == 0


@pytest.mark.parametrize("rival", [False, True])
def test_miner_whose_head_has_a_rival_waits_a_while_of_its_own(tmp_path: Path, rival: bool) -> None:
    """If two went on at the first moment that the law allows, neither of their heads would win."""
    with world(tmp_path, replace(EASY, rung_ms=20_000, min_interval_ms=INTERVAL_MS)) as room:
        tree, waits = Tree(room.network), list[int]()
        head, other = tree.grow(who=ANN), tree.grow(who=BOB)
        for name in ("ann", "bob"):
            room.clock.ms = 0
            rig = room.add(name, mines=True)
            room.run(INTERVAL_MS)
            for block in (head, other)[: 1 + rival]:
                rig.node.do([sent(block)])
            room.run(STEP_MS)
            rig.trainer.out.append(found(rig))
            while rig.height == 1:
                room.run(STEP_MS)
            waits.append(room.clock.now_ms() - head.state.timestamp - INTERVAL_MS)
            rig.close()
        assert len(set(waits)) == 1 + rival
        assert all(wait <= INTERVAL_MS // TIE_SHARE + STEP_MS for wait in waits)
