# SPDX-License-Identifier: Apache-2.0
"""Larq for real where it is installed: shapes of every form train, fold and decide alike.

TensorFlow has an environment of its own, which CI has not: pure folding is tested in
test_folding.py, and `pip install 'edge-node[train-larq]' pytest` makes one to run this file in.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.node.architecture_text import parse_architecture
from edge_node.spec.architecture import Architecture
from edge_node.trainer.backprop import (
    OPTIMIZERS,
    BackpropOptions,
    TrainingSplits,
    train_with_larq,
)
from edge_node.trainer.larq_layers import LarqMissing, check_larq
from tests.spec.toy_data import CLASSES, SIDE, toy_dataset

FORMS = (
    "8bit:conv6p-conv5-dense8-dense3",  # the paper's form
    "1bit:conv8p-conv6s-dense3",  # SAME padding with +1
    "1bit:conv3k5sp-dense16-conv7k1-dense3",  # dense in the middle
    "1bit:dense24-dense3",
    "1bit:dense3",  # logits and nothing else
)
IN_A_PROCESS = "from tests.trainer.test_backprop import train_all; train_all()"


def splits_of(count: int) -> tuple[TrainingSplits, bytes]:
    """Return the toy dataset's splits, and the labels of its evaluation split."""
    train, evaluation, _ = toy_dataset("larq", (count, 300, 10)).splits
    size = SIDE * SIDE
    splits = TrainingSplits(
        train_images=np.frombuffer(train.images, np.uint8).reshape(-1, size),
        train_labels=np.frombuffer(train.labels, np.uint8),
        evaluation_images=np.frombuffer(evaluation.images, np.uint8).reshape(-1, size),
    )
    return splits, evaluation.labels


def shape(text: str) -> Architecture:
    return parse_architecture(text, height=SIDE, width=SIDE)


def train_all() -> None:
    """Train each form with each optimizer, and say how many images each model has right."""
    splits, labels = splits_of(1_500)
    told: dict[str, Any] = {}
    for optimizer in OPTIMIZERS:
        for text in FORMS:
            lines: list[str] = []
            options = BackpropOptions(epochs=6, batch=32, optimizer=optimizer, seed=2)
            model = train_with_larq(shape(text), splits, options, lines.append)
            images = slice_images(model.architecture, splits.evaluation_images)
            correct = count_correct(model, images, labels)
            told[f"{optimizer} {text}"] = {"correct": correct, "lines": lines}
    sys.stdout.write(json.dumps(told))


@pytest.mark.slow  # TensorFlow
@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_every_form_trains_and_decides_as_its_float_network() -> None:
    try:
        check_larq()
    except LarqMissing:
        pytest.skip("Larq is not installed here")
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == len(OPTIMIZERS) * len(FORMS)
    for name, outcome in told.items():
        assert outcome["correct"] > 300 // CLASSES, name
        *epochs, train, evaluation = outcome["lines"]
        assert len(epochs) == 6
        assert train.startswith("train: the folded model decides all 1500 images")
        assert evaluation.startswith("evaluation: the folded model decides all 300 images")
    assert max(outcome["correct"] for outcome in told.values()) > 250
