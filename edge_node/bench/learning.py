# SPDX-License-Identifier: Apache-2.0
"""How fast the integer trainer is, and how soon its models reach an accuracy on untouched images.

The schedules are fixed and annealed: an eighth of the samples for each exponent u. They were found
by hand in few runs that counted the reserve too; one run counts it at its end only.
Law of the file: training is in the seconds, the final count on the reserve is not.
Read next: kernels/training.py, spec/training.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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
    float_accuracy: float
    """What ordinary float training reached."""
    speed_samples: int
    """Samples of one measurement of speed."""
    numpy_samples: int
    """The same for numpy."""
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
        float_accuracy=0.936,
        speed_samples=16_384,
        numpy_samples=256,
        in_quick=False,
    ),
)


def training_rows(workload: Workload) -> Iterator[Row]:
    """Yield samples/s, seconds to the accuracy, and the accuracy, for every course."""
    for course in COURSES:
        yield speed_row(workload, course)
        if course.in_quick or not workload.quick:
            yield from course_rows(workload, course)


def speed_row(workload: Workload, course: Course) -> Row:
    """Return the samples/s of the fastest path, beside the numpy trainer's."""
    numpy_trainer = NumpyTrainer(course.architecture, *_arrays(workload))
    _start(numpy_trainer, course)
    numpy_indices = batch_indices(SEED, course.numpy_samples, len(workload.train))
    numpy_s = workload.meter.once_s(
        lambda: numpy_trainer.run(numpy_indices, course.batch, course.schedule())
    )
    trainer = new_trainer(course.architecture, *_arrays(workload))
    _start(trainer, course)
    indices = np.array(batch_indices(SEED, course.speed_samples, len(workload.train)), np.int64)
    seconds = workload.meter.median_s(lambda: trainer.run(indices, course.batch, course.schedule()))
    return Row(
        name=f"training/{course.name}/{fastest_name()}",
        value=course.speed_samples / seconds,
        unit="samples/s",
        baseline=NUMPY_TRAINER,
        baseline_value=course.numpy_samples / numpy_s,
        goal=course.samples_goal,
    )


def course_rows(workload: Workload, course: Course) -> Iterator[Row]:
    """Yield the seconds of the whole course, null if it misses the accuracy, and the accuracy."""
    models: list[Model] = []
    seconds = workload.meter.once_s(lambda: models.append(_take(workload, course)))
    accuracy = reserve_accuracy(models[0], workload)
    yield Row(
        name=f"training/{course.name}/to {course.accuracy_goal:.1%} on untouched images",
        value=seconds if accuracy >= course.accuracy_goal else None,
        unit="s",
        baseline=None,
        baseline_value=None,
        goal=course.goal_s,
    )
    yield Row(
        name=f"training/{course.name}/on untouched images",
        value=accuracy,
        unit="accuracy",
        baseline=FLOAT_STE,
        baseline_value=course.float_accuracy,
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
