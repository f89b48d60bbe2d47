# SPDX-License-Identifier: Apache-2.0
"""What it costs to check lottery blocks: one by one, a whole chain, and segments in parallel.

A chain of real blocks is mined once. A second store then takes it in as in initial sync, while an
engine of the product's notes what replay and evaluation take of it.
Law of the file: nothing is left out of a check, and what is replayed has the root of its header.
Read next: lottery_chain.py, edge_node/chain/latent_store.py.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.proof.lottery_chain import (
    FollowingClock,
    LotteryChain,
    Place,
    grown_blocks,
    lottery_genesis,
)
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.segments import Replay, segment_rows
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.bench.timing import NS_PER_S, cpu_clock_ns
from edge_node.inference.backend import Backend
from edge_node.inference.select import select_backend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.engine import NodeEngine
from edge_node.primitives.types import DatasetId
from edge_node.spec.block import Block
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model

TABLE = "verification"
SEED = bytes([7]) * 32
BLOCKS = 120
MOST_MS = 25.0
LEAST_PER_S = 25.0


class TimedEngine(NodeEngine):
    """The node's engine with a stop-watch.

    Parameters
    ----------
    backend : Backend
    bench : Workbench
    """

    def __init__(self, backend: Backend, bench: Workbench) -> None:
        super().__init__(load_ed25519(), [backend], bench.options.datasets)
        self.replays: list[Replay] = []
        self.counts_ms: list[float] = []

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        """See Engine."""
        before_ns = cpu_clock_ns()
        result = super().burst(seed, rules, start, dataset)
        self.replays.append(
            Replay(
                seed=seed,
                start=start,
                latent_root=result.latent_root,
                replay_ms=_since_ms(before_ns),
            )
        )
        return result

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        """See Engine."""
        before_ns = cpu_clock_ns()
        correct = super().count_correct(model, dataset, split)
        self.counts_ms.append(_since_ms(before_ns))
        return correct


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An initial sync."""

    replays: Sequence[Replay]
    """One for each block."""
    counts_ms: Sequence[float]
    """Processor time of each evaluation."""
    processor_s: float
    """Of all of it."""
    wall_s: float
    """Of all of it."""


def verification_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield the costs of a chain of the 4,440 family."""
    setup = SETUPS[0]
    blocks = bench.length(BLOCKS, 6)
    # Every ticket wins: what a block costs to check does not depend on how rare it was.
    parameters = replace(
        setup.parameters,
        first_work=1,
        min_evaluation_images=min(100, len(bench.workload.evaluation)),
    )
    options = bench.options
    clock = FollowingClock(parameters.target_ms)
    genesis = lottery_genesis(options.datasets, options.dataset, parameters)
    miner = Place(path=options.folder / "miner", genesis=genesis, datasets=options.datasets)
    with closing(LotteryChain(miner, setup.name, [SEED], clock)) as chain:
        mined = grown_blocks(chain, clock, blocks)
    checked = _synced(replace(miner, path=options.folder / "synced"), mined, clock, bench)
    yield from _single_rows(checked)
    yield from _sync_rows(checked, len(mined))
    replayed_ms = sum(replay.replay_ms for replay in checked.replays)
    serial_ms = 1_000 * checked.processor_s - replayed_ms - sum(checked.counts_ms)
    yield from segment_rows(bench, checked.replays, max(0.0, serial_ms) / len(mined))


def _synced(
    place: Place, blocks: Sequence[Block], clock: FollowingClock, bench: Workbench
) -> Checked:
    """Take a chain in, from its first block on."""
    engine = TimedEngine(select_backend(), bench)
    with closing(LotteryChain(place, SETUPS[0].name, [SEED], clock, engine)) as chain:
        before_ns, before_ms = cpu_clock_ns(), bench.clock.monotonic_ms()
        for block in blocks:
            chain.take(block)
        if chain.importer.head.head != blocks[-1].header.block_hash():
            raise MeasurementFailed("the synced chain has another head")
        return Checked(
            replays=tuple(engine.replays),
            counts_ms=tuple(engine.counts_ms),
            processor_s=_since_ms(before_ns) / 1_000,
            wall_s=(bench.clock.monotonic_ms() - before_ms) / 1_000,
        )


def _single_rows(checked: Checked) -> Iterator[ProofRow]:
    replay_ms = statistics.median(replay.replay_ms for replay in checked.replays)
    count_ms = statistics.median(checked.counts_ms)
    yield ProofRow(
        table=TABLE,
        what="binary-4k, replay and evaluation of a block",
        value=replay_ms + count_ms,
        unit="ms",
        most=MOST_MS,
        published="1 step and 2 test passes; no time given",
        how=f"medians of {len(checked.replays)} blocks, processor time of one thread: replay "
        f"{replay_ms:.1f} ms, evaluation {count_ms:.1f} ms",
    )


def _sync_rows(checked: Checked, blocks: int) -> Iterator[ProofRow]:
    yield ProofRow(
        table=TABLE,
        what="binary-4k, initial sync, everything checked",
        value=blocks / max(checked.processor_s, 1e-9),
        unit="blocks/s",
        least=LEAST_PER_S,
        how=f"{blocks} signed blocks through the importer into a new store, processor time of one "
        f"thread; by the clock on the wall {blocks / max(checked.wall_s, 1e-3):.1f}",
    )


def _since_ms(before_ns: int) -> float:
    return (cpu_clock_ns() - before_ns) * 1_000 / NS_PER_S
