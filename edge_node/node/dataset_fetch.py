# SPDX-License-Identifier: Apache-2.0
"""Fetching datasets from peers, the chain's and a user's: table first, then missing chunks.

Every node has the chain's datasets, uploaded ones without their reserve until it is revealed
(reserves.py). Others travel beside it: who has published one offers it, and a user asks for it by
its id (`edge-node dataset fetch`).
Law of the file: what is on the disk already is never asked for again; a dataset counts as here only
when it is whole and has its hashes. What the disk has damaged is thrown away and asked for.
Read next: edge_node/datasets/store.py.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from edge_node.chain.importer import Importer
from edge_node.datasets.chunk_table import chunk_table_from_bytes
from edge_node.datasets.errors import (
    DatasetError,
    DatasetUnavailable,
    StoreCorrupt,
    StoreNotWritable,
)
from edge_node.datasets.store import JUDGING, WHOLE, DatasetStore
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
from edge_node.node.limits import MAX_UPLOAD_BYTES
from edge_node.node.reserves import is_needed, is_sealed, wanted_splits
from edge_node.primitives.counting import counted
from edge_node.primitives.types import BlockHash, DatasetId
from edge_node.spec.constants import MAX_DATASETS
from edge_node.spec.dataset import ContentMismatch, SplitName
from edge_node.spec.errors import InvalidInput

_LOG = logging.getLogger(__name__)

ASK_AGAIN_MS = 1_000
"""Pause before a dataset of the chain that nobody gave is asked for again."""
STALL_MS = 60_000
"""A dataset of which nothing came for so long makes room for another that waits."""
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
    max_bytes : int
        Size of an uploaded dataset above which it is fetched only once it is needed.
    """

    def __init__(
        self,
        importer: Importer,
        datasets: DatasetStore,
        gossip: Gossip,
        max_bytes: int = MAX_UPLOAD_BYTES,
    ) -> None:
        self._importer = importer
        self._datasets = datasets
        self._gossip = gossip
        self._max_bytes = max_bytes
        self._followed: BlockHash | None = None
        self._wanted: dict[DatasetId, tuple[SplitName, ...]] = {}  # by the head and by blocks
        self._needed: set[DatasetId] = set()  # of the wanted, by the head
        self._by_blocks: dict[DatasetId, tuple[SplitName, ...]] = {}  # of branches, mostly
        self._refused: set[DatasetId] = set()
        self._unfit: dict[DatasetId, set[SplitName]] = {}  # those with a label that is no class
        self._offered: tuple[DatasetId, ...] = ()
        self._missing: set[DatasetId] = set()
        self._waiting: deque[DatasetId] = deque()  # those not asked for yet
        self._paused: dict[DatasetId, int] = {}  # of the missing, and when each is asked for again
        self._heard_ms: dict[DatasetId, int] = {}  # when each was begun, or something of it came
        self._asked: set[DatasetId] = set()
        self._failed: dict[DatasetId, DatasetError] = {}

    @property
    def complete(self) -> bool:
        """True once all is here that the next blocks on the head are judged by."""
        unfit = {each for each, splits in self._unfit.items() if splits & {*JUDGING}}
        return not (self._missing | unfit) & self._needed

    @property
    def missing(self) -> AbstractSet[DatasetId]:
        """The chain's datasets of which something that is wanted is not here."""
        return self._missing

    def start(self, now_ms: int) -> list[Action]:
        """Offer what is here and want what is not, or is damaged."""
        chain = self._importer.head.datasets
        self._want_what_the_head_wants()
        self._missing = {each for each in self._wanted if self._is_lost(each)}
        published = set(self._datasets.published()) - set(chain)
        self._asked = {each for each in published if not self._check_and_repair(each, WHOLE)}
        for dataset in sorted(self._missing) + sorted(self._asked):
            _LOG.info("dataset %s is not here: asking peers", dataset.hex()[:8])
            self._waiting.append(dataset)
        return self.offer(now_ms) + self._begin(now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Follow the head, and ask again for datasets of the chain whose pause is over."""
        actions = self._follow(now_ms) + self._make_room(now_ms)
        due = sorted(each for each, at_ms in self._paused.items() if now_ms >= at_ms)
        for dataset in due:
            del self._paused[dataset]
            self._waiting.append(dataset)
        return actions + (self._begin(now_ms) if due else [])

    def _make_room(self, now_ms: int) -> list[Action]:
        """Pause with what stands still, if others wait: uploads that nobody serves block none."""
        if not self._waiting:
            return []
        under_way = self._missing - {*self._waiting, *self._paused}
        still = [each for each in under_way if now_ms >= self._heard_ms.get(each, 0) + STALL_MS]
        for dataset in sorted(still):
            self._paused[dataset] = now_ms + ASK_AGAIN_MS
            self._gossip.forget_dataset(dataset)
        return self._begin(now_ms) if still else []

    def check(self, now_ms: int, needed: Iterable[DatasetId] = ()) -> list[Action]:
        """Look at the wanted datasets anew, because one of them may not be readable any longer.

        Parameters
        ----------
        now_ms : int
        needed : iterable of DatasetId
            Datasets that a block could not be judged without, maybe one of another branch.
        """
        for dataset in needed:
            if dataset not in self._missing and len(self._by_blocks) < MAX_DATASETS:
                judged = self._datasets.has(dataset, JUDGING)
                self._by_blocks[dataset] = WHOLE if judged else JUDGING
        self._want_what_the_head_wants()
        here = sorted(set(self._wanted) - self._missing)
        return self._want_again([each for each in here if self._is_lost(each)], now_ms)

    def _follow(self, now_ms: int) -> list[Action]:
        """Want what a new head wants, and let go of what it does not."""
        if self._importer.head.head == self._followed:
            return []
        before = dict(self._wanted)
        self._want_what_the_head_wants()
        for dataset in before.keys() - self._wanted.keys():
            self._let_go(dataset)
        changed = [each for each, splits in self._wanted.items() if before.get(each) != splits]
        lost = [each for each in changed if each not in self._missing and self._is_lost(each)]
        self._asked -= self._wanted.keys()
        again = self._want_again(lost, now_ms)
        return again if again or self._offers() == self._offered else self.offer(now_ms)

    def _want_what_the_head_wants(self) -> None:
        head, parameters = self._importer.head, self._importer.rules.parameters
        self._followed = head.head
        self._needed = {each for each in head.datasets if is_needed(head, each, parameters)}
        self._wanted = dict(self._by_blocks)
        for dataset, entry in head.datasets.items():
            size_bytes = entry.manifest.total_bytes
            needed = entry.is_of_genesis or dataset in self._needed
            if size_bytes > self._max_bytes and not needed:
                if dataset not in self._refused:
                    self._refused.add(dataset)
                    _LOG.warning(
                        "dataset %s of %d bytes is not fetched: datasets.max_bytes is %d",
                        dataset.hex()[:8],
                        size_bytes,
                        self._max_bytes,
                    )
                continue
            unfit = self._unfit.get(dataset, set())
            splits = {*wanted_splits(entry), *self._by_blocks.get(dataset, ())} - unfit
            self._wanted.pop(dataset, None)
            if splits and not unfit & {*JUDGING}:
                self._wanted[dataset] = tuple(sorted(splits))

    def _let_go(self, dataset: DatasetId) -> None:
        """Stop fetching one that the chain has settled, or that left it with its branch."""
        self._missing.discard(dataset)
        self._paused.pop(dataset, None)
        self._heard_ms.pop(dataset, None)
        if dataset in self._waiting:
            self._waiting.remove(dataset)
        self._gossip.forget_dataset(dataset)

    def _splits_of(self, dataset: DatasetId) -> tuple[SplitName, ...]:
        """Return what is to be fetched of a dataset, the chain's or a user's."""
        sealed = is_sealed(self._importer.head, dataset)
        return self._wanted.get(dataset, JUDGING if sealed else WHOLE)

    def ask(self, dataset: DatasetId, now_ms: int) -> list[Action]:
        """Begin to fetch a dataset that a user wants, unless it is on its way or here.

        Raises
        ------
        DatasetError
            What ended the fetch that was asked for last time.
        """
        if dataset in self._failed:
            raise self._failed.pop(dataset)
        under_way, splits = self._missing | self._asked, self._splits_of(dataset)
        if dataset in under_way and self._datasets.is_sound(dataset, splits):
            # The user has put it here meanwhile.
            return [*self._take_whole(dataset, now_ms)]
        if dataset in under_way or self._check_and_repair(dataset, splits):
            return []
        if dataset in self._wanted:
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
            missing = len(self._datasets.missing_chunks(dataset, self._splits_of(dataset)))
        except DatasetError:
            return FetchProgress(chunks=0, missing=0, complete=False)
        return FetchProgress(chunks=chunks, missing=missing, complete=missing == 0)

    def offer(self, now_ms: int) -> list[Action]:
        """Offer what is here of the chain's datasets, and what a user has published."""
        self._offered = self._offers()
        offers = tuple(
            Offer(dataset_id=each, total_bytes=self._datasets.table(each).manifest.total_bytes)
            for each in self._offered
        )
        return self._gossip.offer_datasets(offers, now_ms)

    def _offers(self) -> tuple[DatasetId, ...]:
        """Return what others can fetch here: what blocks may be about first."""
        chain = self._importer.head.datasets
        here = [each for each in sorted(chain) if self._datasets.has(each, JUDGING)]
        here.sort(key=lambda each: not wanted_splits(chain[each]))
        others = [each for each in self._datasets.published() if each not in chain]
        return tuple(here + others)

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
                self._heard_ms[dataset] = now_ms
            return self._go_on(dataset, now_ms, is_last=isinstance(event, DatasetComplete))
        except (DatasetError, InvalidInput) as error:
            _LOG.warning("%s", error)
            if isinstance(error, StoreNotWritable):
                return self._fail(dataset, error, now_ms, pause_ms=DISK_RETRY_MS)
        return ()

    def _go_on(self, dataset: DatasetId, now_ms: int, *, is_last: bool) -> Iterable[Action]:
        """Look whether a dataset is complete; more may be wanted of it than was asked for."""
        if dataset not in self._missing | self._asked:
            return ()
        if self._datasets.has(dataset, self._splits_of(dataset)):
            return self._take_whole(dataset, now_ms)
        return self._fetch_chunks(dataset, now_ms) if is_last else ()

    def _take_whole(self, dataset: DatasetId, now_ms: int) -> Iterable[Action]:
        splits = self._splits_of(dataset)
        if not self._check_and_repair(dataset, splits):
            # Only its table had come anew, and what lay beside it was damaged as well.
            if dataset in self._unfit:
                return self.offer(now_ms) + self._begin(now_ms)
            repaired = not self._datasets.has(dataset, splits)
            return self._gossip.want_manifest(dataset, now_ms) if repaired else ()
        self._by_blocks.pop(dataset, None)
        self._asked.discard(dataset)
        self._let_go(dataset)
        part = "" if SplitName.RESERVE in splits else ", but for its sealed reserve"
        _LOG.info("dataset %s is complete%s", dataset.hex()[:8], part)
        return self.offer(now_ms) + self._begin(now_ms)

    def _want_again(self, lost: list[DatasetId], now_ms: int) -> list[Action]:
        """Want datasets of the chain that were here."""
        if not lost:
            return []
        self._missing.update(lost)
        self._waiting.extend(sorted(lost))
        return self.offer(now_ms) + self._begin(now_ms)

    def _is_lost(self, dataset: DatasetId) -> bool:
        """Say whether something of a wanted dataset is to be fetched, damaged or never here."""
        if self._check_and_repair(dataset, self._wanted[dataset]):
            return False
        left = self._wanted.get(dataset, ())  # what is unfit is not wanted any more
        return dataset not in self._unfit or (bool(left) and not self._datasets.has(dataset, left))

    def _check_and_repair(self, dataset: DatasetId, splits: Sequence[SplitName]) -> bool:
        """Say whether splits are here as they must be; what is damaged of them is thrown away."""
        if not self._datasets.has(dataset, splits):
            return False
        try:
            self._datasets.check(dataset, splits)
        except StoreCorrupt as error:
            self._repair(dataset, error)
            return False
        except ContentMismatch as error:
            _LOG.error("dataset %s is no dataset: %s", dataset.hex()[:8], error)
            self._refuse_unfit(dataset, splits)
            return False
        return True

    def _refuse_unfit(self, dataset: DatasetId, splits: Sequence[SplitName]) -> None:
        """Throw splits away that nobody can judge by, and never want them again."""
        for name in splits:
            with contextlib.suppress(DatasetError):
                try:
                    self._datasets.split(dataset, name)
                except ContentMismatch:
                    self._unfit.setdefault(dataset, set()).add(name)
                    self._datasets.discard_split(dataset, name)
        self._want_what_the_head_wants()
        self._let_go(dataset)
        if dataset in self._asked:
            self._asked.discard(dataset)
            self._failed[dataset] = DatasetUnavailable(
                name=f"dataset {dataset.hex()}",
                tried=["it has a label that is none of its classes"],
                advice="tell whoever has made it",
            )

    def _repair(self, dataset: DatasetId, damage: StoreCorrupt) -> None:
        name = dataset.hex()[:8]
        try:
            count = len(self._datasets.repair(dataset))
        except DatasetError as error:
            _LOG.error("dataset %s is damaged and stays so: %s", name, error)
        else:
            what = f"{damage.path}: {damage.what}"
            chunks = counted(count, "chunk")
            _LOG.warning("dataset %s is damaged (%s); fetching %s anew", name, what, chunks)

    def _begin(self, now_ms: int) -> list[Action]:
        """Ask for missing datasets, as many as gossip fetches at once."""
        actions: list[Action] = []
        under_way = len(self._missing | self._asked) - len(self._waiting) - len(self._paused)
        for _ in range(min(len(self._waiting), MAX_DATASET_JOBS - under_way)):
            dataset = self._waiting.popleft()
            self._heard_ms[dataset] = now_ms
            actions += self._gossip.want_manifest(dataset, now_ms)
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
        if table.dataset_id not in self._missing | self._asked:
            return ()
        self._datasets.begin(table)
        return self._fetch_chunks(table.dataset_id, now_ms)

    def _fetch_chunks(self, dataset: DatasetId, now_ms: int) -> list[Action]:
        table = self._datasets.table(dataset)
        places = self._datasets.missing_chunks(dataset, self._splits_of(dataset))
        missing = [table.number(*place) for place in places]
        return self._gossip.want_dataset(dataset, table.flat_hashes, missing, now_ms)
