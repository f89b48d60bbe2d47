# SPDX-License-Identifier: Apache-2.0
"""Fetching the chain's datasets from peers: table first, then the chunks that are missing.

Law of the file: what is on the disk already is never asked for again; a dataset counts as here only
when its store says that it is whole.
Read next: edge_node/datasets/store.py.
"""

import logging
from collections.abc import Iterable

from edge_node.chain.importer import Importer
from edge_node.datasets.chunk_table import chunk_table_from_bytes
from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.messages import ObjectKind, Offer
from edge_node.gossip.ports import (
    Action,
    ChunkReceived,
    DatasetComplete,
    FetchFailed,
    ObjectReceived,
)
from edge_node.gossip.protocol import Gossip
from edge_node.primitives.types import DatasetId
from edge_node.spec.errors import InvalidInput

_LOG = logging.getLogger(__name__)


class DatasetFetch:
    """Keeps asking until every dataset of the chain is here.

    Parameters
    ----------
    importer : Importer
    datasets : DatasetStore
    gossip : Gossip
    """

    def __init__(self, importer: Importer, datasets: DatasetStore, gossip: Gossip) -> None:
        self._importer = importer
        self._datasets = datasets
        self._gossip = gossip
        self._missing: set[DatasetId] = set()

    @property
    def complete(self) -> bool:
        """True once every dataset of the chain is here."""
        return not self._missing

    def start(self, now_ms: int) -> list[Action]:
        """Offer what is here and want what is not."""
        wanted = self._importer.head.datasets
        self._missing = {each for each in wanted if not self._datasets.has(each)}
        actions = self._offer(now_ms)
        for dataset in sorted(self._missing):
            _LOG.info("dataset %s is not here: asking peers", dataset.hex()[:8])
            actions += self._gossip.want_manifest(dataset, now_ms)
        return actions

    def handle(
        self, event: ObjectReceived | ChunkReceived | DatasetComplete | FetchFailed, now_ms: int
    ) -> Iterable[Action]:
        """Take a table or a chunk, or that nobody gave one."""
        try:
            if isinstance(event, FetchFailed):
                return self._ask_again(event, now_ms)
            if isinstance(event, ObjectReceived):
                return self._take_table(event, now_ms)
            if isinstance(event, ChunkReceived):
                table = self._datasets.table(event.dataset_id)
                self._datasets.put_chunk(event.dataset_id, *table.locate(event.index), event.data)
            if event.dataset_id in self._missing and self._datasets.has(event.dataset_id):
                self._missing.discard(event.dataset_id)
                _LOG.info("dataset %s is complete", event.dataset_id.hex()[:8])
                return self._offer(now_ms)
        except (DatasetError, InvalidInput) as error:
            _LOG.warning("%s", error)
        return ()

    def _ask_again(self, event: FetchFailed, now_ms: int) -> Iterable[Action]:
        # Whoever has it may not be here yet; gossip pauses between its rounds.
        dataset = DatasetId(event.digest)
        if event.kind is ObjectKind.MANIFEST and dataset in self._missing:
            return self._gossip.want_manifest(dataset, now_ms)
        return ()

    def _take_table(self, event: ObjectReceived, now_ms: int) -> Iterable[Action]:
        if event.kind is not ObjectKind.MANIFEST:
            return ()
        table = chunk_table_from_bytes(event.data)
        self._datasets.begin(table)
        return self._gossip.want_dataset(table.dataset_id, table.flat_hashes, now_ms)

    def _offer(self, now_ms: int) -> list[Action]:
        offers = tuple(
            Offer(
                dataset_id=dataset,
                total_bytes=self._importer.head.datasets[dataset].manifest.total_bytes,
            )
            for dataset in sorted(self._importer.head.datasets)
            if dataset not in self._missing
        )
        return self._gossip.offer_datasets(offers, now_ms)
