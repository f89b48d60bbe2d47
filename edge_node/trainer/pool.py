# SPDX-License-Identifier: Apache-2.0
"""The population's work on one process, on several, or on a Ray cluster.

A task is searched for in lanes, each a whole search with choices of its own: other nonces for
founders, another population that evolves. What a lane finds hangs on nothing but task and lane; the
pool goes round by round, each lane one step, and passes on what they found in the order of the
lanes. So for as many lanes the results are the same on any number of workers, here or far away.
Law of the file: who works is told apart from what is searched; the only importer of ray.
Read next: search.py, process.py.
"""

import contextlib
import importlib
import importlib.util
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, ClassVar, Protocol

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.lottery import Win
from edge_node.trainer.search import AnyTask, Message, Resting, Search, search_for
from edge_node.trainer.task import Lane, Offer, Progress, SplitSource

LOCAL_RAY = "local"
"""Address of a Ray that is started here, and ends with the trainer."""

News = tuple[AnyTask | None, ...]
"""Tasks since the last round; None ends a search."""


class WorkerFailed(EdgeNodeError):
    """A worker can not go on, or is gone."""

    reason: ClassVar[str] = "trainer-worker"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RayMissing(EdgeNodeError):
    """Ray is wanted, and not installed."""

    reason: ClassVar[str] = "ray-missing"

    def __init__(self) -> None:
        super().__init__(
            "trainer.ray_address needs the package ray; install it with"
            " `python -m pip install 'edge-node[ray]'`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How many search, and where."""

    workers: int = 1
    """Processes, at least 1; one is the trainer's own."""
    lanes: int = 0
    """Searches, on which results depend; 0 for as many as workers."""
    ray_address: str = ""
    """LOCAL_RAY or the address of a cluster; empty to do without Ray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one step of one lane came to."""

    lane: int
    """Its index."""
    offer: Offer | Win | None
    """What it found."""
    progress: Progress
    """How it is doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a worker can not go on."""

    why: str
    """One sentence."""


Answer = list[Turn] | Failure


class Worker(Protocol):
    """Port: someone who searches in some of the lanes."""

    def begin(self, news: News) -> None:
        """Begin a round: take the tasks, then one step in each lane."""

    def finish(self) -> Answer:
        """Wait for the round, and return what came of it."""

    def close(self) -> None:
        """End the worker."""


class LaneWorker:
    """A worker in this very process.

    Parameters
    ----------
    splits : SplitSource
    selection_images : int
        Images of the train split that selection looks at.
    lanes : sequence of Lane
        Its own.
    """

    def __init__(self, splits: SplitSource, selection_images: int, lanes: Sequence[Lane]) -> None:
        self._judge = KernelJudge(splits, selection_images)
        self._searches: list[tuple[Lane, Search | None]] = [(lane, None) for lane in lanes]
        self._resting = {lane: Resting() for lane in lanes}
        self._answer: Answer = []

    def begin(self, news: News) -> None:
        """See Worker; here the whole round is done."""
        try:
            for task in news:
                self._searches = [
                    (lane, search_for(task, search, self._judge, lane, self._resting[lane]))
                    for lane, search in self._searches
                ]
            self._answer = [
                Turn(lane=lane.index, offer=search.step(), progress=search.progress)
                for lane, search in self._searches
                if search is not None
            ]
        except EdgeNodeError as error:
            self._answer = Failure(why=str(error))

    def finish(self) -> Answer:
        """See Worker."""
        return self._answer

    def close(self) -> None:
        """See Worker."""
        self._searches = []


class ProcessWorker:
    """A worker in a process of its own, which ends with this one; parameters as of LaneWorker."""

    def __init__(self, splits: SplitSource, selection_images: int, lanes: Sequence[Lane]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve,
            args=(theirs,),
            name=f"edge-node-worker-{lanes[0].index}",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        # Not with its start: Python would wait for ever for one that died before it read.
        self._send((splits, selection_images, lanes))

    def begin(self, news: News) -> None:
        """See Worker."""
        self._send(news)

    def finish(self) -> Answer:
        """See Worker."""
        try:
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            return Failure(why=f"{self._process.name} has ended; the trainer begins anew")
        return answer

    def close(self) -> None:
        """See Worker."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _send(self, what: object) -> None:
        with contextlib.suppress(OSError):  # `finish` tells
            self._pipe.send(what)


class CarriedLanes:
    """A worker on a machine that has no datasets: images come before the tasks."""

    def __init__(self, selection_images: int, lanes: Sequence[Lane]) -> None:
        self._splits: dict[tuple[DatasetId, SplitName], LabelledImages] = {}
        self._worker = LaneWorker(self, selection_images, lanes)

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        """Return a split that was carried here."""
        return self._splits[dataset, name]

    def carry(self, dataset: DatasetId, name: SplitName, images: LabelledImages) -> None:
        """Take the images of a split."""
        self._splits[dataset, name] = images

    def work(self, news: News) -> Answer:
        """Do a round."""
        self._worker.begin(news)
        return self._worker.finish()


class RayWorker:
    """A worker that is an actor of a Ray cluster; parameters as of LaneWorker."""

    def __init__(self, splits: "RaySplits", selection_images: int, lanes: Sequence[Lane]) -> None:
        self._splits = splits
        self._ray = splits.ray
        self._actor = self._ray.remote(num_cpus=1)(CarriedLanes).remote(selection_images, lanes)
        self._known: set[DatasetId] = set()
        self._round: Any = None

    def begin(self, news: News) -> None:
        """See Worker."""
        for task in news:
            if task is not None and task.dataset not in self._known:
                self._known.add(task.dataset)
                for name in (SplitName.TRAIN, SplitName.EVALUATION):
                    images = self._splits.reference(task.dataset, name)
                    self._actor.carry.remote(task.dataset, name, images)
        self._round = self._actor.work.remote(news)  # an actor keeps the order of its calls

    def finish(self) -> Answer:
        """See Worker."""
        try:
            answer: Answer = self._ray.get(self._round)
        except self._ray.exceptions.RayError as error:
            return Failure(why=f"Ray: {str(error).splitlines()[0]}; the trainer begins anew")
        return answer

    def close(self) -> None:
        """See Worker."""
        self._ray.kill(self._actor)


class RaySplits:
    """Splits put into the store of a Ray cluster, each once for all workers.

    Parameters
    ----------
    splits : SplitSource
    ray : module
        Ray, connected.
    """

    def __init__(self, splits: SplitSource, ray: Any) -> None:  # noqa: ANN401 - a module without types
        self.ray = ray
        self._splits = splits
        self._references: dict[tuple[DatasetId, SplitName], Any] = {}

    def reference(self, dataset: DatasetId, name: SplitName) -> Any:  # noqa: ANN401 - as above
        """Return what stands for a split in calls of actors."""
        key = (dataset, name)
        if key not in self._references:
            self._references[key] = self.ray.put(self._splits.split(dataset, name))
        return self._references[key]


class Pool:
    """Workers that search for one task, round by round.

    Parameters
    ----------
    workers : sequence of Worker
        Together they have every lane once.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._news: News = ()
        self.busy = False
        """True if there is something to search for."""

    def assign(self, task: AnyTask | None) -> None:
        """Search for another task from the next round on, or for none."""
        self._news = (*self._news, task)
        self.busy = task is not None

    def round(self) -> list[Message]:
        """Let every lane do one step; return their offers, or how they all do if there is none.

        Raises
        ------
        WorkerFailed
        """
        if not self.busy and not self._news:
            return []
        for worker in self._workers:
            worker.begin(self._news)
        self._news = ()
        turns: list[Turn] = []
        for worker in self._workers:
            answer = worker.finish()
            if isinstance(answer, Failure):
                raise WorkerFailed(answer.why)
            turns += answer
        turns.sort(key=lambda turn: turn.lane)
        offers = [turn.offer for turn in turns if turn.offer is not None]
        return [*offers] or _summary([turn.progress for turn in turns])

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()


@contextlib.contextmanager
def open_pool(splits: SplitSource, selection_images: int, options: PoolOptions) -> Iterator[Pool]:
    """Start the workers of a pool, and end them.

    Parameters
    ----------
    splits : SplitSource
        Travels to workers of this machine; what is in it, to those of a cluster.
    selection_images : int
        Images of the train split that selection looks at.
    options : PoolOptions

    Raises
    ------
    RayMissing
    WorkerFailed
        No Ray answers.
    """
    count = options.lanes or options.workers
    lanes = [Lane(index=index, count=count) for index in range(count)]
    workers = min(options.workers, count)
    shares = [lanes[first::workers] for first in range(workers)]
    with contextlib.ExitStack() as stack:
        pool: Pool
        if options.ray_address:
            carried = RaySplits(splits, stack.enter_context(_connected(options)))
            pool = Pool([RayWorker(carried, selection_images, share) for share in shares])
        elif workers == 1:
            pool = Pool([LaneWorker(splits, selection_images, lanes)])
        else:
            pool = Pool([ProcessWorker(splits, selection_images, share) for share in shares])
        stack.callback(pool.close)
        yield pool


def check_ray(options: PoolOptions) -> None:
    """Check that what a pool needs is installed, without loading it.

    Raises
    ------
    RayMissing
    """
    if options.ray_address and importlib.util.find_spec("ray") is None:
        raise RayMissing


@contextlib.contextmanager
def _connected(options: PoolOptions) -> Iterator[Any]:
    """Connect to a Ray, started here if it is to be local, and give the module."""
    check_ray(options)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what runs here
    ray: Any = importlib.import_module("ray")
    local = options.ray_address == LOCAL_RAY
    try:
        ray.init(
            address=LOCAL_RAY if local else options.ray_address,
            num_cpus=options.workers if local else None,
            include_dashboard=False if local else None,
            configure_logging=False,
            log_to_driver=False,
        )
    except (OSError, RuntimeError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise WorkerFailed(f"no Ray answers at {options.ray_address} ({why})") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _serve(pipe: Connection) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        worker = LaneWorker(*pipe.recv())
        while True:
            worker.begin(pipe.recv())
            pipe.send(worker.finish())
    except (EOFError, OSError):
        return  # the pool is gone


def _end_with_the_parent() -> None:
    # A step may take minutes, and a parent that was killed can tell nobody.
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker was started by somebody"
    wait([parent.sentinel])
    os._exit(0)


def _summary(parts: Sequence[Progress]) -> list[Message]:
    if not parts:
        return []
    return [
        Progress(
            stage=parts[0].stage,
            candidates=sum(part.candidates for part in parts),
            best_train_ppm=max(part.best_train_ppm for part in parts),
            head=parts[0].head,
            begun_ms=min(part.begun_ms for part in parts),
        )
    ]
