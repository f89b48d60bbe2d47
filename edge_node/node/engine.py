# SPDX-License-Identifier: Apache-2.0
"""The node's engine: the law's heavy work by libsodium, the C kernels and the chosen back end.

Law of the file: every method has the value of its namesake in the law; a back end that fails is
replaced for that call by the next one, and that is said in the log.
Read next: edge_node/spec/engine.py, edge_node/inference/select.py.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from edge_node.datasets.content import Samples
from edge_node.datasets.errors import DatasetIncomplete, DatasetUnknown
from edge_node.datasets.store import DatasetStore
from edge_node.inference.backend import Backend, InferenceError
from edge_node.kernels import recipe, training
from edge_node.kernels.libsodium import Ed25519
from edge_node.primitives.types import DatasetId
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing, LabelledImages
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step
from edge_node.spec.training import LatentState

_LOG = logging.getLogger(__name__)


class NodeEngine:
    """Engine port over a dataset store.

    Parameters
    ----------
    ed25519 : Ed25519
    backends : sequence of Backend
        Tried in order.
    datasets : DatasetStore
    """

    def __init__(
        self, ed25519: Ed25519, backends: Sequence[Backend], datasets: DatasetStore
    ) -> None:
        self._ed25519 = ed25519
        self._backends = tuple(backends)
        self._datasets = datasets
        self._open: dict[tuple[DatasetId, SplitName], Samples] = {}

    @property
    def backend_name(self) -> str:
        """The back end that is asked first."""
        return self._backends[0].name

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
        samples = self.samples(dataset, SplitName.TRAIN)
        return training.train(
            architecture,
            state,
            samples.images.reshape(-1),
            samples.labels,
            indices,
            batch,
            schedule,
        )

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

    def count_correct(self, model: Model, dataset: DatasetId) -> int:
        """See Engine."""
        return self.count_on(model, dataset, SplitName.EVALUATION)

    def count_on(self, model: Model, dataset: DatasetId, name: SplitName) -> int:
        """Return the correct images of any split, for people.

        Raises
        ------
        DatasetMissing
        """
        samples = self.samples(dataset, name)
        for backend in self._backends[:-1]:
            try:
                return backend.count_correct(model, samples.images, samples.labels)
            except InferenceError as error:
                _LOG.warning("%s", error)
        return self._backends[-1].count_correct(model, samples.images, samples.labels)

    def samples(self, dataset: DatasetId, name: SplitName) -> Samples:
        """Return a split, mapped from the disk.

        Raises
        ------
        DatasetMissing
        """
        key = (dataset, name)
        if key not in self._open:
            try:
                self._open[key] = self._datasets.open(dataset)[name]
            except (DatasetUnknown, DatasetIncomplete):
                raise DatasetMissing(dataset) from None
        return self._open[key]

    def close(self) -> None:
        """Give back processes and memory."""
        for backend in self._backends:
            backend.close()


@dataclass(frozen=True, slots=True)
class StoredSplits:
    """Splits by the path of their store: small enough to travel to the trainer's process."""

    store: DatasetStore
    """Reopened by path on the other side."""

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        """See the trainer's SplitSource."""
        samples = self.store.open(dataset)[name]
        return LabelledImages(images=samples.images.tobytes(), labels=samples.labels.tobytes())
