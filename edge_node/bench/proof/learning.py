# SPDX-License-Identifier: Apache-2.0
"""What a `recipe` chain learns: accuracy on images that decided nothing, and what a block costs.

Law of the file: the untouched split is looked at once, after the last block. It was in sight when
the families' T, S, schedule and operators were chosen, which the row says.
Read next: learning_chain.py, workbench.py for T, S and the schedules.
"""

import statistics
from collections.abc import Iterator
from functools import partial

from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import SETUPS, Learned, Workbench
from edge_node.spec.constants import PPM

TABLE = "learning"
MOST_GAP_POINTS = 2.0
"""Between the train split and the untouched one."""
BLOCK_S, CORES = 1.0, 2
"""A block about every second on two cores."""
PUBLISHED = "Figure 1: 0.15 to about 0.55 in 600 blocks (ResNet-18, CIFAR-10, GPU)"


def learning_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield the rows of every family."""
    for setup in SETUPS:
        yield from _family_rows(bench.learned(setup), bench)


def _family_rows(learned: Learned, bench: Workbench) -> Iterator[ProofRow]:
    setup, splits, blocks = learned.setup, learned.splits, learned.blocks
    rules = learned.chain.rules
    chain = (
        f"{len(blocks)} blocks, T = {rules.steps}, S = {rules.batch}, steps of 2**u by "
        f"{setup.parameters.step_schedule}, chances {rules.weights}; every ticket wins, rung 0"
    )
    row = partial(ProofRow, table=TABLE)
    head = blocks[-1].model
    best = learned.chain.best or head
    ppm = splits.ppm(best, "untouched")
    yield row(
        what=f"{setup.name}, untouched accuracy of the last record",
        value=100 * ppm / PPM,
        unit="%",
        least=100 * setup.goal_ppm / PPM,
        published=PUBLISHED,
        how=f"{splits.count('untouched'):,} images that decide nothing in the chain, though T, S, "
        f"schedule and operators were chosen with their accuracy in sight; {chain}",
    )
    yield row(
        what=f"{setup.name}, untouched accuracy of the head",
        value=100 * splits.ppm(head, "untouched") / PPM,
        unit="%",
        how="the same for the last block",
    )
    yield row(
        what=f"{setup.name}, train less untouched",
        value=100 * (splits.ppm(best, "train") - ppm) / PPM,
        unit="points",
        most=MOST_GAP_POINTS,
        how=f"last record; the first {splits.count('train'):,} images of the train split",
    )
    tries = statistics.fmean(block.trials for block in blocks)
    yield row(
        what=f"{setup.name}, winning tickets for a block",
        value=tries,
        unit="bursts",
        how=f"{sum(block.unmet for block in blocks)} of {sum(b.trials for b in blocks)} did not "
        f"meet k = {rules.requirements}, {sum(b.too_low for b in blocks)} lost too much accuracy",
    )
    yield from _cost_rows(learned, bench, tries)


def _cost_rows(learned: Learned, bench: Workbench, tries: float) -> Iterator[ProofRow]:
    chain, name = learned.chain, learned.setup.name
    runner = chain.begun_runner()
    meter = bench.workload.meter
    count = 5 if bench.options.quick else 50
    burst_s = statistics.median(
        meter.once_s(partial(runner.trial, chain.next_seed())) for _ in range(count)
    )
    yield ProofRow(
        table=TABLE,
        what=f"{name}, a burst",
        value=1_000 * burst_s,
        unit="ms",
        how=f"median of {count}, processor time of one thread, at the end of the chain",
    )
    yield ProofRow(
        table=TABLE,
        what=f"{name}, tickets drawn a second for each that has to win",
        value=CORES * BLOCK_S / burst_s / tries,
        unit="tickets",
        least=2.0,
        how=f"{CORES} cores for {BLOCK_S:g} s over a burst's time and the winning tickets for a "
        "block: the rarity of a winning ticket at a block a second; the more, the closer to a "
        "lottery without memory",
    )
