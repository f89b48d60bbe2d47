# SPDX-License-Identifier: Apache-2.0
"""Data directories of a toy network on which a trainer has uploaded a dataset (toy_market.py)."""

from pathlib import Path

from edge_node.datasets.content import Dataset
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.types import DatasetId
from tests.chain.workshop import opened, take
from tests.node.rig import stored
from tests.spec import toy_market
from tests.spec.toy_chain import Miner, ToyChain, toy_dataset

UPLOADED: Dataset = stored(toy_market.UPLOADED)
UPLOADED_ID: DatasetId = UPLOADED.manifest.dataset_id()
OF_GENESIS: Dataset = stored(toy_dataset())


def without_reserve(store: DatasetStore, dataset: Dataset) -> DatasetId:
    """Store what a node has of a dataset whose reserve is sealed."""
    whole = DatasetStore(store.folder(dataset.manifest.dataset_id()).parent / "whole")
    dataset_id = whole.add(dataset)
    store.begin(whole.table(dataset_id))
    for name, index in whole.missing_chunks(dataset_id) or store.missing_chunks(dataset_id):
        data = whole.chunk(dataset_id, name, index)
        if name in JUDGING and data is not None:
            store.put_chunk(dataset_id, name, index, data)
    whole.discard(dataset_id)
    return dataset_id


def market_node(root: Path, chain: ToyChain, who: Miner, *, sealed: bool = False) -> Path:
    """Make a data directory with a chain of toy_market, both datasets and somebody's key."""
    directory, network = DataDirectory(root), toy_market.network()
    directory.initialise(network.genesis, who.seed)
    datasets = DatasetStore(directory.datasets)
    datasets.add(OF_GENESIS)
    if sealed:
        without_reserve(datasets, UPLOADED)
    else:
        datasets.add(UPLOADED)
    with opened(directory.chain, network) as importer:
        for mined in chain.mined:
            take(importer, mined)
    return root
