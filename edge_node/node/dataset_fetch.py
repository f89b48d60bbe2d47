# SPDX-License-Identifier: Apache-2.0
"""Fetching datasets from peers, the chain's and a user's: table first, then missing chunks.

Every node has the chain's datasets. Others travel beside it: who has published one offers it, and
a user asks for it by its id (`edge-node dataset fetch`).
Law of the file: what is on the disk already is never asked for again; a dataset counts as here only
when it is whole and has its hashes. What the disk has damaged is thrown away and asked for.
Read next: edge_node/datasets/store.py.
"""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge_node.chain.importer import Importer
from edge_node.datasets.chunk_table import chunk_table_from_bytes
from edge_node.datasets.errors import (
    DatasetError,
    DatasetUnavailable,
    StoreCorrupt,
    StoreNotWritable,
)
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.limits import MAX_DATASET_JOBS
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

ASK_AGAIN_MS = 1_000
"""Pause before a dataset of the chain that nobody gave is asked for again."""
DISK_RETRY_MS = 30_000
"""Pause after the disk took no more of a dataset of the chain: room is made by people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchProgress:
    """How far the fetch of a dataset that a user asked for has come."""

    chunks: int
    """How many it has; 0 until its table is here."""
    missing: int
    """How many are not here."""
    complete: bool
    """Whether all of it is here."""


class DatasetFetch:
    """Keeps asking until every dataset of the chain is here, and those that a user wants.

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
        self._waiting: deque[DatasetId] = deque()  # those not asked for yet
        self._paused: dict[DatasetId, int] = {}  # of the missing, and when each is asked for again
        self._asked: set[DatasetId] = set()
        self._failed: dict[DatasetId, DatasetError] = {}

    @property
    def complete(self) -> bool:
        """True once every dataset of the chain is here."""
        return not self._missing

    def start(self, now_ms: int) -> list[Action]:
        """Offer what is here and want what is not, or is damaged."""
        chain = self._importer.head.datasets
        self._missing = {each for each in chain if not self._check_and_repair(each)}
        published = set(self._datasets.published()) - set(chain)
        self._asked = {each for each in published if not self._check_and_repair(each)}
        for dataset in sorted(self._missing) + sorted(self._asked):
            _LOG.info("dataset %s is not here: asking peers", dataset.hex()[:8])
            self._waiting.append(dataset)
        return self.offer(now_ms) + self._begin(now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Ask again for datasets of the chain whose pause is over."""
        due = sorted(each for each, at_ms in self._paused.items() if now_ms >= at_ms)
        for dataset in due:
            del self._paused[dataset]
            self._waiting.append(dataset)
        return self._begin(now_ms) if due else []

    def check(self, now_ms: int) -> list[Action]:
        """Look at the chain's datasets anew, because one of them may not be readable any longer."""
        here = set(self._importer.head.datasets) - self._missing
        return self._want_again([each for each in here if not self._check_and_repair(each)], now_ms)

    def ask(self, dataset: DatasetId, now_ms: int) -> list[Action]:
        """Begin to fetch a dataset that a user wants, unless it is on its way or here.

        Raises
        ------
        DatasetError
            What ended the fetch that was asked for last time.
        """
        if dataset in self._failed:
            raise self._failed.pop(dataset)
        under_way = self._missing | self._asked
        if dataset in under_way and self._datasets.is_sound(dataset):
            # The user has put it here meanwhile.
            return [*self._take_whole(dataset, now_ms)]
        if dataset in under_way or self._check_and_repair(dataset):
            return []
        if dataset in self._importer.head.datasets:
            return self._want_again([dataset], now_ms)
        if len(under_way) >= MAX_DATASET_JOBS:
            raise DatasetUnavailable(
                name=f"dataset {dataset.hex()}",
                tried=[f"{len(under_way)} datasets are on their way to this node"],
                advice="wait until one of them is here",
            )
        self._asked.add(dataset)
        return self._gossip.want_manifest(dataset, now_ms)

    def progress(self, dataset: DatasetId) -> FetchProgress:
        """Return how much of a dataset is here."""
        try:
            chunks = len(self._datasets.table(dataset).flat_hashes)
            missing = len(self._datasets.missing_chunks(dataset))
        except DatasetError:
            return FetchProgress(chunks=0, missing=0, complete=False)
        return FetchProgress(chunks=chunks, missing=missing, complete=missing == 0)

    def offer(self, now_ms: int) -> list[Action]:
        """Offer what is here of the chain's datasets, and what a user has published."""
        chain = self._importer.head.datasets
        here = sorted(each for each in chain if each not in self._missing)
        here += [each for each in self._datasets.published() if each not in chain]
        offers = tuple(
            Offer(dataset_id=each, total_bytes=self._datasets.table(each).manifest.total_bytes)
            for each in here
        )
        return self._gossip.offer_datasets(offers, now_ms)

    def handle(
        self, event: ObjectReceived | ChunkReceived | DatasetComplete | FetchFailed, now_ms: int
    ) -> Iterable[Action]:
        """Take a table or a chunk, or that nobody gave one."""
        if isinstance(event, (ObjectReceived, FetchFailed)):
            dataset = DatasetId(event.digest)
        else:
            dataset = event.dataset_id
        if dataset in self._paused:
            return ()  # what was on its way when the pause began
        try:
            if isinstance(event, FetchFailed):
                return self._ask_again(event, now_ms)
            if isinstance(event, ObjectReceived):
                return self._take_table(event, now_ms)
            if isinstance(event, ChunkReceived):
                place = self._datasets.table(dataset).locate(event.index)
                self._datasets.put_chunk(dataset, *place, event.data)
            if dataset in self._missing | self._asked and self._datasets.has(dataset):
                return self._take_whole(dataset, now_ms)
        except (DatasetError, InvalidInput) as error:
            _LOG.warning("%s", error)
            if isinstance(error, StoreNotWritable):
                return self._fail(dataset, error, now_ms, pause_ms=DISK_RETRY_MS)
        return ()

    def _take_whole(self, dataset: DatasetId, now_ms: int) -> Iterable[Action]:
        if not self._check_and_repair(dataset):
            # Only its table had come anew, and what lay beside it was damaged as well.
            repaired = not self._datasets.has(dataset)
            return self._gossip.want_manifest(dataset, now_ms) if repaired else ()
        self._missing.discard(dataset)
        self._asked.discard(dataset)
        if dataset in self._waiting:
            self._waiting.remove(dataset)
        self._paused.pop(dataset, None)
        _LOG.info("dataset %s is complete", dataset.hex()[:8])
        return self.offer(now_ms) + self._begin(now_ms)

    def _want_again(self, lost: list[DatasetId], now_ms: int) -> list[Action]:
        """Want datasets of the chain that were here."""
        if not lost:
            return []
        self._missing.update(lost)
        self._waiting.extend(sorted(lost))
        return self.offer(now_ms) + self._begin(now_ms)

    def _check_and_repair(self, dataset: DatasetId) -> bool:
        """Say whether a dataset is here as it must be; what is damaged of it is thrown away."""
        if not self._datasets.has(dataset):
            return False
        try:
            self._datasets.check(dataset)
        except StoreCorrupt as error:
            self._repair(dataset, error)
            return False
        return True

    def _repair(self, dataset: DatasetId, damage: StoreCorrupt) -> None:
        name = dataset.hex()[:8]
        try:
            count = len(self._datasets.repair(dataset))
        except DatasetError as error:
            _LOG.error("dataset %s is damaged and stays so: %s", name, error)
        else:
            what = f"{damage.path}: {damage.what}"
            _LOG.warning("dataset %s is damaged (%s); fetching %d chunks anew", name, what, count)

    def _begin(self, now_ms: int) -> list[Action]:
        """Ask for missing datasets, as many as gossip fetches at once."""
        actions: list[Action] = []
        under_way = len(self._missing | self._asked) - len(self._waiting) - len(self._paused)
        for _ in range(min(len(self._waiting), MAX_DATASET_JOBS - under_way)):
            actions += self._gossip.want_manifest(self._waiting.popleft(), now_ms)
        return actions

    def _ask_again(self, event: FetchFailed, now_ms: int) -> Iterable[Action]:
        dataset = DatasetId(event.digest)
        if event.kind is ObjectKind.MANIFEST:
            tried = "no node that is online offers it"
            advice = "run `edge-node dataset publish` where it is, and keep that node running"
        elif event.kind is ObjectKind.DATASET:
            tried = "it has more chunks than a node fetches, or too many others are on their way"
            advice = "wait until one of the others is here"
        else:
            return ()
        error = DatasetUnavailable(name=f"dataset {dataset.hex()}", tried=[tried], advice=advice)
        # Whoever has it may not be here yet.
        return self._fail(dataset, error, now_ms, pause_ms=ASK_AGAIN_MS)

    def _fail(
        self, dataset: DatasetId, error: DatasetError, now_ms: int, *, pause_ms: int
    ) -> list[Action]:
        """Pause with one of the chain, which is never given up; keep for the user why one fails."""
        if dataset in self._missing:
            self._paused[dataset] = now_ms + pause_ms
        elif dataset in self._asked:
            self._asked.discard(dataset)
            self._failed[dataset] = error
        self._gossip.forget_dataset(dataset)
        return self._begin(now_ms)

    def _take_table(self, event: ObjectReceived, now_ms: int) -> Iterable[Action]:
        if event.kind is not ObjectKind.MANIFEST:
            return ()
        table = chunk_table_from_bytes(event.data)
        self._datasets.begin(table)
        return self._gossip.want_dataset(table.dataset_id, table.flat_hashes, now_ms)
