# SPDX-License-Identifier: Apache-2.0
"""IDX files: read plain and gzipped, and each way to be broken refused by its own error."""

import contextlib
import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.datasets.errors import (
    DatasetError,
    DatasetFileMissing,
    DatasetTooLarge,
    FileTooLong,
    FileTruncated,
    WrongForm,
    WrongMagic,
)
from edge_node.datasets.idx import find_idx_pairs, idx_header, read_idx
from tests.datasets.samples import Bytes, idx_bytes

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
compress = partial(gzip.compress, mtime=0)  # the same bytes, so the same test, in every worker
GOOD = idx_bytes(VALUES)


def read(folder: Path, data: bytes, *, max_bytes: int = 1000) -> Bytes:
    path = folder / "file"
    path.write_bytes(data)
    return read_idx(path, max_bytes=max_bytes)


def test_header_is_that_of_the_published_files() -> None:
    assert idx_header((60_000, 28, 28)).hex(" ", 4) == "00000803 0000ea60 0000001c 0000001c"


@pytest.mark.parametrize("data", [GOOD, compress(GOOD), compress(GOOD[:9]) + compress(GOOD[9:])])
def test_values_come_back(tmp_path: Path, data: bytes) -> None:
    assert np.array_equal(read(tmp_path, data), VALUES)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", WrongMagic, "must begin with 00 00 08 of an IDX file, not ;"),
        (b"\x89PNG", WrongMagic, "not 89 50 4e 47"),
        (GOOD[:3], WrongMagic, "not 00 00 08;"),
        (b"\0\0\x0d\x01" + bytes(8), WrongForm, "not type 13 of 1"),
        (b"\0\0\x08\x05" + bytes(20), WrongForm, "not type 8 of 5"),
        (b"\0\0\x08\x00", WrongForm, "not type 8 of 0"),
        (GOOD[:15], FileTruncated, "3 sizes of 4 bytes"),
        (GOOD[:-1], FileTruncated, "24 bytes of values, not 23; download it again"),
        (GOOD + b"x", FileTooLong, "must end after 24 bytes"),
        (compress(GOOD)[:-9], FileTruncated, "whole gzip data"),
        (compress(GOOD)[:11], FileTruncated, "whole gzip data"),
        (compress(GOOD)[:-8] + bytes(8), FileTruncated, "whole gzip data"),
        (b"\x1f\x8bnot gzip at all", FileTruncated, "whole gzip data"),
        (compress(GOOD + b"x"), FileTooLong, "must end after 24 bytes"),
    ],
)
def test_broken_file_is_refused_by_name(
    tmp_path: Path, data: bytes, error: type[DatasetError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(tmp_path, data)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    for data in (GOOD, compress(GOOD)):
        for length in range(len(data)):
            with pytest.raises((WrongMagic, FileTruncated)):
                read(tmp_path, data[:length])


@given(data=st.binary(max_size=60), start=st.integers(0, 20))
def test_any_bytes_are_refused_by_name(
    data: bytes, start: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with contextlib.suppress(DatasetError):
        read(tmp_path_factory.mktemp("idx"), GOOD[:start] + data)


def test_size_is_judged_before_anything_is_unpacked(tmp_path: Path) -> None:
    huge = compress(idx_header((1 << 31, 1 << 10)))
    with pytest.raises(DatasetTooLarge, match=f"at most 1000 bytes, not {1 << 41}"):
        read(tmp_path, huge)


def test_missing_file_and_folder_in_its_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetFileMissing, match="a readable file, not No such file"):
        read_idx(tmp_path / "missing", max_bytes=1)
    with pytest.raises(DatasetFileMissing, match="not Is a directory"):
        read_idx(tmp_path, max_bytes=1)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"),
        ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte"),
        ("images-idx4-ubyte", "labels-idx1-ubyte.gz"),
    ],
)
def test_labels_are_found_by_name(tmp_path: Path, images: str, labels: str) -> None:
    for name in (images, labels, "README"):
        (tmp_path / name).touch()
    pair = (tmp_path / images, tmp_path / labels)
    assert find_idx_pairs(tmp_path) == [pair]
    assert find_idx_pairs(tmp_path / images) == [pair]


def test_all_pairs_of_a_folder_are_found(tmp_path: Path) -> None:
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte").touch()
        (tmp_path / f"{part}-labels-idx1-ubyte").touch()
    names = [images.name for images, _ in find_idx_pairs(tmp_path)]
    assert names == ["t10k-images-idx3-ubyte", "train-images-idx3-ubyte"]


def test_images_without_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").touch()
    with pytest.raises(DatasetFileMissing, match="train-labels-idx1-ubyte must be there"):
        find_idx_pairs(tmp_path)


def test_nothing_to_import_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetFileMissing, match="not without any"):
        find_idx_pairs(tmp_path)
    with pytest.raises(DatasetFileMissing, match="not missing"):
        find_idx_pairs(tmp_path / "nowhere")
