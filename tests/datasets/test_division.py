# SPDX-License-Identifier: Apache-2.0
"""Imported images are divided by their content and the seed alone, and equal ones stay together."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.datasets.content import Bytes, Samples
from edge_node.datasets.division import divide
from edge_node.datasets.errors import SharesOutOfRange, TooFewImages
from tests.datasets.samples import random_samples

POOL = random_samples(1000, 9)


def division(
    pool: Samples, *, evaluation_ppm: int = 200_000, reserve_ppm: int = 100_000, seed: int = 0
) -> tuple[Samples, Samples, Samples]:
    return divide(
        pool.images,
        pool.labels,
        evaluation_ppm=evaluation_ppm,
        reserve_ppm=reserve_ppm,
        seed=seed,
        path=Path("/data/pool"),
    )


def rows(samples: Samples) -> list[bytes]:
    joined: Bytes = np.column_stack([samples.images, samples.labels])
    return [row.tobytes() for row in joined]


def test_shares_are_as_asked_and_nothing_is_lost() -> None:
    parts = division(POOL)
    assert [len(part) for part in parts] == [700, 200, 100]
    assert sorted(row for part in parts for row in rows(part)) == sorted(rows(POOL))


@given(seed=st.integers(0, (1 << 64) - 1), shuffle=st.integers(0, 1000))
@pytest.mark.slow
def test_order_of_the_files_does_not_matter(seed: int, shuffle: int) -> None:
    order = np.random.default_rng(shuffle).permutation(1000)
    shuffled = Samples(images=POOL.images[order], labels=POOL.labels[order])
    assert [rows(part) for part in division(POOL, seed=seed)] == [
        rows(part) for part in division(shuffled, seed=seed)
    ]


def test_another_seed_divides_otherwise() -> None:
    assert rows(division(POOL)[2]) != rows(division(POOL, seed=1)[2])


def test_division_is_fixed_for_ever() -> None:
    few = Samples(images=np.arange(10, dtype=np.uint8).reshape(10, 1), labels=POOL.labels[:10])
    assert [part.images.ravel().tolist() for part in division(few)] == [
        [6, 8, 1, 3, 9, 2, 0],
        [7, 5],
        [4],
    ]


@given(st.lists(st.integers(0, 5), min_size=20, max_size=60), st.integers(0, 99))
def test_equal_images_never_stand_on_both_sides(pixels: list[int], seed: int) -> None:
    images = np.array(pixels, dtype=np.uint8).reshape(-1, 1)
    pool = Samples(images=images, labels=np.arange(len(pixels), dtype=np.uint8))
    try:
        parts = division(pool, evaluation_ppm=300_000, reserve_ppm=300_000, seed=seed)
    except TooFewImages:
        return
    seen = [set(part.images.ravel().tolist()) for part in parts]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


@pytest.mark.parametrize("shares", [(0, 1), (1, 0), (500_000, 500_000), (-1, 1), (10**6, 1)])
def test_impossible_shares_are_refused(shares: tuple[int, int]) -> None:
    with pytest.raises(SharesOutOfRange, match="together below 1"):
        division(POOL, evaluation_ppm=shares[0], reserve_ppm=shares[1])


@pytest.mark.parametrize(("count", "split"), [(9, "reserve"), (3, "evaluation|reserve"), (1, ".")])
def test_too_few_images_are_refused(count: int, split: str) -> None:
    pool = Samples(images=POOL.images[:count], labels=POOL.labels[:count])
    with pytest.raises(TooFewImages, match=f"/data/pool must hold .*({split}).*not {count};"):
        division(pool)


def test_one_image_many_times_is_too_few() -> None:
    images = np.zeros((100, 4), dtype=np.uint8)
    with pytest.raises(TooFewImages, match="enough different images"):
        division(Samples(images=images, labels=POOL.labels[:100]))
