# SPDX-License-Identifier: Apache-2.0
"""Following full nodes: their quorum moves the head, not work, no liar and no stranger.

Whole nodes in a room; blocks are mined aside by the law and given to the full nodes. Eve is
credulous: she stores, shows and serves a block whose latents nobody has trained.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip.limits import BODY_WINDOW
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.ports import FetchFailed, ObjectReceived
from edge_node.gossip.topics import NodeId
from edge_node.node import offload
from edge_node.node.answers import answer
from edge_node.node.control import Request
from edge_node.node.errors import OffloadImpossible, OffloadNeverMines
from edge_node.node.health import health_of
from edge_node.node.offload import LAPSED_MS, FullNodes, check_offload
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash
from edge_node.spec.block import Block
from edge_node.spec.genesis import EVOLUTION, GUIDING_GRADIENT, GUIDING_GRADIENT_PAPER, RECIPE
from edge_node.spec.proof.recipe import TicketTooHigh
from edge_node.spec.transaction import Transaction
from tests.chain.workshop import Grown, Tree
from tests.node.rig import Rig, World, sent, world
from tests.spec import toy_chain as toy
from tests.spec import toy_lottery as lottery
from tests.spec.toy_chain import BLOCK_MS, Work

ANN, BOB, EVE = toy.miner("ann"), toy.miner("bob"), toy.miner("eve")
TWO = FullNodes(keys=(ANN.key, BOB.key), quorum=2)
TWO_OF_THREE = FullNodes(keys=(ANN.key, BOB.key, EVE.key), quorum=2)
RULES = replace(lottery.CHEAP, first_work=2)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, RULES, proof=RECIPE) as made:
        yield made


@pytest.fixture
def tree(room: World) -> Tree:
    return Tree(room.network)


def grow(
    tree: Tree,
    parent: BlockHash | None,
    count: int,
    who: toy.Miner = ANN,
    transactions: tuple[Transaction, ...] = (),
) -> list[Grown]:
    """Mine `count` blocks, each on the one before; the first has the transactions."""
    grown: list[Grown] = []
    for _ in range(count):
        tip = tree.tip(parent)
        work = Work(tip=tip, miner=who, after_ms=BLOCK_MS, transactions=transactions)
        founds = not tip.state.families
        mined = lottery.founder(work, lottery.SMALL) if founds else lottery.step(work)
        grown.append(tree.add(tip.state.head, mined))
        parent, transactions = grown[-1].block_hash, ()
    return grown


def forged(room: World, grown: Grown) -> Block:
    """Return a block whose latents nobody has trained, with a ticket that wins all the same."""
    block = grown.mined.block
    for number in range(1_000):
        root = tagged_hash("forged", number.to_bytes(4, "big"))
        changed = toy.sealed(replace(block.header, latent_root=root), block.body, EVE)
        try:
            room.network.rules.proof_rule.check_header(changed.header)
        except TicketTooHigh:
            continue
        return changed
    raise AssertionError("no ticket")


def give(rig: Rig, *blocks: Grown) -> None:
    """Give a full node blocks, as if they came from somewhere else."""
    for each in blocks:
        rig.node.do([sent(each)])
        rig.node.turn()  # one replay each
    assert rig.importer.blocks.has(blocks[-1].block_hash)


def deceive(eve: Rig, blocks: list[Grown], tree: Tree) -> None:
    """Give a credulous node a chain, with the models that it would not fetch."""
    for each in blocks:
        show(eve, each, each.mined.block, tree)


def show(eve: Rig, grown: Grown, lie: Block, tree: Tree) -> None:
    """Have a credulous node take a forged block for its head, and tell everybody."""
    model = tree.tip(grown.parent).validate(grown.mined.block).model
    fetched = eve.importer.fetched
    assert model is not None
    assert fetched is not None
    fetched.want(model.model_hash())
    fetched.put(model.blob(), model)
    eve.node.do([sent(lie)])
    eve.importer.follow(lie.header.block_hash())
    eve.node.do(eve.gossip.tip_changed(eve.world.clock.monotonic_ms()))


def leave(rig: Rig) -> None:
    """End a node as its user would, and close what is open."""
    rig.node.finish()
    rig.close()


def words(rig: Rig) -> str:
    assert rig.node.offload is not None
    return rig.node.offload.status().words


def test_node_evaluates_and_follows_where_its_full_nodes_stand(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    ann, _ = room.add("ann"), room.add("bob")
    with caplog.at_level("INFO"):
        light = room.add("light", full_nodes=TWO)
        room.run()
        assert words(light) == "waits: 2 of 2 full nodes are heard, 2 do not agree on the head yet"
        line = grow(tree, None, 3)
        give(ann, *line)
        room.run_until(lambda: light.height == 3)
    assert light.importer.head.root() == line[-1].state.root()
    assert light.node.imported == 3
    room.run(500)
    assert words(light) == "follows 2 of 2 full nodes, 2 must agree"
    assert "evaluation and signatures only" in caplog.text
    assert "evaluated, not replayed" in caplog.text
    assert not any("offload" in reason for reason in health_of(light.node).reasons)
    give(ann, *grow(tree, line[-1].block_hash, 1))
    room.run_until(lambda: light.height == 4)


def test_nothing_is_followed_before_the_quorum_is_heard(room: World, tree: Tree) -> None:
    ann = room.add("ann")
    light = room.add("light", full_nodes=TWO)
    line = grow(tree, None, 2)
    give(ann, *line)
    room.run_until(lambda: light.importer.blocks.has(line[1].block_hash))
    room.run()
    assert light.height == 0
    assert words(light) == "waits: 1 of 2 full nodes are heard, 2 must agree"
    assert any("offload waits" in reason for reason in health_of(light.node).reasons)
    room.add("bob")
    room.run_until(lambda: light.height == 2)


def test_full_node_that_leaves_stops_the_head_until_it_is_back(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = room.add("ann"), room.add("bob")
    light = room.add("light", full_nodes=TWO)
    line = grow(tree, None, 3)
    give(ann, *line[:2])
    room.run_until(lambda: light.height == 2)
    leave(bob)
    give(ann, line[2])
    with caplog.at_level("INFO"):
        room.run(LAPSED_MS + 2_000)
        assert light.height == 2
        assert light.node.offload is not None
        told = light.node.offload.status()
        assert (told.following, len(told.heard), len(told.silent)) == (False, 1, 1)
        said = [each for each in caplog.messages if "no quorum stands on the head" in each]
        assert len(said) == 1, "once, not every second"
        room.add("bob")
        room.run_until(lambda: light.height == 3)
        room.run(500)
    assert "offload: follows 2 of 2 full nodes, 2 must agree again" in caplog.text


def test_reorganisation_of_the_quorum_is_followed(room: World, tree: Tree) -> None:
    ann, _ = room.add("ann"), room.add("bob")
    light = room.add("light", full_nodes=TWO)
    payment = toy.transfer(ANN, BOB.address, 7, network=room.network)
    first = grow(tree, None, 1)
    old = grow(tree, first[0].block_hash, 1, ANN, (payment,))
    give(ann, *first, *old)
    room.run_until(lambda: light.height == 2)
    assert len(light.mempool) == 0
    new = grow(tree, first[0].block_hash, 3, BOB)
    give(ann, *new)
    room.run_until(lambda: light.importer.head.head == new[-1].block_hash)
    assert len(light.mempool) == 1, "what was confirmed waits again"


def test_full_node_alone_with_an_untrained_block_moves_nothing(room: World, tree: Tree) -> None:
    ann, _ = room.add("ann"), room.add("bob")
    eve = room.add("eve", credulous=True)
    light = room.add("light", full_nodes=TWO_OF_THREE)
    line = grow(tree, None, 4)
    give(ann, *line[:3])
    room.run_until(lambda: light.height == 3)
    (model,) = grow(tree, line[2].block_hash, 1, EVE)
    lie = forged(room, model)
    deceive(eve, line[:3], tree)
    show(eve, model, lie, tree)
    room.run_until(lambda: light.importer.blocks.has(lie.header.block_hash()))
    room.run()
    assert light.height == 3, "it has more work, and one voice"
    assert ann.height == 3
    give(ann, line[3])
    room.run_until(lambda: light.importer.head.head == line[3].block_hash)


def test_stranger_s_blocks_are_not_even_stored(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    ann, _ = room.add("ann"), room.add("bob")
    eve = room.add("eve", credulous=True)
    light = room.add("light", full_nodes=TWO)
    line = grow(tree, None, 2)
    give(ann, *line)
    room.run_until(lambda: light.height == 2)
    (model,) = grow(tree, line[1].block_hash, 1, EVE)
    lie = forged(room, model)
    deceive(eve, line, tree)
    show(eve, model, lie, tree)
    room.run(15_000)
    assert not light.importer.blocks.has(lie.header.block_hash())
    light.node.do([sent(lie)])
    assert len(light.held) == 0
    assert "it is none of the full nodes" in caplog.text
    assert light.height == 2


def test_long_chain_is_caught_up_with_and_no_block_is_fetched_in_vain(
    room: World, tree: Tree, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "MAX_TOLD_HELD", 4)
    monkeypatch.setattr(offload, "MAX_HELD_BLOCKS", 4 + BODY_WINDOW + 1)
    monkeypatch.setattr(offload, "MAX_HELD_OF_FULL_NODE", 4 + BODY_WINDOW + 1)
    ann = room.add("ann")
    give(ann, *grow(tree, None, 48))
    room.add("bob")
    room.run_until(lambda: all(rig.height == 48 for rig in room.rigs))
    light = room.add("light", full_nodes=TWO)
    room.run_until(lambda: light.height == 48, limit_ms=20_000)
    assert "is not held" not in caplog.text
    assert light.node.imported == 48


def test_model_that_nobody_gives_is_wished_for_again(room: World, tree: Tree) -> None:
    room.add("ann")
    light = room.add("light", full_nodes=TWO)
    room.run()
    (block,) = grow(tree, None, 1)
    model_hash = block.mined.block.header.model_hash
    light.node.do([replace(sent(block), sender=ann_s_id(light))])
    assert len(light.held) == 1
    fetched = light.importer.fetched
    assert fetched is not None
    light.node.do([FetchFailed(kind=ObjectKind.MODEL, digest=model_hash)])
    assert fetched.wanted(9) == []
    room.run(1_000)
    assert fetched.wanted(9) == [model_hash]
    model = tree.tip().validate(block.mined.block).model
    assert model is not None
    other = ObjectReceived(
        kind=ObjectKind.MODEL, digest=model_hash, data=b"garbage", sender=ann_s_id(light)
    )
    light.node.do([other])
    assert fetched.wanted(9) == [model_hash]
    light.node.do([replace(other, data=model.blob())])
    room.run(200)
    assert light.importer.blocks.has(block.block_hash)
    assert len(light.held) == 0


def ann_s_id(rig: Rig) -> NodeId:
    (peer,) = rig.gossip.peers()
    return peer.node


def test_node_never_mines_and_says_why(room: World) -> None:
    light = room.add("light", full_nodes=TWO)
    with pytest.raises(OffloadNeverMines, match="never mines; remove"):
        light.node.set_mining(allowed=True)
    light.node.set_mining(allowed=False)
    for method, arguments in (("mine", {"enabled": True}), ("imports", {"model": "00" * 32})):
        told = answer(light.node, Request(method=method, arguments=dict(arguments)))
        assert "never mines" in str(told["error"])


def test_node_attests_and_relays_nothing_but_its_user_s_transactions(
    room: World, tree: Tree
) -> None:
    ann, _ = room.add("ann"), room.add("bob")
    light = room.add("light", full_nodes=TWO)
    give(ann, *grow(tree, None, 2))
    room.run_until(lambda: light.height == 2)
    ann.node.submit(toy.transfer(ANN, BOB.address, 5, network=room.network))
    light.node.submit(toy.transfer(BOB, ANN.address, 5, network=room.network))
    room.run_until(lambda: len(ann.mempool) == 2)
    room.run(40_000)
    assert len(light.mempool) == 1
    kinds = {each.topic.split("/")[4] for each in light.link.said if each.payload}
    assert not kinds & {"tip", "blk", "cp"}, kinds


@pytest.mark.parametrize("proof", [EVOLUTION, GUIDING_GRADIENT_PAPER])
def test_only_bursts_can_be_left_to_others(proof: str) -> None:
    with pytest.raises(OffloadImpossible, match=f"this network runs `{proof}`; remove"):
        check_offload(proof, EVE.key, TWO)


def test_node_does_not_take_its_own_word() -> None:
    for proof in (RECIPE, GUIDING_GRADIENT):
        check_offload(proof, EVE.key, TWO)
        with pytest.raises(OffloadImpossible, match="is this node's own key; name other nodes"):
            check_offload(proof, ANN.key, TWO)
