# SPDX-License-Identifier: Apache-2.0
"""What comes in over gossip, sound and unsound, to a node with a real chain: what becomes of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from edge_node.gossip.ports import CheckpointsReceived, TransactionsReceived
from edge_node.primitives.types import Height, Signature
from edge_node.spec.block import Body
from edge_node.spec.encoding import encode
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.transaction import Transfer
from tests.chain.workshop import EASY, Tree
from tests.node.rig import SENDER, Rig, World, sent, world
from tests.spec import toy_chain as toy

ANN, BOB = toy.miner("ann"), toy.miner("bob")
OTHER_BODY = Body(transactions=(), have=(), proof=b"").encode()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def rig(room: World) -> Rig:
    rig = room.add("ann")
    room.run(500)
    return rig


@pytest.fixture
def tree(room: World) -> Tree:
    """Give blocks to send: the first is due 2 s after the genesis."""
    return Tree(room.network)


def at(rig: Rig, timestamp: int) -> None:
    """Set the clock."""
    rig.world.clock.ms = timestamp - toy.GENESIS_TIME


def test_block_becomes_the_head_and_peers_hear_of_it(rig: Rig, tree: Tree) -> None:
    block = tree.grow()
    rig.link.said.clear()
    rig.node.do([sent(block)])
    rig.world.run(2_000)
    assert rig.importer.head.head == block.block_hash
    assert rig.node.imported == 1
    assert sum("/tip/" in each.topic for each in rig.link.said) == 1


def test_record_names_only_what_has_judged_the_block(rig: Rig, tree: Tree) -> None:
    block = tree.grow()
    rig.engine._used["lce"] = None  # as after a block that was refused
    rig.node.do([sent(block)])
    stored = rig.importer.blocks.get(block.block_hash)
    assert stored is not None
    assert stored.backend == rig.engine.backend_name


def test_early_block_waits_with_its_children_and_is_judged_in_time(rig: Rig, tree: Tree) -> None:
    first, second = tree.branch(None, 2)
    at(rig, first.state.timestamp - 5_000)
    rig.node.do([sent(first), sent(second)])
    assert (rig.height, len(rig.held)) == (0, 2)
    rig.world.run(10_000)
    assert rig.importer.head.head == second.block_hash
    assert len(rig.held) == 0


def test_held_block_need_not_come_again(rig: Rig, tree: Tree) -> None:
    block = tree.grow()
    at(rig, block.state.timestamp - 5_000)
    port = rig.gossip._port
    assert not port.known(block.block_hash)
    rig.node.do([sent(block)])
    assert port.known(block.block_hash)
    rig.held.release(block.block_hash)
    assert not port.known(block.block_hash), "what was dropped can be fetched again"


@pytest.mark.parametrize("body", [b"", b"\x80", b"garbage" * 9, OTHER_BODY])
def test_wrong_body_says_nothing_about_the_block(rig: Rig, tree: Tree, body: bytes) -> None:
    block = tree.grow()
    rig.node.do([sent(block, body=body)])
    assert rig.height == 0
    rig.node.do([sent(block)])
    assert rig.importer.head.head == block.block_hash


def test_wrong_body_of_an_early_block_does_not_take_its_place(rig: Rig, tree: Tree) -> None:
    block = tree.grow()
    at(rig, block.state.timestamp - 5_000)
    rig.node.do([sent(block, body=OTHER_BODY)])
    assert len(rig.held) == 0
    rig.node.do([sent(block)])
    assert len(rig.held) == 1


def test_forged_signature_says_nothing_about_the_block(rig: Rig, tree: Tree) -> None:
    block = tree.grow().mined.block
    forged = replace(block.header, signature=Signature(bytes(64)))
    rig.node.do([sent(replace(block, header=forged))])
    assert rig.height == 0
    rig.node.do([sent(block)])
    assert rig.height == 1


def test_invalid_block_is_refused_for_its_rule(
    rig: Rig, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    block = tree.grow().mined.block
    lie = toy.sealed(replace(block.header, correct_count=20), block.body, ANN)
    rig.node.do([sent(lie)])
    assert rig.height == 0
    assert "R-46" in caplog.text


def test_held_block_that_turns_out_invalid_is_forgotten(
    rig: Rig, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    block = tree.grow().mined.block
    lie = toy.sealed(replace(block.header, correct_count=20), block.body, ANN)
    at(rig, block.header.timestamp - 5_000)
    rig.node.do([sent(lie)])
    assert len(rig.held) == 1
    rig.world.run(10_000)
    assert (rig.height, len(rig.held)) == (0, 0)
    assert "R-46" in caplog.text


def test_blocks_wait_for_their_dataset(room: World, tree: Tree) -> None:
    rig = room.add("bob", has_data=False)
    first, second = tree.branch(None, 2)
    rig.node.do([sent(first), sent(second)])
    assert (rig.height, len(rig.held)) == (0, 2)
    room.add("ann")
    room.run_until(lambda: rig.height == 2)


def test_transactions_wait_and_forged_ones_do_not(rig: Rig) -> None:
    network = rig.world.network
    good = toy.transfer(ANN, BOB.address, 5, network=network)
    forged = replace(good, amount=type(good.amount)(6))
    poor = toy.transfer(toy.miner("cat"), BOB.address, 5, network=network)
    datas = [encode(each.value()) for each in (poor, good)]
    rig.node.do([TransactionsReceived(transactions=tuple(datas), sender=SENDER)])
    assert len(rig.mempool) == 1
    for data in (b"garbage", encode(forged.value())):
        rig.node.do([TransactionsReceived(transactions=(data, data), sender=SENDER)])
    assert len(rig.mempool) == 1


def test_turned_away_transactions_of_a_message_are_one_line(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    poor = [
        toy.transfer(toy.miner("cat"), BOB.address, 5 + i, network=rig.world.network)
        for i in range(64)
    ]
    datas = tuple(encode(each.value()) for each in poor)
    with caplog.at_level("INFO"):
        rig.node.do([TransactionsReceived(transactions=datas, sender=SENDER)])
    told = [each.getMessage() for each in caplog.records if "turned away" in each.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"64 transactions of {SENDER} turned away: R-")


def test_only_transactions_that_no_head_allows_cost_their_sender(tmp_path: Path) -> None:
    with world(tmp_path, replace(EASY, min_fee=2)) as room:
        ann, bob = room.add("ann"), room.add("bob")
        room.run()

        def score_after(transaction: Transfer) -> int:
            data = encode(transaction.value())
            message = TransactionsReceived(transactions=(data,), sender=bob.gossip.node)
            ann.node.do([message])
            (peer,) = ann.gossip.peers()
            return peer.score

        pay = partial(toy.transfer, ANN, BOB.address, 5, network=room.network)
        assert score_after(pay(fee=2)) == score_after(pay(fee=2)) == 0
        assert score_after(pay(fee=2, nonce=9)) == 0, "the sender may be ahead of us"
        assert score_after(pay(fee=1, nonce=1)) < 0


def test_transaction_reaches_a_node_that_comes_later_and_is_confirmed(
    room: World, tree: Tree
) -> None:
    ann = room.add("ann")
    room.run()
    transaction = toy.transfer(ANN, BOB.address, 5, network=room.network)
    ann.node.submit(transaction)
    ann.node.submit(transaction)
    room.run(5_000)
    bob = room.add("bob")
    room.run_until(lambda: len(bob.mempool) == 1)
    ann.node.do([sent(tree.grow(transactions=(transaction,)))])
    room.run_until(lambda: len(bob.mempool) == len(ann.mempool) == 0)


def test_checkpoint_moves_the_head_and_mining_with_it(tmp_path: Path) -> None:
    with world(tmp_path, EASY, members=[ANN]) as room:
        rig, tree = room.add("ann", mines=True), Tree(room.network)
        weak, strong = tree.grow(rung=2), tree.grow(who=BOB)
        rig.node.do([sent(weak), sent(strong)])
        room.run(3_000)
        assert rig.importer.head.head == strong.block_hash
        unsigned = Checkpoint(
            height=Height(1), block=weak.block_hash, member=ANN.key, signature=Signature(bytes(64))
        )
        message = unsigned.signing_hash(room.network.rules.network)
        checkpoint = replace(unsigned, signature=ANN.sign(message))
        rig.node.do([CheckpointsReceived(checkpoints=(b"garbage",), sender=SENDER)])
        rig.node.do([CheckpointsReceived(checkpoints=(checkpoint.encode(),), sender=SENDER)])
        assert rig.importer.head.head == weak.block_hash
        room.run(200)
        assert rig.mines_on == weak.block_hash


def test_unknown_parent_is_no_reason_to_hold(rig: Rig, tree: Tree) -> None:
    _, second = tree.branch(None, 2)
    rig.node.do([sent(second)])
    assert (rig.height, len(rig.held)) == (0, 0)
