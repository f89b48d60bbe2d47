# SPDX-License-Identifier: Apache-2.0
"""How long work takes: processor time of this process, medians, after a warm-up.

Processor time, because neighbours on a busy machine stretch the clock on the wall but not this one.
All measured code runs on one thread.
Law of the file: the clock is a parameter; `cpu_clock_ns` is the only real one of the bench.
Read next: workload.py.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

CpuClock = Callable[[], int]
"""Nanoseconds of processor time since some moment."""

NS_PER_S = 1_000_000_000
MAX_REPETITIONS = 1_000
"""Of one measurement, however short the work is."""


def cpu_clock_ns() -> int:
    """Return the nanoseconds of processor time that this process has used."""
    return time.process_time_ns()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A stop-watch with a budget."""

    clock: CpuClock
    """What it reads."""
    budget_s: float
    """Repetitions of one measurement end when they took this long."""
    repetitions: int
    """Fewest repetitions of one measurement."""

    def once_s(self, work: Callable[[], object]) -> float:
        """Return the seconds that `work` takes, done once and without a warm-up."""
        started_ns = self.clock()
        work()
        return (self.clock() - started_ns) / NS_PER_S

    def median_s(self, work: Callable[[], object], *, warm_up: bool = True) -> float:
        """Return the median of the seconds that `work` takes."""
        if warm_up:
            work()
        taken: list[float] = []
        while len(taken) < MAX_REPETITIONS:
            taken.append(self.once_s(work))
            if len(taken) >= self.repetitions and sum(taken) >= self.budget_s:
                break
        return statistics.median(taken)
