# SPDX-License-Identifier: Apache-2.0
"""A node that gets two blocks for one right reports their miner, once, and the chain punishes."""

from dataclasses import replace
from pathlib import Path

from edge_node.gossip.ports import BlockReceived
from edge_node.gossip.topics import node_id
from edge_node.primitives.types import TimestampMs
from edge_node.spec.block import Block
from edge_node.spec.transaction import Evidence
from tests.chain.workshop import EASY
from tests.node.rig import Rig, world
from tests.spec import toy_chain as toy

MALLORY = toy.miner("mallory")


def hand(rig: Rig, block: Block) -> None:
    """Let a node have a block as gossip would bring it."""
    rig.node.do(
        [
            BlockReceived(
                block_hash=block.header.block_hash(),
                header=block.header.encode(),
                body=block.body.encode(),
                transport=b"",
                sender=node_id(MALLORY.key),
            )
        ]
    )


def reports(rig: Rig) -> list[Evidence]:
    return [each for each in rig.mempool.select() if isinstance(each, Evidence)]


def twin(block: Block) -> Block:
    header = replace(block.header, timestamp=TimestampMs(block.header.timestamp + 1))
    return toy.sealed(header, block.body, MALLORY)


def test_double_signing_is_reported_by_who_sees_both(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann, bob = made.add("ann"), made.add("bob")
        made.run()
        chain = toy.ToyChain(made.network)
        first = toy.due(toy.Work(tip=chain.tip, miner=MALLORY)).block
        hand(ann, first)
        assert not reports(ann)
        hand(ann, first)
        assert not reports(ann), "the same block again is no offence"
        hand(ann, twin(first))
        (report,) = reports(ann)
        assert {report.first, report.second} == {first.header.encode(), twin(first).header.encode()}
        made.run_until(lambda: bool(reports(bob)), limit_ms=300_000)
        assert len(reports(bob)) == 1, "heard, or seen by himself: one offence"


def test_block_of_another_model_is_no_offence(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann = made.add("ann")
        made.run()
        tip = toy.ToyChain(made.network).tip
        hand(ann, toy.due(toy.Work(tip=tip, miner=MALLORY)).block)
        hand(ann, toy.due(toy.Work(tip=tip, miner=MALLORY, first_nonce=900)).block)
        hand(ann, toy.due(toy.Work(tip=tip, miner=toy.miner("carol"))).block)
        assert ann.node.imported == 3
        assert not reports(ann)


def test_punished_offence_is_not_reported_again(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann, bob = made.add("ann"), made.add("bob")
        made.run()
        chain = toy.ToyChain(made.network)
        mined = chain.add(toy.due(toy.Work(tip=chain.tip, miner=MALLORY)))
        hand(ann, mined.block)
        hand(ann, twin(mined.block))
        (report,) = reports(ann)
        after = chain.add(
            toy.due(toy.Work(tip=chain.tip, miner=toy.miner("carol"), transactions=(report,)))
        )
        hand(bob, mined.block)
        hand(bob, after.block)
        assert bob.importer.head.burned > 0
        hand(bob, twin(mined.block))
        made.run()
        assert not reports(bob)


def test_report_takes_no_place_among_its_users_transactions(tmp_path: Path) -> None:
    costly = replace(EASY, min_fee=7)
    with world(tmp_path, costly) as made:
        ann = made.add("ann")
        made.run()
        first = toy.due(toy.Work(tip=toy.ToyChain(made.network).tip, miner=MALLORY)).block
        hand(ann, first)
        hand(ann, twin(first))
        (report,) = reports(ann)
        assert report.reporter == ann.miner.address
        assert report.sender != ann.miner.key
        assert report.fee == 0, "its key owns nothing, and needs nothing"
        assert ann.mempool.next_nonce(ann.importer.head, ann.miner.key) == 0
