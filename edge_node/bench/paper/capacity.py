# SPDX-License-Identifier: Apache-2.0
"""Difficulty against transaction capacity: what a chain can carry if each block must gain so much.

The paper announces this relationship (section 5) and shows no figure. Seconds to mine are measured
at each gain, seconds to judge a block at each number of transfers; a chain whose blocks take both
carries no more than their transfers.
Law of the file: both are processor time of one thread; signatures are checked anew in every block.
Read next: mining.py, local_chain.py.
"""

import math
import statistics
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.bench.climbing import LEVELS, prepared_search, search_s
from edge_node.bench.paper.local_chain import LocalChain
from edge_node.bench.paper.traffic import Spender, signed_transfers
from edge_node.bench.workload import Workload, base_model
from edge_node.datasets.store import DatasetStore
from edge_node.kernels.libsodium import load_ed25519
from edge_node.spec.genesis import Genesis

GAINS_PPM = (2_500, 5_000, 10_000, 20_000, 30_000, 40_000, 50_000)
BLOCKS = (146, 1_400)
"""Transfers in a block: the paper's, and the most that the law allows."""
SEARCHES = 3
SEED = bytes([3]) * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """One difficulty with one size of block; the keys of the JSON object."""

    gain_ppm: int
    """Share of the evaluation images that a block must gain."""
    transactions: int
    """Transfers in a block."""
    mine_s: float | None
    """Seconds to mine; None if a search ended without a child."""
    judge_s: float
    """Seconds to judge the block and store it."""
    tps: float | None
    """Transfers a second that the chain carries at most."""


def capacity_rows(
    workload: Workload,
    genesis: Genesis,
    datasets: DatasetStore,
    folder: Path,
    senders: Sequence[Spender],
    *,
    gains: tuple[int, ...] = GAINS_PPM,
    blocks: tuple[int, ...] = BLOCKS,
) -> tuple[Capacity, ...]:
    """Return a row for each gain and each number of transfers.

    Parameters
    ----------
    workload : Workload
    genesis : Genesis
        Of a network with light population models, whose senders have coins.
    datasets : DatasetStore
    folder : Path
    senders : sequence of Spender
    gains : tuple of int
        In parts per million.
    blocks : tuple of int
    """
    judged = {
        count: _judging_s(workload, genesis, datasets, folder / str(count), senders, count)
        for count in blocks
    }
    rows: list[Capacity] = []
    for gain_ppm in gains:
        mine_s = _mining_s(workload, gain_ppm)
        for count, judge_s in judged.items():
            tps = None if mine_s is None else round(count / (mine_s + judge_s), 1)
            rows.append(
                Capacity(
                    gain_ppm=gain_ppm, transactions=count, mine_s=mine_s, judge_s=judge_s, tps=tps
                )
            )
    return tuple(rows)


def _mining_s(workload: Workload, gain_ppm: int) -> float | None:
    level = replace(LEVELS[0], gain_ppm=gain_ppm)
    search = prepared_search(workload, level, base_model(workload))
    seeds = range(1 if workload.quick else SEARCHES)
    median = statistics.median(search_s(search, seed, workload.meter) for seed in seeds)
    return None if math.isinf(median) else round(median, 5)


def _judging_s(
    workload: Workload,
    genesis: Genesis,
    datasets: DatasetStore,
    path: Path,
    senders: Sequence[Spender],
    count: int,
) -> float:
    transfers = signed_transfers(senders, count, genesis.network_id(), load_ed25519())
    with closing(LocalChain(path, genesis, datasets, SEED)) as chain:
        chain.grow(1)
        block = chain.mine(transfers)
        return round(workload.meter.once_s(lambda: chain.take(block)), 4)
