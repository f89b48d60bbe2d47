# SPDX-License-Identifier: Apache-2.0
"""How imported images are divided into train, evaluation and reserve.

Every image has a place in one order: that of a hash over the seed and its pixels. So the division
follows from the images and the seed alone, whatever order or names the files had, and equal images
stand side by side: a border never falls between them, or a net would be judged on what it learned.
Law of the file: no randomness, no float; the same on every machine.
Read next: importing.py.
"""

from pathlib import Path

import numpy as np

from edge_node.datasets.content import Bytes, Samples
from edge_node.datasets.errors import SharesOutOfRange, TooFewImages
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec.constants import PPM


def divide(
    images: Bytes,
    labels: Bytes,
    *,
    evaluation_ppm: int,
    reserve_ppm: int,
    seed: int,
    path: Path,
) -> tuple[Samples, Samples, Samples]:
    """Return train, evaluation and reserve.

    Parameters
    ----------
    images : uint8 (N, image_bytes)
    labels : uint8 (N,)
    evaluation_ppm, reserve_ppm : int
        Shares of all images, rounded down; a border moves up past equal images.
    seed : int
        Another seed, another division; 0..2**64-1.
    path : Path
        Where they come from, for messages.

    Raises
    ------
    SharesOutOfRange, TooFewImages
    """
    if min(evaluation_ppm, reserve_ppm) <= 0 or evaluation_ppm + reserve_ppm >= PPM:
        raise SharesOutOfRange(evaluation_ppm=evaluation_ppm, reserve_ppm=reserve_ppm)
    count = len(labels)
    keys = _keys(images, seed)
    # Labels break ties: equal images with different labels have one order too.
    order = sorted(range(count), key=lambda i: (keys[i], labels[i]))
    reserve_end = _border(keys, order, count * reserve_ppm // PPM)
    evaluation_end = _border(
        keys, order, max(count * (reserve_ppm + evaluation_ppm) // PPM, reserve_end)
    )
    parts = {
        "train": order[evaluation_end:],
        "evaluation": order[reserve_end:evaluation_end],
        "reserve": order[:reserve_end],
    }
    for name, rows in parts.items():
        if not rows:
            raise TooFewImages(
                path=path, expected=f"enough different images for the {name} split", actual=count
            )
    train, evaluation, reserve = (
        Samples(images=images[rows], labels=labels[rows]) for rows in map(np.array, parts.values())
    )
    return train, evaluation, reserve


def _keys(images: Bytes, seed: int) -> list[Hash32]:
    seed_bytes = seed.to_bytes(8, "little")
    return [tagged_hash("import-division", seed_bytes, image.tobytes()) for image in images]


def _border(keys: list[Hash32], order: list[int], position: int) -> int:
    while 0 < position < len(order) and keys[order[position]] == keys[order[position - 1]]:
        position += 1
    return position
