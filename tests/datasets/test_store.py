# SPDX-License-Identifier: Apache-2.0
"""The dataset store: whole datasets in and out, downloads over kill -9, every way to be wrong."""

import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest

from edge_node.datasets.chunk_table import ChunkTable, table_of
from edge_node.datasets.content import Dataset, Samples, commit_samples
from edge_node.datasets.errors import (
    ChunkOutOfRange,
    ChunkRejected,
    DatasetIncomplete,
    DatasetUnknown,
    StoreCorrupt,
)
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import ContentMismatch, Manifest, SplitName, chunk_hash
from tests.datasets.samples import dated_later, random_dataset

DATASET = random_dataset()
TABLE = table_of(DATASET)
ID = TABLE.dataset_id
NO_ID = DatasetId(Hash32(bytes(32)))
ALL_CHUNKS = [TABLE.locate(number) for number in range(7)]


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "datasets")


def reopened(store: DatasetStore) -> DatasetStore:
    return DatasetStore(store.folder(ID).parent)


def copy_chunk(source: DatasetStore, target: DatasetStore, place: tuple[SplitName, int]) -> None:
    data = source.chunk(ID, *place)
    assert data is not None
    target.put_chunk(ID, *place, data)


def files_of(store: DatasetStore) -> dict[str, bytes]:
    root = store.folder(ID).parent
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def assert_equal(dataset: Dataset) -> None:
    assert dataset.manifest == DATASET.manifest
    for name in SplitName:
        assert np.array_equal(dataset[name].images, DATASET[name].images)
        assert np.array_equal(dataset[name].labels, DATASET[name].labels)


def test_dataset_comes_out_as_it_went_in(store: DatasetStore) -> None:
    assert store.ids() == []
    assert not store.has(ID)
    assert store.add(DATASET) == ID
    for each in (store, reopened(store)):
        assert each.ids() == [ID]
        assert each.has(ID)
        assert each.missing_chunks(ID) == []
        assert each.table(ID) == TABLE
        assert_equal(each.open(ID))


def test_other_things_in_the_folder_are_left_alone(store: DatasetStore) -> None:
    store.add(DATASET)
    root = store.folder(ID).parent
    (root / "README").touch()
    (root / ("a" * 64)).mkdir()
    (root / ID.hex().upper()).mkdir()
    assert store.ids() == [ID]


def test_dataset_travels_chunk_by_chunk(store: DatasetStore, tmp_path: Path) -> None:
    store.add(DATASET)
    target = DatasetStore(tmp_path / "other")
    target.begin(TABLE)
    assert target.missing_chunks(ID) == ALL_CHUNKS
    assert target.ids() == []
    with pytest.raises(DatasetIncomplete, match="0 of its 3 chunks"):
        target.open(ID)
    for place in reversed(ALL_CHUNKS):
        assert target.chunk(ID, *place) is None
        copy_chunk(store, target, place)
    assert target.has(ID)
    assert_equal(target.open(ID))


def test_beginning_again_keeps_what_is_here(store: DatasetStore, tmp_path: Path) -> None:
    store.add(DATASET)
    target = DatasetStore(tmp_path / "other")
    target.begin(TABLE)
    copy_chunk(store, target, ALL_CHUNKS[4])
    for each in (target, reopened(target)):
        each.begin(TABLE)
        assert each.missing_chunks(ID) == ALL_CHUNKS[:4] + ALL_CHUNKS[5:]
    store.begin(TABLE)
    assert store.has(ID)


def test_unknown_dataset_is_named(store: DatasetStore) -> None:
    for ask in (
        lambda: store.open(NO_ID),
        lambda: store.table(NO_ID),
        lambda: store.missing_chunks(NO_ID),
        lambda: store.chunk(NO_ID, SplitName.TRAIN, 0),
        lambda: store.put_chunk(NO_ID, SplitName.TRAIN, 0, b""),
    ):
        with pytest.raises(DatasetUnknown, match="is not in the store; fetch or import it"):
            ask()


def test_wrong_chunk_changes_nothing(store: DatasetStore) -> None:
    store.begin(TABLE)
    before = files_of(store)
    with pytest.raises(ChunkRejected):
        store.put_chunk(ID, SplitName.TRAIN, 0, b"lie")
    with pytest.raises(ChunkOutOfRange):
        store.put_chunk(ID, SplitName.TRAIN, 3, b"lie")
    assert files_of(store) == before


def test_r18_content_that_is_not_the_manifest_s_is_not_stored(store: DatasetStore) -> None:
    images = DATASET.splits[0].images.copy()
    images[7, 7] ^= 1
    train = Samples(images=images, labels=DATASET.splits[0].labels)
    wrong = Dataset(manifest=DATASET.manifest, splits=(train, *DATASET.splits[1:]))
    with pytest.raises(ContentMismatch, match="R-18"):
        store.add(wrong)
    assert files_of(store) == {}


def test_r18_label_beyond_the_classes_is_found_in_what_peers_sent(store: DatasetStore) -> None:
    manifest = DATASET.manifest
    bad = Samples(images=DATASET.splits[2].images, labels=DATASET.splits[2].labels + np.uint8(200))
    lying = Manifest(
        name="lie",
        height=manifest.height,
        width=manifest.width,
        channels=1,
        classes=10,
        splits=(*manifest.splits[:2], commit_samples(bad)),
    )
    data = [DATASET.splits[0], DATASET.splits[1], bad]
    parts = [each.images.tobytes() + each.labels.tobytes() for each in data]
    pieces = [[part[i : i + 65536] for i in range(0, len(part), 65536)] for part in parts]
    hashes = [tuple(chunk_hash(piece) for piece in each) for each in pieces]
    table = ChunkTable(manifest=lying, hashes=(hashes[0], hashes[1], hashes[2]))
    store.begin(table)
    for split, index in store.missing_chunks(table.dataset_id):
        store.put_chunk(table.dataset_id, split, index, pieces[split][index])
    with pytest.raises(ContentMismatch, match=r"R-18.*labels below 10, not 209"):
        store.open(table.dataset_id)


def test_corrupt_split_is_named_and_repaired_by_its_bad_chunks_alone(store: DatasetStore) -> None:
    store.add(DATASET)
    path = store.folder(ID) / "evaluation.bin"
    content = bytearray(path.read_bytes())
    content[70_000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(StoreCorrupt, match=r"evaluation\.bin is corrupt \(chunks 1 of 2\)"):
        reopened(store).open(ID)
    assert reopened(store).repair(ID) == [(SplitName.EVALUATION, 1)]
    store = reopened(store)
    content[70_000] ^= 1
    store.put_chunk(ID, SplitName.EVALUATION, 1, bytes(content[65_536:]))
    assert_equal(store.open(ID))


def test_adding_again_cures_everything(store: DatasetStore) -> None:
    store.add(DATASET)
    for path in store.folder(ID).iterdir():
        path.write_bytes(b"rot")
    store = reopened(store)
    assert not store.has(ID)
    store.add(DATASET)
    assert_equal(reopened(store).open(ID))


@pytest.mark.parametrize("content", [b"", b"rot", TABLE.encode()[:-1], TABLE.encode() + b"\0"])
def test_corrupt_table_is_named(store: DatasetStore, content: bytes) -> None:
    store.add(DATASET)
    (store.folder(ID) / "table").write_bytes(content)
    with pytest.raises(StoreCorrupt, match="table is corrupt"):
        reopened(store).open(ID)
    assert reopened(store).ids() == []


def test_table_of_another_dataset_is_named(store: DatasetStore) -> None:
    store.add(DATASET)
    store.folder(ID).rename(store.folder(NO_ID))
    with pytest.raises(StoreCorrupt, match=f"it is of dataset {ID.hex()}"):
        reopened(store).open(NO_ID)


def test_discarded_dataset_is_gone(store: DatasetStore) -> None:
    store.add(DATASET)
    store.discard(ID)
    assert files_of(store) == {}
    assert not store.has(ID)
    store.discard(ID)


DOWNLOADER = """
import sys
from pathlib import Path
from edge_node.datasets.store import DatasetStore
source, target = (DatasetStore(Path(path)) for path in sys.argv[1:3])
dataset_id = source.ids()[0]
target.begin(source.table(dataset_id))
for split, index in target.missing_chunks(dataset_id):
    data = source.chunk(dataset_id, split, index)
    assert data is not None
    target.put_chunk(dataset_id, split, index, data)
    print("put", flush=True)
"""


@pytest.mark.slow
def test_download_goes_on_after_each_kill_9(store: DatasetStore, tmp_path: Path) -> None:
    store.add(DATASET)
    target = tmp_path / "target"
    command = [sys.executable, "-c", DOWNLOADER, str(store.folder(ID).parent), str(target)]
    had = 0
    while not DatasetStore(target).has(ID):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout.readline()  # one chunk at least, or it was done
            process.kill()
        here = len(ALL_CHUNKS) - len(DatasetStore(target).missing_chunks(ID))
        assert here > had, line
        had = here
    assert_equal(DatasetStore(target).open(ID))


def test_a_dataset_is_the_same_object_until_its_files_change(store: DatasetStore) -> None:
    store.add(DATASET)
    first = store.open(ID)
    assert store.open(ID) is first, "what was made of its images still holds"
    path = next(store.folder(ID).glob("evaluation.bin"))
    content = path.read_bytes()
    with dated_later(path):
        path.write_bytes(content)  # the same bytes, hashed again
    assert_equal(store.open(ID))
    with dated_later(path):
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreCorrupt):
        store.open(ID)


def test_store_travels_as_its_folder_whatever_is_open(store: DatasetStore) -> None:
    store.add(DATASET)
    ours, theirs = Pipe()
    with ours, theirs:
        ours.send(store)
        unopened_bytes = len(theirs.recv_bytes())
        store.open(ID)
        ours.send(store)
        assert len(theirs.recv_bytes()) == unopened_bytes < 1_000
        ours.send(store)
        travelled = theirs.recv()
    assert travelled.open(ID).manifest == DATASET.manifest


def test_sealed_dataset_is_here_but_for_its_reserve(store: DatasetStore) -> None:
    store.add(DATASET)
    store.discard_split(ID, SplitName.RESERVE)
    for each in (store, reopened(store)):
        assert each.has(ID, JUDGING)
        assert not each.has(ID)
        assert (each.ids(JUDGING), each.ids()) == ([ID], [])
        assert each.is_sound(ID, JUDGING)
        assert each.missing_chunks(ID, JUDGING) == []
        assert {name for name, _ in each.missing_chunks(ID)} == {SplitName.RESERVE}
        assert np.array_equal(
            each.split(ID, SplitName.TRAIN).images, DATASET[SplitName.TRAIN].images
        )
        with pytest.raises(DatasetIncomplete):
            each.split(ID, SplitName.RESERVE)
        with pytest.raises(DatasetIncomplete):
            each.open(ID)
        sealed = each.open_sealed(ID)
        assert len(sealed[SplitName.RESERVE]) == 0
        assert len(sealed[SplitName.EVALUATION]) == len(DATASET[SplitName.EVALUATION])


def test_publication_lasts(store: DatasetStore) -> None:
    store.add(DATASET)
    assert not store.is_published(ID)
    store.publish(ID)
    assert reopened(store).is_published(ID)
