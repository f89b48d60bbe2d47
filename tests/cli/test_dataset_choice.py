# SPDX-License-Identifier: Apache-2.0
"""Which dataset a user means, by name, id or its beginning: one, or a sentence."""

from pathlib import Path

import pytest

from edge_node.cli.dataset_choice import (
    DatasetAmbiguous,
    DatasetIdMalformed,
    DatasetNotHere,
    DatasetNotOnChain,
    choose_dataset,
    choose_on_chain,
    parse_dataset_id,
)
from edge_node.datasets.store import DatasetStore
from edge_node.spec.validation import first_state
from tests.chain.workshop import easy_dataset, easy_network
from tests.datasets.samples import random_dataset


def test_id_of_64_digits() -> None:
    assert parse_dataset_id("ab" * 32) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "mnist", "ab", "ab" * 33])
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(DatasetIdMalformed, match="dataset list"):
        parse_dataset_id(text)


def test_name_id_or_its_beginning_in_any_case(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path)
    dataset_id = store.add(random_dataset(side=8))
    for text in ("made-up", dataset_id.hex(), dataset_id.hex()[:12], dataset_id.hex()[:4].upper()):
        assert choose_dataset(store, text) == dataset_id


@pytest.mark.parametrize("text", ["", "made", "00", "xyzw"])
def test_what_is_not_here_is_said(tmp_path: Path, text: str) -> None:
    store = DatasetStore(tmp_path)
    with pytest.raises(DatasetNotHere, match="see `edge-node dataset list`"):
        choose_dataset(store, text)
    store.add(random_dataset(side=8))
    with pytest.raises(DatasetNotHere):
        choose_dataset(store, text)


def test_two_of_one_name_are_told_apart_by_id(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path)
    ids = [store.add(random_dataset(side=side)) for side in (8, 9)]
    with pytest.raises(DatasetAmbiguous) as raised:
        choose_dataset(store, "made-up")
    assert all(each.hex() in str(raised.value) for each in ids)
    assert [choose_dataset(store, each.hex()) for each in ids] == ids


def test_dataset_of_the_chain_by_name_or_id() -> None:
    state, easy = first_state(easy_network().genesis), easy_dataset().dataset_id
    for text in ("easy", easy.hex(), easy.hex()[:6].upper()):
        assert choose_on_chain(state, text) == easy
    for text in ("", "hard", "00"):
        with pytest.raises(DatasetNotOnChain, match="see `edge-node market`"):
            choose_on_chain(state, text)
