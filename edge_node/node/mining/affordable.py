# SPDX-License-Identifier: Apache-2.0
"""Whether a trainer's task is within what this machine may take.

Law of the file: a task that could not be judged here is not mined on here.
Read next: slot.py, edge_node/node/limits.py.
"""

import contextlib

from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import DatasetStore
from edge_node.node.limits import Limits, check_memory, check_model
from edge_node.trainer.lottery import LotteryTask
from edge_node.trainer.search import AnyTask
from edge_node.trainer.task import ShapeTask


def check_task(datasets: DatasetStore, workers: int, limits: Limits, task: AnyTask) -> None:
    """Check that a task fits the machine.

    Parameters
    ----------
    datasets : DatasetStore
        Has the task's dataset, as a node that mines does.
    workers : int
        Processes that search.
    limits : Limits
    task : AnyTask

    Raises
    ------
    ModelBeyondLimit
        Its model is too large; shapes that evolve are looked at as models when they come.
    MiningBeyondMemory
        Its images do not fit.
    """
    if not isinstance(task, ShapeTask):
        rules = task.rules if isinstance(task, LotteryTask) else task
        check_model(rules.architecture, limits)
    with contextlib.suppress(DatasetError):  # what is missing or damaged, the node looks for
        check_memory(datasets.table(task.dataset).manifest, workers, limits)
