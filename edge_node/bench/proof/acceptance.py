# SPDX-License-Identifier: Apache-2.0
"""How often a burst meets its k requirements, beside 2**-k, at three stages of training.

The requirements of k are the first k of any greater number (R-71), so one burst's summed gradients
answer for every k, and further draws of R on the same sums cost next to nothing.
Law of the file: operators, batches and requirements are those of the law.
Read next: edge_node/spec/burst.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import SETUPS, Learned, Workbench
from edge_node.kernels.training import new_trainer
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec import burst, training
from edge_node.spec.burst import BurstRules

TABLE = "acceptance"
MOST_REQUIREMENTS = 8
PROMISED_REQUIREMENTS = 4
"""Up to so many a factor of 2 is promised."""
FACTOR = 2.0
BURSTS, DRAWS = 200, 100
"""Bursts of a stage, and draws of R on each."""
BURSTS_OF_DENSE, DRAWS_OF_DENSE = 100, 20
"""The law's draws take 50 times as long on 50 times as many weights."""
PUBLISHED = "1: the paper assumes it (opacity)"


def acceptance_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield a row for each family, stage and k."""
    for setup in SETUPS:
        bursts, draws = (BURSTS, DRAWS)
        if setup.architecture.weight_count > 10_000:
            bursts, draws = BURSTS_OF_DENSE, DRAWS_OF_DENSE
        if bench.options.quick:
            bursts, draws = 4, 25
        learned = bench.learned(setup)
        for stage, before, latents in learned.stages:
            met = met_shares(bench, learned, (before, latents), bursts, draws)
            for k, share in enumerate(met, start=1):
                promised = k <= PROMISED_REQUIREMENTS
                yield ProofRow(
                    table=TABLE,
                    what=f"{setup.name}, {stage} (block {before}), k = {k}",
                    value=share * 2**k,
                    unit="x 2**-k",
                    least=1 / FACTOR if promised else None,
                    most=FACTOR if promised else None,
                    published=PUBLISHED,
                    how=f"{bursts} bursts of T = {setup.parameters.burst_steps}, {draws} draws of "
                    "R on the summed gradients of each",
                )


def met_shares(
    bench: Workbench, learned: Learned, stage: tuple[int, bytes], bursts: int, draws: int
) -> list[float]:
    """Return the share of draws whose first k requirements are met, for k from 1 on.

    Parameters
    ----------
    bench : Workbench
    learned : Learned
    stage : (int, bytes)
        Blocks before it, and latents.
    bursts, draws : int
        Bursts, and draws of R for each.
    """
    before, latents = stage
    rules = replace(learned.chain.rules, requirements=MOST_REQUIREMENTS)
    train = bench.workload.train
    trainer = new_trainer(rules.architecture, train.images, train.labels)
    models = [block.model for block in learned.blocks[max(0, before - 16) : before]]
    start = burst.BurstStart(
        latents=latents,
        relatives=tuple(models),
        evolves=before >= learned.setup.parameters.min_population,
        samples_seen=before * rules.samples,
    )
    counts = np.zeros(MOST_REQUIREMENTS, np.int64)
    for number in range(bursts):
        seed = tagged_hash("bench-acceptance", before.to_bytes(4, "little"), bytes([number % 256]))
        trainer.set_state(burst.varied(seed, rules, start))
        indices = burst.batch_indices(seed, rules, len(train.labels))
        sums = trainer.run_summed(indices, rules.batch, rules.schedule, start.samples_seen)
        root = training.root_of(trainer.packed())
        counts += _prefixes_met(sums, seed, root, rules, draws)
    return [float(count) / (bursts * draws) for count in counts]


def _prefixes_met(
    sums: npt.NDArray[np.int64], seed: bytes, root: Hash32, rules: BurstRules, draws: int
) -> npt.NDArray[np.int64]:
    """Return how many draws have their first k requirements met, int64 (MOST_REQUIREMENTS,)."""
    counts = np.zeros(MOST_REQUIREMENTS, np.int64)
    for number in range(draws):
        # The burst's own R, then others that its result might have drawn.
        drawn = root if number == 0 else tagged_hash("bench-root", root, bytes([number % 256]))
        counts[: _met(sums, burst.requirements(seed, drawn, rules))] += 1
    return counts


def _met(sums: npt.NDArray[np.int64], wanted: Sequence[tuple[int, int]]) -> int:
    """Return how many requirements are met before the first that is not."""
    for number, (weight, direction) in enumerate(wanted):
        if int(sums[weight]) * direction <= 0:
            return number
    return len(wanted)
