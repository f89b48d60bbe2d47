# SPDX-License-Identifier: Apache-2.0
"""Blocks, models, signed headers and checkpoints come back from disk, or their damage is named."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.block_store import CHECKPOINTS_PER_MEMBER, BlockStore, Link, StoredBlock
from edge_node.chain.database import Database
from edge_node.chain.errors import AlreadySigned, StoreCorrupt
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, Hash32, Height, ModelHash, TimestampMs
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.model import Model
from tests.chain.workshop import ANN, BACKEND, BOB, CAT, Grown, Tree
from tests.spec.toy_chain import Miner, Network


@contextmanager
def stored(path: Path, network: Network) -> Iterator[tuple[BlockStore, Database]]:
    with closing(Database(path, network.rules.network)) as database:
        yield BlockStore(database), database


def put(database: Database, blocks: BlockStore, grown: Grown) -> StoredBlock:
    header, body = grown.mined.block.header, grown.mined.block.body
    block = StoredBlock(
        block_hash=grown.block_hash,
        height=header.height,
        previous_hash=header.previous_hash,
        work=grown.state.work,
        header=header.encode(),
        body=body.encode(),
        transport=b"transport",
        backend=BACKEND,
        arrived_ms=TimestampMs(77),
    )
    with database.transaction():
        blocks.add(block, grown.mined.model)
    return block


def model_of(grown: Grown) -> Model:
    assert grown.mined.model is not None
    return grown.mined.model


def named(n: int) -> BlockHash:
    return BlockHash(tagged_hash("test", bytes([n])))


def test_block_comes_back_as_it_was_stored(path: Path, network: Network, tree: Tree) -> None:
    grown = tree.grow()
    with stored(path, network) as (blocks, database):
        assert not blocks.has(grown.block_hash)
        assert blocks.get(grown.block_hash) is None
        assert blocks.link(grown.block_hash) is None
        assert blocks.candidate(grown.block_hash) is None
        block = put(database, blocks, grown)
    with stored(path, network) as (blocks, _):
        assert blocks.has(grown.block_hash)
        assert blocks.get(grown.block_hash) == block
        assert blocks.link(grown.block_hash) == Link(height=Height(1), previous_hash=grown.parent)


def test_candidates_remember_the_order_of_arrival(path: Path, network: Network, tree: Tree) -> None:
    twins = [tree.grow(who=who) for who in (ANN, BOB, CAT)]
    with stored(path, network) as (blocks, database):
        for grown in twins:
            put(database, blocks, grown)
    with stored(path, network) as (blocks, _):
        candidates = [blocks.candidate(grown.block_hash) for grown in twins]
    arrivals = []
    for grown, candidate in zip(twins, candidates, strict=True):
        assert candidate is not None
        assert (candidate.head, candidate.height) == (grown.block_hash, 1)
        assert candidate.work == grown.state.work == 128
        arrivals.append(candidate.arrival)
    assert arrivals == sorted(set(arrivals))


def test_main_chain_is_set_read_in_pages_and_cut(path: Path, network: Network, tree: Tree) -> None:
    branch = tree.branch(None, 5)
    with stored(path, network) as (blocks, database):
        assert (blocks.main_height(), blocks.main_hash(0), blocks.main_blocks(0, 9)) == (
            0,
            None,
            [],
        )
        block_list = [put(database, blocks, grown) for grown in branch]
        with database.transaction():
            for block in block_list:
                blocks.set_main(block.height, block.block_hash)
        assert blocks.main_height() == 5
        assert blocks.main_hash(3) == branch[2].block_hash
        assert blocks.main_blocks(2, 2) == block_list[1:3]
        assert blocks.main_blocks(5, 100) == block_list[4:]
        assert blocks.main_blocks(6, 100) == []
        assert blocks.main_headers(2, 2) == [block.header for block in block_list[1:3]]
        assert blocks.main_headers(1 << 63, 1) == []
        with database.transaction():
            blocks.cut_main(Height(3))
        assert (blocks.main_height(), blocks.main_hash(4)) == (3, None)
        assert blocks.has(branch[4].block_hash)


def test_tips_are_the_blocks_without_children_found_by_indices(
    path: Path, network: Network, tree: Tree
) -> None:
    trunk = tree.branch(None, 3)
    side = tree.branch(trunk[0].block_hash, 1, BOB)
    with stored(path, network) as (blocks, database):
        assert blocks.tips() == []
        for grown in (*trunk, *side):
            put(database, blocks, grown)
        assert set(blocks.tips()) == {trunk[-1].block_hash, side[-1].block_hash}
        seen: list[str] = []
        database.connection.set_trace_callback(seen.append)
        blocks.tips()
        database.connection.set_trace_callback(None)
        plan = [str(row[3]) for row in database.rows(f"EXPLAIN QUERY PLAN {seen[0]}")]
    # No block's body is read, however many there are.
    reads = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
    assert len(reads) == 2
    assert all("COVERING INDEX" in step for step in reads), plan


def test_heavy_blocks_are_found_by_their_work(path: Path, network: Network, tree: Tree) -> None:
    trunk = tree.branch(None, 3)
    light = tree.grow(trunk[0].block_hash, rung=5)
    with stored(path, network) as (blocks, database):
        for grown in (*trunk, light):
            put(database, blocks, grown)
        assert set(blocks.at_least(0)) == {grown.block_hash for grown in (*trunk, light)}
        assert set(blocks.at_least(256)) == {grown.block_hash for grown in trunk[1:]}
        assert blocks.at_least(trunk[2].state.work) == [trunk[2].block_hash]
        assert blocks.at_least(trunk[2].state.work + 1) == []


def test_model_is_stored_once_and_comes_back(path: Path, network: Network, tree: Tree) -> None:
    grown = tree.grow()
    model = model_of(grown)
    again = tree.grow(who=BOB)
    twin = replace(again, mined=replace(again.mined, model=model))
    with stored(path, network) as (blocks, database):
        put(database, blocks, grown)
        put(database, blocks, twin)
        assert blocks.model(model.model_hash()) is model
    with stored(path, network) as (blocks, database):
        assert database.rows("SELECT count(*) FROM model") == [(1,)]
        assert blocks.model(model.model_hash()) == model
        assert blocks.model(model.model_hash()) is blocks.model(model.model_hash())
        assert blocks.model_blob(model.model_hash()) == model.blob()
        assert blocks.model_blob(ModelHash(Hash32(bytes(32)))) is None


@pytest.mark.parametrize("damage", ["gone", "other", "malformed", "empty", "number"])
def test_damaged_model_is_our_fault_and_no_peers(
    path: Path, network: Network, tree: Tree, damage: str
) -> None:
    grown, other = tree.grow(), tree.grow(who=BOB)
    model_hash = model_of(grown).model_hash()
    blobs = {
        "other": model_of(other).blob(),
        "malformed": model_of(grown).blob()[:-1],
        "empty": b"",
        "number": 5,
    }
    with stored(path, network) as (blocks, database):
        put(database, blocks, grown)
        with database.transaction() as connection:
            if damage in blobs:
                connection.execute("UPDATE model SET blob = ?", (blobs[damage],))
            else:
                connection.execute("DELETE FROM model")
    with stored(path, network) as (blocks, _), pytest.raises(StoreCorrupt) as caught:
        blocks.model(model_hash)
    assert not caught.value.peer_fault


COLUMNS = ("height", "previous_hash", "work", "header", "body", "transport", "arrived_ms")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["text", 1.5])
def test_row_of_a_block_with_a_wrong_type_is_damage(
    path: Path, network: Network, tree: Tree, column: str, value: object
) -> None:
    grown = tree.grow()
    with stored(path, network) as (blocks, database):
        put(database, blocks, grown)
        with database.transaction() as connection:
            connection.execute(f"UPDATE block SET {column} = ?", (value,))
        with pytest.raises(StoreCorrupt):
            blocks.get(grown.block_hash)


def test_hash_of_a_wrong_length_is_damage(path: Path, network: Network, tree: Tree) -> None:
    grown = tree.grow()
    with stored(path, network) as (blocks, database):
        put(database, blocks, grown)
        with database.transaction() as connection:
            connection.execute("UPDATE block SET previous_hash = ?", (bytes(31),))
            connection.execute("INSERT INTO main_chain VALUES (1, ?)", (bytes(33),))
        with pytest.raises(StoreCorrupt):
            blocks.link(grown.block_hash)
        with pytest.raises(StoreCorrupt):
            blocks.main_hash(1)


def test_second_header_with_one_parent_and_model_is_refused_for_ever(
    path: Path, network: Network, tree: Tree
) -> None:
    header = tree.grow().mined.block.header
    second = replace(header, timestamp=TimestampMs(header.timestamp + 1))
    with stored(path, network) as (blocks, _):
        blocks.note_signed(header)
        blocks.note_signed(header)  # the same one may be published again
    for _ in range(2):
        with stored(path, network) as (blocks, _database):
            with pytest.raises(AlreadySigned, match="must not sign") as caught:
                blocks.note_signed(second)
            assert caught.value.expected == header.block_hash()
            assert caught.value.actual == second.block_hash()
            blocks.note_signed(header)


def test_other_parent_or_other_model_may_be_signed(
    path: Path, network: Network, tree: Tree
) -> None:
    header = tree.grow().mined.block.header
    with stored(path, network) as (blocks, _):
        blocks.note_signed(header)
        blocks.note_signed(replace(header, previous_hash=named(1)))
        blocks.note_signed(replace(header, model_hash=ModelHash(named(2))))


def test_second_fallback_on_one_parent_is_refused(path: Path, network: Network, tree: Tree) -> None:
    fallback = tree.grow(tree.grow().block_hash, rung=7).mined.block.header
    with stored(path, network) as (blocks, _):
        blocks.note_signed(fallback)
        with pytest.raises(AlreadySigned):
            blocks.note_signed(replace(fallback, timestamp=TimestampMs(fallback.timestamp + 5)))


def checkpoint(height: int, block: int, member: Miner) -> Checkpoint:
    return Checkpoint(
        height=Height(height),
        block=named(block),
        member=member.key,
        signature=member.sign(b"whatever"),
    )


def test_checkpoints_come_back_by_height(path: Path, network: Network) -> None:
    given = [checkpoint(h, h % 3, who) for h, who in ((7, ANN), (5, BOB), (5, ANN), (9, BOB))]
    with stored(path, network) as (blocks, _):
        for one in (*given, *given):
            blocks.put_checkpoint(one, Height(0))
    with stored(path, network) as (blocks, _):
        kept = blocks.checkpoints()
        assert [one.height for one in kept] == [5, 5, 7, 9]
        assert {(one.height, one.member) for one in kept} == {
            (one.height, one.member) for one in given
        }
        blocks.drop_checkpoints(Height(7))
        assert [one.height for one in blocks.checkpoints()] == [7, 9]


def test_talkative_member_keeps_its_highest_checkpoints_and_no_others_suffer(
    path: Path, network: Network
) -> None:
    with stored(path, network) as (blocks, _):
        final = [checkpoint(10, 1, who) for who in (ANN, BOB, CAT)]
        for one in (*final, checkpoint(11, 1, BOB)):
            blocks.put_checkpoint(one, Height(0))
        for extra in range(CHECKPOINTS_PER_MEMBER + 5):
            blocks.put_checkpoint(checkpoint(12 + extra, 1, ANN), Height(10))
        kept = blocks.checkpoints()
    of_ann = [one.height for one in kept if one.member == ANN.key]
    assert of_ann == [10, *range(17, 17 + CHECKPOINTS_PER_MEMBER)]
    assert [one.height for one in kept if one.member == BOB.key] == [10, 11]
    assert [one.height for one in kept if one.member == CAT.key] == [10]


def test_damaged_checkpoint_is_our_fault_and_no_members(path: Path, network: Network) -> None:
    with stored(path, network) as (blocks, database):
        blocks.put_checkpoint(checkpoint(1, 1, ANN), Height(0))
        with database.transaction() as connection:
            connection.execute("UPDATE checkpoint SET record = ?", (b"\x80",))
        with pytest.raises(StoreCorrupt, match="a checkpoint"):
            blocks.checkpoints()
