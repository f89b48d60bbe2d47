# SPDX-License-Identifier: Apache-2.0
"""The ports through which the law has its heavy work done, and their definition.

`Engine` is what a validator needs computed; `ReferenceEngine` computes it by the law itself. A fast
engine is a twin: the same values, sooner. `ModelSource` gives back models of earlier blocks.
Law of the file: an engine computes, it never judges.
Read next: validation.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import DatasetId, ModelHash
from edge_node.spec import burst, evaluation, guiding, recipe, signature, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.dataset import SplitName
from edge_node.spec.guiding import Batch, Walk
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step
from edge_node.spec.state import Family
from edge_node.spec.training import LatentState


class DatasetMissing(EdgeNodeError):
    """The node does not hold a dataset that it needs to judge a block."""

    reason: ClassVar[str] = "dataset-missing"

    def __init__(self, dataset: DatasetId) -> None:
        super().__init__(f"dataset {dataset.hex()} is not here yet; fetch or import it first")
        self.dataset = dataset


class ModelSource(Protocol):
    """Models of the chain by their hash."""

    def model(self, model_hash: ModelHash) -> Model:
        """Return a model that an earlier block of this chain carried."""


class LatentSource(Protocol):
    """Latents of the chain by the family that they are of."""

    def latents(self, family: Family) -> bytes:
        """Return the packed latents after a family's head, in this state of it."""


class Engine(Protocol):
    """Heavy work, each method with the values of its namesake in the law."""

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        """Compute signature.verify."""

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        """Compute training.train on the dataset's train split.

        Raises
        ------
        DatasetMissing
        """

    def apply_recipe(
        self,
        base: Model,
        partners: Sequence[Model],
        steps: Sequence[Step],
        rates: EvolutionRates,
        context: RecipeContext,
    ) -> Model:
        """Compute recipe.apply_recipe."""

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        """Compute burst.run_burst on the dataset's train split.

        Raises
        ------
        DatasetMissing
        """

    def walk(
        self,
        architecture: Architecture,
        latents: bytes,
        dataset: DatasetId,
        batches: Sequence[Batch],
        shift: int,
    ) -> Walk:
        """Compute guiding.run_walk on the dataset's train split.

        Raises
        ------
        DatasetMissing
        """

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        """Compute evaluation.count_correct on one of the dataset's splits.

        Raises
        ------
        DatasetMissing
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImages:
    """A split in memory."""

    images: bytes
    """uint8 (N, rows, columns, channels)."""
    labels: bytes
    """u8 (N,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceEngine:
    """The law, run as it is written."""

    splits: Mapping[DatasetId, Mapping[SplitName, LabelledImages]]
    """What is here of each dataset."""

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        """See Engine."""
        return signature.verify(key, message, signature_bytes)

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
        samples = self._samples(dataset, SplitName.TRAIN)
        return training.train(
            architecture, state, samples.images, samples.labels, indices, batch, schedule
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

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        """See Engine."""
        samples = self._samples(dataset, SplitName.TRAIN)
        return burst.run_burst(seed, rules, start, samples.images, samples.labels)

    def walk(
        self,
        architecture: Architecture,
        latents: bytes,
        dataset: DatasetId,
        batches: Sequence[Batch],
        shift: int,
    ) -> Walk:
        """See Engine."""
        samples = self._samples(dataset, SplitName.TRAIN)
        return guiding.run_walk(
            architecture, latents, samples.images, samples.labels, batches, shift
        )

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        """See Engine."""
        samples = self._samples(dataset, split)
        images = evaluation.slice_images(model.architecture, samples.images)
        return evaluation.count_correct(model, images, samples.labels)

    def _samples(self, dataset: DatasetId, split: SplitName) -> LabelledImages:
        if split not in self.splits.get(dataset, {}):
            raise DatasetMissing(dataset)
        return self.splits[dataset][split]
