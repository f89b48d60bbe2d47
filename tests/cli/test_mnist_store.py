# SPDX-License-Identifier: Apache-2.0
"""MNIST in a store: what is here is not fetched again, what is not to be had is said."""

from pathlib import Path

import pytest

from edge_node.cli import mnist_store
from edge_node.cli.mnist_store import stored_mnist
from edge_node.datasets.errors import DatasetError, DatasetUnavailable
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.store import DatasetStore
from tests.chain.workshop import easy_dataset
from tests.cli.typing_in import as_stored


def test_offline_without_a_cache_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DatasetUnavailable, match="cache"):
        stored_mnist(tmp_path / "datasets", offline=True)
    assert not (tmp_path / "datasets" / MNIST_ID.hex()).exists()


def test_files_that_are_not_mnist_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"not an archive")
    with pytest.raises(DatasetError, match=r"mine\.npz"):
        stored_mnist(tmp_path / "datasets", files=tmp_path / "mine.npz")


def test_files_that_are_named_are_looked_at_even_if_mnist_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatasetStore, "is_sound", lambda *_: True)
    (tmp_path / "mine.npz").write_bytes(b"not an archive")
    with pytest.raises(DatasetError, match=r"mine\.npz"):
        stored_mnist(tmp_path / "datasets", files=tmp_path / "mine.npz")
    assert stored_mnist(tmp_path / "datasets")[1] == MNIST_ID


def test_damaged_mnist_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = as_stored(easy_dataset())
    monkeypatch.setattr(mnist_store, "MNIST_ID", small.manifest.dataset_id())
    monkeypatch.setattr(mnist_store, "fetch_mnist", lambda *_: small)
    store, dataset = stored_mnist(tmp_path)
    with (store.folder(dataset) / "train.bin").open("rb+") as file:
        file.write(b"rot!")
    assert not store.is_sound(dataset)
    store, _ = stored_mnist(tmp_path)
    assert store.is_sound(dataset)
