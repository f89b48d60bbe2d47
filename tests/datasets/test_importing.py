# SPDX-License-Identifier: Apache-2.0
"""The user's own images become a dataset with a fixed id, from each format, or one clear error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edge_node.datasets.errors import (
    CountsDiffer,
    DatasetError,
    DatasetTooLarge,
    ImageTooLarge,
    LabelOutOfRange,
    MixedImageSizes,
    TooFewImages,
    WrongForm,
)
from edge_node.datasets.importing import ImportFormat, ImportRequest, import_dataset
from edge_node.datasets.store import DatasetStore
from edge_node.spec.dataset import ManifestMalformed
from tests.datasets.samples import Bytes, idx_bytes, npz_bytes

COUNT = 50
PIXELS: Bytes = (np.arange(COUNT * 30) * 7919 % 251).astype(np.uint8).reshape(COUNT, 6, 5)
LABELS: Bytes = (np.arange(COUNT) // 10).astype(np.uint8)


@pytest.fixture
def idx(tmp_path: Path) -> ImportRequest:
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, part in (("train", slice(0, 40)), ("t10k", slice(40, 50))):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(PIXELS[part]))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[part]))
    return ImportRequest(path=folder, format=ImportFormat.IDX, name="mine")


def npz(folder: Path, **arrays: npt.NDArray[np.generic]) -> ImportRequest:
    path = folder / "mine.npz"
    path.write_bytes(npz_bytes(**arrays))
    return ImportRequest(path=path, format=ImportFormat.NPZ, name="mine")


def test_same_images_in_each_format_are_the_same_dataset(
    tmp_path: Path, idx: ImportRequest
) -> None:
    archive = npz(tmp_path, x=PIXELS[:, :, :, np.newaxis], y=LABELS[:, np.newaxis].astype(np.int64))
    for number, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        folder = tmp_path / "images" / f"class {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    folder_request = ImportRequest(
        path=tmp_path / "images", format=ImportFormat.IMAGES, name="mine"
    )
    ids = {
        import_dataset(request).manifest.dataset_id().hex()
        for request in (idx, archive, folder_request)
    }
    # Written down: on every machine, with every numpy.
    assert ids == {"5d75799897b65a926dd89b90d63eadbedb0e8cdd69774337c2380455e3648099"}


def test_import_counts_and_stores(tmp_path: Path, idx: ImportRequest) -> None:
    dataset = import_dataset(replace(idx, evaluation_ppm=300_000, reserve_ppm=100_000))
    manifest = dataset.manifest
    assert [split.count for split in manifest.splits] == [30, 15, 5]
    assert (manifest.height, manifest.width, manifest.channels, manifest.classes) == (6, 5, 1, 5)
    store = DatasetStore(tmp_path / "store")
    assert store.open(store.add(dataset)).manifest == manifest


def test_seed_name_and_classes_make_other_datasets(idx: ImportRequest) -> None:
    requests = [idx, replace(idx, seed=1), replace(idx, name="other"), replace(idx, classes=7)]
    assert len({import_dataset(request).manifest.dataset_id() for request in requests}) == 4


def test_named_classes_are_counted_though_the_last_has_few_images(tmp_path: Path) -> None:
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for number in range(9):
            shade = np.full((2, 2), number * 2 + (name == "bee"), dtype=np.uint8)
            Image.fromarray(shade).save(tmp_path / name / f"{number}.png")
    request = ImportRequest(
        path=tmp_path, format=ImportFormat.IMAGES, name="insects", class_names=("bee", "ant")
    )
    assert import_dataset(request).manifest.classes == 2


def test_label_beyond_the_said_classes_is_named(idx: ImportRequest) -> None:
    with pytest.raises(LabelOutOfRange, match=r"labels below 3, not 4 \(number 0\); say the"):
        import_dataset(replace(idx, classes=3))


@pytest.mark.parametrize("label", [-1, 256, 1 << 40])
def test_label_that_is_no_byte_is_named(tmp_path: Path, label: int) -> None:
    labels = LABELS.astype(np.int64)
    labels[12] = label
    with pytest.raises(LabelOutOfRange, match=rf"0\.\.255, not {label} \(number 12\)"):
        import_dataset(npz(tmp_path, x=PIXELS, y=labels))


BAD_ARRAYS: list[tuple[object, object, type[DatasetError], str]] = [
    (PIXELS, LABELS[:-1], CountsDiffer, "must have 50 labels, not 49"),
    (
        PIXELS.astype(np.float32),
        LABELS,
        WrongForm,
        r"uint8 images .* x, not float32 \(50, 6, 5\)",
    ),
    (PIXELS.reshape(50, 30), LABELS, WrongForm, r"not uint8 \(50, 30\); convert it first"),
    (PIXELS, LABELS.astype(np.float64), WrongForm, r"integer labels .*, not float64 \(50,\)"),
    (PIXELS, np.stack([LABELS] * 2, axis=1), WrongForm, r"not uint8 \(50, 2\)"),
    (PIXELS, LABELS[0], WrongForm, r"integer labels .*, not uint8 \(\)"),
    (np.zeros((2, 65, 3), np.uint8), LABELS[:2], ImageTooLarge, "not 65x3x1; scale them down"),
    (np.zeros((2, 0, 3), np.uint8), LABELS[:2], WrongForm, r"not uint8 \(2, 0, 3\)"),
    (PIXELS[:0], LABELS[:0], TooFewImages, "must hold images, not none"),
    (PIXELS[:3], LABELS[:3], TooFewImages, "enough different images for the .* split, not 3"),
]


@pytest.mark.parametrize(("x", "y", "error", "message"), BAD_ARRAYS)
def test_arrays_that_are_no_dataset_are_refused(
    tmp_path: Path,
    x: npt.NDArray[np.generic],
    y: npt.NDArray[np.generic],
    error: type[DatasetError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        import_dataset(npz(tmp_path, x=x, y=y))


def test_pairs_of_different_sizes_are_refused(tmp_path: Path) -> None:
    request = npz(tmp_path, x=PIXELS, y=LABELS, x_test=PIXELS[:, :5], y_test=LABELS)
    with pytest.raises(MixedImageSizes, match="6x5x1, not 5x5x1"):
        import_dataset(request)


def test_too_many_bytes_are_refused(tmp_path: Path, idx: ImportRequest) -> None:
    for request in (idx, npz(tmp_path, x=PIXELS, y=LABELS)):
        with pytest.raises(DatasetTooLarge, match=r"at most 1\d+ bytes, not 1"):
            import_dataset(replace(request, max_bytes=1100))


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_r17_impossible_name_is_refused(idx: ImportRequest, name: str) -> None:
    with pytest.raises(ManifestMalformed, match="R-17"):
        import_dataset(replace(idx, name=name))
