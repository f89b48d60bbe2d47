# SPDX-License-Identifier: Apache-2.0
"""A dataset by which blocks are judged sooner: the same, with the first of its evaluation images.

A network on it is another network, as the manifest is another one.
Law of the file: nothing but the evaluation split differs.
Read next: content.py, edge_node/cli/demo.py.
"""

from dataclasses import replace

from edge_node.datasets.content import Dataset, Samples, commit_samples
from edge_node.spec.dataset import SplitName


def excerpt(dataset: Dataset, evaluation: int) -> Dataset:
    """Return a dataset with so many evaluation images, the first; all if it has fewer.

    Parameters
    ----------
    dataset : Dataset
    evaluation : int
        At least one.
    """
    whole = dataset[SplitName.EVALUATION]
    if evaluation >= len(whole):
        return dataset
    first = Samples(images=whole.images[:evaluation], labels=whole.labels[:evaluation])
    train, _, reserve = dataset.splits
    train_split, _, reserve_split = dataset.manifest.splits
    splits = (train_split, commit_samples(first), reserve_split)
    manifest = replace(dataset.manifest, splits=splits)
    return Dataset(manifest=manifest, splits=(train, first, reserve))
