# SPDX-License-Identifier: Apache-2.0
"""What gossip is told of a real chain and a real dataset store, garbage asked for included."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.mempool import Mempool
from edge_node.datasets.chunk_table import table_of
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.ports import BlockReceived, HeaderVerdict
from edge_node.gossip.topics import NodeId
from edge_node.node.chain_view import ChainView, PoolView, SilentView
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.mature_miners import MatureMiners
from edge_node.node.replay_queue import ReplayQueue
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    Height,
    ModelHash,
    Signature,
    TimestampMs,
)
from edge_node.spec.block import Header
from edge_node.spec.dataset import SplitName
from edge_node.spec.encoding import encode
from tests.chain.workshop import ANN, BOB, Grown, Tree, easy_dataset, easy_network, opened, take
from tests.datasets.samples import stored
from tests.spec import toy_chain as toy

NETWORK = easy_network()
DATA = stored(easy_dataset())


class Seen:
    """A chain of three blocks, of which two are here, and its view."""

    def __init__(self, view: ChainView, held: HeldBlocks, blocks: list[Grown]) -> None:
        self.view = view
        self.held = held
        self.blocks = blocks

    def header(self, place: int) -> bytes:
        return self.blocks[place].mined.block.header.encode()


def sealed(header: Header, who: toy.Miner) -> bytes:
    """Return a header of somebody else, signed."""
    unsigned = replace(header, miner=who.key)
    return replace(unsigned, signature=who.sign(unsigned.block_hash())).encode()


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    store = DatasetStore(tmp_path / "datasets")
    store.add(DATA)
    return store


@pytest.fixture
def seen(tmp_path: Path, store: DatasetStore) -> Iterator[Seen]:
    with opened(tmp_path / "chain.sqlite3", NETWORK) as importer:
        blocks, held = Tree(NETWORK).branch(None, 4), HeldBlocks()
        for each in blocks[:2]:
            take(importer, each.mined)
        yield Seen(ChainView(importer, store, held), held, blocks)


def test_tip_and_headers_from_height_one(seen: Seen) -> None:
    tip = seen.view.tip()
    assert (tip.height, tip.block_hash) == (2, seen.blocks[1].block_hash)
    assert tip.header == seen.header(1)
    assert seen.view.headers(Height(0), 9) == [seen.header(0), seen.header(1)]
    assert seen.view.headers(Height(2), 9) == [seen.header(1)]
    for beyond in (3, 1 << 63, (1 << 64) - 1):
        assert seen.view.headers(Height(beyond), 9) == []


def test_genesis_is_known_and_has_no_header(tmp_path: Path, store: DatasetStore) -> None:
    with opened(tmp_path / "empty.sqlite3", NETWORK) as importer:
        view = ChainView(importer, store)
        tip = view.tip()
        assert (tip.height, tip.header) == (0, b"")
        assert view.known(tip.block_hash)
        assert view.block(tip.block_hash) is None


def test_stored_blocks_and_models_are_served(seen: Seen) -> None:
    first = seen.blocks[0].mined
    parts = seen.view.block(first.block_hash)
    assert parts is not None
    assert (parts.header, parts.body) == (seen.header(0), first.block.body.encode())
    assert first.model is not None
    blob = seen.view.model_blob(first.model.model_hash())
    assert blob == first.model.blob()
    assert seen.view.content_hash(ObjectKind.MODEL, blob) == first.model.model_hash()
    assert seen.view.block(seen.blocks[2].block_hash) is None
    assert seen.view.model_blob(ModelHash(ZERO_HASH)) is None


def test_node_that_does_not_replay_gives_nobody_a_block(seen: Seen) -> None:
    view = SilentView(seen.view._importer, seen.view._datasets, seen.held)
    first = seen.blocks[0].mined
    assert first.model is not None
    assert view.tip() == seen.view.tip()
    assert view.known(first.block_hash)
    assert view.headers(Height(1), 9) == []
    assert view.block(first.block_hash) is None
    assert view.model_blob(first.model.model_hash()) is None
    assert view.manifest(DATA.manifest.dataset_id()) is not None, "its bytes show what it is"


def test_headers_are_judged_by_what_is_cheap(seen: Seen) -> None:
    assert seen.view.precheck_header(seen.header(2)) is HeaderVerdict.PLAUSIBLE
    assert seen.view.precheck_header(seen.header(3)) is HeaderVerdict.ORPHAN
    assert seen.view.precheck_header(b"garbage") is HeaderVerdict.INVALID
    header = seen.blocks[2].mined.block.header
    forged = replace(header, signature=Signature(bytes(64)))
    assert seen.view.precheck_header(forged.encode()) is HeaderVerdict.INVALID
    facts = seen.view.header_facts(seen.header(2))
    assert facts is not None
    assert (facts.height, facts.parent) == (3, seen.blocks[1].block_hash)
    assert seen.view.header_facts(b"garbage") is None


def test_held_block_counts_as_known_and_its_child_has_a_parent(seen: Seen) -> None:
    third = seen.blocks[2].block_hash
    waits = BlockReceived(
        block_hash=third, header=seen.header(2), body=b"", transport=b"", sender=NodeId("x")
    )
    seen.held.hold(waits, TimestampMs(1))
    assert seen.view.known(third)
    assert seen.view.precheck_header(seen.header(3)) is HeaderVerdict.PLAUSIBLE
    assert seen.view.block(third) is None, "what was not judged is not passed on"
    assert seen.view.tip().height == 2
    seen.held.release(third)
    assert not seen.view.known(third)
    assert not seen.view.known(BlockHash(ZERO_HASH))


def test_block_that_waits_for_its_replay_is_not_known_but_its_child_may_come(
    seen: Seen, tmp_path: Path, store: DatasetStore
) -> None:
    with opened(tmp_path / "other.sqlite3", NETWORK) as importer:
        for each in seen.blocks[:2]:
            take(importer, each.mined)
        replays = ReplayQueue(MatureMiners(importer))
        view = ChainView(importer, store, replays=replays)
        third = seen.blocks[2].mined.block.header
        waits = BlockReceived(
            block_hash=third.block_hash(),
            header=seen.header(2),
            body=b"",
            transport=b"",
            sender=NodeId("x"),
        )
        child = Tree(NETWORK).branch(None, 3)[-1].mined.block.header
        of_bob = sealed(replace(child, previous_hash=third.block_hash()), BOB)
        of_ann = sealed(replace(child, previous_hash=third.block_hash()), ANN)
        assert view.precheck_header(of_bob) is HeaderVerdict.ORPHAN
        assert replays.add(waits, third, lambda _: False) == []
        assert not view.known(third.block_hash())
        assert view.precheck_header(of_bob) is HeaderVerdict.PLAUSIBLE
        assert view.precheck_header(of_ann) is HeaderVerdict.ORPHAN, "her one place is taken"


def test_datasets_are_served_chunk_by_chunk(seen: Seen, store: DatasetStore) -> None:
    dataset = DATA.manifest.dataset_id()
    table = table_of(DATA)
    manifest = seen.view.manifest(dataset)
    assert manifest == table.encode()
    assert seen.view.content_hash(ObjectKind.MANIFEST, manifest) == dataset
    for index in range(len(table.flat_hashes)):
        split, place = table.locate(index)
        assert seen.view.chunk(dataset, index) == store.chunk(dataset, SplitName(split), place)
    assert seen.view.chunk(dataset, len(table.flat_hashes)) is None


def test_what_is_not_here_is_not_served(seen: Seen, tmp_path: Path) -> None:
    unknown = DatasetId(ZERO_HASH)
    assert seen.view.manifest(unknown) is None
    assert seen.view.chunk(unknown, 0) is None
    for kind in (ObjectKind.MODEL, ObjectKind.MANIFEST):
        assert seen.view.content_hash(kind, b"garbage") == ZERO_HASH


def test_pool_is_selected_and_encoded_once_for_each_change_of_it() -> None:
    mempool = Mempool(NETWORK.rules, NETWORK.engine.verify)
    view, start = PoolView(mempool), NETWORK.start()
    assert view.waiting() == ()
    first, second = (
        toy.transfer(ANN, BOB.address, 5, network=NETWORK, nonce=nonce) for nonce in (0, 1)
    )
    mempool.add(first, start)
    told = view.waiting()
    assert told == (encode(first.value()),)
    mempool.add(first, start)
    assert view.waiting() is told, "nothing new waits"
    mempool.add(second, start)
    assert view.waiting() == (*told, encode(second.value()))
    dearer = toy.transfer(ANN, BOB.address, 5, network=NETWORK, nonce=1, fee=9)
    mempool.add(dearer, start)
    assert view.waiting() == (*told, encode(dearer.value()))
    rest = Mempool(NETWORK.rules, NETWORK.engine.verify, max_waiting=1)
    rest.add(first, start)
    other = PoolView(rest)
    assert other.waiting() == told
    rest.add(toy.transfer(BOB, ANN.address, 5, network=NETWORK, fee=3), start)
    assert len(other.waiting()) == 1
    assert other.waiting() != told


def test_pool_after_a_new_head_is_told_anew() -> None:
    mempool = Mempool(NETWORK.rules, NETWORK.engine.verify)
    view, start = PoolView(mempool), NETWORK.start()
    mempool.add(toy.transfer(ANN, BOB.address, 5, network=NETWORK), start)
    assert len(view.waiting()) == 1
    spent = toy.transfer(ANN, BOB.address, 5, network=NETWORK)
    after = replace(start.accounts.get(ANN.address), nonce=spent.nonce + 1)
    mempool.refresh(replace(start, accounts=start.accounts.updated([after])))
    assert view.waiting() == ()
