# SPDX-License-Identifier: Apache-2.0
"""What burst runners take and refuse, the same for all of them; a refusal changes nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_node.kernels.arrays import LatentOutOfRange, LatentsDoNotFit
from edge_node.kernels.burst import BurstRunner
from edge_node.kernels.burst_data import (
    FamilyInBursts,
    NoRelatives,
    NoSamples,
    RelativeDoesNotFit,
    TooManyRequirements,
)
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.kernels.training_data import SamplesDoNotFit, StepTooSmall
from edge_node.spec.architecture import conv, dense
from edge_node.spec.burst import BurstRules
from edge_node.spec.training_bounds import NotTrainable
from tests.kernels.burst_runs import case, law
from tests.kernels.compiled import need_library
from tests.kernels.training_runs import network
from tests.spec.samples import random_model

pytestmark = pytest.mark.arm

NUMBER = 5
Maker = Callable[[BurstRules, bytes, bytes], FamilyInBursts]


@pytest.fixture(params=["compiled", "numpy"])
def make(request: pytest.FixtureRequest) -> Maker:
    if request.param == "compiled":
        need_library()
        return BurstRunner
    return NumpyBurstRunner


def begun(make: Maker) -> FamilyInBursts:
    task = case(NUMBER)
    trials = make(task.rules, task.images, task.labels)
    trials.begin(case(NUMBER).start)
    return trials


def test_who_has_lost_is_not_asked_what_it_meets(make: Maker) -> None:
    trials = begun(make)
    for i in range(12):
        seed = bytes([i]) * 32
        full = trials.trial(seed)
        for below in (full.ticket + 1, 1 << 256, (1 << 256) - 1, 1 << 300):
            assert trials.trial(seed, below) == full
            assert trials.trial(seed, below=None) == full
        latents = trials.latents()
        for below in (full.ticket, 1, 0, -5):
            assert trials.trial(seed, below) == replace(full, met=False)
            assert trials.latents() == latents


def test_bad_starts_are_refused_and_change_nothing(make: Maker) -> None:
    task, trials, good = case(NUMBER), begun(make), case(NUMBER).start
    other = random_model(network(5, 5, 1, 1, [dense(2)]), "other")
    too_low = (-32_768).to_bytes(2, "little", signed=True) + good.latents[2:]
    too_high = good.latents[:-4] + ((1 << 18) + 1).to_bytes(4, "little")
    refusals = (
        (replace(good, latents=good.latents + b"\0"), LatentsDoNotFit),
        (replace(good, latents=b""), LatentsDoNotFit),
        (replace(good, latents=too_low), LatentOutOfRange),
        (replace(good, latents=too_high), LatentOutOfRange),
        (replace(good, relatives=()), NoRelatives),
        (replace(good, relatives=(*good.relatives, other)), RelativeDoesNotFit),
    )
    assert good.evolves
    assert task.rules.weights[2]
    for start, error in refusals:
        with pytest.raises(error):
            trials.begin(start)
    assert trials.run(task.seed) == law(NUMBER)


def test_no_relative_is_wanted_where_nothing_is_crossed(make: Maker) -> None:
    task = case(NUMBER)
    trials = make(replace(task.rules, weights=(1, 1, 0)), task.images, task.labels)
    trials.begin(replace(case(NUMBER).start, relatives=()))
    trials.trial(task.seed)


def test_bad_rules_and_samples_are_refused(make: Maker) -> None:
    task = case(NUMBER)
    rules, images, labels = task.rules, task.images, task.labels
    neurons = rules.architecture.channel_count
    make(replace(rules, requirements=neurons), images, labels)
    with pytest.raises(TooManyRequirements, match=f"up to {neurons} requirements"):
        make(replace(rules, requirements=neurons + 1), images, labels)
    with pytest.raises(NotTrainable):
        make(replace(rules, batch=65), images, labels)
    padded = network(8, 8, 1, 1, [conv(3, same=True), dense(5)])
    with pytest.raises(NotTrainable):
        make(replace(rules, architecture=padded), images, labels)
    with pytest.raises(SamplesDoNotFit):
        make(rules, images[:-1], labels)
    with pytest.raises(NoSamples):
        make(rules, b"", b"")


def test_a_step_below_one_is_refused(make: Maker) -> None:
    task = case(NUMBER)
    trials = make(replace(task.rules, schedule=((1, -1),)), task.images, task.labels)
    with pytest.raises(StepTooSmall):
        trials.begin(case(NUMBER).start)
