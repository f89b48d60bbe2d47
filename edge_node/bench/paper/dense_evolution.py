# SPDX-License-Identifier: Apache-2.0
"""Mining the paper's own way, written anew from its sections 4.2 and 5.2.

A population of 10, five of them from back-propagation; children cross 10 % of each layer's weights
of two parents and mutate 10 % of the weights with probability 0.05; the ten best on the train split
stay. Every model is evaluated densely in floats, image by weight, by a Python framework or as one
does it.
Law of the file: nothing of the packed evaluation and of recipes helps here; who is accepted is
decided on the evaluation split.
Read next: mining.py, larq_evaluation.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.bench.climbing import Level
from edge_node.datasets.content import Samples
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.spec.constants import PPM
from edge_node.spec.difference import hamming
from edge_node.spec.model import Model

POPULATION = 10
TRAINED = 5
"""Models of the population that come from back-propagation."""
CROSS_SHARE = 0.1
MUTATED_SHARE = 0.1
MUTATION_PROBABILITY = 0.05
SEED = 20_240_701
"""Of every draw: two runs try the same children."""

Count = Callable[[Model, Samples], int]
"""Counts the images that a model classifies correctly, densely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolved:
    """What the evolution came to."""

    reached: bool
    """Whether a child met the level."""
    seconds: float
    """How long it took, or how long it was tried."""
    evaluations: int
    """Models that were evaluated."""
    best: Model
    """The child that met the level; otherwise the best on the train split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What a child must be."""

    base: Model
    """The generation before."""
    level: Level
    """What a child must differ and gain."""
    selection: Samples
    """Train images that decide who stays."""
    judged: Samples
    """Evaluation images that decide who is accepted."""


def evolve(
    contest: Contest,
    trained: Sequence[Model],
    count: Count,
    *,
    cap_s: float,
    clock_s: Callable[[], float],
) -> Evolved:
    """Evolve until a child meets the level or the time is up.

    Parameters
    ----------
    contest : Contest
    trained : sequence of Model
        From back-propagation; the base is one of them.
    count : callable
    cap_s : float
        Seconds.
    clock_s : callable
        Seconds that have passed.
    """
    random = np.random.default_rng(SEED)
    start_s = clock_s()
    evaluations = 0

    def scored(model: Model) -> tuple[int, Model]:
        nonlocal evaluations
        evaluations += 1
        return count(model, contest.selection), model

    base_correct = count(contest.base, contest.judged)
    wanted = base_correct + contest.level.gain_ppm * len(contest.judged) // PPM
    population = [scored(model) for model in trained]
    judged_best = -1
    while True:
        parents = [model for _, model in population]
        for _ in range(POPULATION):
            if clock_s() - start_s >= cap_s:
                best = max(population, key=lambda each: each[0])[1]
                return Evolved(reached=False, seconds=cap_s, evaluations=evaluations, best=best)
            first, second = random.choice(len(parents), 2, replace=len(parents) < 2)
            population.append(scored(_child(parents[first], parents[second], random)))
        population = sorted(population, key=lambda each: each[0], reverse=True)[:POPULATION]
        best_correct, best = population[0]
        # The evaluation split is asked only for a best that is new and differs enough.
        if best_correct == judged_best or not _differs(contest, best):
            continue
        judged_best = best_correct
        evaluations += 1
        if count(best, contest.judged) >= wanted:
            return Evolved(
                reached=True,
                seconds=clock_s() - start_s,
                evaluations=evaluations,
                best=best,
            )


def _differs(contest: Contest, model: Model) -> bool:
    weights = model.architecture.weight_count
    return hamming(contest.base, model) * PPM >= contest.level.difference_ppm * weights


def _child(first: Model, second: Model, random: np.random.Generator) -> Model:
    """Return a child of two models: crossed layer by layer, then mutated."""
    layers = []
    for shape, mine, others in zip(
        first.architecture.shapes, first.weights, second.weights, strict=True
    ):
        bits = _bits(mine, shape.fan_in)
        take = random.random(bits.shape) < CROSS_SHARE
        bits = np.where(take, _bits(others, shape.fan_in), bits)
        flip = random.random(bits.shape) < MUTATED_SHARE * MUTATION_PROBABILITY
        layers.append(_packed(bits ^ flip))
    return Model(
        architecture=first.architecture, weights=tuple(layers), thresholds=first.thresholds
    )


def _bits(layer: Sequence[int], fan_in: int) -> npt.NDArray[np.bool_]:
    size = -(-fan_in // 8)
    data = np.frombuffer(b"".join(each.to_bytes(size, "little") for each in layer), np.uint8)
    bits = np.unpackbits(data.reshape(len(layer), size), axis=1, bitorder="little")
    return bits[:, :fan_in].astype(np.bool_)


def _packed(bits: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    packed = np.packbits(bits, axis=1, bitorder="little")
    return tuple(int.from_bytes(row.tobytes(), "little") for row in packed)


def dense_count(model: Model, samples: Samples) -> int:
    """Count correct images with numpy's float matrix products, the faster way of writing it."""
    return NumpyEngine(model).count_correct(samples.images, samples.labels)
