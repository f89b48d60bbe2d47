# SPDX-License-Identifier: Apache-2.0
"""Manifests at and beyond their ranges, and content that is not what was committed to."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import (
    ContentMismatch,
    Manifest,
    ManifestMalformed,
    Split,
    SplitName,
    chunk_hash,
    chunks,
    chunks_root,
    commit_split,
    manifest_from_value,
    open_split,
)
from edge_node.spec.encoding import Decoded, decode, encode
from edge_node.spec.merkle import merkle_root
from tests.spec.toy_chain import toy_dataset

TOY = toy_dataset()
ROOT = Hash32(bytes(range(32)))
MANIFEST = Manifest(
    name="mnist",
    height=28,
    width=28,
    channels=1,
    classes=10,
    splits=(
        Split(count=50_000, root=ROOT),
        Split(count=10_000, root=ROOT),
        Split(count=10_000, root=ROOT),
    ),
)


def decoded(manifest: Manifest) -> "Decoded":
    data = encode(manifest.value())
    return decode(data, max_bytes=len(data))


def test_r_17_manifest_survives() -> None:
    assert manifest_from_value(decoded(MANIFEST)) == MANIFEST
    assert manifest_from_value(decoded(TOY.manifest)) == TOY.manifest


def test_r_17_limits_themselves_are_allowed() -> None:
    small = Split(count=1, root=ROOT)
    replace(
        MANIFEST,
        name="a" * 64,
        height=64,
        width=64,
        channels=1_024,
        classes=256,
        splits=(Split(count=1 << 24, root=ROOT), small, small),
    )
    replace(MANIFEST, name="é" * 32, height=1, width=1, classes=1, splits=(small,) * 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"height": 65},
        {"width": 0},
        {"width": 65},
        {"channels": 0},
        {"channels": 1_025},
        {"classes": 0},
        {"classes": 257},
        {"classes": -1},
        {"name": ""},
        {"name": "a" * 65},
        {"name": "é" * 33},
        {"name": "\udcff"},
    ],
)
def test_r_17_value_out_of_its_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ManifestMalformed, match="R-17: the manifest must be"):
        replace(MANIFEST, **changes)  # type: ignore[arg-type]  # one field or another


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("count", [-1, 0, (1 << 24) + 1])
def test_r_17_split_of_no_or_too_many_images_is_refused(index: int, count: int) -> None:
    train, evaluation, reserve = (
        Split(count=count, root=ROOT) if i == index else split
        for i, split in enumerate(MANIFEST.splits)
    )
    with pytest.raises(ManifestMalformed):
        replace(MANIFEST, splits=(train, evaluation, reserve))


SPLIT: "Decoded" = [1, ROOT]
FORM: list["Decoded"] = [1, "toy", [8, 8, 1], 3, [SPLIT, SPLIT, SPLIT]]


def with_splits(*splits: "Decoded") -> "Decoded":
    return [*FORM[:4], list(splits)]


@pytest.mark.parametrize(
    "value",
    [
        0,
        b"",
        {},
        [],
        FORM[:4],
        [*FORM, 0],
        [0, *FORM[1:]],
        [2, *FORM[1:]],
        [1, b"toy", *FORM[2:]],
        [*FORM[:2], [8, 8], *FORM[3:]],
        [*FORM[:2], [8, 8, 1, 1], *FORM[3:]],
        [*FORM[:2], 8, *FORM[3:]],
        [*FORM[:3], "3", FORM[4]],
        [*FORM[:4], b""],
        with_splits(),
        with_splits(SPLIT, SPLIT),
        with_splits(SPLIT, SPLIT, SPLIT, SPLIT),
        with_splits(SPLIT, SPLIT, [1]),
        with_splits(SPLIT, SPLIT, [1, ROOT, 0]),
        with_splits(SPLIT, SPLIT, [1, bytes(31)]),
        with_splits(SPLIT, SPLIT, [1, bytes(33)]),
        with_splits(SPLIT, [b"", bytes(32)], SPLIT),
        with_splits(0, SPLIT, SPLIT),
    ],
)
def test_r_17_manifest_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(ManifestMalformed):
        manifest_from_value(value)


def test_r_17_id_changes_with_every_field() -> None:
    other = Hash32(bytes(32))
    splits = MANIFEST.splits
    variants = [
        MANIFEST,
        replace(MANIFEST, name="mnisT"),
        replace(MANIFEST, height=14),
        replace(MANIFEST, width=14),
        replace(MANIFEST, channels=3),
        replace(MANIFEST, classes=9),
        replace(MANIFEST, splits=(replace(splits[0], count=49_999), *splits[1:])),
        replace(MANIFEST, splits=(splits[0], replace(splits[1], root=other), splits[2])),
        replace(MANIFEST, splits=(*splits[:2], replace(splits[2], root=other))),
        replace(MANIFEST, splits=(splits[1], splits[0], splits[2])),
    ]
    assert len({manifest.dataset_id() for manifest in variants}) == len(variants)


def test_sizes_and_chunks() -> None:
    assert MANIFEST.image_bytes == 784
    assert MANIFEST.split_bytes(SplitName.EVALUATION) == 10_000 * 785
    assert MANIFEST.total_bytes == 70_000 * 785
    assert MANIFEST.chunk_count(SplitName.EVALUATION) == 120
    exact = replace(MANIFEST, height=64, width=64, channels=16)  # 64 KiB and a label an image
    one = replace(exact, splits=(Split(count=1, root=ROOT),) * 3)
    assert one.chunk_count(SplitName.TRAIN) == 2


def test_r_18_split_is_committed_to_by_its_chunks() -> None:
    images, labels = bytes(range(256)) * 1_000, bytes(1_000)
    data = images + labels
    pieces = list(chunks(data))
    assert [len(piece) for piece in pieces] == [CHUNK_BYTES] * 3 + [len(data) - 3 * CHUNK_BYTES]
    hashes = [tagged_hash("chunk", piece) for piece in pieces]
    assert [chunk_hash(piece) for piece in pieces] == hashes
    assert commit_split(images, labels) == Split(count=1_000, root=merkle_root(hashes))
    assert chunks_root(hashes) == merkle_root(hashes)


@pytest.mark.parametrize("name", SplitName)
def test_r_18_split_opens_to_what_was_committed(name: SplitName) -> None:
    split = TOY.splits[name]
    data = split.images + split.labels
    assert open_split(TOY.manifest, name, data) == (split.images, split.labels)


def test_r_18_content_that_differs_is_refused() -> None:
    name = SplitName.EVALUATION
    data = TOY.splits[name].images + TOY.splits[name].labels
    flipped = bytes([data[0] ^ 1]) + data[1:]
    relabelled = data[:-1] + bytes([(data[-1] + 1) % 3])
    for wrong in (b"", data[:-1], data + b"\0", flipped, relabelled, data[1:] + data[:1]):
        with pytest.raises(ContentMismatch, match="R-18: the dataset must be"):
            open_split(TOY.manifest, name, wrong)
    with pytest.raises(ContentMismatch):
        open_split(TOY.manifest, SplitName.RESERVE, data)


def test_r_18_label_beyond_the_classes_is_refused() -> None:
    images, labels = bytes(64 * 50), bytes([3]) * 50
    splits = (*TOY.manifest.splits[:2], commit_split(images, labels))
    manifest = replace(TOY.manifest, splits=splits)
    with pytest.raises(ContentMismatch, match="labels below 3, not 3"):
        open_split(manifest, SplitName.RESERVE, images + labels)
