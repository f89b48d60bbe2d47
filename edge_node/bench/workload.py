# SPDX-License-Identifier: Apache-2.0
"""What is measured on: MNIST's three splits, a stop-watch, and models from the integer trainer.

Law of the file: every model follows from a fixed seed, so that two runs measure the same work.
Read next: evaluating.py, climbing.py, learning.py, sizes.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from edge_node.bench.timing import Meter
from edge_node.datasets.content import Samples
from edge_node.kernels.numpy_engine import NumpyEngine, dense_float_logits
from edge_node.kernels.shared_object import KernelPath, load_library, supported_paths
from edge_node.kernels.training import new_trainer
from edge_node.spec.architecture import BINARY_4K, Architecture
from edge_node.spec.model import Model
from edge_node.spec.training import batch_indices, initial_state

SELECTION_IMAGES = 10_000
"""Images that candidates are selected on, and of one exact evaluation."""
BATCH = 32
"""Samples of a training step."""
BASE_SEED = b"bench-2"
BASE_STEPS = 56
BASE_EXPONENT = 6
"""They give the 4,440 family's base of 0.7787 on MNIST's evaluation split."""
DENSE_NUMPY = "dense numpy, one thread"

Schedule = Sequence[tuple[int, int]]
"""(samples, u), as spec.training.step_exponent takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What every section measures on."""

    train: Samples
    """To train and to select on."""
    evaluation: Samples
    """To be judged on."""
    reserve: Samples
    """Never used before the last figure."""
    meter: Meter
    """The stop-watch."""
    quick: bool
    """Whether to leave out what takes long."""

    @property
    def selection(self) -> Samples:
        """The part of the train split that candidates are selected on."""
        return first_samples(self.train, SELECTION_IMAGES)


def first_samples(samples: Samples, count: int) -> Samples:
    """Return the first `count` samples, or all if there are fewer."""
    return Samples(images=samples.images[:count], labels=samples.labels[:count])


def compiled_paths() -> tuple[KernelPath, ...]:
    """Return the instruction paths that this processor runs, the fastest first; none without C."""
    library = load_library()
    return () if library is None else supported_paths(library)


def fastest_name() -> str:
    """Return the name of the path that is taken where none is asked for."""
    return path_name(compiled_paths()[0]) if compiled_paths() else "numpy"


def path_name(path: KernelPath) -> str:
    """Return the name by which rows call an instruction path."""
    return path.name.lower()


def train_model(
    architecture: Architecture,
    samples: Samples,
    seed: bytes,
    count: int,
    schedule: Schedule,
    *,
    batch: int = BATCH,
) -> Model:
    """Return the model that training on `count` drawn samples gives."""
    trainer = new_trainer(architecture, samples.images, samples.labels)
    trainer.set_state(initial_state(architecture, seed))
    trainer.run(batch_indices(seed, count, len(samples)), batch, schedule)
    return trainer.model()


@lru_cache(maxsize=1)
def base_model(workload: Workload) -> Model:
    """Return the base of mutations and of paper A's levels: 56 steps of training."""
    count = BASE_STEPS * BATCH
    return train_model(BINARY_4K, workload.train, BASE_SEED, count, [(count, BASE_EXPONENT)])


@lru_cache(maxsize=4)
def beginner_model(workload: Workload, architecture: Architecture) -> Model:
    """Return a model after one step, for where it does not matter what a model knows."""
    return train_model(architecture, workload.train, b"bench", BATCH, [(BATCH, BASE_EXPONENT)])


@lru_cache(maxsize=1)
def dense_evaluation_s(workload: Workload) -> float:
    """Return the seconds of one evaluation of the 4,440 family with numpy's matrix products.

    The faster of two ways of writing it. It is slow and steady: its median needs few repetitions.
    """
    model, samples = base_model(workload), workload.selection
    warm_up = first_samples(samples, 500)
    meter = Meter(clock=workload.meter.clock, budget_s=0, repetitions=1 if workload.quick else 3)

    def plain(some: Samples) -> int:
        classes = dense_float_logits(model, some.images).argmax(axis=1)
        return int(np.count_nonzero(classes == some.labels))

    def chunked(some: Samples) -> int:
        return NumpyEngine(model).count_correct(some.images, some.labels)

    seconds = []
    for way in (plain, chunked):
        way(warm_up)
        seconds.append(meter.median_s(partial(way, samples), warm_up=False))
    return min(seconds)
