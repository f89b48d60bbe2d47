# SPDX-License-Identifier: Apache-2.0
"""A folder of images: one folder per class, in it the images of that class.

All images must have one size. Where any is coloured all are read as colour, else as grey;
transparency is dropped. Class names sort into labels unless their order is given.
Law of the file: the only importer of pillow, and that only when asked; an image's size is read and
checked before its pixels are.
Read next: importing.py.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_node.datasets.content import Bytes, ImageShape
from edge_node.datasets.errors import (
    DatasetFileMissing,
    DatasetTooLarge,
    ImageTooLarge,
    ImageUnreadable,
    MixedImageSizes,
    PillowMissing,
)
from edge_node.spec.constants import MAX_CLASSES, MAX_SIDE

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".webp")

_GREY_MODES = ("1", "L", "LA")


def read_image_folder(
    path: Path, *, class_names: Sequence[str], max_bytes: int
) -> tuple[ImageShape, Bytes, Bytes]:
    """Return the shape, uint8 images (N, image_bytes) and labels (N,) of a folder.

    Parameters
    ----------
    path : Path
        The folder of class folders.
    class_names : Sequence[str]
        The class folders in the order of their labels; empty for all, sorted by name.
    max_bytes : int
        Most bytes that all pixels may take.

    Raises
    ------
    PillowMissing, DatasetFileMissing, DatasetTooLarge
    ImageUnreadable, ImageTooLarge, MixedImageSizes
    """
    pillow = _import_pillow()
    files = _find_images(path, class_names or _class_folders(path))
    shape, images = _read_files(pillow, path, [file for file, _ in files], max_bytes)
    labels = np.array([label for _, label in files], dtype=np.uint8)
    return shape, images, labels


def read_images(files: Sequence[Path], *, max_bytes: int) -> tuple[ImageShape, Bytes]:
    """Return the shape and uint8 images (N, image_bytes) of one file or more.

    Parameters
    ----------
    files : Sequence[Path]
    max_bytes : int
        Most bytes that all pixels may take.

    Raises
    ------
    PillowMissing, DatasetTooLarge
    ImageUnreadable, ImageTooLarge, MixedImageSizes
    """
    return _read_files(_import_pillow(), files[0].parent, files, max_bytes)


def _read_files(
    pillow: ModuleType, path: Path, files: Sequence[Path], max_bytes: int
) -> tuple[ImageShape, Bytes]:
    width, height, grey = _look_at_all(pillow, files, max_bytes)
    shape = ImageShape(height=height, width=width, channels=1 if grey else 3)
    images = np.empty((len(files), shape.image_bytes), dtype=np.uint8)
    if images.nbytes > max_bytes:
        raise DatasetTooLarge(path=path, expected=f"{max_bytes} bytes", actual=images.nbytes)
    for row, file in zip(images, files, strict=True):
        row[:] = _read_pixels(pillow, file, "L" if grey else "RGB")
    return shape, images


def _import_pillow() -> ModuleType:
    try:
        from PIL import Image  # noqa: PLC0415  # an extra: loaded only when images are read
    except ImportError:
        raise PillowMissing from None
    return Image


def _class_folders(path: Path) -> list[str]:
    if not path.is_dir():
        raise DatasetFileMissing(path=path, expected="a folder of class folders", actual="missing")
    folders = [each for each in path.iterdir() if each.is_dir()]
    return sorted(each.name for each in folders if not each.name.startswith("."))


def _find_images(path: Path, class_names: Sequence[str]) -> list[tuple[Path, int]]:
    if not 1 <= len(class_names) <= MAX_CLASSES:
        raise DatasetFileMissing(
            path=path,
            expected=f"a folder of 1..{MAX_CLASSES} class folders",
            actual=len(class_names),
        )
    files: list[tuple[Path, int]] = []
    for label, name in enumerate(class_names):
        folder = path / name
        if not folder.is_dir():
            raise DatasetFileMissing(path=folder, expected="a class folder", actual="missing")
        found = [each for each in sorted(folder.iterdir()) if each.suffix.lower() in SUFFIXES]
        if not found:
            raise DatasetFileMissing(
                path=folder,
                expected=f"a folder of {', '.join(SUFFIXES)} files",
                actual="without",
            )
        files += [(each, label) for each in found]
    return files


def _look_at_all(
    pillow: ModuleType, files: Sequence[Path], max_bytes: int
) -> tuple[int, int, bool]:
    first: tuple[int, int] | None = None
    grey = True
    for file in files:
        with _opened(pillow, file) as image:
            size = (image.width, image.height)
            grey = grey and image.mode in _GREY_MODES
        if max(size) > MAX_SIDE:
            raise ImageTooLarge(
                path=file, expected=f"{MAX_SIDE}x{MAX_SIDE} pixels", actual=_show(size)
            )
        first = first or size
        if size != first:
            raise MixedImageSizes(
                path=file, expected=f"{_show(first)} like {files[0].name}", actual=_show(size)
            )
        if len(files) * size[0] * size[1] > max_bytes:
            raise DatasetTooLarge(
                path=file.parent.parent,
                expected=f"{max_bytes} bytes",
                actual=len(files) * size[0] * size[1],
            )
    assert first is not None, "no class folder is empty"
    return first[0], first[1], grey


def _opened(pillow: ModuleType, file: Path) -> "Image.Image":
    try:
        image: Image.Image = pillow.open(file)
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise ImageUnreadable(path=file, expected="an image", actual=error) from error
    return image


def _read_pixels(pillow: ModuleType, file: Path, mode: str) -> Bytes:
    with _opened(pillow, file) as image:
        try:
            pixels = np.asarray(image.convert(mode), dtype=np.uint8)
        except (OSError, ValueError, SyntaxError) as error:
            raise ImageUnreadable(path=file, expected="a whole image", actual=error) from error
    return pixels.reshape(-1)


def _show(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]} pixels"
