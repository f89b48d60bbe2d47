# SPDX-License-Identifier: Apache-2.0
"""How fast evolution mines: candidates/s, and paper A's levels Low, Medium and High in seconds.

A level wants a child that differs from its base in a share of its weights and is better by some
points on the evaluation split; it is selected on the train split only.
Law of the file: whatever a miner has to compute between base and child is inside the seconds.
Read next: learning.py.
"""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from edge_node.bench.rows import Row
from edge_node.bench.timing import Meter
from edge_node.bench.workload import (
    DENSE_NUMPY,
    Workload,
    base_model,
    compiled_paths,
    dense_evaluation_s,
    fastest_name,
    first_samples,
    path_name,
)
from edge_node.datasets.content import Samples
from edge_node.kernels.climb import Climber
from edge_node.kernels.evaluation import (
    CompiledImages,
    SlicedImages,
    count_correct,
    slice_images,
)
from edge_node.kernels.shared_object import KernelPath
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, Hash32, NetworkId, PublicKey
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.constants import PPM
from edge_node.spec.difference import hamming
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext

RATES = EvolutionRates(mutate_ppm=20_000, cross_ppm=100_000)
"""1 to 3 flips within a channel, the best for so small a network; a genesis may choose so."""
DEFAULT_RATES = EvolutionRates(mutate_ppm=50_000, cross_ppm=100_000)
"""What a genesis has if it says nothing else: candidates are counted with these."""
MAX_STEPS = 100_000
CANDIDATE_GOALS = {KernelPath.AVX2: 30_000.0, KernelPath.AVX512: 60_000.0}
WARM_UP_CANDIDATES = 500
"""The first candidates of a climb are accepted often, which no climb keeps up."""
CANDIDATES, QUICK_CANDIDATES = 40_000, 5_000
"""Measured on the fastest paths; a twentieth on the scalar one."""
SCALAR_SHARE = 20
SLICE = 50
"""Candidates between two looks at the train split's count."""
MAX_SLICES = 20_000
"""After so many the search gives up: a million candidates."""
SEARCH_SEEDS = 5
PAPER = "paper A, 8 threads of an M1 Pro, published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A difficulty of paper A."""

    name: str
    """Its name."""
    difference_ppm: int
    """Least share of the weights that differ."""
    gain_ppm: int
    """Least gain on the evaluation split."""
    selection_images: int
    """Train images that this bench selects on: more of them say more about other images."""
    goal_s: float
    """Seconds to reach."""
    published_s: float
    """Seconds that the paper needed."""


LEVELS = (
    Level(
        name="low",
        difference_ppm=5_000,
        gain_ppm=10_000,
        selection_images=10_000,
        goal_s=0.05,
        published_s=106.39,
    ),
    Level(
        name="medium",
        difference_ppm=10_000,
        gain_ppm=20_000,
        selection_images=10_000,
        goal_s=0.3,
        published_s=433.08,
    ),
    Level(
        name="high",
        difference_ppm=13_000,
        gain_ppm=50_000,
        selection_images=50_000,
        goal_s=3.0,
        published_s=1737.16,
    ),
)


def candidate_rows(workload: Workload) -> Iterator[Row]:
    """Yield the mutation candidates/s that are selected on 10,000 images, for every path."""
    base, samples = base_model(workload), workload.selection
    dense_per_s = 1 / dense_evaluation_s(workload)
    for path in compiled_paths():
        images = CompiledImages(BINARY_4K, samples.images, path)
        climber = new_climber(images, samples, base, 0, DEFAULT_RATES)
        share = SCALAR_SHARE if path is KernelPath.SCALAR else 1
        count = (QUICK_CANDIDATES if workload.quick else CANDIDATES) // share
        climber.climb(WARM_UP_CANDIDATES // share)
        seconds = workload.meter.once_s(partial(climber.climb, count))
        yield Row(
            name=f"candidates/binary-4k/{path_name(path)}",
            value=count / seconds,
            unit="candidates/s",
            baseline=DENSE_NUMPY,
            baseline_value=dense_per_s,
            goal=CANDIDATE_GOALS.get(path),
        )


def difficulty_rows(workload: Workload) -> Iterator[Row]:
    """Yield the seconds to each of paper A's levels: the median of five searches."""
    base = base_model(workload)
    for level in LEVELS:
        if workload.quick and level.name == "high":
            continue
        search = prepared_search(workload, level, base)
        median = statistics.median(
            search_s(search, seed, workload.meter) for seed in range(SEARCH_SEEDS)
        )
        yield Row(
            name=f"difficulty/{level.name}/{fastest_name()}",
            value=None if math.isinf(median) else median,
            unit="s",
            baseline=PAPER,
            baseline_value=level.published_s,
            goal=level.goal_s,
        )


def prepared_search(workload: Workload, level: Level, base: Model) -> "Search":
    """Return a search for a child of `base`, with what a node has ready before its turn."""
    samples = first_samples(workload.train, level.selection_images)
    return Search(
        base=base,
        level=level,
        selection=slice_images(BINARY_4K, samples.images),
        samples=samples,
        judge=slice_images(BINARY_4K, workload.evaluation.images),
        judged=workload.evaluation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for a child; what a node has ready before its turn comes is ready here too."""

    base: Model
    """Where it begins."""
    level: Level
    """What a child must differ and gain."""
    selection: SlicedImages
    """Train images that decide which step is kept."""
    samples: Samples
    """The same with their labels."""
    judge: SlicedImages
    """Evaluation images."""
    judged: Samples
    """The same with their labels."""

    def run(self, seed: int) -> bool:
        """Climb until the level is reached; return whether it was."""
        return self.found(seed) is not None

    def found(self, seed: int) -> Model | None:
        """Climb until the level is reached; return the child, None if it was not."""
        labels = self.judged.labels.tobytes()
        wanted = self.level.gain_ppm * len(self.judged) // PPM
        base_correct = count_correct(self.base, self.judge, labels)
        climber = new_climber(self.selection, self.samples, self.base, seed, RATES)
        # The evaluation split is counted when the train split has gained as many points as are
        # wanted, and after that whenever it has gained half of what the evaluation split lacks.
        next_look = climber.correct + self._on_selection(wanted)
        for _ in range(MAX_SLICES):
            correct = climber.climb(SLICE).correct
            if correct < next_look:
                continue
            model = climber.model()
            gain = count_correct(model, self.judge, labels) - base_correct
            if gain >= wanted and self._differs(model):
                return model
            next_look = correct + max(1, self._on_selection(wanted - gain) // 2)
        return None

    def _on_selection(self, images: int) -> int:
        return images * len(self.samples) // len(self.judged)

    def _differs(self, model: Model) -> bool:
        weights = model.architecture.weight_count
        return hamming(self.base, model) * PPM >= self.level.difference_ppm * weights


def search_s(search: Search, seed: int, meter: Meter) -> float:
    """Return the seconds of a search; without end if it found nothing."""
    found: list[bool] = []
    seconds = meter.once_s(lambda: found.append(search.run(seed)))
    return seconds if found == [True] else math.inf


def new_climber(
    images: SlicedImages, samples: Samples, base: Model, seed: int, rates: EvolutionRates
) -> Climber:
    """Return a climber from `base`, whose draws follow from the seed."""
    context = RecipeContext(
        network=NetworkId(_hash("network", 0)),
        base=BlockHash(_hash("base", 0)),
        miner=PublicKey(_hash("miner", seed)),
    )
    labels = samples.labels.tobytes()
    return Climber(images, labels, base, context, rates, max_steps=MAX_STEPS)


def _hash(what: str, index: int) -> Hash32:
    return tagged_hash("bench", what.encode(), index.to_bytes(4, "little"))
