# SPDX-License-Identifier: Apache-2.0
"""`edge-node model found`: what is no model, or no shape for the dataset, leaves no file behind."""

from pathlib import Path

import pytest

from tests.cli.typing_in import alive, typed


def test_without_a_running_node_the_model_waits_for_one(toy_node: Path) -> None:
    blob = toy_node.parent / "best.bnn"
    typed(toy_node, "model", "export", "best", "--format", "blob", "--output", str(blob))
    words = ("model", "found", str(blob), "--dataset", "easy")
    assert "edge-node run" in typed(toy_node, *words).sentence(5)
    (waiting,) = (toy_node / "imports").glob("*.import")
    assert blob.read_bytes() in waiting.read_bytes()


def test_file_that_is_no_model_does_not_wait(toy_node: Path) -> None:
    blob = toy_node.parent / "wrong.bnn"
    blob.write_bytes(b"\x80")
    words = ("model", "found", str(blob), "--dataset", "easy")
    assert "is not a model blob" in typed(toy_node, *words).sentence(6)
    assert not (toy_node / "imports").exists()


@pytest.mark.slow  # a whole node
def test_model_of_the_chain_founds_no_other_family(toy_node: Path) -> None:
    blob = toy_node.parent / "best.bnn"
    typed(toy_node, "model", "export", "best", "--format", "blob", "--output", str(blob))
    with alive(toy_node):
        said = typed(toy_node, "model", "found", str(blob), "--dataset", "easy").sentence(6)
        told = typed(toy_node, "status", "--json").json()
    assert "can found no family here: it is in a block" in said
    assert told["waiting_models"] == 0
    assert not list((toy_node / "imports").glob("*.import"))
