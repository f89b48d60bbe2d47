# SPDX-License-Identifier: Apache-2.0
"""What all back ends share: images of the wrong form are refused with both forms named."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.inference.backend import ImagesDoNotFit, check_images, count_of_logits
from edge_node.spec.architecture import BINARY_4K


def test_images_that_fit_pass() -> None:
    check_images(BINARY_4K, np.zeros((2, 784), np.uint8), np.zeros(2, np.uint8))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 783), np.uint8),
        np.zeros((2, 28, 28), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((2, 784), np.int8),
        np.zeros((2, 784), np.float32),
    ],
    ids=["short", "unflattened", "single", "signed", "float"],
)
def test_images_of_another_form_are_refused(images: npt.NDArray[Any]) -> None:
    with pytest.raises(ImagesDoNotFit, match=r"uint8 images of shape \(N, 784\), not"):
        check_images(BINARY_4K, images)


@pytest.mark.parametrize("labels", [np.zeros(3, np.uint8), np.zeros(2, np.int64)])
def test_labels_of_another_form_are_refused(labels: npt.NDArray[Any]) -> None:
    with pytest.raises(ImagesDoNotFit, match=r"uint8 labels of shape \(2,\), not"):
        check_images(BINARY_4K, np.zeros((2, 784), np.uint8), labels)


def test_a_tie_goes_to_the_lowest_class() -> None:
    logits = np.array([[1, 5, 5], [5, 5, 1], [0, 0, 0]], dtype=np.int32)
    assert count_of_logits(logits, np.array([1, 0, 0], np.uint8)) == 3
    assert count_of_logits(logits, np.array([2, 1, 2], np.uint8)) == 0


def test_no_images_are_no_correct_ones() -> None:
    assert count_of_logits(np.empty((0, 10), np.int32), np.empty(0, np.uint8)) == 0
