# SPDX-License-Identifier: Apache-2.0
"""The lottery simulated over thousands of blocks: who wins, and when (simulated, not mined).

Trials without memory make the time to the next win exponential, at a rate of all miners' power
times the chance of a ticket. Retarget and rungs are the law's own; a share of the winning tickets
is lost to R and to the accuracy rule: as measured on the first rung, as assumed on later ones.
Law of the file: fixed seeds; every figure of it is called simulated.
Read next: edge_node/spec/lottery.py, fairness.py.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_node.primitives.types import TimestampMs
from edge_node.spec import lottery, scheduling
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import Parameters

KEPT_BY_RUNG = (0.43, 0.46, 0.48, 0.5, 0.5, 0.5, 0.5, 0.5)
"""Share of the winning tickets that make a block: half meet k = 1, and the accuracy rule takes
about an eighth of those, as measured on the first rung. That it takes less where the ladder has
widened its tolerance is assumed, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One block."""

    miner: int
    """Index of its miner."""
    interval_ms: int
    """Since its parent."""
    target: bytes
    """That its ticket was below."""


Power = Callable[[int], float]
"""Trials a millisecond of all miners, by the number of the block that is searched."""


def simulate(
    parameters: Parameters,
    power: Power,
    shares: Sequence[float],
    blocks: int,
    seed: int,
    *,
    pauses: Sequence[tuple[int, int]] = (),
) -> list[Simulated]:
    """Return the blocks of a network.

    Parameters
    ----------
    parameters : Parameters
    power : callable
    shares : sequence of float
        Of each miner in the power; together 1.
    blocks : int
    seed : int
    pauses : sequence of (int, int)
        Block before which nobody mines, and for how many ms.
    """
    random = np.random.default_rng(seed)
    target, parent_ms = lottery.first_target(parameters), 0
    waits = dict(pauses)
    chain: list[Simulated] = []
    for number in range(blocks):
        chance = int.from_bytes(target, "big") / lottery.TARGET_RANGE
        need = float(random.exponential()) / (power(number) * chance)
        interval_ms = _interval_ms(parameters, need, waits.get(number, 0))
        miner = int(random.choice(len(shares), p=shares))
        chain.append(Simulated(miner=miner, interval_ms=interval_ms, target=bytes(target)))
        parent_ms += interval_ms
        target = lottery.next_target(target, interval_ms, parameters.target_ms)
    return chain


def _interval_ms(parameters: Parameters, need: float, pause_ms: int) -> int:
    """Return when the first ticket that makes a block is drawn, in ms after the parent.

    Parameters
    ----------
    parameters : Parameters
    need : float
        Milliseconds that it would take if every winning ticket made a block.
    pause_ms : int
        Nobody mines before.
    """
    now_ms = float(pause_ms)
    for rung in range(MAX_RUNG + 1):
        ends_ms = (rung + 1) * parameters.rung_ms if rung < MAX_RUNG else math.inf
        if now_ms >= ends_ms:
            continue
        kept = KEPT_BY_RUNG[rung]
        done_ms = now_ms + need / kept
        if done_ms < ends_ms:
            interval_ms = max(1, math.ceil(done_ms))
            reached = scheduling.rung_at(parameters, TimestampMs(0), TimestampMs(interval_ms))
            assert reached >= rung, "the law's rung is the one that was assumed"
            return interval_ms
        need -= (ends_ms - now_ms) * kept
        now_ms = ends_ms
    raise AssertionError("the last rung has no end")


def chi_square(wins: Sequence[int], shares: Sequence[float]) -> float:
    """Return the statistic of the wins against what the shares expect."""
    total = sum(wins)
    return sum(
        (win - total * share) ** 2 / (total * share)
        for win, share in zip(wins, shares, strict=True)
    )


def chance_of(statistic: float) -> float:
    """Return how often honest wins of three miners stray so far: exact for 2 degrees of freedom."""
    return math.exp(-statistic / 2)


def variation(intervals: Sequence[int]) -> float:
    """Return the coefficient of variation: 1 where blocks come without memory."""
    return statistics.pstdev(intervals) / statistics.fmean(intervals)
