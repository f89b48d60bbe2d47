# SPDX-License-Identifier: Apache-2.0
"""What trainers take and give: samples and indices are checked, schedules and models the law's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.kernels.arrays import latent_arrays
from edge_node.kernels.training_data import (
    MAX_EXPONENT,
    SampleOutOfRange,
    SamplesDoNotFit,
    StepTooSmall,
    model_from_latents,
    model_from_packed,
    step_exponents,
    training_set,
)
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX
from edge_node.spec.training import model_from_state, step_exponent
from tests.kernels.training_runs import NETWORKS, STARTS, run

pytestmark = pytest.mark.arm

NETWORK = NETWORKS["grey"]  # 72 bytes an image


def test_samples_of_any_shape_are_one_row_each() -> None:
    images = np.arange(144, dtype=np.uint8)
    for form in (images, images.reshape(2, 8, 9), images.tobytes()):
        samples = training_set(NETWORK, form, b"\1\2")
        assert samples.images.tolist() == images.reshape(2, 72).tolist()
        assert samples.labels.tolist() == [1, 2]


def test_contiguous_samples_are_not_copied() -> None:
    images, labels = np.zeros((2, 72), np.uint8), np.zeros(2, np.uint8)
    samples = training_set(NETWORK, images, labels)
    assert np.shares_memory(samples.images, images)
    assert np.shares_memory(samples.labels, labels)


@pytest.mark.parametrize(("image_bytes", "labels"), [(143, 2), (72, 2), (216, 2), (0, 1)])
def test_images_without_labels_are_refused(image_bytes: int, labels: int) -> None:
    with pytest.raises(SamplesDoNotFit) as caught:
        training_set(NETWORK, bytes(image_bytes), bytes(labels))
    assert (caught.value.expected, caught.value.actual) == (72 * labels, image_bytes)


@pytest.mark.parametrize("index", [-1, 2, 1 << 40])
def test_index_of_no_sample_is_refused(index: int) -> None:
    samples = training_set(NETWORK, bytes(144), bytes(2))
    assert samples.check_indices([1, 0]).tolist() == [1, 0]
    with pytest.raises(SampleOutOfRange) as caught:
        samples.check_indices([1, index])
    assert (caught.value.limit, caught.value.actual) == (2, index)


@given(
    schedule=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 40)), min_size=1, max_size=4),
    samples_seen=st.integers(0, 60),
    count=st.integers(0, 40),
    batch=st.integers(1, 8),
)
def test_exponents_are_the_laws_up_to_the_greatest_that_matters(
    schedule: list[tuple[int, int]], samples_seen: int, count: int, batch: int
) -> None:
    starts = range(samples_seen, samples_seen + count, batch)
    expected = [min(step_exponent(schedule, start), MAX_EXPONENT) for start in starts]
    assert step_exponents(schedule, samples_seen, count, batch).tolist() == expected


def test_greatest_exponent_crosses_every_range() -> None:
    assert 1 << MAX_EXPONENT >= 2 * LATENT_MAX
    assert 1 << MAX_EXPONENT >> 4 >= 2 * BIAS_LATENT_MAX  # thresholds may be 2**4 slower


def test_negative_exponent_is_refused() -> None:
    with pytest.raises(StepTooSmall) as caught:
        step_exponents([(4, 2), (1, -3)], 0, 8, 4)
    assert caught.value.actual == -3


@pytest.mark.parametrize("start", STARTS)
def test_model_is_the_laws(start: str) -> None:
    for name in NETWORKS:
        task = run(name, start)
        model = model_from_latents(task.architecture, *latent_arrays(task.state))
        assert model == model_from_state(task.architecture, task.state), name
    assert model == model_from_packed(task.architecture, task.state.packed())
