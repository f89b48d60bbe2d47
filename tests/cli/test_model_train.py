# SPDX-License-Identifier: Apache-2.0
"""`edge-node model train`: with Larq where it is installed, one sentence where it is not."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.cli import model_train
from edge_node.spec.model import Model, model_from_blob
from edge_node.trainer.backprop import BackpropOptions
from edge_node.trainer.larq_layers import LarqMissing, check_larq
from tests.cli.typing_in import typed
from tests.spec.samples import random_model


def words(output: Path) -> tuple[str, ...]:
    shape = ("--architecture", "8bit:conv4p-dense10", "--dataset", "easy", "--epochs", "2")
    return ("model", "train", "--with", "larq", *shape, "--output", str(output))


def test_without_larq_nothing_is_begun(toy_node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    output = toy_node.parent / "out.bnn"
    assert "edge-node[train-larq]" in typed(toy_node, *words(output)).sentence(3)
    assert not output.exists()


def test_options_reach_the_trainer_and_its_model_the_file(
    toy_node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the place of Larq, which is not everywhere: what is asked of it, and what is made of it.
    asked: list[BackpropOptions] = []

    def train(architecture, splits, options, tell) -> Model:  # type: ignore[no-untyped-def]  # as it is called
        asked.append(options)
        assert len(splits.train_images) == len(splits.train_labels) == 40
        tell("epoch 1 of 2")
        return random_model(architecture, "trained")

    monkeypatch.setattr(model_train, "check_larq", lambda: None)
    monkeypatch.setattr(model_train, "train_with_larq", train)
    output = toy_node.parent / "out.bnn"
    chosen = (*words(output), "--seed", "7", "--optimizer", "bop", "--json")
    told = typed(toy_node, *chosen).json()
    assert asked == [BackpropOptions(epochs=2, seed=7, optimizer="bop")]
    model = model_from_blob(output.read_bytes())
    assert told["model"] == model.model_hash().hex()
    assert told["architecture"] == "8bit:conv4p-dense3", "as many classes as the dataset"
    assert (told["epochs"], told["optimizer"], told["seed"]) == (2, "bop", 7)
    assert set(told) >= {"train", "evaluation", "training_s"}


@pytest.mark.slow  # TensorFlow
@pytest.mark.acceptance
def test_larq_trains_from_the_command_line(toy_node: Path) -> None:
    try:
        check_larq()
    except LarqMissing:
        pytest.skip("Larq is not installed here")
    output = toy_node.parent / "out.bnn"
    command = [sys.executable, "-m", "edge_node", "--data-dir", str(toy_node), *words(output)]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert model_from_blob(output.read_bytes()).model_hash().hex() == told["model"]
