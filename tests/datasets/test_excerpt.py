# SPDX-License-Identifier: Apache-2.0
"""An excerpt is a dataset of its own, whose content is what its manifest says."""

from pathlib import Path

import numpy as np

from edge_node.datasets.excerpt import excerpt
from edge_node.datasets.store import DatasetStore
from edge_node.spec.dataset import SplitName
from tests.datasets.samples import random_dataset


def test_only_the_evaluation_split_is_shorter(tmp_path: Path) -> None:
    whole = random_dataset()
    short = excerpt(whole, 7)
    assert [len(split) for split in short.splits] == [40, 7, 17]
    store = DatasetStore(tmp_path)
    dataset_id = store.add(short)  # which checks every byte
    assert dataset_id != whole.manifest.dataset_id()
    for name in SplitName:
        expected = whole[name].images[: len(short[name])]
        assert np.array_equal(store.open(dataset_id)[name].images, expected)


def test_more_than_there_are_is_the_dataset_itself() -> None:
    whole = random_dataset()
    assert excerpt(whole, 20) is whole
