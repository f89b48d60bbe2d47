# SPDX-License-Identifier: Apache-2.0
"""The numpy trainer against the law: states equal in every bit, the same refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.kernels.numpy_training import (
    NumpyTrainer,
    dead_zone,
    output_errors,
)
from edge_node.kernels.training_data import (
    SampleOutOfRange,
    SamplesDoNotFit,
    ShiftOutOfRange,
    StepTooSmall,
)
from edge_node.spec import gradients as law_module
from edge_node.spec.architecture import conv, dense
from edge_node.spec.training import LatentState, model_from_state
from edge_node.spec.training_bounds import NotTrainable
from tests.kernels.training_runs import (
    NETWORKS,
    STARTS,
    Run,
    arguments,
    law,
    law_shifted,
    law_summed,
    run,
    shift_arguments,
)
from tools.make_training_vectors import Vector, read_vectors, state_sha256

NAME = "kernels 5 2 1"


def trainer_of(task: Run) -> NumpyTrainer:
    return NumpyTrainer(task.architecture, task.images, task.labels)


def trained(task: Run) -> LatentState:
    return trainer_of(task).train(task.state, *arguments(task)[4:])


def shifted(task: Run, start: str) -> LatentState:
    return trainer_of(task).shifted_step(task.state, *shift_arguments(task, start)[4:])


@pytest.mark.parametrize("start", STARTS)
def test_trains_as_the_law(start: str) -> None:
    wrong = [n for n in NETWORKS if trained(run(n, start)) != law(n, start)]
    assert wrong == []


@pytest.mark.parametrize("start", STARTS)
def test_shifted_steps_are_the_laws(start: str) -> None:
    wrong = [
        name for name in NETWORKS if shifted(run(name, start), start) != law_shifted(name, start)
    ]
    assert wrong == []


def test_bad_shifts_are_refused() -> None:
    task = run(NAME, "initial")
    for shift in (-1, 25):
        with pytest.raises(ShiftOutOfRange, match=f"0..24, not {shift}"):
            trainer_of(task).shifted_step(task.state, task.indices[: task.batch], shift)


@pytest.mark.parametrize("name", [NAME, "grey", "patterns, odd map"])
def test_gradients_add_up_as_the_laws(name: str) -> None:
    task = run(name, "initial")
    trained = trainer_of(task).train_summed(task.state, *arguments(task)[4:])
    assert trained == law_summed(name, "initial")


@pytest.mark.parametrize("vector", read_vectors(), ids=lambda vector: vector.name)
def test_vectors(vector: Vector) -> None:
    images, labels = vector.samples()
    trainer = NumpyTrainer(vector.architecture(), images, labels)
    state = trainer.train(vector.start(), vector.indices(), vector.batch, vector.pairs())
    assert state_sha256(state) == vector.state_sha256


@given(
    scores=st.lists(st.integers(-33_000, 33_000) | st.integers(-60, 60), min_size=2, max_size=12),
    label=st.integers(0, 12),
)
def test_errors_are_the_laws(scores: list[int], label: int) -> None:
    actual = output_errors(np.array([scores, scores]), np.array([label, label], np.uint8))
    assert actual.tolist() == [law_module.output_errors(scores, label)] * 2


def test_the_dead_zone_is_exact_where_a_sum_leaves_float32() -> None:
    sizes = [2**24 - 1, 2**24 - 4]
    gradients = np.array([sizes[:1], [-sizes[1]]], np.float32)
    assert dead_zone(gradients) == sum(sizes) // len(sizes) // 2


def test_goes_on_where_it_stopped() -> None:
    task = run(NAME, "initial")
    trainer = trainer_of(task)
    trainer.set_state(task.state)
    assert trainer.state() == task.state
    for first in range(0, len(task.indices), task.batch):
        trainer.run(task.indices[first : first + task.batch], task.batch, task.schedule, first)
    assert trainer.state() == law(NAME, "initial")
    assert trainer.model() == model_from_state(task.architecture, law(NAME, "initial"))


def test_fresh_trainer_is_at_zero() -> None:
    task = run(NAME, "initial")
    state = trainer_of(task).state()
    assert not any(any(layer) for layer in (*state.latents, *state.biases))


def test_bad_runs_are_refused_and_change_nothing() -> None:
    task = run(NAME, "initial")
    trainer = trainer_of(task)
    trainer.set_state(task.state)
    for index in (-1, len(task.labels)):
        with pytest.raises(SampleOutOfRange):
            trainer.run([0, index], 2, task.schedule)
    with pytest.raises(NotTrainable):
        trainer.run(task.indices, 65, task.schedule)
    with pytest.raises(StepTooSmall):
        trainer.run(task.indices, task.batch, [(1, -1)])
    assert trainer.state() == task.state


def test_bad_material_is_refused() -> None:
    task = run(NAME, "initial")
    with pytest.raises(SamplesDoNotFit):
        NumpyTrainer(task.architecture, task.images[:-1], task.labels)
    padded = replace(task.architecture, layers=(conv(3, same=True), dense(5)))
    with pytest.raises(NotTrainable):
        NumpyTrainer(padded, task.images, task.labels)
