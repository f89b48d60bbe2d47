# SPDX-License-Identifier: Apache-2.0
"""The trainer's stand-in: the real searches, in the loop, a step now and then on the virtual clock.

What is cheap about it is its judge, which tries few candidates before it looks up.
"""

from edge_node.datasets.store import DatasetStore
from edge_node.node.engine import StoredSplits
from edge_node.spec.architecture import Architecture
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.search import AnyTask, Message, Search, search_for
from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import VirtualTime

THINK_MS = 1_000
"""A trainer's step takes up to this."""
SELECTION_IMAGES = 40
SLICE_CANDIDATES = 60


class QuickJudge(KernelJudge):
    """A judge that asks for little at a time."""

    def slice_candidates(self, architecture: Architecture) -> int:
        """See Judge."""
        return SLICE_CANDIDATES


class SlowTrainer:
    """The trainer's search, a step of which takes its time of the virtual clock.

    Parameters
    ----------
    datasets : DatasetStore
    time : VirtualTime
    random : SeededRandom
    """

    def __init__(self, datasets: DatasetStore, time: VirtualTime, random: SeededRandom) -> None:
        self.alive = True
        self.ending = ""
        self._judge = QuickJudge(StoredSplits(datasets), SELECTION_IMAGES)
        self._time = time
        self._random = random
        self._search: Search | None = None
        self._ready_ms = 0

    def assign(self, task: AnyTask | None) -> None:
        self._search = search_for(task, self._search, self._judge)
        self._ready_ms = self._time.ms + self._random.below(THINK_MS)

    def poll(self) -> list[Message]:
        if self._search is None or self._time.ms < self._ready_ms:
            return []
        self._ready_ms = self._time.ms + self._random.below(THINK_MS)
        offer = self._search.step()
        return [self._search.progress if offer is None else offer]

    def stop(self) -> None:
        self.alive = False
