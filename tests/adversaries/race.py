# SPDX-License-Identifier: Apache-2.0
"""A mining race on a virtual clock: an honest network, and one who keeps its blocks back.

A stripped-down model on the real law: rungs by scheduling.rung_at, work by EvolutionRule.work's
formula, the head by fork_choice.better. Searches are memoryless, each side's rate is its power, and
a search begins min_interval_ms after its tip, as for founders and population models.
The withholder plays the strategy of Eyal and Sirer (2014), and says its blocks only to win; where
members make blocks final, it says them before the branch of the others is.
"""

import math
from dataclasses import dataclass, field

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash, Hash32, Height, TimestampMs
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.fork_choice import Candidate, better
from edge_node.spec.genesis import Parameters
from edge_node.spec.scheduling import rung_at

PARAMETERS = Parameters()
MEAN_SEARCH_MS = PARAMETERS.target_ms - PARAMETERS.min_interval_ms
PPM = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A block of the race."""

    own: bool
    """The withholder's."""
    timestamp: TimestampMs
    work: int


@dataclass(kw_only=True)
class Branch:
    """Blocks since the last one on which all agree."""

    start: TimestampMs
    blocks: list[Found] = field(default_factory=list)

    @property
    def tip_ms(self) -> TimestampMs:
        return self.blocks[-1].timestamp if self.blocks else self.start

    def candidate(self, arrival: int) -> Candidate:
        return Candidate(
            head=BlockHash(Hash32(bytes(32))),
            height=Height(len(self.blocks)),
            work=sum(block.work for block in self.blocks),
            arrival=arrival,
        )


class Race:
    """One withholder against all others.

    Parameters
    ----------
    power_ppm : int
        The withholder's share of all searching.
    sided_ppm : int
        Share of the others that meet its block first when two are said at once.
    final_blocks : int, optional
        Blocks after which members make a branch final; None without members.
    """

    def __init__(self, *, power_ppm: int, sided_ppm: int = 0, final_blocks: int | None = None):
        self._power = power_ppm / PPM
        self._sided_ppm = sided_ppm
        self._final_blocks = final_blocks
        self._dice = Prf("race", f"{power_ppm} {sided_ppm} {final_blocks}".encode())
        self._now = TimestampMs(0)
        self._public, self._private = Branch(start=self._now), Branch(start=self._now)
        self._tied = False
        self.settled: list[Found] = []

    def share_ppm(self, blocks: int) -> int:
        """Return the withholder's share of the chain after so many blocks."""
        while len(self.settled) < blocks:
            own, others = (
                self._search(self._private, self._power),
                self._search(self._public, 1 - self._power),
            )
            self._now = TimestampMs(min(own, others))
            if own < others:
                self._own_found()
            else:
                self._others_found()
        return sum(block.own for block in self.settled) * PPM // len(self.settled)

    def _search(self, branch: Branch, power: float) -> int:
        ready = max(self._now, branch.tip_ms + PARAMETERS.min_interval_ms)
        chance = (self._dice.u32() + 1) / (1 << 32)
        return ready + round(-math.log(chance) * MEAN_SEARCH_MS / power)

    def _block(self, branch: Branch, *, own: bool, timestamp: int) -> None:
        stamp = TimestampMs(timestamp)
        rung = rung_at(PARAMETERS, branch.tip_ms, stamp)
        branch.blocks.append(Found(own=own, timestamp=stamp, work=1 << MAX_RUNG - rung))

    def _own_found(self) -> None:
        # Who keeps a block back may date it back as well, to where it weighs most.
        first_rung = self._private.tip_ms + PARAMETERS.rung_ms - 1
        self._block(self._private, own=True, timestamp=min(self._now, first_rung))
        if self._tied:
            self._settle(self._private)

    def _others_found(self) -> None:
        if self._tied and self._dice.below(PPM) < self._sided_ppm:
            self._block(self._private, own=False, timestamp=self._now)
            self._settle(self._private)
            return
        self._block(self._public, own=False, timestamp=self._now)
        others = len(self._public.blocks)
        # What is kept back until the others' branch is final is lost: now is the last moment.
        last = self._final_blocks is not None and others >= self._final_blocks - 1
        # The others saw their own branch first.
        public, private = self._public.candidate(arrival=1), self._private.candidate(arrival=2)
        lead = private.work - public.work
        if not self._private.blocks or lead < 0:
            self._settle(self._public)
        elif lead == 0:
            self._tied = True
        elif last or lead <= 1 << MAX_RUNG:
            assert better(private, public)
            self._settle(self._private)

    def _settle(self, branch: Branch) -> None:
        self.settled += branch.blocks
        start = branch.tip_ms
        self._public, self._private = Branch(start=start), Branch(start=start)
        self._tied = False
