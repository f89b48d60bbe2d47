# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset`: import, list, publish, and what fetch says without a network."""

from pathlib import Path

import pytest

from edge_node.datasets.errors import DatasetUnknown
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName
from tests.acceptance.running import toy_images
from tests.chain.workshop import easy_dataset
from tests.cli.typing_in import alive, typed

EASY = easy_dataset().dataset_id.hex()


@pytest.fixture
def images(tmp_path: Path) -> str:
    path = tmp_path / "toy.npz"
    toy_images(path)
    return str(path)


def test_import_tells_the_id_and_the_next_step(tmp_path: Path, images: str) -> None:
    words = ("dataset", "import", images, "--format", "npz", "--name", "toy")
    made = typed(tmp_path / "n", *words, "--json").json()
    assert made["images"] == {"train": 1_200, "evaluation": 400, "reserve": 400}
    shown = typed(tmp_path / "n", *words).out
    assert f"edge-node init --dataset {made['dataset']}" in shown
    assert "toy" in typed(tmp_path / "n", "dataset", "list").out


def test_next_step_beside_a_node_names_both_directories(toy_node: Path, images: str) -> None:
    words = ("dataset", "import", images, "--format", "npz", "--name", "toy")
    shown = typed(toy_node, *words).out
    assert "edge-node --data-dir ANOTHER init --dataset" in shown
    assert f"--dataset-from {toy_node}" in shown


def test_import_of_what_can_not_be_one(tmp_path: Path, images: str) -> None:
    words = ("dataset", "import", images, "--format")
    assert typed(tmp_path / "n", *words, "idx", "--name", "x").code == 7
    shares = ("--evaluation", "60", "--reserve", "40")
    refused = typed(tmp_path / "n", *words, "npz", "--name", "x", *shares)
    assert "choose smaller shares" in refused.sentence(7)
    assert typed(tmp_path / "n", *words, "npz", "--name", "x", "--reserve", "0").code == 2
    for seed in (-1, 2**64):
        assert typed(tmp_path / "n", *words, "npz", "--name", "x", f"--seed={seed}").code == 2
    (tmp_path / "file").write_text("")
    blocked = typed(tmp_path / "file", *words, "npz", "--name", "x")
    assert "can not be written" in blocked.sentence(7)


def test_list_is_whole_in_80_columns_or_says_what_to_do(toy_node: Path, tmp_path: Path) -> None:
    shown = typed(toy_node, "dataset", "list").out
    assert max(map(len, shown.splitlines())) <= 80
    assert EASY[:12] in shown
    assert "edge-node dataset fetch mnist" in typed(tmp_path / "none", "dataset", "list").out
    assert typed(tmp_path / "none", "dataset", "list", "--json").json() == {"datasets": []}


def test_list_tells_what_has_a_sealed_reserve(toy_node: Path) -> None:
    (listed,) = typed(toy_node, "dataset", "list", "--json").json()["datasets"]
    assert not listed["sealed"]
    store = DatasetStore(toy_node / "datasets")
    store.discard_split(easy_dataset().dataset_id, SplitName.RESERVE)
    (listed,) = typed(toy_node, "dataset", "list", "--json").json()["datasets"]
    assert listed["sealed"]
    assert "sealed" in typed(toy_node, "dataset", "list").out
    assert "edge-node dataset list" in typed(toy_node, "dataset", "publish", "easy").sentence(7)


def test_publish_lasts_and_is_offered_by_the_node_that_runs(toy_node: Path) -> None:
    told = typed(toy_node, "dataset", "publish", "easy", "--json").json()
    assert told["fetch"] == f"edge-node dataset fetch {EASY}"
    assert (told["published"], told["offered"]) == (True, False)
    (listed,) = typed(toy_node, "dataset", "list", "--json").json()["datasets"]
    assert (listed["dataset"], listed["published"]) == (EASY, True)
    assert "start this node" in typed(toy_node, "dataset", "publish", EASY[:10]).out
    with alive(toy_node):
        shown = typed(toy_node, "dataset", "publish", "easy").out
        assert "start this node" not in shown
        assert f"\n    edge-node dataset fetch {EASY}\n" in shown


def test_only_what_is_here_can_be_published(toy_node: Path) -> None:
    assert "edge-node dataset list" in typed(toy_node, "dataset", "publish", "x").sentence(7)
    store, unknown = DatasetStore(toy_node / "datasets"), DatasetId(Hash32(bytes(32)))
    with pytest.raises(DatasetUnknown):
        store.publish(unknown)
    assert store.published() == []


def test_damaged_dataset_is_not_published(toy_node: Path) -> None:
    folder = toy_node / "datasets" / EASY
    path = folder / "train.bin"
    path.write_bytes(bytes(path.stat().st_size))
    (folder / "train.verified").unlink(missing_ok=True)
    assert "is corrupt" in typed(toy_node, "dataset", "publish", "easy").sentence(7)
    assert DatasetStore(toy_node / "datasets").published() == []


def test_fetch_of_what_is_here_needs_no_node(toy_node: Path) -> None:
    assert typed(toy_node, "dataset", "fetch", EASY, "--json").json()["name"] == "easy"


def test_fetch_of_what_is_damaged_here_needs_one(toy_node: Path) -> None:
    with (toy_node / "datasets" / EASY / "train.bin").open("rb+") as file:
        file.write(b"rot!")
    assert "edge-node run" in typed(toy_node, "dataset", "fetch", EASY).sentence(5)


def test_fetch_that_can_not_begin(toy_node: Path, tmp_path: Path) -> None:
    other = "ab" * 32
    assert "edge-node run" in typed(toy_node, "dataset", "fetch", other).sentence(5)
    assert "64 hex digits" in typed(toy_node, "dataset", "fetch", "fashion").sentence(7)
    assert typed(toy_node, "dataset", "fetch", other, "--offline").code == 2
    offline = typed(tmp_path / "n", "dataset", "fetch", "mnist", "--offline")
    assert "cache" in offline.sentence(7)


@pytest.mark.slow
def test_fetch_of_what_nobody_offers_says_what_to_do_there(toy_node: Path) -> None:
    with alive(toy_node):
        refused = typed(toy_node, "dataset", "fetch", "ab" * 32).sentence(7)
    assert "edge-node dataset publish" in refused
