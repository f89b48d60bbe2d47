# SPDX-License-Identifier: Apache-2.0
"""The chunk table: a manifest and the hash of every chunk, all that a download must know.

The manifest commits to one root per split; a table whose hashes have these roots can not lie, so
each chunk is checked alone as it comes. The table's bytes are what peers exchange as "manifest".
Chunks are numbered through: those of train first, then evaluation, then reserve.
Law of the file: a table is checked whole when it is built (R-17, R-18).
Read next: split_file.py.
"""

from dataclasses import dataclass

from edge_node.datasets.content import Dataset, split_chunks
from edge_node.datasets.errors import ChunkOutOfRange
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import (
    ContentMismatch,
    Manifest,
    ManifestMalformed,
    SplitName,
    chunk_hash,
    chunks_root,
    manifest_from_value,
)
from edge_node.spec.encoding import Decoded, decode, encode

MAX_TABLE_BYTES = 1 << 21
"""About 65,000 chunks, 4 GiB; a genesis allows far less."""

_HASH_BYTES = len(ZERO_HASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTable:
    """A manifest and its chunks' hashes, which have the manifest's roots."""

    manifest: Manifest
    """What the dataset is."""
    hashes: tuple[tuple[Hash32, ...], tuple[Hash32, ...], tuple[Hash32, ...]]
    """Per split, the hash of each chunk."""

    def __post_init__(self) -> None:
        """Check that the hashes have the roots that the manifest commits to.

        Raises
        ------
        ContentMismatch
            R-18.
        """
        for name in SplitName:
            hashes = self.hashes[name]
            if len(hashes) != self.manifest.chunk_count(name):
                raise ContentMismatch(
                    expected=f"{self.manifest.chunk_count(name)} chunk hashes", actual=len(hashes)
                )
            root = chunks_root(hashes)
            if root != self.manifest.splits[name].root:
                raise ContentMismatch(expected=self.manifest.splits[name].root, actual=root)

    @property
    def dataset_id(self) -> DatasetId:
        """The hash that names the dataset."""
        return self.manifest.dataset_id()

    @property
    def flat_hashes(self) -> tuple[Hash32, ...]:
        """The hashes of all chunks, numbered through."""
        return tuple(each for hashes in self.hashes for each in hashes)

    def number(self, split: SplitName, index: int) -> int:
        """Return the number of a split's chunk in the whole dataset."""
        return sum(len(self.hashes[name]) for name in SplitName if name < split) + index

    def locate(self, number: int) -> tuple[SplitName, int]:
        """Return the split of a chunk, and its index in there.

        Raises
        ------
        ChunkOutOfRange
        """
        index = number
        for name in SplitName:
            if 0 <= index < len(self.hashes[name]):
                return name, index
            index -= len(self.hashes[name])
        raise ChunkOutOfRange(expected=len(self.flat_hashes), actual=number)

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([self.manifest.value(), [b"".join(hashes) for hashes in self.hashes]])


def table_of(dataset: Dataset) -> ChunkTable:
    """Return the table of a dataset, from its content.

    Raises
    ------
    ContentMismatch
        R-18: the content is not what the manifest commits to, or a label is no class.
    """
    for samples in dataset.splits:
        if samples.labels.max() >= dataset.manifest.classes:
            raise ContentMismatch(
                expected=f"labels below {dataset.manifest.classes}", actual=samples.labels.max()
            )
    train, evaluation, reserve = (
        tuple(chunk_hash(chunk) for chunk in split_chunks(samples)) for samples in dataset.splits
    )
    return ChunkTable(manifest=dataset.manifest, hashes=(train, evaluation, reserve))


def chunk_table_from_bytes(data: bytes) -> ChunkTable:
    """Return the table that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, ManifestMalformed, ContentMismatch
        R-2, R-17, R-18.
    """
    match decode(data, max_bytes=MAX_TABLE_BYTES):
        case [manifest, [bytes(train), bytes(evaluation), bytes(reserve)]]:
            return ChunkTable(
                manifest=manifest_from_value(manifest),
                hashes=(_hashes(train), _hashes(evaluation), _hashes(reserve)),
            )
        case other:
            raise ManifestMalformed(
                expected="[manifest, [hashes per split]]", actual=_kind_of(other)
            )


def _hashes(joined: bytes) -> tuple[Hash32, ...]:
    if len(joined) % _HASH_BYTES:
        raise ManifestMalformed(expected=f"hashes of {_HASH_BYTES} bytes", actual=len(joined))
    starts = range(0, len(joined), _HASH_BYTES)
    return tuple(Hash32(joined[start : start + _HASH_BYTES]) for start in starts)


def _kind_of(value: Decoded) -> str:
    return f"another form of {type(value).__name__}"
