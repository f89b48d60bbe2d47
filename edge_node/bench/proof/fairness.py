# SPDX-License-Identifier: Apache-2.0
"""Honest share and interval: simulated over thousands of blocks, and mined in earnest over some.

Law of the file: what is asked is asked of the simulation (fixed seeds); real blocks are reported.
Read next: simulation.py, real_lottery.py.
"""

import statistics
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

from edge_node.bench.proof.real_lottery import MinedBlock, mined_blocks
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.simulation import (
    chance_of,
    chi_square,
    simulate,
    variation,
)
from edge_node.bench.proof.workbench import Workbench
from edge_node.node.networks import LAN_LOTTERY

SHARES = (0.5, 0.3, 0.2)
"""Of three miners in all power."""
SHARE_BLOCKS, INTERVAL_BLOCKS = 4_000, 2_000
LIMIT = 5.991
"""Chi-square of 2 degrees of freedom that honest wins exceed in 5 % of all runs."""
SEED = 20
SEEDS = 100
"""Runs that the mean over seeds is taken of."""
POWER_PER_MS = 0.1
"""100 bursts a second: two cores on the 4,440 family."""
RISE, FALL, TIMES = 500, 1_250, 10.0
"""Blocks at which the power changes, and how many times."""
SETTLED = 50
"""Blocks after a change that are not counted."""
PAUSE_BLOCK, PAUSE_MS, AFTER_PAUSE = 500, 8 * 3_600_000, 20
LEAST_AFTER_PAUSE = 0.5
"""Mean interval after the pause, in targets: below it one would speak of a burst of blocks."""
TARGET_MS = LAN_LOTTERY.target_ms


def share_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield who wins how many blocks."""
    row = partial(ProofRow, table="share")
    chain = simulate(LAN_LOTTERY, lambda _: POWER_PER_MS, SHARES, SHARE_BLOCKS, SEED)
    wins = _wins([block.miner for block in chain])
    statistic = chi_square(wins, SHARES)
    yield row(
        what=f"chi-square of {SHARE_BLOCKS:,} blocks, power 50/30/20 %",
        value=statistic,
        unit=f"(wins {_percent(wins)} %)",
        most=LIMIT,
        published="claimed, not measured",
        simulated=True,
        how=f"exponential trial times, the law's retarget and rungs, seed {SEED}; honest wins "
        f"stray further in {100 * chance_of(statistic):.0f} % of all runs",
    )
    for real in _real(bench):
        wins = _wins([block.miner for block in real])
        statistic = chi_square(wins, SHARES)
        yield row(
            what=f"chi-square of {len(real):,} real blocks, power 50/30/20 %",
            value=statistic,
            unit=f"(wins {_percent(wins)} %)",
            how="three miners' threads, each held to its share of all bursts; honest wins stray "
            f"further in {100 * chance_of(statistic):.0f} % of all runs",
        )


def interval_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield how regularly blocks come."""
    row = partial(ProofRow, table="interval", simulated=True)
    chain = simulate(LAN_LOTTERY, _changing_power, SHARES, INTERVAL_BLOCKS, SEED)
    spans = {
        "before any change": chain[SETTLED:RISE],
        f"from the 51st block after power x {TIMES:g}": chain[RISE + SETTLED : FALL],
        f"from the 51st block after power / {TIMES:g}": chain[FALL + SETTLED :],
    }
    for name, span in spans.items():
        intervals = [block.interval_ms for block in span]
        yield row(
            what=f"mean interval {name}",
            value=statistics.fmean(intervals) / TARGET_MS,
            unit="targets",
            least=0.9,
            most=1.1,
            published="Figure 1: stable, with single long bars (5 to 100 s)",
            how=f"{len(span)} blocks of one run, seed {SEED}; target {TARGET_MS / 1_000:g} s",
        )
        yield row(
            what=f"coefficient of variation {name}",
            value=variation(intervals),
            unit="",
            least=0.9,
            most=1.1,
            how="the same blocks; 1 is a lottery without memory",
        )
    yield from _pause_rows(10 if bench.options.quick else SEEDS)
    for real in _real(bench):
        first = SETTLED if len(real) > 2 * SETTLED else 0
        intervals = [block.interval_ms for block in real[first:]]
        yield ProofRow(
            table="interval",
            what=f"mean interval of {len(intervals)} real blocks",
            value=statistics.fmean(intervals) / real[0].target_ms,
            unit="targets",
            how=f"those after the first {first}; target {real[0].target_ms} ms; mined in one "
            "process, checked and stored like anybody's",
        )
        yield ProofRow(
            table="interval",
            what="coefficient of variation of these",
            value=variation(intervals),
            unit="",
            how="the same blocks",
        )


def _pause_rows(seeds: int) -> Iterator[ProofRow]:
    firsts: list[float] = []
    shortest: list[float] = []
    for seed in range(seeds):
        chain = simulate(
            LAN_LOTTERY,
            lambda _: POWER_PER_MS,
            SHARES,
            PAUSE_BLOCK + AFTER_PAUSE + 1,
            seed,
            pauses=[(PAUSE_BLOCK, PAUSE_MS)],
        )
        after = [block.interval_ms / TARGET_MS for block in chain[PAUSE_BLOCK + 1 :]]
        firsts.append(statistics.fmean(after))
        shortest.append(statistics.fmean(after[:5]))
    yield ProofRow(
        table="interval",
        what=f"mean of the first {AFTER_PAUSE} intervals after a pause of 8 h",
        value=statistics.fmean(firsts),
        unit="targets",
        least=LEAST_AFTER_PAUSE,
        simulated=True,
        how=f"mean of {seeds} runs; of the first five {statistics.fmean(shortest):.2f}; the "
        f"quickest run has {min(firsts):.2f}",
    )


def _changing_power(number: int) -> float:
    return POWER_PER_MS * (TIMES if RISE <= number < FALL else 1.0)


@lru_cache(maxsize=1)
def _real(bench: Workbench) -> tuple[tuple[MinedBlock, ...], ...]:
    """Return the real blocks, mined once in a run; nothing if there are none."""
    blocks = mined_blocks(bench, SHARES) if bench.options.real_blocks else ()
    return (blocks,) if blocks else ()


def _wins(miners: Sequence[int]) -> list[int]:
    return [miners.count(index) for index in range(len(SHARES))]


def _percent(wins: Sequence[int]) -> str:
    return "/".join(f"{100 * win / max(1, sum(wins)):.1f}" for win in wins)
