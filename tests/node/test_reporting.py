# SPDX-License-Identifier: Apache-2.0
"""A node that gets two blocks for one right reports their miner, once, and the chain punishes."""

from dataclasses import replace
from pathlib import Path

from edge_node.primitives.types import TimestampMs
from edge_node.spec.block import Block
from edge_node.spec.transaction import Evidence
from tests.chain.workshop import EASY
from tests.node.rig import Rig, sent, world
from tests.spec import toy_chain as toy

MALLORY = toy.miner("mallory")


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
        ann.node.do([sent(first)])
        assert not reports(ann)
        ann.node.do([sent(first)])
        assert not reports(ann), "the same block again is no offence"
        ann.node.do([sent(twin(first))])
        (report,) = reports(ann)
        assert {report.first, report.second} == {first.header.encode(), twin(first).header.encode()}
        made.run_until(lambda: bool(reports(bob)), limit_ms=300_000)
        assert len(reports(bob)) == 1, "heard, or seen by himself: one offence"


def test_block_of_another_model_is_no_offence(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann = made.add("ann")
        made.run()
        tip = toy.ToyChain(made.network).tip
        ann.node.do([sent(toy.due(toy.Work(tip=tip, miner=MALLORY)).block)])
        ann.node.do([sent(toy.due(toy.Work(tip=tip, miner=MALLORY, first_nonce=900)).block)])
        ann.node.do([sent(toy.due(toy.Work(tip=tip, miner=toy.miner("carol"))).block)])
        assert ann.node.imported == 3
        assert not reports(ann)


def test_punished_offence_is_not_reported_again(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann, bob = made.add("ann"), made.add("bob")
        made.run()
        chain = toy.ToyChain(made.network)
        mined = chain.add(toy.due(toy.Work(tip=chain.tip, miner=MALLORY)))
        ann.node.do([sent(mined.block)])
        ann.node.do([sent(twin(mined.block))])
        (report,) = reports(ann)
        after = chain.add(
            toy.due(toy.Work(tip=chain.tip, miner=toy.miner("carol"), transactions=(report,)))
        )
        bob.node.do([sent(mined.block)])
        bob.node.do([sent(after.block)])
        assert bob.importer.head.burned > 0
        bob.node.do([sent(twin(mined.block))])
        made.run()
        assert not reports(bob)


def test_report_takes_no_place_among_its_users_transactions(tmp_path: Path) -> None:
    costly = replace(EASY, min_fee=7)
    with world(tmp_path, costly) as made:
        ann = made.add("ann")
        made.run()
        first = toy.due(toy.Work(tip=toy.ToyChain(made.network).tip, miner=MALLORY)).block
        ann.node.do([sent(first)])
        ann.node.do([sent(twin(first))])
        (report,) = reports(ann)
        assert report.reporter == ann.miner.address
        assert report.sender != ann.miner.key
        assert report.fee == 0, "its key owns nothing, and needs nothing"
        assert ann.mempool.next_nonce(ann.importer.head, ann.miner.key) == 0
