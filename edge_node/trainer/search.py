# SPDX-License-Identifier: Apache-2.0
"""Which search a task wants, and whether one that is under way goes on for it.

Law of the file: a climb outlives the head that it began on; everything else begins anew.
Read next: founding.py, evolve.py, lottery.py, guiding.py, pool.py.
"""

from collections import OrderedDict

from edge_node.primitives.types import FamilyId
from edge_node.trainer.evolve import Evolution
from edge_node.trainer.founding import Founding, ShapeSearch
from edge_node.trainer.guiding import Walking, WalkTask
from edge_node.trainer.judges import Judge
from edge_node.trainer.lottery import Lottery, LotteryTask, Win
from edge_node.trainer.task import ONLY_LANE, Lane, Offer, Progress, ShapeTask, Task

Search = Founding | ShapeSearch | Evolution | Lottery | Walking
AnyTask = Task | ShapeTask | LotteryTask | WalkTask
Found = Offer | Win
"""What a block is made of."""
Message = Found | Progress
"""What a trainer sends."""

MAX_RESTING = 4
"""Families whose climbs are kept until their next turn; of others the longest at rest goes."""


class Resting:
    """Climbs of one lane that wait for the next turn of their families."""

    def __init__(self) -> None:
        self._climbs: OrderedDict[FamilyId, Evolution] = OrderedDict()

    def put(self, search: Search | None) -> None:
        """Keep a search that another follows on, if it is a climb."""
        if not isinstance(search, Evolution):
            return
        search.rest()
        self._climbs[search.task.family] = search
        while len(self._climbs) > MAX_RESTING:
            self._climbs.popitem(last=False)

    def take(self, family: FamilyId) -> Evolution | None:
        """Return a family's climb, which rests no more."""
        return self._climbs.pop(family, None)


def search_for(
    task: AnyTask | None,
    running: Search | None,
    judge: Judge,
    lane: Lane = ONLY_LANE,
    resting: Resting | None = None,
) -> Search | None:
    """Return what searches for a task: what is running or resting, if it can go on, or a new one.

    Parameters
    ----------
    task : Task, ShapeTask, LotteryTask or WalkTask, optional
        None if there is nothing to do.
    running : Search, optional
    judge : Judge
    lane : Lane, optional
        Which of several searches it is.
    resting : Resting, optional
        This lane's; without it a climb ends with its family's turn.
    """
    if isinstance(task, Task) and isinstance(running, Evolution) and task.continues(running.task):
        running.adopt(task)
        return running
    if resting is not None:
        resting.put(running)
    if not isinstance(task, Task) or not task.evolves:
        return _new_search(task, judge, lane)
    climb = resting.take(task.family) if resting is not None else None
    if climb is None:
        return Evolution(task, judge, lane)
    climb.adopt(task)
    return climb


def _new_search(task: AnyTask | None, judge: Judge, lane: Lane) -> Search | None:
    if task is None:
        return None
    if isinstance(task, LotteryTask):
        return Lottery(task, judge, lane)
    if isinstance(task, WalkTask):
        return Walking(task, judge, lane)
    if isinstance(task, ShapeTask):
        return ShapeSearch(task, judge, lane)
    return Founding(task, judge, lane)
