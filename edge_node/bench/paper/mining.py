# SPDX-License-Identifier: Apache-2.0
"""Table 2: time to mine at the paper's difficulties, ours and the paper's own way in one run.

Both begin with the same model, select on the same train images and are accepted on the same
evaluation split; the untouched split is counted afterwards. Both are processor time of one
thread, which other work on the machine does not stretch; ours is the median of five searches.
Law of the file: a level that the paper's way does not reach in its time is a lower bound.
Read next: dense_evolution.py, larq_evaluation.py, edge_node/bench/climbing.py.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from edge_node.bench.climbing import LEVELS, SEARCH_SEEDS, Level, Search, prepared_search, search_s
from edge_node.bench.paper.dense_evolution import (
    TRAINED,
    Contest,
    Count,
    Evolved,
    dense_count,
    evolve,
)
from edge_node.bench.paper.larq_evaluation import LarqEvaluation
from edge_node.bench.workload import (
    BASE_EXPONENT,
    BASE_SEED,
    BASE_STEPS,
    BATCH,
    SELECTION_IMAGES,
    Workload,
    base_model,
    first_samples,
    train_model,
)
from edge_node.datasets.content import Samples
from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.constants import PPM
from edge_node.spec.model import Model
from edge_node.trainer.larq_layers import larq_is_installed

GOAL_RATIO = 1_000
DENSE_NUMPY = "dense numpy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """What evaluates the individuals of the paper's way."""

    name: str
    """What it is, in words."""
    count: Count
    """Counts correct images of a model of the 4,440 family."""


NUMPY = Evaluator(name=DENSE_NUMPY, count=dense_count)


def installed_evaluator() -> Evaluator:
    """Return Larq on TensorFlow, as the paper has it, where that is installed; else numpy."""
    if not larq_is_installed():
        return NUMPY
    larq = LarqEvaluation(BINARY_4K)
    return Evaluator(name=larq.name, count=larq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """One difficulty; the keys of the JSON object."""

    level: str
    """low, medium or high."""
    difference_ppm: int
    """Share of the weights in which a child must differ."""
    gain_ppm: int
    """Share of the evaluation images that it must gain."""
    ours_s: float | None
    """Seconds of one thread, median; None if a search ended without a child."""
    paper_way_s: float
    """Seconds the paper's own way, here and now."""
    paper_way_reached: bool
    """False where `paper_way_s` is only a lower bound."""
    evaluations: int
    """Models that the paper's way has evaluated in that time."""
    evaluator: str
    """What evaluated them."""
    ratio: float | None
    """How many times faster ours is, at least."""
    published_s: float
    """What the paper has, on 8 threads of an M1 Pro."""
    base_evaluation_ppm: int
    """Accuracy of the base on the evaluation split."""
    base_untouched_ppm: int
    """The same on the untouched split."""
    ours_evaluation_ppm: int | None
    """Of our child."""
    ours_untouched_ppm: int | None
    """Of our child, on images that decided nothing."""
    paper_way_evaluation_ppm: int
    """Of the paper's way's child, or of its best so far."""
    paper_way_untouched_ppm: int
    """The same on the untouched split."""


def mining_rows(
    workload: Workload,
    evaluator: Evaluator = NUMPY,
    *,
    cap_s: float,
    levels: tuple[Level, ...] = LEVELS,
) -> tuple[Mined, ...]:
    """Return a row for each difficulty.

    Parameters
    ----------
    workload : Workload
    evaluator : Evaluator
        Of the paper's way.
    cap_s : float
        Seconds that each level may take the paper's way.
    levels : tuple of Level
    """
    trained = [_trained(workload, number) for number in range(TRAINED)]
    judge = _counter(workload.evaluation)
    # Another of the five must not be a child that nobody had to look for.
    base = max(trained, key=judge)
    return tuple(_mined(workload, evaluator, level, base, trained, cap_s) for level in levels)


def _mined(
    workload: Workload,
    evaluator: Evaluator,
    level: Level,
    base: Model,
    trained: list[Model],
    cap_s: float,
) -> Mined:
    search = prepared_search(workload, level, base)
    seconds, child = _ours(search, workload)
    contest = Contest(
        base=base,
        level=level,
        selection=first_samples(search.samples, SELECTION_IMAGES),
        judged=workload.evaluation,
    )
    clock_s = _clock_s(workload)
    theirs: Evolved = evolve(contest, trained, evaluator.count, cap_s=cap_s, clock_s=clock_s)
    evaluation, untouched = _counter(workload.evaluation), _counter(workload.reserve)
    return Mined(
        level=level.name,
        difference_ppm=level.difference_ppm,
        gain_ppm=level.gain_ppm,
        ours_s=seconds,
        paper_way_s=round(theirs.seconds, 3),
        paper_way_reached=theirs.reached,
        evaluations=theirs.evaluations,
        evaluator=evaluator.name,
        ratio=round(theirs.seconds / seconds, 1) if seconds else None,
        published_s=level.published_s,
        base_evaluation_ppm=evaluation(base),
        base_untouched_ppm=untouched(base),
        ours_evaluation_ppm=None if child is None else evaluation(child),
        ours_untouched_ppm=None if child is None else untouched(child),
        paper_way_evaluation_ppm=evaluation(theirs.best),
        paper_way_untouched_ppm=untouched(theirs.best),
    )


def _ours(search: Search, workload: Workload) -> tuple[float | None, Model | None]:
    """Return the median seconds of our searches, and the first one's child."""
    seeds = range(1 if workload.quick else SEARCH_SEEDS)
    median = statistics.median(search_s(search, seed, workload.meter) for seed in seeds)
    return (None, None) if math.isinf(median) else (round(median, 6), search.found(0))


def _clock_s(workload: Workload) -> Callable[[], float]:
    return lambda: workload.meter.clock() / 1e9


def _trained(workload: Workload, number: int) -> Model:
    if number == 0:
        return base_model(workload)
    samples = BASE_STEPS * BATCH
    seed = BASE_SEED + bytes([number])
    return train_model(BINARY_4K, workload.train, seed, samples, [(samples, BASE_EXPONENT)])


def _counter(samples: Samples) -> Callable[[Model], int]:
    """Return what tells a model's accuracy on images, in parts per million."""
    sliced, labels = slice_images(BINARY_4K, samples.images), samples.labels.tobytes()
    return lambda model: count_correct(model, sliced, labels) * PPM // len(samples)
