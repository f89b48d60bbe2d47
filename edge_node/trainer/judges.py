# SPDX-License-Identifier: Apache-2.0
"""What a trainer needs computed, and by whom: the port, and its implementation by the kernels.

Law of the file: selection sees the train split only; the evaluation split is counted, never
climbed on (design, section 6).
Read next: evolve.py.
"""

from collections.abc import Sequence
from typing import Protocol

from edge_node.kernels.burst import new_burst_runner
from edge_node.kernels.burst_data import FamilyInBursts
from edge_node.kernels.climb import Climber
from edge_node.kernels.evaluation import SlicedImages, count_correct, slice_images
from edge_node.kernels.shared_object import load_library
from edge_node.kernels.training import new_trainer, train
from edge_node.kernels.training_data import NetworkInTraining
from edge_node.primitives.types import DatasetId
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import BurstRules
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext
from edge_node.spec.training import LatentState
from edge_node.trainer.task import SplitSource

IMAGES_PER_MARGIN = 6_000
"""Candidates race with a margin of one image for so many: 8 on 50,000 climbs further than 4."""
LEAST_MARGIN = 4
SLICE_MACS = 160_000_000
SLICE_MACS_IN_NUMPY = SLICE_MACS // 10
"""A slice is what a trainer does before it looks at what came in. So many multiplications, each
candidate counted as one image, are 1,000 candidates of the 4,440 family; 100 in numpy, which take
half a second here."""
LEAST_SLICE_CANDIDATES, MOST_SLICE_CANDIDATES = 4, 1_000


class Judge(Protocol):
    """Port: the heavy work of a trainer."""

    def slice_candidates(self, architecture: Architecture) -> int:
        """Return how many candidates an individual tries before another may be asked."""

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        """Compute training.train on the train split."""

    def burst_runner(self, rules: BurstRules, dataset: DatasetId) -> FamilyInBursts:
        """Return what runs bursts on the train split."""

    def step_trainer(self, architecture: Architecture, dataset: DatasetId) -> NetworkInTraining:
        """Return what takes single steps on the train split; its state is whoever's comes last."""

    def count(self, model: Model, dataset: DatasetId, name: SplitName) -> tuple[int, int]:
        """Return correct images and all images; of the train split, those selection looks at."""

    def climber(
        self,
        base: Model,
        dataset: DatasetId,
        context: RecipeContext,
        rates: EvolutionRates,
        *,
        max_steps: int,
    ) -> Climber:
        """Return a climber that selects on the train split."""


class KernelJudge:
    """A judge by the kernels: in C, or in numpy where they are not compiled.

    Parameters
    ----------
    splits : SplitSource
    selection_images : int
        Images of the train split that selection looks at, from the front.
    """

    def __init__(self, splits: SplitSource, selection_images: int) -> None:
        self._splits = splits
        self._selection_images = selection_images
        self._loaded: dict[tuple[DatasetId, SplitName], LabelledImages] = {}
        self._runners: dict[tuple[BurstRules, DatasetId], FamilyInBursts] = {}
        self._trainers: dict[tuple[Architecture, DatasetId], NetworkInTraining] = {}
        self._sliced: dict[tuple[DatasetId, SplitName, int], SlicedImages] = {}

    def slice_candidates(self, architecture: Architecture) -> int:
        """See Judge."""
        macs = SLICE_MACS_IN_NUMPY if load_library() is None else SLICE_MACS
        wanted = max(LEAST_SLICE_CANDIDATES, macs // architecture.macs)
        return min(wanted, MOST_SLICE_CANDIDATES)

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        """See Judge."""
        split = self._split(dataset, SplitName.TRAIN)
        return train(architecture, state, split.images, split.labels, indices, batch, schedule)

    def burst_runner(self, rules: BurstRules, dataset: DatasetId) -> FamilyInBursts:
        """See Judge."""
        key = (rules, dataset)
        if key not in self._runners:
            split = self._split(dataset, SplitName.TRAIN)
            self._runners[key] = new_burst_runner(rules, split.images, split.labels)
        return self._runners[key]

    def step_trainer(self, architecture: Architecture, dataset: DatasetId) -> NetworkInTraining:
        """See Judge."""
        key = (architecture, dataset)
        if key not in self._trainers:
            split = self._split(dataset, SplitName.TRAIN)
            self._trainers[key] = new_trainer(architecture, split.images, split.labels)
        return self._trainers[key]

    def count(self, model: Model, dataset: DatasetId, name: SplitName) -> tuple[int, int]:
        """See Judge."""
        labels = self._labels(dataset, name)
        images = self._images(model.architecture, dataset, name)
        return count_correct(model, images, labels), len(labels)

    def climber(
        self,
        base: Model,
        dataset: DatasetId,
        context: RecipeContext,
        rates: EvolutionRates,
        *,
        max_steps: int,
    ) -> Climber:
        """See Judge."""
        images = self._images(base.architecture, dataset, SplitName.TRAIN)
        return Climber(
            images,
            self._labels(dataset, SplitName.TRAIN),
            base,
            context,
            rates,
            max_steps=max_steps,
            margin=max(LEAST_MARGIN, images.count // IMAGES_PER_MARGIN),
        )

    def _labels(self, dataset: DatasetId, name: SplitName) -> bytes:
        labels = self._split(dataset, name).labels
        return labels[: self._selection_images] if name is SplitName.TRAIN else labels

    def _images(
        self, architecture: Architecture, dataset: DatasetId, name: SplitName
    ) -> SlicedImages:
        key = (dataset, name, architecture.input_bits)
        if key not in self._sliced:
            size = len(self._labels(dataset, name)) * architecture.image_bytes
            images = self._split(dataset, name).images[:size]
            self._sliced[key] = slice_images(architecture, images)
        return self._sliced[key]

    def _split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        key = (dataset, name)
        if key not in self._loaded:
            self._loaded[key] = self._splits.split(dataset, name)
        return self._loaded[key]
