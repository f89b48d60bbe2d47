# SPDX-License-Identifier: Apache-2.0
"""The dataset store: a folder per dataset, named by its id, with its chunk table and its splits.

Rule R-18. A dataset comes whole (`add`) or chunk by chunk (`begin`, `put_chunk`), in any order and
over any number of restarts; either way readers get only what has the hashes of the manifest. Where
a reserve is sealed, the splits that blocks are judged by are here without it.
Law of the file: one process at a time, one thread; memory-mapped arrays stay valid because whole
files are never written again, only replaced.
Read next: ../node/node.py.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from edge_node.datasets.chunk_table import (
    MAX_TABLE_BYTES,
    ChunkTable,
    chunk_table_from_bytes,
    table_of,
)
from edge_node.datasets.content import Bytes, Dataset, Samples, split_chunks
from edge_node.datasets.durable import make_folder, sync_folder, write_durably, writing
from edge_node.datasets.errors import DatasetUnknown, StoreCorrupt
from edge_node.datasets.split_file import SplitFile
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import ContentMismatch, Manifest, SplitName
from edge_node.spec.errors import InvalidInput

TABLE_NAME = "table"
PUBLISHED_NAME = "published"
"""An empty file in a dataset's folder: its owner lets others have it."""

WHOLE = tuple(SplitName)
"""All splits."""
JUDGING = (SplitName.TRAIN, SplitName.EVALUATION)
"""The splits that blocks are mined and judged by; a market's reserve stays sealed meanwhile."""

_Files: TypeAlias = "tuple[SplitFile, SplitFile, SplitFile]"


class DatasetStore:
    """Datasets on the disk, by content.

    Parameters
    ----------
    root : Path
        The folder; it is made with the first dataset.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[DatasetId, tuple[ChunkTable, _Files]] = {}
        self._splits: dict[tuple[DatasetId, SplitName], tuple[Bytes, Samples]] = {}
        self._datasets: dict[DatasetId, Dataset] = {}

    def __reduce__(self) -> tuple[type["DatasetStore"], tuple[Path]]:
        """Travel to another process as the folder alone: there the files are opened anew."""
        return DatasetStore, (self._root,)

    def folder(self, dataset_id: DatasetId) -> Path:
        """Return where a dataset lies, or would lie."""
        return self._root / dataset_id.hex()

    def ids(self, splits: Sequence[SplitName] = WHOLE) -> list[DatasetId]:
        """Return the datasets of which these splits are here whole, ascending."""
        if not self._root.is_dir():
            return []
        names = sorted(path.name for path in self._root.iterdir())
        found = [DatasetId(Hash32(bytes.fromhex(name))) for name in names if _is_id(name)]
        return [dataset_id for dataset_id in found if self.has(dataset_id, splits)]

    def has(self, dataset_id: DatasetId, splits: Sequence[SplitName] = WHOLE) -> bool:
        """Return True if these splits are here whole; a damaged table counts as absent."""
        try:
            _, files = self._files(dataset_id)
        except (DatasetUnknown, StoreCorrupt):
            return False
        return all(files[name].is_whole() for name in splits)

    def check(self, dataset_id: DatasetId, splits: Sequence[SplitName] = WHOLE) -> None:
        """Check whole splits against the table: their files are hashed once and after a change.

        Raises
        ------
        DatasetUnknown, DatasetIncomplete, StoreCorrupt
        ContentMismatch
            R-18: a label is no class; whoever made the dataset is to blame.
        """
        for name in splits:
            self.split(dataset_id, name)

    def is_sound(self, dataset_id: DatasetId, splits: Sequence[SplitName] = WHOLE) -> bool:
        """Return True if these splits are here whole and every byte is what the table says."""
        if not self.has(dataset_id, splits):
            return False
        try:
            self.check(dataset_id, splits)
        except (StoreCorrupt, ContentMismatch):
            return False
        return True

    def add(self, dataset: Dataset) -> DatasetId:
        """Store a whole dataset, in place of whatever was here of it.

        Raises
        ------
        ContentMismatch
            R-18: the content is not what the manifest commits to; nothing was changed.
        StoreNotWritable
        """
        table = table_of(dataset)
        _, files = self._write_table(table)
        for file, samples in zip(files, dataset.splits, strict=True):
            file.write(split_chunks(samples))
        return table.dataset_id

    def begin(self, table: ChunkTable) -> None:
        """Make ready for the chunks of a dataset; what is here of it already stays.

        Raises
        ------
        StoreNotWritable
        """
        try:
            self._files(table.dataset_id)
        except (DatasetUnknown, StoreCorrupt):
            self._write_table(table)

    def table(self, dataset_id: DatasetId) -> ChunkTable:
        """Return a dataset's chunk table.

        Raises
        ------
        DatasetUnknown, StoreCorrupt
        """
        return self._files(dataset_id)[0]

    def open(self, dataset_id: DatasetId) -> Dataset:
        """Return a whole dataset, its arrays read-only and mapped from the disk.

        It is the same object as long as its files are the same: what was made of it still holds.

        Raises
        ------
        DatasetUnknown, DatasetIncomplete, StoreCorrupt
        ContentMismatch
            R-18: a label is no class; whoever made the dataset is to blame.
        """
        train, evaluation, reserve = (self.split(dataset_id, name) for name in SplitName)
        known = self._datasets.get(dataset_id)
        splits = (train, evaluation, reserve)
        if known is None or any(known[name] is not splits[name] for name in SplitName):
            manifest = self.table(dataset_id).manifest
            self._datasets[dataset_id] = known = Dataset(manifest=manifest, splits=splits)
        return known

    def open_sealed(self, dataset_id: DatasetId) -> Dataset:
        """Return a dataset as `open` does, but with no image in its reserve, which is sealed.

        Raises
        ------
        DatasetUnknown, DatasetIncomplete, StoreCorrupt, ContentMismatch
        """
        train, evaluation = (self.split(dataset_id, name) for name in JUDGING)
        nothing = Samples(images=evaluation.images[:0], labels=evaluation.labels[:0])
        manifest = self.table(dataset_id).manifest
        return Dataset(manifest=manifest, splits=(train, evaluation, nothing))

    def split(self, dataset_id: DatasetId, name: SplitName) -> Samples:
        """Return one whole split as `open` does, whether or not the others are here.

        Raises
        ------
        DatasetUnknown, DatasetIncomplete, StoreCorrupt
        ContentMismatch
            R-18: a label is no class; whoever made the dataset is to blame.
        """
        table, files = self._files(dataset_id)
        mapped = files[name].open()
        known = self._splits.get((dataset_id, name))
        if known is None or known[0] is not mapped:
            known = mapped, _split(table.manifest, name, mapped)
            self._splits[dataset_id, name] = known
        return known[1]

    def publish(self, dataset_id: DatasetId) -> None:
        """Let others have a dataset, from now on and after every restart.

        Raises
        ------
        DatasetUnknown, DatasetIncomplete, StoreCorrupt, StoreNotWritable
        """
        self.open(dataset_id)
        write_durably(self.folder(dataset_id) / PUBLISHED_NAME, [])

    def published(self) -> list[DatasetId]:
        """Return the whole datasets that others may have, ascending."""
        return [each for each in self.ids() if self.is_published(each)]

    def is_published(self, dataset_id: DatasetId) -> bool:
        """Return True if others may have a dataset, as far as it is here."""
        return (self.folder(dataset_id) / PUBLISHED_NAME).exists()

    def missing_chunks(
        self, dataset_id: DatasetId, splits: Sequence[SplitName] = WHOLE
    ) -> list[tuple[SplitName, int]]:
        """Return the chunks of these splits that are not here, in the order of their numbers.

        Raises
        ------
        DatasetUnknown, StoreCorrupt
        """
        _, files = self._files(dataset_id)
        return [(name, index) for name in sorted(splits) for index in files[name].missing()]

    def chunk(self, dataset_id: DatasetId, split: SplitName, index: int) -> bytes | None:
        """Return a chunk, or None if it is not here.

        Raises
        ------
        DatasetUnknown, ChunkOutOfRange, StoreCorrupt
        """
        return self._files(dataset_id)[1][split].chunk(index)

    def put_chunk(self, dataset_id: DatasetId, split: SplitName, index: int, data: bytes) -> None:
        """Store one chunk of a dataset that `begin` made ready; a chunk that is here is no error.

        Raises
        ------
        DatasetUnknown, ChunkOutOfRange, ChunkRejected, StoreCorrupt, StoreNotWritable
        """
        self._files(dataset_id)[1][split].put(index, data)

    def repair(self, dataset_id: DatasetId) -> list[tuple[SplitName, int]]:
        """Throw damaged chunks away, and return all that are missing then.

        Arrays that `open` gave for this dataset must not be used any longer.

        Raises
        ------
        DatasetUnknown, StoreCorrupt, StoreNotWritable
        """
        _, files = self._files(dataset_id)
        for file in files:
            if file.is_whole():
                file.reopen()
        return self.missing_chunks(dataset_id)

    def discard_split(self, dataset_id: DatasetId, name: SplitName) -> None:
        """Delete all that is here of one split.

        Raises
        ------
        DatasetUnknown, StoreCorrupt, StoreNotWritable
        """
        self._files(dataset_id)[1][name].discard()

    def discard(self, dataset_id: DatasetId) -> None:
        """Delete all that is here of a dataset.

        Raises
        ------
        StoreNotWritable
        """
        self._open.pop(dataset_id, None)
        folder = self.folder(dataset_id)
        if folder.is_dir():
            with writing(folder):
                # Without its table, what a crash leaves of a folder counts for nothing.
                (folder / TABLE_NAME).unlink(missing_ok=True)
                sync_folder(folder)
                shutil.rmtree(folder)

    def _write_table(self, table: ChunkTable) -> tuple[ChunkTable, _Files]:
        self._open.pop(table.dataset_id, None)
        folder = self.folder(table.dataset_id)
        make_folder(self._root)
        make_folder(folder)
        write_durably(folder / TABLE_NAME, [table.encode()])
        return self._files(table.dataset_id)

    def _files(self, dataset_id: DatasetId) -> tuple[ChunkTable, _Files]:
        if dataset_id not in self._open:
            table = self._read_table(dataset_id)
            folder, manifest = self.folder(dataset_id), table.manifest
            train, evaluation, reserve = (
                SplitFile(folder, name.name.lower(), table.hashes[name], manifest.split_bytes(name))
                for name in SplitName
            )
            self._open[dataset_id] = table, (train, evaluation, reserve)
        return self._open[dataset_id]

    def _read_table(self, dataset_id: DatasetId) -> ChunkTable:
        path = self.folder(dataset_id) / TABLE_NAME
        try:
            with path.open("rb") as file:
                table = chunk_table_from_bytes(file.read(MAX_TABLE_BYTES + 1))
        except FileNotFoundError:
            raise DatasetUnknown(dataset_id=dataset_id) from None
        except InvalidInput as error:
            raise StoreCorrupt(path=path, what=str(error)) from error
        if table.dataset_id != dataset_id:
            raise StoreCorrupt(path=path, what=f"it is of dataset {table.dataset_id.hex()}")
        return table


def _split(manifest: Manifest, name: SplitName, data: Bytes) -> Samples:
    count = manifest.splits[name].count
    images, labels = data[:-count].reshape(count, manifest.image_bytes), data[-count:]
    if labels.max() >= manifest.classes:
        raise ContentMismatch(expected=f"labels below {manifest.classes}", actual=labels.max())
    return Samples(images=images, labels=labels)


def _is_id(name: str) -> bool:
    try:
        return len(bytes.fromhex(name)) == len(Hash32(bytes(32))) and name == name.lower()
    except ValueError:
        return False
