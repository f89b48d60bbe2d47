# SPDX-License-Identifier: Apache-2.0
"""Numpy archives: pairs found by their names, sizes bounded, pickles never read."""

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.datasets.errors import (
    DatasetError,
    DatasetFileMissing,
    DatasetTooLarge,
    FileTruncated,
    WrongForm,
    WrongMagic,
)
from edge_node.datasets.npz import ArrayPair, read_arrays, read_npz
from tests.datasets.samples import npz_bytes

X = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
Y = np.array([1, 0], dtype=np.int64)


def read(folder: Path, data: bytes, *, max_bytes: int = 10_000) -> list[ArrayPair]:
    path = folder / "set.npz"
    path.write_bytes(data)
    return read_npz(path, max_bytes=max_bytes)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: npt.NDArray[np.generic], *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["x", "y"], ["x"]),
        (["images", "labels"], ["images"]),
        (["x_train", "y_train", "x_test", "y_test"], ["x_test", "x_train"]),
        (["train_images", "train_labels", "val_images", "val_labels"], None),
        (["x_train", "y_train", "x_test"], ["x_train"]),
    ],
)
def test_pairs_are_found_by_name(tmp_path: Path, names: list[str], found: list[str] | None) -> None:
    arrays = {name: Y if set(name.split("_")) & {"y", "labels"} else X for name in names}
    pairs = read(tmp_path, npz_bytes(**arrays))
    assert [pair.name for pair in pairs] == (found or ["train_images", "val_images"])
    for pair in pairs:
        assert np.array_equal(pair.images, X)
        assert np.array_equal(pair.labels, Y)


def test_fortran_order_and_later_header_are_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(X), version=(2, 0))
    pairs = read(tmp_path, archive(x=file.getvalue(), y=npy(Y)))
    assert np.array_equal(pairs[0].images, X)


def test_pickled_objects_are_refused_unread(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("the pickle was read",))

    trap = npy(np.array([Trap()], dtype=object), pickled=True)
    with pytest.raises(WrongForm, match=r"numbers in x\.npy, not object \(a pickle\)"):
        read(tmp_path, archive(x=trap, y=npy(Y)))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", WrongMagic, "PK of an npz archive"),
        (b"PK no archive", WrongMagic, "PK of an npz archive"),
        (npz_bytes(x=X, y=Y)[:-30], WrongMagic, "PK of an npz archive"),
        (npz_bytes(pixels=X, y=Y), WrongForm, "x_train and y_train.*, not pixels, y"),
        (archive(), WrongForm, "not none"),
        (archive(x=b"no header", y=npy(Y)), WrongMagic, r"a numpy header in x\.npy"),
        (archive(x=npy(X)[:20], y=npy(Y)), WrongMagic, r"a numpy header in x\.npy"),
        (archive(x=npy(X)[:-1], y=npy(Y)), FileTruncated, r"32 bytes of x\.npy, not 31"),
        (archive(x=npy(X), y=npy(np.zeros(2, "V0"))), WrongForm, r"numbers in y\.npy, not \|V0"),
        (archive(x=npy(X) + b"x", y=npy(Y)), FileTruncated, r"32 bytes of x\.npy, not 33"),
        (archive(**{f"a{i}": b"" for i in range(65)}), DatasetTooLarge, "64 arrays, not 65"),
    ],
)
def test_broken_archive_is_refused_by_name(
    tmp_path: Path, data: bytes, error: type[DatasetError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(tmp_path, data)


def test_size_is_judged_before_anything_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(DatasetTooLarge, match="at most 5000 bytes, not "):
        read(tmp_path, npz_bytes(x=np.zeros((10, 30, 30), dtype=np.uint8), y=Y), max_bytes=5000)


def test_header_that_claims_more_than_the_archive_has_allocates_nothing(tmp_path: Path) -> None:
    header = npy(np.zeros((1, 1, 1), dtype=np.uint8))[:-1]
    lie = header.replace(b"(1, 1, 1),", b"(999999999, 9, 9), ").replace(b" " * 9 + b"\n", b"\n")
    with pytest.raises(FileTruncated, match="80999999919 bytes"):
        read(tmp_path, archive(x=lie, y=npy(Y)))


def test_damaged_archive_is_refused(tmp_path: Path) -> None:
    data = bytearray(npz_bytes(x=X, y=Y))
    for position in range(40, len(data), 3):
        changed = data.copy()
        changed[position] ^= 0x55
        try:
            pairs = read(tmp_path, bytes(changed))
        except DatasetError:
            continue
        assert np.array_equal(pairs[0].images, X)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetFileMissing, match="a readable file, not No such file"):
        read_npz(tmp_path / "missing.npz", max_bytes=1)


def test_arrays_of_any_name_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "any.npz"
    path.write_bytes(npz_bytes(b=Y, a=X))
    found = read_arrays(path, max_bytes=10_000)
    assert [each.name for each in found] == ["a", "b"]
    assert np.array_equal(found[0].values, X)
    with pytest.raises(DatasetTooLarge, match="at most 100 bytes, not "):
        read_arrays(path, max_bytes=100)
    with pytest.raises(DatasetFileMissing):
        read_arrays(tmp_path / "missing.npz", max_bytes=1)
