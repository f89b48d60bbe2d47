# SPDX-License-Identifier: Apache-2.0
"""Bursts in numpy against the law: results equal in every bit."""

import pytest

from edge_node.kernels.burst_data import Trial
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.primitives.hashing import tagged_hash
from edge_node.spec.burst import BurstResult, draw_operator, ticket
from tests.kernels.burst_runs import CASES, case, law, silent_case
from tools.burst_cases import Case


def burst(task: Case) -> BurstResult:
    runner = NumpyBurstRunner(task.rules, task.images, task.labels)
    runner.begin(task.start)
    return runner.run(task.seed)


def test_bursts_are_the_laws() -> None:
    assert [n for n in range(CASES) if burst(case(n)) != law(n)] == []


def test_a_trial_says_what_the_law_says() -> None:
    for number in range(0, CASES, 5):
        task, expected = case(number), law(number)
        trials = NumpyBurstRunner(task.rules, task.images, task.labels)
        trials.begin(task.start)
        trials.trial(tagged_hash("test", b"another, of which nothing must stay"))
        said = Trial(
            drawn=draw_operator(task.seed, task.rules, task.start),
            latent_root=expected.latent_root,
            ticket=ticket(task.seed, expected.latent_root),
            met=expected.met,
        )
        assert trials.trial(task.seed) == said, number
        assert trials.latents() == expected.latents, number
        assert trials.model() == expected.model, number


@pytest.mark.parametrize("requirements", [0, 1, 2])
def test_a_weight_that_did_not_move_meets_nothing(requirements: int) -> None:
    """Where no class has an error every sum is 0, which is neither way."""
    task = silent_case(requirements)
    done = burst(task)
    assert done.latents == task.start.latents
    assert done.met == (requirements == 0)
