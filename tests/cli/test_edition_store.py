# SPDX-License-Identifier: Apache-2.0
"""A published dataset in a store: what is here is not fetched again, what is nowhere is said."""

from pathlib import Path

import pytest

from edge_node.cli import edition_store
from edge_node.cli.edition_store import stored_edition, stored_mnist
from edge_node.datasets.errors import DatasetError, DatasetUnavailable
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.store import DatasetStore
from tests.datasets.samples import small_edition


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
    edition, parts = small_edition()
    monkeypatch.setattr(edition_store, "fetch_edition", lambda *_: edition.dataset(parts))
    store, dataset = stored_edition(edition, tmp_path)
    with (store.folder(dataset) / "train.bin").open("rb+") as file:
        file.write(b"rot!")
    assert not store.is_sound(dataset)
    store, _ = stored_edition(edition, tmp_path)
    assert store.is_sound(dataset)
