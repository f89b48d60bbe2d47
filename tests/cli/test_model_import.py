# SPDX-License-Identifier: Apache-2.0
"""`edge-node model import` on the toy node's dataset: a blob and its accuracy, or a sentence."""

from pathlib import Path

import numpy as np
import pytest

from edge_node.node.model_archive import model_archive
from edge_node.spec.evaluation import count_correct, slice_images
from edge_node.spec.model import model_from_blob
from tests.chain.workshop import easy_dataset
from tests.cli.typing_in import typed


@pytest.fixture
def archive(toy_node: Path) -> Path:
    """Return the toy chain's best model as an archive."""
    blob, path = toy_node.parent / "best.bnn", toy_node.parent / "best.npz"
    typed(toy_node, "model", "export", "best", "--format", "blob", "--output", str(blob))
    path.write_bytes(model_archive(model_from_blob(blob.read_bytes())))
    return path


def test_blob_is_the_model_and_accuracy_the_laws(toy_node: Path, archive: Path) -> None:
    output = toy_node.parent / "imported.bnn"
    words = ("model", "import", str(archive), "--dataset", "easy", "--output", str(output))
    told = typed(toy_node, *words, "--json").json()
    assert output.read_bytes() == archive.with_name("best.bnn").read_bytes()
    model = model_from_blob(output.read_bytes())
    train, evaluation, _ = easy_dataset().splits
    assert told["model"] == model.model_hash().hex()
    assert told["dataset"] == easy_dataset().dataset_id.hex()
    for name, split in (("train", train), ("evaluation", evaluation)):
        images = slice_images(model.architecture, split.images)
        assert told[name]["correct"] == count_correct(model, images, split.labels)
        assert told[name]["images"] == len(split.labels)
    shown = typed(toy_node, *words).out
    assert told["model"] in shown
    assert "evaluation" in shown


def test_output_named_npz_is_an_archive_again(toy_node: Path, archive: Path) -> None:
    output = toy_node.parent / "again.npz"
    words = ("model", "import", str(archive), "--dataset", "easy", "--output", str(output))
    assert typed(toy_node, *words, "--json").json()["bytes"] == output.stat().st_size
    with np.load(output) as again, np.load(archive) as first:
        assert {name: again[name].tolist() for name in again} == {
            name: first[name].tolist() for name in first
        }


def test_file_that_is_no_model_writes_nothing(toy_node: Path) -> None:
    path, output = toy_node.parent / "wrong.npz", toy_node.parent / "out.bnn"
    words = ("model", "import", str(path), "--dataset", "easy", "--output", str(output))
    np.savez(path, architecture=np.array("8bit:conv2-dense3"), kernel_0=np.zeros((9, 2)))
    assert "kernel_1 must be there, not missing" in typed(toy_node, *words).sentence(3)
    np.savez(path, architecture=np.array("8bit:conv2k9-dense3"))
    assert "R-4: " in typed(toy_node, *words).sentence(6)
    path.write_bytes(b"no archive")
    assert "must begin with PK" in typed(toy_node, *words).sentence(3)
    words = (*words[:4], "unknown", *words[5:])
    assert "edge-node dataset list" in typed(toy_node, *words).sentence(7)
    assert not output.exists()


def test_help_documents_every_array(toy_node: Path) -> None:
    shown = typed(toy_node, "model", "import", "--help").out
    assert all(name in shown for name in ("architecture", "kernel_0", "threshold_0", "numpy.savez"))
