# SPDX-License-Identifier: Apache-2.0
"""A small workload for the tests of the bench: few random images, a clock that ticks by itself."""

from itertools import count

import numpy as np

from edge_node.bench.timing import CpuClock, Meter
from edge_node.bench.workload import Workload
from edge_node.datasets.content import Samples

TICK_NS = 1_000_000


def ticking_clock(step_ns: int = TICK_NS) -> CpuClock:
    """Return a clock that goes on by a step whenever it is read."""
    ticks = count(0, step_ns)
    return lambda: next(ticks)


def random_samples(images: int, seed: int) -> Samples:
    """Return random images of 28x28 with random labels."""
    rng = np.random.default_rng(seed)
    return Samples(
        images=rng.integers(0, 256, (images, 784)).astype(np.uint8),
        labels=rng.integers(0, 10, images).astype(np.uint8),
    )


def small_workload() -> Workload:
    """Return a quick workload whose every measurement takes one tick."""
    return Workload(
        train=random_samples(64, 1),
        evaluation=random_samples(32, 2),
        reserve=random_samples(32, 3),
        meter=Meter(clock=ticking_clock(), budget_s=0, repetitions=1),
        quick=True,
    )
