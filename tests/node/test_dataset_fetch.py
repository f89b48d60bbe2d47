# SPDX-License-Identifier: Apache-2.0
"""Datasets between nodes in one room: the chain's come by themselves, others when asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.datasets.errors import DatasetError, DatasetUnavailable, StoreNotWritable
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.limits import MAX_DATASET_JOBS
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.ports import ChunkReceived, FetchFailed, ObjectReceived
from edge_node.gossip.topics import NodeId
from edge_node.node.dataset_fetch import DISK_RETRY_MS, STALL_MS
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName
from tests.chain.workshop import EASY
from tests.datasets.samples import dated_later, stored
from tests.node.rig import Rig, World, mine, world
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

OTHER = stored(toy_dataset("other", (900, 400, 100)))
OTHER_ID = OTHER.manifest.dataset_id()
NOBODY = NodeId("00" * 16)
FETCH_MS = 60_000


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def ask(rig: Rig, dataset: DatasetId) -> None:
    rig.node.do(rig.node.fetch.ask(dataset, rig.world.clock.ms))


def publish(rig: Rig) -> None:
    rig.datasets.add(OTHER)
    rig.datasets.publish(OTHER_ID)
    rig.node.do(rig.node.fetch.offer(rig.world.clock.ms))


def test_dataset_of_the_chain_comes_as_soon_as_somebody_has_it(room: World) -> None:
    bob = room.add("bob", has_data=False)
    room.run(20_000)
    assert not bob.node.fetch.complete
    room.add("ann")
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)
    assert bob.datasets.has(room.data.dataset_id)


def test_full_disk_is_tried_again_after_a_pause(
    room: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room.add("ann")
    bob = room.add("bob", has_data=False)

    def full(*_: object) -> None:
        raise StoreNotWritable(path=Path("datasets"), why="no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(bob.datasets, "put_chunk", full)
        room.run(10_000)
    assert not bob.node.fetch.complete
    assert caplog.text.count("no space left on device") == 1
    room.run_until(lambda: bob.node.fetch.complete, DISK_RETRY_MS)


def test_who_has_fetched_it_gives_it_to_the_next(room: World) -> None:
    ann, bob = room.add("ann"), room.add("bob", has_data=False)
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)
    ann.node.finish()
    ann.close()
    cat = room.add("cat", has_data=False)
    room.run_until(lambda: cat.node.fetch.complete, FETCH_MS)


def test_other_datasets_come_only_when_asked_for(room: World) -> None:
    ann, bob = room.add("ann"), room.add("bob")
    publish(ann)
    room.run(5_000)
    assert not bob.datasets.has(OTHER_ID)
    assert bob.node.fetch.complete, "it does not keep the node from mining"
    ask(bob, OTHER_ID)
    assert bob.node.fetch.progress(OTHER_ID).chunks == 0
    room.run_until(lambda: bob.datasets.has(OTHER_ID), FETCH_MS)
    progress = bob.node.fetch.progress(OTHER_ID)
    assert progress.complete
    assert progress.missing == 0 < progress.chunks


def test_user_hears_once_why_a_dataset_does_not_come(room: World) -> None:
    bob = room.add("bob")
    ask(bob, OTHER_ID)

    def failed() -> bool:
        return OTHER_ID in bob.node.fetch._failed

    room.run_until(failed, FETCH_MS)
    with pytest.raises(DatasetUnavailable, match="edge-node dataset publish"):
        ask(bob, OTHER_ID)
    ask(bob, OTHER_ID)
    publish(room.add("ann"))
    room.run_until(lambda: bob.datasets.has(OTHER_ID), FETCH_MS)


def test_fetch_goes_on_where_a_restart_has_left_it(room: World) -> None:
    publish(room.add("ann"))
    bob = room.add("bob")
    room.run(2_000)
    ask(bob, OTHER_ID)
    room.run_until(lambda: bob.node.fetch.progress(OTHER_ID).chunks > 0, FETCH_MS)
    bob.close()
    bob = room.add("bob")
    room.run(2_000)
    ask(bob, OTHER_ID)
    room.run_until(lambda: bob.datasets.has(OTHER_ID), FETCH_MS)


def flip(rig: Rig, dataset: DatasetId, name: SplitName) -> None:
    """Do what a bad disk does to four bytes of a split."""
    path = rig.datasets.folder(dataset) / f"{name.name.lower()}.bin"
    with dated_later(path), path.open("rb+") as file:
        before = file.read(4)
        file.seek(0)
        file.write(bytes(byte ^ 0xFF for byte in before))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelname != "INFO"]


@pytest.mark.parametrize("name", list(SplitName))
def test_what_a_disk_damaged_comes_anew_at_the_start(
    room: World, caplog: pytest.LogCaptureFixture, name: SplitName
) -> None:
    room.add("ann")
    bob = room.add("bob")
    bob.close()
    flip(bob, room.data.dataset_id, name)
    bob = room.add("bob")
    assert not bob.node.fetch.complete
    (line,) = warnings(caplog)
    assert line.startswith(f"dataset {room.data.dataset_id.hex()[:8]} is damaged (")
    assert line.endswith(f"{name.name.lower()}.bin: chunks 0 of 1); fetching 1 chunk anew")
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)
    bob.datasets.check(room.data.dataset_id)
    assert warnings(caplog) == [line]


def test_damage_that_a_block_finds_is_repaired_and_the_block_is_judged(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    mine(ann)
    room.run_until(lambda: bob.height == 1)
    flip(bob, room.data.dataset_id, SplitName.EVALUATION)
    mine(ann)
    room.run_until(lambda: bob.height == 2, FETCH_MS)
    assert bob.node.fetch.complete
    (line,) = warnings(caplog)
    assert "evaluation.bin: chunks 0 of 1" in line


def test_split_that_is_gone_when_a_block_needs_it_comes_anew(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    (bob.datasets.folder(room.data.dataset_id) / "evaluation.bin").unlink()
    mine(ann)
    room.run_until(lambda: bob.height == 1, FETCH_MS)


def test_damage_under_an_own_block_is_repaired(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = room.add("ann", mines=True)
    room.add("bob")
    room.run()
    flip(ann, room.data.dataset_id, SplitName.TRAIN)
    with pytest.raises(AssertionError, match="not within"):
        mine(ann)
    assert ann.node.fetch.complete
    own, repaired = warnings(caplog)
    assert own.startswith("own block dropped: ")
    assert "train.bin: chunks 0 of 1" in repaired
    mine(ann)


def test_trainer_that_dies_of_a_damaged_dataset_gets_its_task_when_it_is_repaired(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    flip(ann, room.data.dataset_id, SplitName.TRAIN)
    ann.trainer.alive = False
    room.run()
    assert len(ann.trainers) == 2
    assert ann.mines_on is None
    room.add("bob")
    room.run_until(lambda: ann.mines_on == ann.importer.head.head, FETCH_MS)
    repaired, died = warnings(caplog)
    assert "train.bin: chunks 0 of 1" in repaired
    assert "start 1 of another" in died


def test_damage_that_nobody_can_cure_stops_no_node(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    bob.close()
    path = bob.datasets.folder(room.data.dataset_id) / "train.bin"
    path.unlink()
    path.mkdir()
    bob = room.add("bob")
    room.run()
    mine(ann)
    room.run(20_000)
    assert not bob.node.fetch.complete
    assert (ann.height, bob.height) == (1, 0)
    assert {"is damaged and stays so" in each for each in warnings(caplog)} == {True}
    assert len(warnings(caplog)) <= 3


def test_fetch_repairs_what_a_user_asks_for(room: World) -> None:
    publish(room.add("ann"))
    bob = room.add("bob")
    publish(bob)
    flip(bob, OTHER_ID, SplitName.TRAIN)
    ask(bob, OTHER_ID)
    assert bob.node.fetch.progress(OTHER_ID).missing == 1
    room.run_until(lambda: bob.datasets.is_sound(OTHER_ID), FETCH_MS)
    flip(bob, room.data.dataset_id, SplitName.TRAIN)
    ask(bob, room.data.dataset_id)
    assert not bob.node.fetch.complete
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)


def test_user_who_imports_a_damaged_dataset_again_cures_a_node_that_is_alone(room: World) -> None:
    bob = room.add("bob")
    flip(bob, room.data.dataset_id, SplitName.TRAIN)
    ask(bob, room.data.dataset_id)
    room.run()
    assert not bob.node.fetch.complete
    DatasetStore(bob.directory.datasets).add(stored(room.data))
    ask(bob, room.data.dataset_id)
    assert bob.node.fetch.complete


def test_published_dataset_that_is_damaged_comes_anew_at_the_start(room: World) -> None:
    publish(room.add("ann"))
    bob = room.add("bob")
    publish(bob)
    bob.close()
    flip(bob, OTHER_ID, SplitName.TRAIN)
    bob = room.add("bob")
    assert bob.node.fetch.complete, "it does not keep the node from mining"
    assert bob.datasets.published() == []
    room.run_until(lambda: bob.datasets.published() == [OTHER_ID], FETCH_MS)


def test_lost_table_beside_a_damaged_split(room: World) -> None:
    room.add("ann")
    bob = room.add("bob")
    bob.close()
    flip(bob, room.data.dataset_id, SplitName.TRAIN)
    (bob.datasets.folder(room.data.dataset_id) / "table").unlink()
    bob = room.add("bob")
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)
    assert bob.datasets.is_sound(room.data.dataset_id)


def test_garbage_from_a_peer_changes_nothing(room: World, caplog: pytest.LogCaptureFixture) -> None:
    ann = room.add("ann")
    chain = room.data.dataset_id
    fetch, now_ms = ann.node.fetch, room.clock.ms
    digest = Hash32(ZERO_HASH)
    events = (
        ObjectReceived(kind=ObjectKind.MANIFEST, digest=digest, data=b"garbage", sender=NOBODY),
        ObjectReceived(kind=ObjectKind.MODEL, digest=digest, data=b"garbage", sender=NOBODY),
        ChunkReceived(dataset_id=DatasetId(digest), index=0, data=b"garbage", sender=NOBODY),
        ChunkReceived(dataset_id=chain, index=10**9, data=b"garbage", sender=NOBODY),
        FetchFailed(kind=ObjectKind.MODEL, digest=digest),
        FetchFailed(kind=ObjectKind.MANIFEST, digest=digest),
    )
    for event in events:
        assert list(fetch.handle(event, now_ms)) == []
    assert "R-2" in caplog.text
    assert ann.datasets.ids() == [chain]
    assert fetch.complete


def test_only_so_many_at_once(room: World) -> None:
    ann = room.add("ann")
    for number in range(MAX_DATASET_JOBS):
        ask(ann, DatasetId(Hash32(bytes([number]) * 32)))
    with pytest.raises(DatasetError, match="wait until one of them is here"):
        ask(ann, OTHER_ID)


def test_chain_of_more_datasets_than_are_fetched_at_once(room: World) -> None:
    many = [toy_dataset(f"set {number}", (20, 20, 20)) for number in range(MAX_DATASET_JOBS + 3)]
    room.network = toy.toy_network([room.data, *many], parameters=EASY)
    ann, bob = room.add("ann", has_data=False), room.add("bob", has_data=False)
    ann.close()
    for data in (room.data, *many):
        DatasetStore(ann.directory.datasets).add(stored(data))
    room.add("ann")
    room.run_until(lambda: bob.node.fetch.complete, FETCH_MS)
    assert len(bob.datasets.ids()) == len(many) + 1


def test_datasets_that_nobody_serves_do_not_block_the_others(
    room: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = [toy_dataset(f"set {number}", (20, 20, 20)) for number in range(MAX_DATASET_JOBS)]
    room.network = toy.toy_network([room.data, *silent], parameters=EASY)
    ann = room.add("ann")
    for data in silent:
        ann.datasets.add(stored(data))
    ann.node.do(ann.node.fetch.offer(room.clock.ms))
    give, names = ann.datasets.chunk, {data.dataset_id for data in silent}

    def gives_some(dataset: DatasetId, split: SplitName, index: int) -> bytes | None:
        return None if dataset in names else give(dataset, split, index)

    monkeypatch.setattr(ann.datasets, "chunk", gives_some)
    bob = room.add("bob", has_data=False)
    room.run_until(lambda: bob.datasets.has(room.data.dataset_id), 3 * STALL_MS)
    monkeypatch.undo()
    room.run_until(lambda: bob.node.fetch.complete, 3 * STALL_MS)
