# SPDX-License-Identifier: Apache-2.0
"""Data directories of a toy network on which a trainer has uploaded a dataset (toy_market.py)."""

from pathlib import Path

from edge_node.datasets.chunk_table import ChunkTable
from edge_node.datasets.content import Dataset, ImageShape, Samples, name_dataset, split_chunks
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName, chunk_hash
from tests.chain.workshop import opened, take
from tests.datasets.samples import stored
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
    for name, index in store.missing_chunks(dataset_id):
        data = whole.chunk(dataset_id, name, index)
        if name in JUDGING and data is not None:
            store.put_chunk(dataset_id, name, index, data)
    whole.discard(dataset_id)
    return dataset_id


def market_node(
    root: Path, chain: ToyChain, who: Miner, *, uploaded: bool = True, blocks: int | None = None
) -> Path:
    """Make a data directory with a chain of toy_market, its datasets and somebody's key."""
    directory, network = DataDirectory(root), toy_market.network()
    directory.initialise(network.genesis, who.seed)
    datasets = DatasetStore(directory.datasets)
    datasets.add(OF_GENESIS)
    if uploaded:
        datasets.add(UPLOADED)
    with opened(directory.chain, network) as importer:
        for mined in chain.mined[:blocks]:
            take(importer, mined)
    return root


def with_bad_label(dataset: Dataset, name: SplitName) -> Dataset:
    """Return a dataset whose manifest commits to a label that is none of its classes."""
    splits = list(dataset.splits)
    labels = splits[name].labels.copy()
    labels[-1] = dataset.manifest.classes
    splits[name] = Samples(images=splits[name].images, labels=labels)
    train, evaluation, reserve = splits
    m = dataset.manifest
    shape = ImageShape(height=m.height, width=m.width, channels=m.channels)
    return name_dataset(m.name, shape, m.classes, (train, evaluation, reserve))


def store_unchecked(store: DatasetStore, dataset: Dataset) -> DatasetId:
    """Store a dataset chunk by chunk, as one comes from peers: nobody looks at its labels."""
    train, evaluation, reserve = (
        tuple(chunk_hash(chunk) for chunk in split_chunks(samples)) for samples in dataset.splits
    )
    store.begin(ChunkTable(manifest=dataset.manifest, hashes=(train, evaluation, reserve)))
    dataset_id = dataset.manifest.dataset_id()
    for name in SplitName:
        for index, data in enumerate(split_chunks(dataset[name])):
            store.put_chunk(dataset_id, name, index, data)
    return dataset_id
