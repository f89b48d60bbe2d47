# SPDX-License-Identifier: Apache-2.0
"""Without Larq one sentence says how to get it; images get the form that its layers take.

What its layers compute, test_backprop.py and bench/paper/test_larq_evaluation.py show.
"""

import importlib.util

import numpy as np
import pytest

from edge_node.spec.architecture import BINARY_4K
from edge_node.trainer.backprop import BackpropOptions, TrainingSplits, train_with_larq
from edge_node.trainer.larq_layers import (
    LarqMissing,
    check_larq,
    larq_is_installed,
    load_larq,
    shaped,
)


def test_larq_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not larq_is_installed()
    images, labels = np.zeros((10, 784), np.uint8), np.zeros(10, np.uint8)
    splits = TrainingSplits(train_images=images, train_labels=labels, evaluation_images=images)
    for needs_it in (
        check_larq,
        load_larq,
        lambda: train_with_larq(BINARY_4K, splits, BackpropOptions(), lambda line: None),
    ):
        with pytest.raises(LarqMissing, match=r"edge-node\[train-larq\]"):
            needs_it()


def test_images_stand_in_rows_and_columns() -> None:
    images = np.arange(2 * 784).astype(np.uint8).reshape(2, 784)
    rows = shaped(BINARY_4K, images)
    assert rows.shape == (2, 28, 28, 1)
    assert rows[1, 3, 5, 0] == images[1, 3 * 28 + 5]
