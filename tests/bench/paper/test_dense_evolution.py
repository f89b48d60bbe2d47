# SPDX-License-Identifier: Apache-2.0
"""The paper's own way: it stops at its level or at its time, and children change as it says."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count as counting

from edge_node.bench.climbing import LEVELS
from edge_node.bench.paper.dense_evolution import POPULATION, Contest, dense_count, evolve
from edge_node.bench.workload import base_model, train_model
from edge_node.datasets.content import Samples
from edge_node.spec.bnn import logits
from edge_node.spec.difference import hamming
from edge_node.spec.model import Model
from tests.bench.samples import small_workload

WORKLOAD = small_workload()
BASE = base_model(WORKLOAD)
CONTEST = Contest(base=BASE, level=LEVELS[0], selection=WORKLOAD.train, judged=WORKLOAD.evaluation)


def seconds_in_steps() -> Callable[[], float]:
    ticks = counting()
    return lambda: float(next(ticks))


def by_distance(model: Model, samples: Samples) -> int:
    """Find a model the better the more it differs from the base, whatever the images."""
    return min(len(samples), hamming(BASE, model) // 10)


def test_level_is_reached_by_a_child_that_differs_and_gains() -> None:
    contest = replace(CONTEST, level=replace(LEVELS[0], gain_ppm=100_000))
    found = evolve(contest, [BASE], by_distance, cap_s=1_000, clock_s=seconds_in_steps())
    assert found.reached
    assert found.seconds < 1_000
    assert hamming(BASE, found.best) * 1_000 >= 5 * BASE.architecture.weight_count
    assert by_distance(found.best, WORKLOAD.evaluation) >= 3


def test_level_that_is_not_reached_is_a_bound() -> None:
    found = evolve(CONTEST, [BASE], lambda *_: 5, cap_s=40, clock_s=seconds_in_steps())
    assert (found.reached, found.seconds) == (False, 40)
    assert POPULATION < found.evaluations < 60


def test_child_of_one_parent_is_mutated_in_half_a_percent() -> None:
    seen: list[int] = []

    def note(model: Model, _: Samples) -> int:
        seen.append(hamming(BASE, model))
        return 0

    evolve(CONTEST, [BASE], note, cap_s=30, clock_s=seconds_in_steps())
    children = [each for each in seen if each]
    mean = sum(children) / len(children)
    assert 0.003 < mean / BASE.architecture.weight_count < 0.008


def test_dense_count_is_that_of_the_law() -> None:
    model = train_model(BASE.architecture, WORKLOAD.train, b"x", 32, [(32, 6)])
    some = Samples(images=WORKLOAD.train.images[:8], labels=WORKLOAD.train.labels[:8])
    right = 0
    for image, label in zip(some.images, some.labels, strict=True):
        outputs = logits(model, image.tobytes())
        right += outputs.index(max(outputs)) == label
    assert dense_count(model, some) == right
