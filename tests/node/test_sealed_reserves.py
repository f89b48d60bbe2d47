# SPDX-License-Identifier: Apache-2.0
"""A toy upload among whole nodes in one room: what is given away, when, and what is refused.

The blocks are the toy chain's; each node gets them from the other by gossip, or by its importer.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.datasets.content import Dataset
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.node.chain_view import ChainView
from edge_node.node.data_directory import DataDirectory
from edge_node.node.dataset_fetch import DatasetFetch
from edge_node.node.reserves import have_list
from edge_node.primitives.types import DatasetId
from edge_node.spec import market
from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing
from tests.chain.workshop import take
from tests.node.market_chain import (
    UPLOADED,
    UPLOADED_ID,
    market_node,
    store_unchecked,
    with_bad_label,
)
from tests.node.rig import Rig, World, world
from tests.spec import toy_market
from tests.spec.stages import ALICE, BOB
from tests.spec.toy_chain import Miner, ToyChain

pytestmark = pytest.mark.slow

FETCH_MS = 60_000
LONG_AFTER_MS = 10**9
RESERVE = (SplitName.RESERVE,)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.network = toy_market.network()
        made.clock.ms = LONG_AFTER_MS
        yield made


def add(
    room: World, who: Miner, chain: ToyChain, *, uploaded: bool, blocks: int | None = None
) -> Rig:
    name = "bob" if who is BOB else "alice"
    market_node(room.folder / name, chain, who, uploaded=uploaded, blocks=blocks)
    return room.add(name)


def chunks_given(rig: Rig, dataset: DatasetId = UPLOADED_ID) -> set[SplitName]:
    """Return the splits of which a node gives others chunks."""
    view = ChainView(rig.importer, rig.datasets)
    table = rig.datasets.table(dataset)
    numbers = range(len(table.flat_hashes))
    return {table.locate(number)[0] for number in numbers if view.chunk(dataset, number)}


def test_reserve_stays_sealed_until_the_reveal_is_on_the_chain(room: World) -> None:
    chain = toy_market.revealed().fork()
    toy_market.wait(chain)
    before = len(toy_market.competing().mined)
    bob = add(room, BOB, chain, uploaded=True, blocks=before)
    alice = add(room, ALICE, chain, uploaded=False, blocks=1)
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID, JUDGING), FETCH_MS)
    room.run_until(lambda: alice.height == before, FETCH_MS)
    room.run(5_000)
    assert chunks_given(bob) == {*JUDGING}, "not even when it is asked for"
    assert not alice.datasets.has(UPLOADED_ID)
    assert alice.node.fetch.complete, "what blocks are judged by is here"
    assert alice.node.fetch.progress(UPLOADED_ID).complete
    for mined in chain.mined[before:-1]:
        take(bob.importer, mined)
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID), FETCH_MS)
    assert chunks_given(alice) == {*SplitName}, "she gives it to the next"
    assert market.reserve_id(UPLOADED_ID) in have_list(alice.importer.head, alice.datasets)
    take(alice.importer, chain.mined[-1])
    assert alice.importer.head.datasets[UPLOADED_ID].bounty is None
    assert alice.importer.head.supply == alice.importer.head.minted


def test_late_joiner_gets_the_reserve_when_the_settlement_needs_it(room: World) -> None:
    chain = toy_market.revealed().fork()
    toy_market.wait(chain)
    add(room, BOB, chain, uploaded=True)
    alice = add(room, ALICE, chain, uploaded=False, blocks=0)
    room.run_until(lambda: alice.height == len(chain.mined), 4 * FETCH_MS)
    assert alice.importer.head.datasets[UPLOADED_ID].bounty is None


def test_what_is_not_on_the_chain_yet_is_given_to_nobody(room: World) -> None:
    bob = add(room, BOB, toy_market.uploaded(), uploaded=True, blocks=0)
    view = ChainView(bob.importer, bob.datasets)
    assert view.manifest(UPLOADED_ID) is None
    assert len(chunks_given(bob)) == 0
    bob.datasets.publish(UPLOADED_ID)
    assert len(chunks_given(bob)) == len(SplitName)
    take(bob.importer, toy_market.uploaded().mined[0])
    assert chunks_given(bob) == {*JUDGING}, "the chain's word counts more"


def test_node_judges_and_mines_without_a_reserve_but_can_not_count_on_it(room: World) -> None:
    alice = add(room, ALICE, toy_market.uploaded(), uploaded=False)
    add(room, BOB, toy_market.uploaded(), uploaded=True)
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID, JUDGING), FETCH_MS)
    engine = alice.node.parts.engine
    assert len(engine.samples(UPLOADED_ID, SplitName.TRAIN)) > 0
    assert len(engine.samples(UPLOADED_ID, SplitName.EVALUATION)) > 0
    with pytest.raises(DatasetMissing):
        engine.samples(UPLOADED_ID, SplitName.RESERVE)


def test_upload_above_the_size_cap_waits_until_blocks_are_about_it(room: World) -> None:
    chain = toy_market.uploaded().fork()
    toy_market.wait(chain, until=4)
    add(room, BOB, chain, uploaded=True, blocks=1)
    alice = add(room, ALICE, chain, uploaded=False, blocks=1)
    alice.node.fetch = DatasetFetch(alice.importer, alice.datasets, alice.gossip, max_bytes=1)
    alice.node.do(alice.node.fetch.start(room.clock.ms))
    room.run(20_000)
    assert not alice.datasets.has(UPLOADED_ID, JUDGING)
    assert not alice.node.fetch.missing
    for mined in chain.mined[1:]:
        take(alice.importer, mined)
    room.run(200)
    assert not alice.node.fetch.complete, "enough others hold it"
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID, JUDGING), FETCH_MS)


@pytest.mark.parametrize("name", list(SplitName))
def test_label_out_of_range_is_never_held(
    room: World, caplog: pytest.LogCaptureFixture, name: SplitName
) -> None:
    bad = with_bad_label(UPLOADED, name)
    dataset = bad.manifest.dataset_id()
    ann, bob = room.add("ann"), room.add("bob")
    for rig in (ann, bob):
        rig.datasets.discard(dataset)
    publish_unchecked(ann, bad)
    bob.node.do(bob.node.fetch.ask(dataset, room.clock.ms))
    room.run_until(lambda: dataset in bob.node.fetch._failed, FETCH_MS)
    assert "R-18: the dataset must be labels below" in caplog.text
    assert not bob.datasets.has(dataset)
    assert dataset not in have_list(bob.importer.head, bob.datasets)


def publish_unchecked(rig: Rig, dataset: Dataset) -> None:
    """Offer what an honest node would not."""
    dataset_id = store_unchecked(rig.datasets, dataset)
    (rig.datasets.folder(dataset_id) / "published").write_bytes(b"")
    rig.node.do(rig.node.fetch.offer(rig.world.clock.ms))


def test_chunks_that_do_not_match_are_refused_and_asked_for_elsewhere(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    bob = add(room, BOB, toy_market.revealed(), uploaded=True)
    path = bob.datasets.folder(UPLOADED_ID) / "reserve.bin"
    path.write_bytes(bytes(min(path.stat().st_size, CHUNK_BYTES)))
    alice = add(room, ALICE, toy_market.revealed(), uploaded=False)
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID, JUDGING), FETCH_MS)
    room.run(10_000)
    assert not alice.datasets.has(UPLOADED_ID, RESERVE)
    assert market.reserve_id(UPLOADED_ID) not in have_list(alice.importer.head, alice.datasets)
    DatasetStore(DataDirectory(room.folder / "bob").datasets).add(UPLOADED)
    room.run_until(lambda: alice.datasets.has(UPLOADED_ID), FETCH_MS)
