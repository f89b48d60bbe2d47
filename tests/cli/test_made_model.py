# SPDX-License-Identifier: Apache-2.0
"""Telling of a model made elsewhere: both splits, never the reserve; one file."""

import json
from pathlib import Path

import pytest

from edge_node.cli.made_model import tell_made
from edge_node.spec.model import model_from_blob
from tests.chain.workshop import easy_dataset
from tests.datasets.samples import stored
from tests.spec import toy_chain as toy
from tests.spec.samples import random_model


def test_what_is_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = random_model(toy.ARCHITECTURE, "made")
    dataset, output = stored(easy_dataset()), tmp_path / "made.bnn"
    tell_made(made, dataset, output, as_json=True, extra={"seconds": 3})
    told = json.loads(capsys.readouterr().out)
    assert model_from_blob(output.read_bytes()) == made
    assert set(told) >= {"train", "evaluation", "seconds", "architecture"}
    assert "reserve" not in told
    assert told["train"]["ppm"] == told["train"]["correct"] * 1_000_000 // told["train"]["images"]
