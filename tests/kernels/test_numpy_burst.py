# SPDX-License-Identifier: Apache-2.0
"""Bursts in numpy against the law: results equal in every bit."""

import pytest

from edge_node.kernels.burst_data import Trial
from edge_node.kernels.numpy_burst import NumpyBurstRunner, run_burst
from edge_node.primitives.hashing import tagged_hash
from edge_node.spec.burst import draw_operator, ticket
from tests.kernels.burst_runs import CASES, arguments, case, law, silent_case


@pytest.mark.parametrize("number", range(CASES))
def test_bursts_are_the_laws(number: int) -> None:
    assert run_burst(*arguments(case(number))) == law(number)


@pytest.mark.parametrize("number", range(0, CASES, 5))
def test_a_trial_says_what_the_law_says(number: int) -> None:
    task, expected = case(number), law(number)
    trials = NumpyBurstRunner(task.rules, task.images, task.labels)
    trials.begin(task.start)
    trials.trial(tagged_hash("test", b"another, of which nothing must stay"))
    assert trials.trial(task.seed) == Trial(
        drawn=draw_operator(task.seed, task.rules, task.start),
        latent_root=expected.latent_root,
        ticket=ticket(task.seed, expected.latent_root),
        met=expected.met,
    )
    assert trials.latents() == expected.latents
    assert trials.model() == expected.model


@pytest.mark.parametrize("requirements", [0, 1, 2])
def test_a_weight_that_did_not_move_meets_nothing(requirements: int) -> None:
    """Where no class has an error every sum is 0, which is neither way."""
    task = silent_case(requirements)
    done = run_burst(*arguments(task))
    assert done.latents == task.start.latents
    assert done.met == (requirements == 0)
