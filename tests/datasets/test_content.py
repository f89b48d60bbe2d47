# SPDX-License-Identifier: Apache-2.0
"""Datasets in memory commit to exactly what the law says, however large the split."""

import numpy as np
import pytest

from edge_node.datasets.content import ImageShape, Samples, commit_samples, split_chunks
from edge_node.spec.constants import CHUNK_BYTES
from edge_node.spec.dataset import SplitName, chunks, commit_split
from tests.datasets.samples import random_dataset, random_samples

# Labels within the first chunk, labels across a border, exactly one chunk, several chunks.
SIZES = [(1, 1), (100, 784), (64, 1023), (65, 1023), (170, 1023), (CHUNK_BYTES // 2, 1)]


@pytest.mark.parametrize(("count", "image_bytes"), SIZES)
def test_chunks_and_commitment_equal_the_law(count: int, image_bytes: int) -> None:
    samples = random_samples(count, image_bytes)
    images, labels = samples.images.tobytes(), samples.labels.tobytes()
    assert list(split_chunks(samples)) == list(chunks(images + labels))
    assert commit_samples(samples) == commit_split(images, labels)


def test_manifest_counts_images_and_names_splits() -> None:
    dataset = random_dataset()
    assert [split.count for split in dataset.manifest.splits] == [40, 20, 17]
    assert dataset.manifest.image_bytes == 64 * 64
    assert dataset[SplitName.RESERVE] is dataset.splits[2]
    assert len(dataset[SplitName.TRAIN]) == 40


def test_shape_is_shown_as_people_write_it() -> None:
    assert str(ImageShape(height=28, width=20, channels=3)) == "28x20x3"
    assert ImageShape(height=28, width=20, channels=3).image_bytes == 1680


def test_read_only_arrays_will_do() -> None:
    frozen = np.frombuffer(bytes(12), dtype=np.uint8)
    samples = Samples(images=frozen[:9].reshape(3, 3), labels=frozen[9:])
    assert list(split_chunks(samples)) == [bytes(12)]
