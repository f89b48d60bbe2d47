# SPDX-License-Identifier: Apache-2.0
"""`--dataset` opens what the data directory has; a published one is looked for elsewhere too."""

from pathlib import Path

import pytest

from edge_node.cli.dataset_choice import DatasetNotHere
from edge_node.cli.dataset_opening import opened_dataset
from edge_node.cli.session import Session
from edge_node.datasets.errors import DatasetUnavailable
from edge_node.datasets.store import DatasetStore
from edge_node.spec.dataset import SplitName
from tests.chain.workshop import easy_dataset


def test_name_and_id_open_the_same(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    wanted = easy_dataset()
    for name in ("easy", wanted.dataset_id.hex()[:8]):
        found = opened_dataset(session, name, offline=True)
        assert found.manifest == wanted.manifest
    with pytest.raises(DatasetNotHere):
        opened_dataset(session, "hard", offline=True)


def test_sealed_one_opens_with_no_image_in_its_reserve(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    store, dataset = DatasetStore(toy_node / "datasets"), easy_dataset().dataset_id
    store.discard_split(dataset, SplitName.RESERVE)
    found = opened_dataset(session, "easy", offline=True)
    assert len(found[SplitName.EVALUATION]) > len(found[SplitName.RESERVE]) == 0


def test_published_one_is_not_fetched_offline(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    with pytest.raises(DatasetUnavailable):
        opened_dataset(session, "mnist", offline=True)
