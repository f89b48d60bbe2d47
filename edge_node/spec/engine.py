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
from edge_node.spec import evaluation, recipe, signature, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step
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

    def count_correct(self, model: Model, dataset: DatasetId) -> int:
        """Compute evaluation.count_correct on the dataset's evaluation split.

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

    train_splits: Mapping[DatasetId, LabelledImages]
    """Train split of each dataset that is here."""
    evaluation_splits: Mapping[DatasetId, LabelledImages]
    """Evaluation split of each dataset that is here."""

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
        split = _split(self.train_splits, dataset)
        return training.train(
            architecture, state, split.images, split.labels, indices, batch, schedule
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
        split = _split(self.evaluation_splits, dataset)
        images = evaluation.slice_images(model.architecture, split.images)
        return evaluation.count_correct(model, images, split.labels)


def _split(splits: Mapping[DatasetId, LabelledImages], dataset: DatasetId) -> LabelledImages:
    if dataset not in splits:
        raise DatasetMissing(dataset)
    return splits[dataset]
