# SPDX-License-Identifier: Apache-2.0
"""Whole nodes in one process: they mine, join, reorganise, lose their link or key, and end."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip.inbox import LinkDown, LinkRefused, LinkUp
from edge_node.gossip.ports import BlockReceived, SessionOutdated
from edge_node.gossip.topics import Kind, NodeId, network_prefix, parse
from edge_node.node.errors import SessionOvertaken
from edge_node.node.mining import MAX_REFUSALS
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import ModelHash
from edge_node.spec.block import Block
from edge_node.spec.constants import MAX_RUNG
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.search import search_for
from edge_node.trainer.task import Offer
from tests.chain.workshop import EASY, Tree
from tests.node.rig import Rig, World, world
from tests.spec import toy_chain as toy
from tests.trainer.test_evolve import Splits

ANN, BOB = toy.miner("ann"), toy.miner("bob")
MAX_TRIES = 400
EVOLVING = replace(EASY, min_population=2, min_population_diff_ppm=10_000)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def found(rig: Rig) -> Offer:
    """Do what the trainer would: find what makes a block of the task."""
    task = rig.trainer.task
    assert task is not None
    judge = KernelJudge(Splits(rig.world.data), 40)
    search = search_for(task, None, judge)
    assert search is not None
    for _ in range(MAX_TRIES):
        offer = search.step()
        if offer is not None:
            return offer
    raise AssertionError("nothing found")


def mine(rig: Rig) -> None:
    """Let a node make one block."""
    height = rig.height
    rig.world.run_until(lambda: rig.mines_on == rig.importer.head.head)
    rig.trainer.out.append(found(rig))
    rig.world.run_until(lambda: rig.height > height)


def test_mined_block_reaches_the_others_and_the_miner_goes_on(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    mine(ann)
    room.run(1_000)
    assert bob.importer.head.head == ann.importer.head.head
    assert (ann.node.mined, bob.node.mined, bob.node.imported) == (1, 0, 1)
    assert ann.mines_on == ann.importer.head.head


def test_late_joiner_fetches_dataset_and_chain_and_mines_only_then(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for _ in range(3):
        mine(ann)
    bob = room.add("bob", mines=True, has_data=False)
    room.run(200)
    assert bob.mines_on is None
    room.run_until(lambda: bob.importer.head.head == ann.importer.head.head)
    room.run()
    assert bob.mines_on == bob.importer.head.head


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
            ann.node.do([received(each.mined.block)])
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


def received(block: Block) -> BlockReceived:
    return BlockReceived(
        block_hash=block.header.block_hash(),
        header=block.header.encode(),
        body=block.body.encode(),
        transport=b"",
        sender=NodeId("00" * 16),
    )


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
    ann.node.do([received(block)])
    mine(ann)
    assert ann.height == 2, "the next head is mined on again"


def test_fallback_confirms_transactions_when_nothing_is_learned(tmp_path: Path) -> None:
    with world(tmp_path, replace(EASY, rung_ms=4_000, min_interval_ms=2_000)) as room:
        ann, bob = room.add("ann", mines=True), room.add("bob")
        room.run()
        bob.node.submit(toy.transfer(BOB, ANN.address, 7, network=room.network))
        room.run_until(lambda: bob.height == 1, limit_ms=8_000 * MAX_RUNG)
        assert len(bob.mempool) == len(ann.mempool) == 0


def test_key_in_use_elsewhere_ends_the_node_and_the_next_start_has_the_higher_session(
    room: World,
) -> None:
    ann = room.add("ann")
    room.run(500)
    with pytest.raises(SessionOvertaken, match="session 8") as caught:
        ann.node.do([SessionOutdated(least=9)])
    assert caught.value.reason == "session-overtaken"
    ann.node.finish()
    ann.close()
    again = room.add("ann")
    assert again.gossip._identity.session == 10


def test_copied_data_directory_is_noticed(room: World, tmp_path: Path) -> None:
    first = room.add("ann")
    room.run(500)
    shutil.copytree(tmp_path / "ann", tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    copy = room.add("ann", folder="copy")
    with pytest.raises(SessionOvertaken):
        room.run(500)
    first.node.finish()
    room.rigs.remove(first)
    room.run(500)
    assert copy.node.connected, "whoever came last goes on"
    room.rigs.append(first)


def test_end_says_goodbye_last(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    ann.node.finish()
    assert ann.trainer.stopped
    assert ann.link.stopped
    last = ann.link.said[-1]
    prefix = network_prefix(room.network.rules.network)
    assert parse(last.topic, network=prefix).kind is Kind.PRESENCE
    assert last.retain
    room.rigs.remove(ann)
    room.run(500)
    (peer,) = bob.gossip.peers()
    assert not peer.online
    room.rigs.append(ann)


def test_end_leaves_undone_what_an_error_interrupted(room: World) -> None:
    ann = room.add("ann")
    room.run(500)
    block = Tree(room.network).grow().mined.block
    with pytest.raises(SessionOvertaken):
        ann.node.do([SessionOutdated(least=9), received(block)])
    ann.node.finish()
    assert ann.height == 0


def test_connection_comes_and_goes(room: World, caplog: pytest.LogCaptureFixture) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    assert ann.node.connected
    assert ann.mines_on == ann.importer.head.head
    ann.link.events.append(LinkDown(reason="the test says so"))
    room.run(200)
    assert not ann.gossip.synced
    assert ann.trainer.tasks[-1:] == [None], "who can not tell a block does not make one"
    ann.link.events += [
        LinkRefused(broker="b:1", reason="not authorised"),
        LinkUp(broker="room"),
    ]
    room.run()
    assert ann.node.connected
    assert ann.mines_on == ann.importer.head.head
    assert "the broker at b:1 refused: not authorised" in caplog.text


def test_mining_can_be_switched_off(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    ann.node.set_mining(allowed=False)
    room.run(200)
    assert ann.mines_on is None
    ann.node.set_mining(allowed=True)
    room.run(200)
    assert ann.mines_on == ann.importer.head.head
