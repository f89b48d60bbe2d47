# SPDX-License-Identifier: Apache-2.0
"""Larq on TensorFlow counts as dense numpy does, in every form of network, where it is installed.

In a process of its own, for TensorFlow warns and reads its number of threads when it is loaded.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_node.bench.climbing import LEVELS
from edge_node.bench.paper.dense_evolution import dense_count
from edge_node.bench.paper.larq_evaluation import BATCH, LarqEvaluation
from edge_node.bench.paper.mining import NUMPY, installed_evaluator, mining_rows
from edge_node.bench.run import one_thread_environment
from edge_node.datasets.content import Samples
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.node.architecture_text import parse_architecture
from edge_node.spec.architecture import BINARY_4K
from edge_node.trainer.larq_layers import LarqMissing, larq_is_installed
from tests.bench.samples import random_samples, small_workload
from tests.spec.samples import random_model

FORMS = (
    "1bit:conv10p-conv10p-conv20-dense10",  # the 4,440 family's
    "8bit:conv6p-conv5-dense8-dense10",
    "1bit:conv8p-conv6s-dense10",  # SAME padding with +1
    "1bit:conv3k5sp-dense16-conv7k1-dense10",
    "1bit:dense10",
)
MODELS = 4
IN_A_PROCESS = "from tests.bench.paper.test_larq_evaluation import count_all; count_all()"


def count_all() -> None:
    """Count models of each form on their own decisions and on other labels, and mine."""
    others = random_samples(2 * BATCH + 24, 7)  # the last batch is not full
    told: dict[str, list[list[int]]] = {}
    for text in FORMS:
        shape = parse_architecture(text, height=28, width=28)
        larq = LarqEvaluation(shape)
        told[text] = []
        for number in range(MODELS):
            model = random_model(shape, f"{text} {number}")
            decided = NumpyEngine(model).logits(others.images).argmax(axis=1).astype(np.uint8)
            own = Samples(images=others.images, labels=decided)
            told[text].append([larq(model, own), larq(model, others), dense_count(model, others)])
    (row,) = mining_rows(small_workload(), installed_evaluator(), cap_s=0.2, levels=LEVELS[:1])
    sys.stdout.write(json.dumps({"evaluator": row.evaluator, "counts": told}))


@pytest.mark.slow  # TensorFlow
@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_every_image_is_decided_as_dense_numpy_decides_it() -> None:
    if not larq_is_installed():
        pytest.skip("Larq is not installed here")
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS],
        cwd=Path(__file__).parents[3],
        env=one_thread_environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["evaluator"].startswith("Larq 0.")
    assert " on TensorFlow 2." in told["evaluator"]
    assert set(told["counts"]) == set(FORMS)
    for text, counts in told["counts"].items():
        for own, larq, numpy in counts:
            assert own == 2 * BATCH + 24, text
            assert larq == numpy, text


def test_where_larq_is_missing_numpy_evaluates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert installed_evaluator() == NUMPY
    with pytest.raises(LarqMissing):
        LarqEvaluation(BINARY_4K)
