# SPDX-License-Identifier: Apache-2.0
"""Rows of training on few images: speed beside numpy's, seconds only with the accuracy."""

from dataclasses import replace

import pytest

from edge_node.bench import learning
from edge_node.bench.learning import (
    COURSES,
    FLOAT_STE,
    FLOAT_STE_HERE,
    NUMPY_TRAINER,
    course_rows,
    reserve_accuracy,
    rival_of,
    take_course,
    training_rows,
)
from edge_node.bench.workload import base_model
from edge_node.spec.architecture import DENSE_256
from edge_node.spec.bnn import classify, logits
from edge_node.spec.training import step_exponent
from tests.bench.samples import TICK_NS, small_workload

SHORT = replace(COURSES[0], samples=64, speed_samples=64, numpy_samples=8, accuracy_goal=0.0)


def test_schedule_gives_each_exponent_an_equal_share() -> None:
    schedule = SHORT.schedule()
    assert [step_exponent(schedule, seen) for seen in range(0, 64, 8)] == [7, 6, 6, 5, 5, 4, 4, 3]


def test_every_course_has_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "COURSES", (SHORT, replace(SHORT, in_quick=False)))
    speed, seconds, accuracy, other_speed = training_rows(small_workload())
    assert speed.value == other_speed.value == 64 / (TICK_NS / 1e9)
    assert speed.baseline_value == 8 / (TICK_NS / 1e9)
    assert (seconds.unit, seconds.value) == ("s", TICK_NS / 1e9)
    assert accuracy.value is not None
    assert (speed.baseline, accuracy.baseline) == (NUMPY_TRAINER, FLOAT_STE)


def test_dense_network_is_held_against_floats_of_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dense = replace(SHORT, architecture=DENSE_256, float_accuracy=None)
    monkeypatch.setattr(learning, "COURSES", (dense,))
    speed, _, accuracy = training_rows(small_workload())
    assert speed.baseline == FLOAT_STE_HERE
    assert speed.baseline_value == 64 / (TICK_NS / 1e9)  # one step of the only batch
    assert accuracy.baseline == f"{FLOAT_STE_HERE}, 0 s"
    assert accuracy.baseline_value is not None
    assert 0 <= accuracy.baseline_value <= 1


def test_every_dense_course_has_its_rival_here() -> None:
    assert [course.name for course in COURSES if course.float_accuracy is None] == ["dense-256"]


def test_missed_accuracy_has_no_seconds() -> None:
    workload, course = small_workload(), replace(SHORT, accuracy_goal=1.01)
    taken = take_course(workload, course)
    seconds, accuracy = course_rows(course, taken, rival_of(workload, course, taken))
    assert (seconds.value, seconds.reached, accuracy.reached) == (None, False, False)


def test_accuracy_is_that_of_the_reserve() -> None:
    workload = small_workload()
    model = base_model(workload)
    reserve = workload.reserve
    correct = sum(
        classify(logits(model, image.tobytes())) == label
        for image, label in zip(reserve.images, reserve.labels.tolist(), strict=True)
    )
    assert reserve_accuracy(model, workload) == correct / len(reserve)
