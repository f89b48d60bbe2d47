# SPDX-License-Identifier: Apache-2.0
"""MNIST's id never changes; the real images, from the cache or the package index, are MNIST."""

import pytest

from edge_node.datasets.mnist import MNIST, MNIST_ID
from edge_node.spec.dataset import SplitName
from tests.datasets.samples import first_labels, real_images


def test_id_is_fixed() -> None:
    assert MNIST.manifest.dataset_id() == MNIST_ID
    assert MNIST_ID.hex() == "ccd07f597af1365b766790639ae22ff3cb2c1105f950637d60e4099c62809ff9"


def test_files_and_splits_hold_the_same_images() -> None:
    assert [pin.value_bytes for pin in MNIST.files] == [47_040_000, 60_000, 7_840_000, 10_000]
    assert MNIST.manifest.total_bytes == sum(pin.value_bytes for pin in MNIST.files)
    assert MNIST.name == "mnist"


@pytest.mark.acceptance
def test_real_images_are_mnist() -> None:
    dataset = real_images(MNIST)
    assert first_labels(dataset) == {
        SplitName.TRAIN: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
        SplitName.EVALUATION: [3, 8, 6, 9, 6, 4, 5, 3, 8, 4],
        SplitName.RESERVE: [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
    }
