# SPDX-License-Identifier: Apache-2.0
"""Folders of images: classes by folder, one size, grey or colour, and what is wrong named."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_node.datasets.content import ImageShape
from edge_node.datasets.errors import (
    DatasetError,
    DatasetFileMissing,
    DatasetTooLarge,
    ImageTooLarge,
    ImageUnreadable,
    MixedImageSizes,
    PillowMissing,
)
from edge_node.datasets.image_folder import read_image_folder, read_images
from tests.datasets.samples import Bytes

GREY: Bytes = np.arange(6, dtype=np.uint8).reshape(2, 3)
COLOUR: Bytes = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


def save(path: Path, pixels: Bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(
    path: Path, *class_names: str, max_bytes: int = 10_000
) -> tuple[ImageShape, list[list[int]], list[int]]:
    shape, images, labels = read_image_folder(path, class_names=class_names, max_bytes=max_bytes)
    return shape, images.tolist(), labels.tolist()


def test_folders_become_labels_in_order(tmp_path: Path) -> None:
    save(tmp_path / "dog" / "2.png", GREY + np.uint8(1))
    save(tmp_path / "dog" / "1.PNG", GREY)
    save(tmp_path / "cat" / "1.bmp", GREY + np.uint8(2))
    (tmp_path / "cat" / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    rows = [(GREY + add).ravel().tolist() for add in (2, 0, 1)]
    shape = ImageShape(height=2, width=3, channels=1)
    assert read(tmp_path) == (shape, rows, [0, 1, 1])
    assert read(tmp_path, "dog", "cat") == (shape, [*rows[1:], rows[0]], [0, 0, 1])
    assert read(tmp_path, "dog") == (shape, rows[1:], [0, 0])


def test_one_colour_image_makes_all_coloured(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", GREY)
    save(tmp_path / "a" / "2.png", COLOUR)
    shape, images, _ = read(tmp_path)
    assert shape == ImageShape(height=2, width=3, channels=3)
    assert images == [np.repeat(GREY.ravel(), 3).tolist(), COLOUR.ravel().tolist()]


def test_transparency_is_dropped(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", np.dstack([COLOUR, GREY]))
    assert read(tmp_path)[1] == [COLOUR.ravel().tolist()]


def test_single_files_are_read_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    files = [tmp_path / "2.png", tmp_path / "1.png"]
    for add, file in enumerate(files):
        save(file, GREY + np.uint8(add))
    shape, images = read_images(files, max_bytes=10_000)
    assert shape == ImageShape(height=2, width=3, channels=1)
    assert images.tolist() == [(GREY + add).ravel().tolist() for add in (0, 1)]
    with pytest.raises(DatasetTooLarge):
        read_images(files, max_bytes=5)


def test_images_of_two_sizes_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", GREY)
    save(tmp_path / "b" / "2.png", GREY.T.copy())
    with pytest.raises(MixedImageSizes, match=r"2\.png must be 3x2 pixels like 1\.png, not 2x3"):
        read(tmp_path)


def test_large_image_is_refused_by_its_header(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", np.zeros((65, 3), dtype=np.uint8))
    with pytest.raises(ImageTooLarge, match="at most 64x64 pixels, not 3x65"):
        read(tmp_path)


@pytest.mark.parametrize(("most", "pixels"), [(11, GREY), (35, COLOUR)])
def test_too_many_bytes_are_refused(tmp_path: Path, most: int, pixels: Bytes) -> None:
    save(tmp_path / "a" / "1.png", pixels)
    save(tmp_path / "a" / "2.png", pixels)
    with pytest.raises(DatasetTooLarge, match=f"at most {most} bytes, not {most + 1}"):
        read(tmp_path, max_bytes=most)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\nshort"])
def test_file_that_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    save(tmp_path / "a" / "1.png", GREY)
    (tmp_path / "a" / "2.png").write_bytes(content)
    with pytest.raises(ImageUnreadable, match=r"2\.png must be"):
        read(tmp_path)


def test_image_that_ends_early_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 60), dtype=np.uint8)
    save(tmp_path / "a" / "1.png", noise)
    whole = (tmp_path / "a" / "1.png").read_bytes()
    (tmp_path / "a" / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageUnreadable, match=r"1\.png must be a whole image"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("folders", "class_names", "message"),
    [
        ([], (), r"1\.\.256 class folders, not 0"),
        (["a", "b"], (), "/a must be a folder of .bmp"),
        (["a"], ("z",), "/z must be a class folder, not missing"),
    ],
)
def test_missing_folders_and_images_are_named(
    tmp_path: Path, folders: list[str], class_names: tuple[str, ...], message: str
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetFileMissing, match=message):
        read(tmp_path, *class_names)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetFileMissing, match="nowhere must be a folder of class folders"):
        read(tmp_path / "nowhere")


def test_too_many_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"1\.\.256 class folders, not 257"):
        read(tmp_path, *map(str, range(257)))


def test_missing_pillow_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(PillowMissing, match=r"pip install 'edge-node\[images\]'"):
        read(tmp_path)
