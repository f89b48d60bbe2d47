# SPDX-License-Identifier: Apache-2.0
"""Checkpoints among whole nodes: a quorum of members makes settled blocks final (R-51).

Four members, any three of which are a quorum. Their nodes get the same blocks of a tree, or not,
and what they sign goes through gossip: members that lie, fall silent, restart or lost their disk.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip.topics import Kind, Topic, network_prefix, node_id
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import DirectoryDamaged
from edge_node.node.finality import CHECKPOINT_INTERVAL, SETTLED_BLOCKS
from edge_node.primitives.types import BlockHash, Height, Signature
from edge_node.spec.fork_choice import Checkpoint
from tests.chain.workshop import ANN, BOB, CAT, DAN, EASY, Grown, Tree
from tests.node.rig import Rig, World, sent, world
from tests.spec import toy_chain as toy

pytestmark = pytest.mark.slow

FIRST = CHECKPOINT_INTERVAL
"""The lowest height that is ever signed."""
READY = FIRST + SETTLED_BLOCKS
"""With so many blocks it is."""
MEMBERS = {"ann": ANN, "bob": BOB, "cat": CAT, "dan": DAN}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, EASY, members=list(MEMBERS.values())) as made:
        yield made


@pytest.fixture
def tree(room: World) -> Tree:
    return Tree(room.network)


def give(rigs: list[Rig], grown: list[Grown]) -> None:
    """Have nodes judge blocks, in order."""
    for rig in rigs:
        rig.node.do([sent(each) for each in grown])


def final_of(rig: Rig) -> BlockHash | None:
    final = rig.importer.final
    return None if final is None else final.block


def signed(who: toy.Miner, grown: Grown, room: World) -> Checkpoint:
    unsigned = Checkpoint(
        height=grown.state.height,
        block=grown.block_hash,
        member=who.key,
        signature=Signature(bytes(64)),
    )
    message = unsigned.signing_hash(room.network.rules.network)
    return replace(unsigned, signature=who.sign(message))


def test_three_of_four_make_a_settled_block_final(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "cat")]
    room.run()
    chain = tree.branch(None, READY)
    give(rigs, chain[:-1])
    room.run()
    assert [rig.node.finality.signed_height for rig in rigs] == [0, 0, 0], "it is not settled"
    give(rigs, chain[-1:])
    room.run()
    assert [final_of(rig) for rig in rigs] == [chain[FIRST - 1].block_hash] * 3
    assert [rig.node.finality.signed_height for rig in rigs] == [FIRST] * 3
    # Who comes late signs nothing that is final already, and takes another's place from then on.
    rigs.pop().close()
    dan, eve = room.add("dan"), room.add("eve")
    room.run_until(lambda: dan.height == eve.height == READY)
    assert {final_of(dan), final_of(eve)} == {chain[FIRST - 1].block_hash}
    assert dan.node.finality.signed_height == 0
    chain += tree.branch(chain[-1].block_hash, CHECKPOINT_INTERVAL)
    give([*rigs, dan, eve], chain[READY:])
    room.run()
    assert [final_of(rig) for rig in room.rigs] == [chain[2 * FIRST - 1].block_hash] * 4
    assert dan.node.finality.signed_height == 2 * FIRST
    assert not eve.node.finality.is_member


def test_two_of_four_sign_nothing_and_mine_on(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "eve")]
    room.run()
    give(rigs, tree.branch(None, READY))
    room.run()
    assert [rig.height for rig in rigs] == [READY] * 3
    # Whatever the other two sign meanwhile, these have given no word that would bind them.
    assert [rig.node.finality.signed_height for rig in rigs] == [0, 0, 0]
    assert final_of(rigs[0]) is None


def test_late_joiner_learns_the_quorum_when_no_member_is_left(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "cat", "eve")]
    room.run()
    chain = tree.branch(None, READY)
    give(rigs, chain)
    room.run()
    for rig in rigs[:3]:
        rig.node.finish()
        rig.close()
    # The members' broker is gone with them; the only witness comes back to an empty one.
    room.room.retained.clear()
    rigs[3].close()
    room.add("eve")
    late = room.add("late")
    room.run_until(lambda: late.height == READY)
    assert final_of(late) == chain[FIRST - 1].block_hash


def test_member_that_signs_two_branches_confuses_nobody(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "cat")]
    room.run()
    chain, other = tree.branch(None, READY), tree.branch(None, FIRST, BOB)
    lie, truth = signed(DAN, other[-1], room), signed(DAN, chain[FIRST - 1], room)
    dan = room.add("dan")
    room.run()
    give(rigs, [*other, *chain])
    dan.node.do(dan.gossip.announce_checkpoints((lie.encode(),), room.clock.ms))
    room.run(200)
    dan.node.do(dan.gossip.announce_checkpoints((truth.encode(), lie.encode()), room.clock.ms))
    room.run()
    assert {final_of(rig) for rig in rigs} == {chain[FIRST - 1].block_hash}
    again = dan.gossip.announce_checkpoints((lie.encode(),), room.clock.ms)
    dan.node.do(again)
    room.run()
    assert {final_of(rig) for rig in rigs} == {chain[FIRST - 1].block_hash}


def test_old_heavy_chain_displaces_no_final_block(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "cat")]
    room.run()
    light = tree.branch(None, READY, rung=2)
    give(rigs, light)
    room.run()
    heavy = tree.branch(None, READY + 3, BOB)
    assert heavy[-1].state.work > light[-1].state.work
    give(rigs[:1], heavy)
    assert rigs[0].importer.head.head == light[-1].block_hash
    # Nor does it keep who is new from the chain that a quorum chose, which has less work.
    mallory, late = room.add("mallory"), room.add("late")
    mallory.importer.members = ()
    give([mallory], heavy)
    room.run_until(lambda: late.importer.head.head == light[-1].block_hash)
    assert mallory.importer.head.head == heavy[-1].block_hash
    assert final_of(late) == light[FIRST - 1].block_hash
    room.run(30_000)
    assert late.importer.head.head == light[-1].block_hash
    assert late.gossip.synced


def test_restarted_member_keeps_its_word_until_it_is_overruled(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    other = tree.branch(None, FIRST, BOB)
    room.add("ann").close()
    DataDirectory(room.folder / "ann").keep_word(signed(ANN, other[-1], room))
    chain = tree.branch(None, 3 * FIRST + SETTLED_BLOCKS)
    ann, bob, cat = (room.add(name) for name in ("ann", "bob", "cat"))
    room.run()
    give([ann, bob, cat], chain[:READY])
    room.run()
    assert final_of(ann) is None, "it takes three, and one is bound"
    assert ann.node.finality.signed_height == FIRST
    give([ann, bob, cat], chain[READY : READY + FIRST])
    room.run()
    assert ann.node.finality.signed_height == FIRST
    assert caplog.text.count("gave its word for another branch") == 1
    dan = room.add("dan")
    room.run_until(lambda: final_of(ann) == chain[2 * FIRST - 1].block_hash)
    give([ann, bob, cat, dan], chain[READY + FIRST :])
    room.run()
    assert ann.node.finality.signed_height == 3 * FIRST
    ann.close()
    assert room.add("ann").node.finality.signed_height == 3 * FIRST


def test_word_that_was_lost_comes_back_from_the_broker(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    other = tree.branch(None, READY, BOB)
    before = room.add("ann")
    room.run()
    word = signed(ANN, other[READY - 1], room)
    before.node.do(before.gossip.announce_checkpoints((word.encode(),), room.clock.ms))
    before.close()
    assert not (room.folder / "ann" / "checkpoint").exists()
    ann = room.add("ann")
    room.run()
    assert ann.node.finality.signed_height == READY
    assert "has signed height" in caplog.text


def test_word_is_on_the_disk_before_it_is_heard(room: World, tree: Tree) -> None:
    rigs = [room.add(name) for name in ("ann", "bob", "cat")]
    room.run()
    give(rigs, tree.branch(None, READY))
    room.run()
    topics = {
        Topic(
            network=network_prefix(room.network.genesis.network_id()),
            kind=Kind.CHECKPOINT,
            sender=node_id(MEMBERS[name].key),
        ).path()
        for name in ("ann", "bob", "cat")
    }
    assert topics <= room.room.retained.keys()
    for rig in rigs:
        word = rig.directory.word()
        assert word is not None
        assert word.height == Height(FIRST)


def test_damaged_word_and_word_of_another_key(room: World, tree: Tree) -> None:
    room.add("ann").close()
    directory = DataDirectory(room.folder / "ann")
    directory.keep_word(signed(BOB, tree.grow(), room))
    rig = room.add("ann")
    assert rig.node.finality.signed_height == 0
    rig.close()
    (room.folder / "ann" / "checkpoint").write_bytes(b"?")
    with pytest.raises(DirectoryDamaged, match="checkpoint is damaged"):
        directory.word()


def test_stranger_with_false_checkpoints_is_banned(room: World, tree: Tree) -> None:
    ann, eve = room.add("ann"), room.add("eve")
    room.run()
    false = signed(toy.miner("eve"), tree.grow(), room).encode()
    for _ in range(3):
        eve.node.do(eve.gossip.announce_checkpoints((false,), room.clock.ms))
        room.run(600)
    (peer,) = ann.gossip.peers()
    assert peer.banned_until_ms > room.clock.ms
