# SPDX-License-Identifier: Apache-2.0
"""A chunk table is believed only if it has the manifest's roots; bytes that lie are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.datasets.chunk_table import (
    MAX_TABLE_BYTES,
    ChunkTable,
    chunk_table_from_bytes,
    table_of,
)
from edge_node.datasets.content import Dataset, Samples
from edge_node.datasets.errors import ChunkOutOfRange
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.spec.dataset import ContentMismatch, ManifestMalformed, SplitName
from edge_node.spec.encoding import InvalidEncoding, encode
from edge_node.spec.errors import InvalidInput
from tests.datasets.samples import random_dataset

DATASET = random_dataset()
TABLE = table_of(DATASET)


def test_bytes_and_back() -> None:
    assert chunk_table_from_bytes(TABLE.encode()) == TABLE
    assert TABLE.dataset_id == DATASET.manifest.dataset_id()


def test_chunks_are_numbered_through() -> None:
    places = [(SplitName.TRAIN, i) for i in range(3)]
    places += [(SplitName.EVALUATION, i) for i in range(2)]
    places += [(SplitName.RESERVE, i) for i in range(2)]
    assert [TABLE.locate(number) for number in range(7)] == places
    assert [TABLE.number(*place) for place in places] == list(range(7))
    assert [TABLE.hashes[split][index] for split, index in places] == list(TABLE.flat_hashes)


@pytest.mark.parametrize("number", [-1, 7, 1 << 70])
def test_number_beyond_the_last_chunk_is_refused(number: int) -> None:
    with pytest.raises(ChunkOutOfRange, match=f"chunk {number} does not exist"):
        TABLE.locate(number)


def test_r18_hash_that_is_not_under_the_root_is_refused() -> None:
    train, evaluation, reserve = TABLE.hashes
    with pytest.raises(ContentMismatch, match="R-18"):
        ChunkTable(manifest=TABLE.manifest, hashes=((ZERO_HASH, *train[1:]), evaluation, reserve))


def test_r18_wrong_number_of_hashes_is_refused() -> None:
    train, evaluation, reserve = TABLE.hashes
    with pytest.raises(ContentMismatch, match="3 chunk hashes, not 2"):
        ChunkTable(manifest=TABLE.manifest, hashes=(train[:2], evaluation, reserve))


def test_r18_label_that_is_no_class_is_refused() -> None:
    bad = DATASET.splits[1].labels.copy()
    bad[3] = 10
    splits = (
        DATASET.splits[0],
        Samples(images=DATASET.splits[1].images, labels=bad),
        DATASET.splits[2],
    )
    with pytest.raises(ContentMismatch, match="labels below 10, not 10"):
        table_of(Dataset(manifest=DATASET.manifest, splits=splits))


@pytest.mark.parametrize(
    "value",
    [[], [TABLE.manifest.value()], [TABLE.manifest.value(), [b"", b""]], [1, [b"", b"", b""]]],
)
def test_r17_other_form_is_refused(value: list[int]) -> None:
    with pytest.raises(ManifestMalformed):
        chunk_table_from_bytes(encode(value))


def test_r17_half_a_hash_is_refused() -> None:
    value = [TABLE.manifest.value(), [b"".join(h)[:-1] for h in TABLE.hashes]]
    with pytest.raises(ManifestMalformed, match="hashes of 32 bytes"):
        chunk_table_from_bytes(encode(value))


def test_r2_too_long_table_is_refused_unread() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        chunk_table_from_bytes(bytes(MAX_TABLE_BYTES + 1))


@given(st.data())
def test_no_changed_byte_is_accepted(data: st.DataObject) -> None:
    good = TABLE.encode()
    position = data.draw(st.integers(0, len(good) - 1))
    flipped = good[position] ^ data.draw(st.integers(1, 255))
    bad = good[:position] + bytes([flipped]) + good[position + 1 :]
    try:
        table = chunk_table_from_bytes(bad)
    except InvalidInput:
        return
    assert table.dataset_id != TABLE.dataset_id


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        chunk_table_from_bytes(data)
