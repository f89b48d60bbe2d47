# SPDX-License-Identifier: Apache-2.0
"""What searches have in common that try one thing after another, none of which knows the last.

Founders, shapes, bursts and walks are found so; a climb (evolve.py) is not.
Law of the file: what is tried, and what is good enough, is for each search to say.
Read next: founding.py, lottery.py, guiding.py.
"""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from edge_node.primitives.types import DatasetId
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import ONLY_LANE, Lane, Progress


class HasDataset(Protocol):
    """Port: a task."""

    @property
    def dataset(self) -> DatasetId:
        """What to learn."""


_Task = TypeVar("_Task", bound=HasDataset)


class Trials(ABC, Generic[_Task]):
    """Tries for a task.

    Parameters
    ----------
    task
    judge : Judge
        Trains, and counts correct images.
    lane : Lane, optional
        Of `count` lanes each tries every `count`-th nonce.
    """

    def __init__(self, task: _Task, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        self._task = task
        self._judge = judge
        self._lane = lane
        self._tries = 0
        self._best_train_ppm = 0

    @property
    def progress(self) -> Progress:
        """How it is going."""
        return Progress(
            stage=self._stage, candidates=self._tries, best_train_ppm=self._best_train_ppm
        )

    @property
    @abstractmethod
    def _stage(self) -> str:
        """A word of Progress."""

    @property
    def _nonce(self) -> int:
        """The next try's."""
        return self._lane.index + self._tries * self._lane.count

    def _train_ppm(self, model: Model) -> int:
        """Return the accuracy on what selection looks at of a model that makes a block; note it."""
        correct, seen = self._judge.count(model, self._task.dataset, SplitName.TRAIN)
        train_ppm = correct * PPM // seen
        self._best_train_ppm = max(self._best_train_ppm, train_ppm)
        return train_ppm
