# SPDX-License-Identifier: Apache-2.0
"""The node's engine: the law's heavy work by libsodium, the C kernels and the chosen back end.

A replay can take a minute on a small board, and SIGTERM must not wait for it: training goes on in
short calls, and counting beside the loop, which leaves it behind when the order to stop comes.
Law of the file: every method has the value of its namesake in the law; a back end that fails is
replaced for that call by the next one, and that is said in the log.
Read next: edge_node/spec/engine.py, edge_node/inference/select.py.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from edge_node.datasets.content import Samples
from edge_node.datasets.errors import DatasetIncomplete, DatasetUnknown
from edge_node.datasets.store import DatasetStore
from edge_node.inference.backend import Backend, InferenceError
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels import recipe, training
from edge_node.kernels.burst import new_burst_runner
from edge_node.kernels.burst_data import FamilyInBursts
from edge_node.kernels.libsodium import Ed25519
from edge_node.node.limits import BlockTime
from edge_node.primitives.types import DatasetId
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing, LabelledImages
from edge_node.spec.guiding import Batch, Walk
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step
from edge_node.spec.training import LatentState

_LOG = logging.getLogger(__name__)

STOP_POLL_S = 0.05
"""How often a wait for a count looks whether it is to end."""
MAX_WAIT_S = 0.5
"""How long the end waits for a count that was left behind."""
MAX_CALL_MACS = 1 << 32
"""Multiplications in one call: some 10 ms on a PC, less than a second on a small board."""
TRAINING_COST = 8
"""Training on an image costs about as much as classifying so many."""

MAX_RUNNERS = 4
"""Families whose bursts find their memory ready: up to some 10 MB each."""


class StopRequested(Exception):
    """The order to stop came while something was computed; nothing has changed."""


class NodeEngine:
    """Engine port over a dataset store.

    Parameters
    ----------
    ed25519 : Ed25519
    backends : sequence of Backend
        Tried in order.
    datasets : DatasetStore
    stop : threading.Event, optional
        Once it is set, every computation ends with StopRequested.
    block_time : BlockTime, optional
        Says when a computation for a block has taken too long, or a model is too large.
    beside : sequence of Backend, optional
        More of the first back end: each counts on a thread of its own, where there is much to do.
    """

    def __init__(
        self,
        ed25519: Ed25519,
        backends: Sequence[Backend],
        datasets: DatasetStore,
        stop: threading.Event | None = None,
        block_time: BlockTime | None = None,
        beside: Sequence[Backend] = (),
    ) -> None:
        self._ed25519 = ed25519
        self._backends = tuple(backends)
        self._beside = tuple(beside)
        self._datasets = datasets
        self._stop = threading.Event() if stop is None else stop
        self._block_time = block_time
        self._counting: threading.Thread | None = None
        self._used: dict[str, None] = {}
        self._runners: OrderedDict[tuple[BurstRules, DatasetId], FamilyInBursts] = OrderedDict()

    @property
    def backend_name(self) -> str:
        """The back end that is asked first."""
        return self._backends[0].name

    def take_used(self) -> str:
        """Return which back ends have counted since the last call, joined by `+` as they came.

        Where nothing was counted it is the one that is asked first.
        """
        names, self._used = "+".join(self._used), {}
        return names or self.backend_name

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        """See Engine."""
        return self._ed25519.verify(key, message, signature_bytes)

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        """See Engine."""
        self._check_model(architecture)
        samples = self.samples(dataset, SplitName.TRAIN)
        images = samples.images.reshape(-1)
        trainer = training.new_trainer(architecture, images, samples.labels)
        trainer.set_state(state)
        steps = max(1, MAX_CALL_MACS // (TRAINING_COST * architecture.macs * batch))
        for start in range(0, max(1, len(indices)), steps * batch):
            self._check_time()
            some = indices[start : start + steps * batch]
            trainer.run(some, batch, schedule, samples_seen=start)
        return trainer.state()

    def apply_recipe(
        self,
        base: Model,
        partners: Sequence[Model],
        steps: Sequence[Step],
        rates: EvolutionRates,
        context: RecipeContext,
    ) -> Model:
        """See Engine."""
        return recipe.apply_recipe(base, partners, steps, rates, context)

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        """See Engine."""
        self._check_model(rules.architecture)
        samples = self.samples(dataset, SplitName.TRAIN)  # also looks whether they are still there
        self._check_time()
        runner = self._runners.pop((rules, dataset), None)
        if runner is None:
            runner = new_burst_runner(rules, samples.images.reshape(-1), samples.labels)
        self._runners[rules, dataset] = runner
        while len(self._runners) > MAX_RUNNERS:
            self._runners.popitem(last=False)
        runner.begin(start)
        return runner.run(seed)

    def walk(
        self,
        architecture: Architecture,
        latents: bytes,
        dataset: DatasetId,
        batches: Sequence[Batch],
        shift: int,
    ) -> Walk:
        """See Engine."""
        self._check_model(architecture)
        samples = self.samples(dataset, SplitName.TRAIN)
        images = samples.images.reshape(-1)
        trainer = training.new_trainer(architecture, images, samples.labels)
        trainer.set_packed(latents)
        before = latents
        for place, batch in enumerate(batches, start=1):
            self._check_time()
            if place == len(batches):
                before = trainer.packed()
            trainer.shift(batch, shift)
        return Walk(before=before, latents=trainer.packed(), model=trainer.model())

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        """See Engine."""
        self._check_model(model.architecture)
        self._check_time()
        return self._count_unless_stopped(model, self.samples(dataset, split))

    def samples(self, dataset: DatasetId, name: SplitName) -> Samples:
        """Return a split, mapped from the disk.

        Raises
        ------
        DatasetMissing
            It is not here, or is a reserve that is sealed.
        StoreCorrupt
            Its files have changed since they were checked.
        """
        try:
            # Opened each time: the store looks whether the files are still those it has checked.
            return self._datasets.split(dataset, name)
        except (DatasetUnknown, DatasetIncomplete):
            raise DatasetMissing(dataset) from None

    def close(self) -> None:
        """Give back processes and memory."""
        self._close_backends()
        if self._counting is not None:
            # Compiled code must not find its memory gone when the interpreter ends, and a back end
            # that lost its process may have started another.
            self._counting.join(MAX_WAIT_S)
            self._close_backends()

    def _close_backends(self) -> None:
        for backend in (*self._backends, *self._beside):
            backend.close()

    def _count_unless_stopped(self, model: Model, samples: Samples) -> int:
        """Count on a thread, and leave it to itself once the order to stop has come."""
        result: Future[int] = Future()

        def work() -> None:
            try:
                result.set_result(self._count(model, samples))
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
                result.set_exception(error)

        # A daemon, and no executor: those are waited for when the interpreter ends.
        self._counting = threading.Thread(target=work, name="counting", daemon=True)
        self._counting.start()
        while not wait((result,), STOP_POLL_S).done:
            self._check_stop()
        return result.result()

    def _count(self, model: Model, samples: Samples) -> int:
        for backend in self._backends[:-1]:
            try:
                return self._count_by(backend, model, samples)
            except InferenceError as error:
                self._check_stop()  # `close` takes a back end its process away
                _LOG.warning("%s", error)
        return self._count_by(self._backends[-1], model, samples)

    def _count_by(self, backend: Backend, model: Model, samples: Samples) -> int:
        total = len(samples.images)
        size = max(1, MAX_CALL_MACS // model.architecture.macs)
        if total <= size or backend.name == ReferenceBackend.name:
            # The law itself is pure Python and can be left at any moment; it is fast on all images.
            correct = backend.count_correct(model, samples.images, samples.labels)
            self._used[backend.name] = None
            return correct
        parts = [slice(start, start + size) for start in range(0, total, size)]
        side_by_side = (backend, *self._beside) if backend is self._backends[0] else (backend,)
        correct = self._count_parts(side_by_side[: len(parts)], model, samples, parts)
        self._used[backend.name] = None
        return correct

    def _count_parts(
        self, backends: Sequence[Backend], model: Model, samples: Samples, parts: Sequence[slice]
    ) -> int:
        """Count in short calls, each back end on a thread of its own."""

        def count(which: int) -> int:
            correct = 0
            for part in parts[which :: len(backends)]:
                self._check_time()
                images, labels = samples.images[part], samples.labels[part]
                correct += backends[which].count_correct(model, images, labels)
            return correct

        if len(backends) == 1:
            return count(0)
        # It is waited for, at the end too; but each thread looks between two calls for the order.
        with ThreadPoolExecutor(len(backends), "counting") as pool:
            return sum(pool.map(count, range(len(backends))))

    def _check_model(self, architecture: Architecture) -> None:
        if self._block_time is not None:
            self._block_time.check_model(architecture)

    def _check_time(self) -> None:
        """Check that neither the order to stop has come nor the block's time is over."""
        self._check_stop()
        if self._block_time is not None:
            self._block_time.check()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StopRequested


@dataclass(frozen=True, slots=True)
class StoredSplits:
    """Splits by the path of their store: small enough to travel to the trainer's process."""

    store: DatasetStore
    """Reopened by path on the other side."""

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        """See the trainer's SplitSource."""
        samples = self.store.split(dataset, name)
        return LabelledImages(images=samples.images.tobytes(), labels=samples.labels.tobytes())
