# SPDX-License-Identifier: Apache-2.0
"""`edge-node model` on a small real chain: models listed, shown, exported, or a sentence."""

from pathlib import Path

import pytest

from edge_node.spec.model import model_from_blob
from tests.cli.typing_in import HEIGHT, typed


def test_models_are_listed_by_height(toy_node: Path) -> None:
    models = typed(toy_node, "model", "list", "--json").json()["models"]
    assert [each["height"] for each in models] == [*range(1, HEIGHT + 1)]
    shown = typed(toy_node, "model", "list").out
    assert all(each["model"][:12] in shown for each in models)


def test_best_is_the_one_with_most_correct_images(toy_node: Path) -> None:
    models = typed(toy_node, "model", "list", "--json").json()["models"]
    best = typed(toy_node, "model", "show", "best", "--json").json()
    (entry,) = [each for each in models if each["model"] == best["model"]]
    assert entry["correct"] == max(each["correct"] for each in models)
    assert sum(layer["weights"] for layer in best["layers"]) == best["weights"]
    shown = typed(toy_node, "model", "show", best["model"][:10].upper()).out
    assert best["model"] in shown
    assert f"{best['weights']} weights" in shown


@pytest.mark.parametrize("kind", ["blob", "c", "tflite"])
def test_export_writes_the_file_that_it_names(toy_node: Path, kind: str) -> None:
    path = toy_node.parent / f"best.{kind}"
    words = ("model", "export", "best", "--format", kind, "--output", str(path))
    made = typed(toy_node, *words, "--json").json()
    assert (made["file"], made["bytes"]) == (str(path), path.stat().st_size)
    if kind == "blob":
        assert model_from_blob(path.read_bytes()).model_hash().hex() == made["model"]
    assert typed(toy_node, *words).out == f"{path}: {made['bytes']} bytes\n"


def test_model_that_is_not_there_or_not_one(toy_node: Path) -> None:
    assert "edge-node model list" in typed(toy_node, "model", "show", "xyz").sentence(1)
    assert "give more digits" in typed(toy_node, "model", "show", "").sentence(1)


def test_file_that_can_not_be_written(toy_node: Path) -> None:
    missing = toy_node / "none" / "x"
    words = ("model", "export", "best", "--format", "blob", "--output", str(missing))
    assert str(missing) in typed(toy_node, *words).sentence(3)
