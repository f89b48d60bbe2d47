# SPDX-License-Identifier: Apache-2.0
"""Animal-MNIST, 10,000 silhouettes of ten animals: 6,000 train, 2,000 evaluation, 2,000 reserve.

The animal-mnist wheel holds them sorted by class (bear, bird, cat, cow, dog, elephant, giraffe,
horse, sheep, zebra; 1,000 of each), and 284 of them twice. So they are divided as imported images
are: in the order of a hash over their pixels, where equal images stay on one side.
Law of the file: constants, and how the wheel's arrays are divided; as for MNIST, every network
means the same images by this name.
Read next: mnist.py, division.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from edge_node.datasets.content import Bytes
from edge_node.datasets.division import divide
from edge_node.datasets.edition import Edition, Parts, Wheel, grey_manifest, idx_files
from edge_node.primitives.types import DatasetId, Hash32

_PACKAGE = "animal-mnist==0.4"
_FOLDER = "animal_mnist/data/Animal_MNIST"
_SIDE = 28
_TRAIN, _EVALUATION, _RESERVE = 6_000, 2_000, 2_000
_SHARE_PPM = 200_000
"""Of all images, for evaluation and for reserve."""
_SEED = 0
"""Under it no border falls on equal images, so the splits have these very sizes."""


def _divided(arrays: Sequence[Bytes]) -> Parts:
    images, labels = arrays
    train, evaluation, reserve = divide(
        images.reshape(len(labels), _SIDE * _SIDE),
        labels,
        evaluation_ppm=_SHARE_PPM,
        reserve_ppm=_SHARE_PPM,
        seed=_SEED,
        path=Path(_PACKAGE),
    )
    return (
        np.concatenate([train.images, evaluation.images]).reshape(-1, _SIDE, _SIDE),
        np.concatenate([train.labels, evaluation.labels]),
        reserve.images.reshape(-1, _SIDE, _SIDE),
        reserve.labels,
    )


ANIMAL_MNIST_ID: Final = DatasetId(
    Hash32(bytes.fromhex("e10cd6e650f09b20a591599331c664bcc86902b6dfb53649b19226c353657518"))
)
"""Stands for Animal-MNIST in every genesis."""

ANIMAL_MNIST: Final = Edition(
    files=idx_files(
        _SIDE,
        (_TRAIN + _EVALUATION, _RESERVE),
        (
            "67d0ae507439556c1ea79de202e798f3cf7efaef3fe78a24e7f8ef4d04c36449",
            "6249f1109c0e9e8428dcb15241b487dd8b46327cf8bf36b7f8322aeb7b43b846",
            "a55454d7e2c7944283b04f37c3741d34feef232b97720d803aeaccf65f7a0672",
            "de9d9e5428236b1be6ba98fee93740706eeb7285475f44bf24399822fba4b4b4",
        ),
    ),
    manifest=grey_manifest(
        "animal-mnist",
        _SIDE,
        (
            (_TRAIN, "b3fd93fccddbcf3d18f6f933ee76e47ac10913bc3f1f58c1ee177b913ffc4fcb"),
            (_EVALUATION, "bf17c3ee57569bd4056aca7098ef983489a1567882be1a420494476ffdf55e96"),
            (_RESERVE, "4905b7b7b7f4262dfb9edf90d8af13548b81613153b8b427a87a8fe5cf37c947"),
        ),
    ),
    dataset_id=ANIMAL_MNIST_ID,
    wheel=Wheel(
        package=_PACKAGE,
        members=(
            f"{_FOLDER}/animal_data_version_3.gz",
            f"{_FOLDER}/animal_label_version_3.gz",
        ),
        arrays=2,
        arrange=_divided,
    ),
)
