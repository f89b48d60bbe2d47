# SPDX-License-Identifier: Apache-2.0
"""How fast the integer trainer is, and how soon its models reach an accuracy on untouched images.

The schedules are fixed and annealed: an eighth of the samples for each exponent u. They were found
by hand in few runs that counted the reserve too; one run counts it at its end only.
Law of the file: training is in the seconds, the final count on the reserve is not.
Read next: float_training.py, kernels/training.py, spec/training.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_node.bench.float_training import FloatTrainer
from edge_node.bench.rows import Row
from edge_node.bench.workload import Schedule, Workload, compiled_paths, fastest_name
from edge_node.datasets.content import Bytes
from edge_node.inference.backend import count_of_logits
from edge_node.kernels.engine import Engine
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.kernels.numpy_training import NumpyTrainer
from edge_node.kernels.training import Trainer, new_trainer
from edge_node.spec.architecture import BINARY_4K, DENSE_256, UINT8_94K, Architecture
from edge_node.spec.model import Model
from edge_node.spec.training import batch_indices, initial_state

SEED = b"bench"
NUMPY_TRAINER = "numpy trainer, one thread"
FLOAT_STE = "float training (STE, Adam), measured beforehand"
FLOAT_STE_HERE = "float training in numpy (STE, Adam), one thread"
"""Measured in the same run (float_training.py)."""
FLOAT_SEED = 1
MAX_FLOAT_S, QUICK_FLOAT_S = 20.0, 1.0
"""It has the time that our own course took, up to this; the other where that was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A family's training."""

    name: str
    """The family."""
    architecture: Architecture
    """Its architecture."""
    samples: int
    """Samples of the whole course."""
    batch: int
    """Samples of a step."""
    exponents: tuple[int, ...]
    """u, each for an equal share of the samples."""
    accuracy_goal: float
    """On the reserve."""
    goal_s: float
    """Seconds to get there."""
    samples_goal: float
    """Samples per second."""
    float_accuracy: float | None
    """What ordinary float training reached; None if it is done here (dense networks)."""
    speed_samples: int
    """Samples of one measurement of speed."""
    numpy_samples: int
    """The same for the numpy trainer."""
    in_quick: bool
    """Whether `--quick` has the time for it."""

    def schedule(self) -> Schedule:
        """Return the exponents with the samples up to which they hold."""
        parts = len(self.exponents)
        return [(self.samples * (i + 1) // parts, u) for i, u in enumerate(self.exponents)]


COURSES = (
    Course(
        name="binary-4k",
        architecture=BINARY_4K,
        samples=96_000,
        batch=32,
        exponents=(7, 6, 6, 5, 5, 4, 4, 3),
        accuracy_goal=0.93,
        goal_s=5,
        samples_goal=25_000,
        float_accuracy=0.92,
        speed_samples=8_192,
        numpy_samples=128,
        in_quick=True,
    ),
    Course(
        name="uint8-94k",
        architecture=UINT8_94K,
        samples=256_000,
        batch=32,
        exponents=(6, 6, 5, 5, 4, 4, 3, 2),
        accuracy_goal=0.98,
        goal_s=60,
        samples_goal=5_000,
        float_accuracy=0.984,
        speed_samples=2_048,
        numpy_samples=32,
        in_quick=False,
    ),
    Course(
        name="dense-256",
        architecture=DENSE_256,
        samples=3_000_000,
        batch=64,
        exponents=(5, 4, 4, 3, 3, 2, 1, 0),
        accuracy_goal=0.945,
        goal_s=30,
        samples_goal=60_000,
        float_accuracy=None,
        speed_samples=16_384,
        numpy_samples=256,
        in_quick=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a whole course came to."""

    seconds: float
    """Time of the training."""
    accuracy: float
    """On the reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """What a course is compared with."""

    speed_name: str
    """Whose speed it is."""
    samples_per_s: float
    """Its speed."""
    accuracy_name: str
    """Whose accuracy it is."""
    accuracy: float
    """On the reserve."""


def training_rows(workload: Workload) -> Iterator[Row]:
    """Yield samples/s, seconds to the accuracy, and the accuracy, for every course."""
    for course in COURSES:
        taken = take_course(workload, course) if course.in_quick or not workload.quick else None
        rival = rival_of(workload, course, taken)
        yield speed_row(workload, course, rival)
        if taken is not None:
            yield from course_rows(course, taken, rival)


def take_course(workload: Workload, course: Course) -> Taken:
    """Train for the whole course."""
    models: list[Model] = []
    seconds = workload.meter.once_s(lambda: models.append(_take(workload, course)))
    return Taken(seconds=seconds, accuracy=reserve_accuracy(models[0], workload))


def rival_of(workload: Workload, course: Course, taken: Taken | None) -> Rival:
    """Return the numpy trainer's speed and the accuracy of floats; for dense networks both floats'.

    Then floats are trained here, for as long as the course took.
    """
    if course.float_accuracy is None:
        hidden, last = course.architecture.shapes
        trainer = FloatTrainer(
            workload.train, hidden=hidden.channels, classes=last.channels, seed=FLOAT_SEED
        )
        budget_s = QUICK_FLOAT_S if taken is None else min(taken.seconds, MAX_FLOAT_S)
        run = trainer.train_for(budget_s, workload.meter.clock)
        return Rival(
            speed_name=FLOAT_STE_HERE,
            samples_per_s=run.samples_per_s,
            accuracy_name=f"{FLOAT_STE_HERE}, {run.seconds:.0f} s",
            accuracy=trainer.accuracy(workload.reserve),
        )
    numpy_trainer = NumpyTrainer(course.architecture, *_arrays(workload))
    _start(numpy_trainer, course)
    indices = batch_indices(SEED, course.numpy_samples, len(workload.train))
    seconds = workload.meter.once_s(
        lambda: numpy_trainer.run(indices, course.batch, course.schedule())
    )
    return Rival(
        speed_name=NUMPY_TRAINER,
        samples_per_s=course.numpy_samples / seconds,
        accuracy_name=FLOAT_STE,
        accuracy=course.float_accuracy,
    )


def speed_row(workload: Workload, course: Course, rival: Rival) -> Row:
    """Return the samples/s of the fastest path, beside the rival's."""
    trainer = new_trainer(course.architecture, *_arrays(workload))
    _start(trainer, course)
    indices = np.array(batch_indices(SEED, course.speed_samples, len(workload.train)), np.int64)
    seconds = workload.meter.median_s(lambda: trainer.run(indices, course.batch, course.schedule()))
    return Row(
        name=f"training/{course.name}/{fastest_name()}",
        value=course.speed_samples / seconds,
        unit="samples/s",
        baseline=rival.speed_name,
        baseline_value=rival.samples_per_s,
        goal=course.samples_goal,
    )


def course_rows(course: Course, taken: Taken, rival: Rival) -> Iterator[Row]:
    """Yield the seconds of the whole course, null if it misses the accuracy, and the accuracy."""
    yield Row(
        name=f"training/{course.name}/to {course.accuracy_goal:.1%} on untouched images",
        value=taken.seconds if taken.accuracy >= course.accuracy_goal else None,
        unit="s",
        baseline=None,
        baseline_value=None,
        goal=course.goal_s,
    )
    yield Row(
        name=f"training/{course.name}/on untouched images",
        value=taken.accuracy,
        unit="accuracy",
        baseline=rival.accuracy_name,
        baseline_value=rival.accuracy,
        goal=course.accuracy_goal,
    )


def reserve_accuracy(model: Model, workload: Workload) -> float:
    """Return the share of the reserve that the model classifies correctly."""
    engine = Engine(model) if compiled_paths() else NumpyEngine(model)
    reserve = workload.reserve
    return count_of_logits(engine.logits(reserve.images), reserve.labels) / len(reserve)


def _take(workload: Workload, course: Course) -> Model:
    trainer = new_trainer(course.architecture, *_arrays(workload))
    _start(trainer, course)
    indices = batch_indices(SEED, course.samples, len(workload.train))
    trainer.run(np.array(indices, np.int64), course.batch, course.schedule())
    return trainer.model()


def _start(trainer: Trainer | NumpyTrainer, course: Course) -> None:
    trainer.set_state(initial_state(course.architecture, SEED))


def _arrays(workload: Workload) -> tuple[Bytes, Bytes]:
    return workload.train.images, workload.train.labels
