# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge predict`: a device's logits are the law's, and a difference is a no."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_node.cli import bridge_predict
from edge_node.inference.backend import Images, Logits
from edge_node.inference.reference import ReferenceBackend
from edge_node.spec.model import Model
from edge_node_bridge.device import Device
from tests.cli.typing_in import typed
from tests.firmware_bridge.plugged import PluggedBoard, plugged
from tests.spec.toy_data import SIDE


@pytest.fixture
def board() -> Iterator[PluggedBoard]:
    with plugged(SIDE) as made:
        yield made


@pytest.fixture
def ready(toy_node: Path, board: PluggedBoard) -> Path:
    typed(toy_node, "bridge", "push-model", board.port, "best", "--json").json()
    return toy_node


def dataset_of(root: Path) -> str:
    (entry,) = typed(root, "dataset", "list", "--json").json()["datasets"]
    return str(entry["name"])


def test_digest_is_that_of_model_verify(ready: Path, board: PluggedBoard) -> None:
    path, name = ready.parent / "best.bnn", dataset_of(ready)
    typed(ready, "model", "export", "best", "--format", "blob", "--output", str(path))
    verify = ("model", "verify", str(path), "--backend", "reference", "--dataset", name)
    (law,) = typed(ready, *verify, "--limit", "15", "--json").json()["backends"]
    words = ("bridge", "predict", board.port, "--dataset", name, "--limit", "15")
    found = typed(ready, *words, "--json").json()
    assert found["equal"] is True
    for key in ("digest", "correct", "total"):
        assert found[key] == law[key]
    assert "equal to the law's" in typed(ready, *words).out


def test_backend_serial_is_verified_like_any_other(ready: Path, board: PluggedBoard) -> None:
    path, name = ready.parent / "best.bnn", dataset_of(ready)
    typed(ready, "model", "export", "best", "--format", "blob", "--output", str(path))
    model = ("--set", f"bridge.port={board.port}", "model", "verify", str(path))
    verify = (*model, "--dataset", name, "--limit", "15", "--json")
    digests = {
        typed(ready, *verify, "--backend", backend).json()["backends"][0]["digest"]
        for backend in ("reference", "serial")
    }
    assert len(digests) == 1


def test_image_files_are_classified_in_turn(ready: Path, board: PluggedBoard) -> None:
    random, files = np.random.default_rng(1), []
    for number in range(2):
        files.append(ready.parent / f"{number}.png")
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)).save(files[-1])
    words = ("bridge", "predict", board.port, *(f"--image={file}" for file in files))
    found = typed(ready, *words, "--json").json()
    assert found["equal"] is True
    assert [each["file"] for each in found["images"]] == [str(file) for file in files]
    for each in found["images"]:
        assert each["class"] == each["logits"].index(max(each["logits"]))
    assert f"{files[0]}: class {found['images'][0]['class']}" in typed(ready, *words).out


def test_difference_from_the_law_exits_with_1(
    ready: Path, board: PluggedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(model: Model, images: Images) -> Logits:
        return ReferenceBackend().logits(model, images) + 2

    monkeypatch.setattr(bridge_predict, "_by_the_law", off)
    words = ("bridge", "predict", board.port, "--dataset", dataset_of(ready), "--limit", "2")
    seen = typed(ready, *words)
    assert seen.code == 1
    assert "NOT THE LAW'S" in seen.out


def test_what_can_not_be_compared_is_said(
    ready: Path, board: PluggedBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "0.png"
    Image.fromarray(np.zeros((SIDE, SIDE), dtype=np.uint8)).save(file)
    words = ("bridge", "predict", board.port, "--image", str(file))
    elsewhere = tmp_path / "elsewhere"
    assert typed(elsewhere, *words, "--json").json()["equal"] is None
    assert "compared with nothing" in typed(elsewhere, *words).out
    other = typed(ready, "model", "list", "--json").json()["models"][0]["model"]
    path = tmp_path / "other.bnn"
    typed(ready, "model", "export", other, "--format", "blob", "--output", str(path))
    typed(ready, "bridge", "push-model", board.port, "--json").json()
    monkeypatch.setattr(Device, "infer", lambda *_: pytest.fail("it is told before any image"))
    assert "push the file first" in typed(ready, *words, "--file", str(path)).sentence(3)


def test_device_without_a_model_or_without_images(toy_node: Path, board: PluggedBoard) -> None:
    words = ("bridge", "predict", board.port)
    told = typed(toy_node, *words, "--dataset", dataset_of(toy_node)).sentence(3)
    assert "edge-node bridge push-model" in told
    assert "--dataset" in typed(toy_node, *words).sentence(2)
