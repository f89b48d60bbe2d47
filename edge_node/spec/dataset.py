# SPDX-License-Identifier: Apache-2.0
"""Datasets: content-addressed images and labels in three splits.

Rules R-17 (manifest) and R-18 (content); design, section 8. A split's canonical bytes are its
images (uint8, row, column, channel), then its labels (u8). They are cut into chunks of CHUNK_BYTES;
a Merkle root over the chunk hashes commits to the split, a hash over the manifest names the
dataset. Chunks may be compressed on the way; hashes are over what they unpack to.
Law of the file: bytes in, verdicts out; nothing is fetched or stored here.
Read next: genesis.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec import constants as limits
from edge_node.spec.encoding import Decoded, Value, encode
from edge_node.spec.errors import InvalidDataset
from edge_node.spec.merkle import merkle_root

_MAX_NAME_BYTES = 64
_MAX_IMAGES = 1 << 24


class ManifestMalformed(InvalidDataset):
    """A manifest does not have the form of R-17."""

    reason: ClassVar[str] = "R-17"
    wants: ClassVar[str] = "the manifest"


class ContentMismatch(InvalidDataset):
    """A split's bytes are not those that the manifest commits to (R-18)."""

    reason: ClassVar[str] = "R-18"
    wants: ClassVar[str] = "the dataset"


class SplitName(IntEnum):
    """The splits, in the order of the manifest."""

    TRAIN = 0
    """Miners select on it."""
    EVALUATION = 1
    """Accuracy in blocks is counted on it."""
    RESERVE = 2
    """Untouched by mining: shows how much of a gain is real."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Commitment to one split."""

    count: int
    """Images."""
    root: Hash32
    """Merkle root over the chunk hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a dataset is; its hash is the dataset's id."""

    name: str
    """For people; not unique."""
    height: int
    """Rows of an image."""
    width: int
    """Columns of an image."""
    channels: int
    """Channels of an image."""
    classes: int
    """Labels are 0..classes-1."""
    splits: tuple[Split, Split, Split]
    """Train, evaluation, reserve."""

    def __post_init__(self) -> None:
        """Check R-17."""
        # a size that is none, or that no architecture takes, makes no dataset.
        for what, actual, most in (
            ("rows", self.height, limits.MAX_SIDE),
            ("columns", self.width, limits.MAX_SIDE),
            ("channels", self.channels, limits.MAX_CHANNELS),
            ("classes", self.classes, limits.MAX_CLASSES),
            *(("images", split.count, _MAX_IMAGES) for split in self.splits),
        ):
            if not 1 <= actual <= most:
                raise ManifestMalformed(expected=f"{what} in 1..{most}", actual=actual)
        try:
            name = self.name.encode()
        except UnicodeEncodeError:
            raise ManifestMalformed(expected="name in UTF-8", actual=ascii(self.name)) from None
        if not 1 <= len(name) <= _MAX_NAME_BYTES:
            raise ManifestMalformed(
                expected=f"name of 1..{_MAX_NAME_BYTES} bytes", actual=self.name
            )

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return self.height * self.width * self.channels

    @property
    def total_bytes(self) -> int:
        """Bytes of all splits."""
        return sum(self.split_bytes(name) for name in SplitName)

    def split_bytes(self, name: SplitName) -> int:
        """Return the length of a split's canonical bytes."""
        return self.splits[name].count * (self.image_bytes + 1)

    def chunk_count(self, name: SplitName) -> int:
        """Return the number of a split's chunks."""
        return -(-self.split_bytes(name) // limits.CHUNK_BYTES)

    def value(self) -> Value:
        """Return the manifest as an encodable value."""
        return [
            limits.PROTOCOL_VERSION,
            self.name,
            [self.height, self.width, self.channels],
            self.classes,
            [[split.count, split.root] for split in self.splits],
        ]

    def dataset_id(self) -> DatasetId:
        """Return the hash that names the dataset."""
        return DatasetId(tagged_hash("dataset", encode(self.value())))


def manifest_from_value(value: Decoded) -> Manifest:
    """Return the manifest that a decoded value names.

    Raises
    ------
    ManifestMalformed
        R-17.
    """
    match value:
        case [
            limits.PROTOCOL_VERSION,
            str(name),
            [int(height), int(width), int(channels)],
            int(classes),
            [train, evaluation, reserve],
        ]:
            return Manifest(
                name=name,
                height=height,
                width=width,
                channels=channels,
                classes=classes,
                splits=(
                    _split_from_value(train),
                    _split_from_value(evaluation),
                    _split_from_value(reserve),
                ),
            )
        case _:
            raise ManifestMalformed(
                expected="[version, name, [height, width, channels], classes, splits]",
                actual="another form",
            )


def _split_from_value(value: Decoded) -> Split:
    match value:
        case [int(count), bytes(root)] if len(root) == len(Hash32(bytes(32))):
            return Split(count=count, root=Hash32(root))
        case _:
            raise ManifestMalformed(expected="[count, 32-byte root] per split", actual=value)


def chunks(data: bytes) -> Iterator[bytes]:
    """Yield the chunks of a split's canonical bytes."""
    for start in range(0, len(data), limits.CHUNK_BYTES):
        yield data[start : start + limits.CHUNK_BYTES]


def chunk_hash(chunk: bytes) -> Hash32:
    """Return the hash that names a chunk."""
    return tagged_hash("chunk", chunk)


def chunks_root(hashes: Sequence[Hash32]) -> Hash32:
    """Return the commitment to a split with these chunk hashes."""
    return merkle_root(hashes)


def commit_split(images: bytes, labels: bytes) -> Split:
    """Return the commitment to a split.

    Parameters
    ----------
    images : bytes
        uint8 (N, rows, columns, channels).
    labels : bytes
        u8 (N,).
    """
    hashes = [chunk_hash(chunk) for chunk in chunks(images + labels)]
    return Split(count=len(labels), root=chunks_root(hashes))


def open_split(manifest: Manifest, name: SplitName, data: bytes) -> tuple[bytes, bytes]:
    """Return images and labels of a split, checked against the manifest.

    Raises
    ------
    ContentMismatch
        R-18: length, root, or a label beyond the classes.
    """
    # bytes that hash to the root, and labels that the manifest's classes name.
    split = manifest.splits[name]
    if len(data) != manifest.split_bytes(name):
        raise ContentMismatch(
            expected=f"{manifest.split_bytes(name)} bytes in its {name.name.lower()} split",
            actual=len(data),
        )
    root = chunks_root([chunk_hash(chunk) for chunk in chunks(data)])
    if root != split.root:
        raise ContentMismatch(expected=split.root, actual=root)
    images, labels = data[: -split.count], data[-split.count :]
    if max(labels) >= manifest.classes:
        raise ContentMismatch(expected=f"labels below {manifest.classes}", actual=max(labels))
    return images, labels
