# SPDX-License-Identifier: Apache-2.0
"""What the bench measures on: models that follow from their seeds, and the dense baseline."""

from edge_node.bench.workload import (
    base_model,
    compiled_paths,
    dense_evaluation_s,
    fastest_name,
    first_samples,
    path_name,
    train_model,
)
from edge_node.spec import training as law
from edge_node.spec.architecture import DENSE_256
from tests.bench.samples import TICK_NS, random_samples, small_workload


def test_base_is_the_same_every_time() -> None:
    assert base_model(small_workload()) == base_model(small_workload())


def test_train_model_is_the_laws() -> None:
    samples = random_samples(16, 5)
    start = law.initial_state(DENSE_256, b"s")
    indices = law.batch_indices(b"s", 2, 16)
    images, labels = samples.images.tobytes(), samples.labels.tobytes()
    state = law.train(DENSE_256, start, images, labels, indices, 2, [(2, 5)])
    expected = law.model_from_state(DENSE_256, state)
    assert train_model(DENSE_256, samples, b"s", 2, [(2, 5)], batch=2) == expected


def test_first_samples_takes_no_more_than_there_are() -> None:
    samples = random_samples(5, 1)
    assert len(first_samples(samples, 3)) == 3
    assert len(first_samples(samples, 9)) == 5


def test_dense_baseline_is_what_the_clock_says() -> None:
    assert dense_evaluation_s(small_workload()) == TICK_NS / 1e9


def test_fastest_path_has_a_name() -> None:
    paths = compiled_paths()
    assert fastest_name() == (path_name(paths[0]) if paths else "numpy")
