# SPDX-License-Identifier: Apache-2.0
"""The compiled trainer against the law, on every path of this CPU: states equal in every bit."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.kernels import shared_object
from edge_node.kernels.numpy_training import NumpyTrainer
from edge_node.kernels.shared_object import KernelPath, supported_paths
from edge_node.kernels.training import (
    Trainer,
    TrainerUnavailable,
    new_trainer,
    shifted_step,
    train,
    train_summed,
)
from edge_node.kernels.training_data import (
    SampleOutOfRange,
    SamplesDoNotFit,
    ShiftOutOfRange,
    StepTooSmall,
)
from edge_node.spec import training as law_module
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.constants import LATENT_MAX
from edge_node.spec.training import model_from_state
from edge_node.spec.training_bounds import NotTrainable, check_trainable
from tests.kernels.compiled import need_library, this_cpus_path
from tests.kernels.training_runs import (
    NETWORKS,
    STARTS,
    arguments,
    images_and_labels,
    law,
    law_shifted,
    law_summed,
    run,
    shift_arguments,
    start_state,
)
from tools.make_training_vectors import Vector, law_sha256, read_vectors, state_sha256

pytestmark = pytest.mark.arm

NAME = "kernels 5 2 1"
FEW = (NAME, "grey", "patterns, odd map", "dense, odd widths", "colour, kernels 2 1")


def runnable_paths() -> tuple[KernelPath, ...]:
    return supported_paths(need_library())


@pytest.fixture(params=list(KernelPath), ids=[path.name for path in KernelPath])
def path(request: pytest.FixtureRequest) -> KernelPath:
    return this_cpus_path(KernelPath(request.param).name)


@pytest.mark.parametrize("start", STARTS)
def test_trains_as_the_law(path: KernelPath, start: str) -> None:
    wrong = [
        name
        for name in NETWORKS
        if train(*arguments(run(name, start)), path=path) != law(name, start)
    ]
    assert wrong == []


@pytest.mark.parametrize("start", STARTS)
def test_shifted_steps_are_the_laws(path: KernelPath, start: str) -> None:
    wrong = [
        name
        for name in NETWORKS
        if shifted_step(*shift_arguments(run(name, start), start), path=path)
        != law_shifted(name, start)
    ]
    assert wrong == []


def test_shifted_steps_saturate(path: KernelPath) -> None:
    """In the law's own numbers, on which every path was just held: latents end at both ends."""
    task = run("grey", "at the ends")
    moved = shifted_step(*shift_arguments(task, "at the ends"), path=path).latents
    ends = [
        before
        for old, new in zip(task.state.latents, moved, strict=True)
        for before, after in zip(old, new, strict=True)
        if abs(after) == LATENT_MAX and abs(before) < LATENT_MAX
    ]
    assert min(ends) < 0 < max(ends)


@pytest.mark.parametrize("shift", [0, 1, 9, 24])
def test_every_learning_shift(path: KernelPath, shift: int) -> None:
    task = run(NAME, "near zero")
    given = (*shift_arguments(task, "near zero")[:-1], shift)
    assert shifted_step(*given, path=path) == law_module.shifted_step(*given)


def test_bad_shifts_are_refused(path: KernelPath) -> None:
    given = shift_arguments(run(NAME, "initial"), "initial")[:-1]
    for shift in (-1, 25):
        with pytest.raises(ShiftOutOfRange, match=f"0..24, not {shift}"):
            shifted_step(*given, shift, path=path)
    with pytest.raises(NotTrainable):
        shifted_step(*given[:-1], (), 6, path=path)
    with pytest.raises(SampleOutOfRange):
        shifted_step(*given[:-1], (99,), 6, path=path)


@pytest.mark.parametrize("start", STARTS)
def test_gradients_add_up_as_the_laws(path: KernelPath, start: str) -> None:
    wrong = [
        name
        for name in FEW
        if train_summed(*arguments(run(name, start)), path=path) != law_summed(name, start)
    ]
    assert wrong == []


def test_sums_are_of_one_run(path: KernelPath) -> None:
    task = run("grey", "initial")
    trainer = Trainer(task.architecture, task.images, task.labels, path)
    sums = []
    for _ in range(2):
        trainer.set_packed(task.state.packed())
        trainer.run(task.indices, task.batch, task.schedule)
        trainer.set_packed(task.state.packed())
        sums.append(trainer.run_summed(task.indices, task.batch, task.schedule, 6).tolist())
    assert sums[0] == sums[1]


def test_packed_latents_are_as_good_as_tuples(path: KernelPath) -> None:
    task = run(NAME, "initial")
    trainer = Trainer(task.architecture, task.images, task.labels, path)
    trainer.set_packed(task.state.packed())
    trainer.run(task.indices, task.batch, task.schedule)
    assert trainer.packed() == law(NAME, "initial").packed()


@pytest.mark.parametrize("vector", read_vectors(), ids=lambda vector: vector.name)
def test_vectors(path: KernelPath, vector: Vector) -> None:
    images, labels = vector.samples()
    trainer = Trainer(vector.architecture(), images, labels, path)
    trainer.set_state(vector.start())
    trainer.run(vector.indices(), vector.batch, vector.pairs())
    assert state_sha256(trainer.state()) == vector.state_sha256


@pytest.mark.parametrize("name", ["colour", "odd bits"])
def test_vectors_are_the_laws(name: str) -> None:
    (vector,) = (vector for vector in read_vectors() if vector.name == name)
    assert law_sha256(vector) == vector.state_sha256


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    rows, columns = draw(st.integers(1, 10)), draw(st.integers(1, 10))
    layers = []
    side = min(rows, columns)
    for _ in range(draw(st.integers(0, 2))):
        kernel = draw(st.integers(1, min(side, 5)))
        side -= kernel - 1
        pool = draw(st.booleans()) and side >= 2
        side //= 2 if pool else 1
        layers.append(conv(draw(st.integers(1, 40)), kernel=kernel, pool=pool))
    layers += [dense(draw(st.integers(1, 40))) for _ in range(draw(st.integers(1, 2)))]
    return Architecture(
        height=rows,
        width=columns,
        input_channels=draw(st.integers(1, 4)),
        input_bits=draw(st.sampled_from([1, 8])),
        layers=(*layers, dense(draw(st.integers(2, 12)))),
    )


@settings(max_examples=20)
@given(architecture=architectures(), seed=st.integers(0, 99), start=st.sampled_from(STARTS))
@pytest.mark.slow
def test_random_networks_train_as_the_law(
    architecture: Architecture, seed: int, start: str
) -> None:
    rng = np.random.default_rng(seed)
    images, labels = images_and_labels(architecture, 7, rng)
    state = start_state(architecture, start, rng)
    indices = rng.integers(0, 7, 9)
    expected = law_module.train(
        architecture,
        state,
        images.tobytes(),
        labels.tobytes(),
        indices.tolist(),
        4,
        [(4, 7), (1, 3)],
    )
    for path in runnable_paths():
        actual = train(architecture, state, images, labels, indices, 4, [(4, 7), (1, 3)], path=path)
        assert actual == expected, path.name


def test_goes_on_where_it_stopped(path: KernelPath) -> None:
    task = run(NAME, "initial")
    trainer = Trainer(task.architecture, task.images, task.labels, path)
    trainer.set_state(task.state)
    assert trainer.state() == task.state
    for first in range(0, len(task.indices), task.batch):
        trainer.run(task.indices[first : first + task.batch], task.batch, task.schedule, first)
    assert trainer.state() == law(NAME, "initial")
    trainer.run((), task.batch, task.schedule)
    assert trainer.state() == law(NAME, "initial")


@pytest.mark.parametrize("name", [NAME, "grey"])
def test_model_is_the_laws(path: KernelPath, name: str) -> None:
    for start in STARTS:
        task = run(name, start)
        trainer = Trainer(task.architecture, task.images, task.labels, path)
        trainer.set_state(task.state)
        assert trainer.model() == model_from_state(task.architecture, task.state), start


def test_trainers_keep_apart(path: KernelPath) -> None:
    first, second = run("grey", "initial"), run(NAME, "initial")
    trainers = []
    for task in (first, second):
        trainer = Trainer(task.architecture, task.images, task.labels, path)
        trainer.set_state(task.state)
        trainers.append(trainer)
    for task, trainer in zip((first, second), trainers, strict=True):
        trainer.run(task.indices, task.batch, task.schedule)
    assert trainers[0].state() == law("grey", "initial")
    del trainers[0]
    gc.collect()
    assert trainers[0].state() == law(NAME, "initial")


def test_fresh_trainer_is_at_zero(path: KernelPath) -> None:
    task = run(NAME, "initial")
    state = Trainer(task.architecture, task.images, task.labels, path).state()
    assert not any(any(layer) for layer in (*state.latents, *state.biases))


def test_takes_samples_in_any_form(path: KernelPath) -> None:
    task = run(NAME, "initial")
    shape = task.architecture.shapes[0]
    maps = (-1, shape.in_height, shape.in_width, shape.in_channels)
    images = np.frombuffer(task.images, np.uint8).reshape(maps)
    strided = np.repeat(images, 2, axis=0)[::2]
    assert not strided.flags["C_CONTIGUOUS"]
    task_arguments = list(arguments(task))
    task_arguments[2] = strided
    assert train(*task_arguments, path=path) == law(NAME, "initial")  # type: ignore[arg-type]  # a list of many types


def test_bad_runs_are_refused_and_change_nothing(path: KernelPath) -> None:
    task = run(NAME, "initial")
    trainer = Trainer(task.architecture, task.images, task.labels, path)
    trainer.set_state(task.state)
    count = len(task.labels)
    for index in (-1, count):
        with pytest.raises(SampleOutOfRange, match=f"0..{count - 1}, not {index}"):
            trainer.run([0, index], 2, task.schedule)
    for batch in (0, 65):
        with pytest.raises(NotTrainable):
            trainer.run(task.indices, batch, task.schedule)
    with pytest.raises(StepTooSmall):
        trainer.run(task.indices, task.batch, [(1, 4), (5, -1)])
    assert trainer.state() == task.state


def test_batch_that_could_overflow_is_refused(path: KernelPath) -> None:
    architecture = replace(
        NETWORKS["grey"], height=64, width=64, layers=(conv(2, kernel=1), dense(2))
    )
    check_trainable(architecture, 4)
    trainer = Trainer(architecture, bytes(4096), b"\0", path)
    with pytest.raises(NotTrainable):
        trainer.run([0] * 8, 8, [(1, 4)])


def test_bad_material_is_refused(path: KernelPath) -> None:
    task = run(NAME, "initial")
    with pytest.raises(SamplesDoNotFit):
        Trainer(task.architecture, task.images[:-1], task.labels, path)
    padded = replace(task.architecture, layers=(conv(3, same=True), dense(5)))
    with pytest.raises(NotTrainable):
        Trainer(padded, task.images, task.labels, path)


def test_path_of_another_processor_is_refused() -> None:
    missing = set(KernelPath) - set(runnable_paths())
    task = run(NAME, "initial")
    for path in missing:
        with pytest.raises(TrainerUnavailable, match=path.name):
            train(*arguments(task), path=path)


def test_numpy_trains_where_the_kernels_were_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    task = run(NAME, "initial")
    monkeypatch.setattr(shared_object, "LIBRARY_NAME", "missing.so")
    trainer = new_trainer(task.architecture, task.images, task.labels)
    assert isinstance(trainer, NumpyTrainer)
    assert train(*arguments(task)) == law(NAME, "initial")
    with pytest.raises(TrainerUnavailable, match="make kernels"):
        Trainer(task.architecture, task.images, task.labels)
    with pytest.raises(TrainerUnavailable, match="make kernels"):
        train(*arguments(task), path=KernelPath.SCALAR)
