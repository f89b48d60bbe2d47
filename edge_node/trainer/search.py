# SPDX-License-Identifier: Apache-2.0
"""Which search a task wants, and whether one that is under way goes on for it.

Law of the file: a climb outlives the head that it began on; everything else begins anew.
Read next: founding.py, evolve.py, pool.py.
"""

from edge_node.trainer.evolve import Evolution
from edge_node.trainer.founding import Founding, ShapeSearch
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import ONLY_LANE, Lane, ShapeTask, Task

Search = Founding | ShapeSearch | Evolution


def search_for(
    task: Task | ShapeTask | None, running: Search | None, judge: Judge, lane: Lane = ONLY_LANE
) -> Search | None:
    """Return what searches for a task: what is running, if it can go on, or a new search.

    Parameters
    ----------
    task : Task or ShapeTask, optional
        None if there is nothing to do.
    running : Founding, ShapeSearch or Evolution, optional
    judge : Judge
    lane : Lane, optional
        Which of several searches it is.
    """
    if task is None:
        return None
    if isinstance(task, ShapeTask):
        return ShapeSearch(task, judge, lane)
    if not task.evolves:
        return Founding(task, judge, lane)
    if isinstance(running, Evolution) and task.continues(running.task):
        running.adopt(task)
        return running
    return Evolution(task, judge, lane)
