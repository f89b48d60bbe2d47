# SPDX-License-Identifier: Apache-2.0
"""Table 3: transactions a second of three nodes over a real broker, each judging every signature.

As in the paper: 300 signed transfers, 146 at most in a block, at its difficulties Low and Medium,
until every node has judged the last block. Besides, a steady load with full blocks.
Law of the file: the clock runs from the first transfer handed in to the last node's last block.
Read next: cluster.py, traffic.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.bench.climbing import LEVELS, Level
from edge_node.bench.paper.cluster import (
    ClusterOptions,
    Member,
    children_cpu_s,
    running_cluster,
    until,
)
from edge_node.bench.paper.traffic import (
    HeightWatch,
    Spender,
    batches_in_turn,
    heights_of,
    percentile,
    signed_transfers,
    spenders,
    submit_at_rate,
)
from edge_node.datasets.store import DatasetStore
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.networks import FIRST_COINS, new_genesis
from edge_node.primitives.clock import Clock
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, NetworkId
from edge_node.spec.constants import MAX_TRANSACTIONS
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.transaction import Transfer, address_of

PAPER_TRANSACTIONS = 300
PAPER_BLOCK_TRANSACTIONS = 146
"""Geth's default, which the paper took over."""
PUBLISHED_TPS = {"low": 1.47, "medium": 0.43}
GETH_POA_TPS, GETH_POW_TPS = 26.3, 12.7
NODES = 3
SENDERS = 255
"""Accounts that send, as many at each node: none has more than its share of a mempool."""
BATCH = 100
"""Transfers handed in at once."""
START_LIMIT_S = 120
END_LIMIT_S = 300
SETTLE_S = 150
"""What waits for so long without a block counts as missing; the paper's own blocks take 433 s."""
FOUNDER_STEPS = 56
"""A founder of about 78 % on MNIST, as the other levels of this bench have."""
LIGHT_STEPS = 16
"""Of a population whose models are made and judged in milliseconds: blocks come on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """One load; the keys of the JSON object."""

    name: str
    """low, medium or sustained."""
    nodes: int
    """Nodes, each of which checks every signature."""
    miners: int
    """Those that mine."""
    transactions: int
    """Signed transfers handed in."""
    offered_per_s: float | None
    """Transfers handed in a second; None for all at once."""
    block_transactions: int
    """Most in a block."""
    blocks: int
    """Blocks that hold them."""
    seconds: float
    """From the first transfer handed in to the last node's last block."""
    missing: int
    """Transfers in no block of every node."""
    refused: int
    """Batches of which one was refused."""
    tps: float
    """Transfers that every node has in a judged block, a second."""
    p50_ms: float | None
    """Median time from being handed in to a block that every node has judged."""
    p99_ms: float | None
    """The same for 99 of 100."""
    node_cores: tuple[float, ...]
    """Processors that each node's process kept busy, its trainer aside."""
    transfer_cost_ms: float
    """Processor time that a transfer costs each node."""
    trainer_cores: float
    """Processors that all trainers kept busy."""
    broker_cores: float
    """Processors that the broker kept busy."""
    published_tps: float | None
    """What the paper has."""
    geth_tps: float
    """The better of the two that the paper has for go-ethereum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to hand in, and to what network."""

    name: str
    """low, medium or sustained."""
    parameters: Parameters
    """Of the network."""
    transactions: int
    """Transfers."""
    block_transactions: int
    """Most in a block."""
    per_s: float
    """Transfers handed in a second; 0 for all at once."""
    miners: int
    """Nodes that mine."""
    hold: bool
    """Whether mining stops after the founder until the transfers are handed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to measure."""

    folder: Path
    """For data directories and logs."""
    datasets: DatasetStore
    """Holds the dataset."""
    dataset: DatasetId
    """What is learned."""


def paper_load(level: Level, transactions: int = PAPER_TRANSACTIONS) -> Load:
    """Return the paper's load at one of its difficulties."""
    return Load(
        name=level.name,
        parameters=Parameters(
            min_population=1,
            min_family_acc_ppm=200_000,
            min_population_acc_ppm=level.gain_ppm,
            min_population_diff_ppm=level.difference_ppm,
            max_founder_steps=FOUNDER_STEPS,
            step_schedule=((1, 6),),
            min_interval_ms=500,
            rung_ms=600_000,  # the ladder does not help
            max_future_ms=5_000,
            target_ms=0,
            min_evaluation_images=100,
        ),
        transactions=transactions,
        block_transactions=PAPER_BLOCK_TRANSACTIONS,
        per_s=0,
        miners=NODES,
        hold=True,
    )


def sustained_load(per_s: float, seconds: float, *, interval_ms: int = 1_000) -> Load:
    """Return a steady load on a network whose blocks come on time, full if need be."""
    return Load(
        name="sustained",
        parameters=Parameters(
            min_population=64,
            min_family_acc_ppm=0,
            max_founder_steps=LIGHT_STEPS,
            step_schedule=((1, 6),),
            min_interval_ms=interval_ms,
            rung_ms=max(4_000, 2 * interval_ms),
            max_future_ms=1_000,
            target_ms=0,
            min_evaluation_images=100,
        ),
        transactions=int(per_s * seconds),
        block_transactions=MAX_TRANSACTIONS,
        per_s=per_s,
        miners=1,
        hold=False,
    )


def throughput_of(load: Load, place: Place, clock: Clock) -> Throughput:
    """Measure one load.

    Raises
    ------
    MeasurementFailed, EdgeNodeError
    """
    ed25519 = load_ed25519()
    senders = spenders(SENDERS, ed25519)
    seeds = [bytes(tagged_hash("bench-node", bytes([number]))) for number in range(NODES)]
    genesis = genesis_of(load, place, seeds, senders, clock)
    network = genesis.network_id()
    transfers = signed_transfers(senders, load.transactions, network, ed25519)
    options = ClusterOptions(
        folder=place.folder,
        genesis=genesis,
        seeds=seeds,
        miners=load.miners,
        datasets=place.datasets,
        dataset=place.dataset,
        settings={
            "trainer.block_transactions": str(load.block_transactions),
            "trainer.nice": "0",  # mining is measured too
        },
    )
    with running_cluster(options, clock) as (broker, members):
        _until_ready(load, members, clock)
        watch = HeightWatch(members, clock)
        before = _cpu(members, broker.pid)
        start_ms = clock.monotonic_ms()
        batches = batches_in_turn(transfers, len(members), BATCH)
        _let_mine(members, load, allowed=True)
        submitted, refused = submit_at_rate(members, batches, per_s=load.per_s / BATCH, clock=clock)
        handed_in_ms = clock.monotonic_ms() - start_ms
        _until_empty(members, clock)
        used = [b - a for a, b in zip(before, _cpu(members, broker.pid), strict=True)]
        measured_s = (clock.monotonic_ms() - start_ms) / 1_000
        _settle(members, clock)
        _until_seen(members, watch, clock)
        watch.stop()
    times_ms, last_ms, blocks = _inclusion(members, network, batches, submitted, watch)
    seconds = (last_ms - start_ms) / 1_000
    busy = [each / measured_s for each in used]
    return Throughput(
        name=load.name,
        nodes=len(members),
        miners=load.miners,
        transactions=len(transfers),
        offered_per_s=round(len(transfers) * 1_000 / handed_in_ms, 1) if load.per_s else None,
        block_transactions=load.block_transactions,
        blocks=blocks,
        seconds=round(seconds, 3),
        missing=len(transfers) - len(times_ms),
        refused=len(refused),
        tps=round(len(times_ms) / seconds, 2) if seconds > 0 else 0.0,
        p50_ms=percentile(times_ms, 50),
        p99_ms=percentile(times_ms, 99),
        node_cores=tuple(round(each, 3) for each in busy[: len(members)]),
        transfer_cost_ms=round(
            sum(used[: len(members)]) * 1_000 / (load.transactions * len(members)), 3
        ),
        trainer_cores=round(busy[-2], 3),
        broker_cores=round(busy[-1], 3),
        published_tps=PUBLISHED_TPS.get(load.name),
        geth_tps=max(GETH_POA_TPS, GETH_POW_TPS),
    )


def level_named(name: str) -> Level:
    """Return a difficulty of the paper."""
    return next(level for level in LEVELS if level.name == name)


def genesis_of(
    load: Load, place: Place, seeds: Sequence[bytes], senders: Sequence[Spender], clock: Clock
) -> Genesis:
    """Return the genesis of a load's network: its nodes are members, its senders have coins."""
    manifest = place.datasets.table(place.dataset).manifest
    images = manifest.splits[SplitName.EVALUATION].count
    parameters = replace(load.parameters, min_evaluation_images=min(100, images))
    ed25519 = load_ed25519()
    members = [ed25519.public_key(seed) for seed in seeds]
    plain = new_genesis("bench", [manifest], members, parameters, clock.now_ms())
    coins = [(address_of(each.key), FIRST_COINS) for each in senders]
    return replace(plain, allocations=tuple(sorted((*plain.allocations, *coins))))


def _until_ready(load: Load, members: Sequence[Member], clock: Clock) -> None:
    """Wait until all nodes have the founder's block; stop mining there if the load wants it."""
    until(
        lambda: min(member.height() for member in members) >= 0,
        clock=clock,
        limit_s=START_LIMIT_S,
        what="answer of every node",
    )
    until(
        lambda: max(member.height() for member in members) >= 1,
        clock=clock,
        limit_s=START_LIMIT_S,
        what="founder's block",
        pause_s=0.02,
    )
    _let_mine(members, load, allowed=False)
    until(
        lambda: len({member.height() for member in members}) == 1,
        clock=clock,
        limit_s=START_LIMIT_S,
        what="common height",
    )


def _let_mine(members: Sequence[Member], load: Load, *, allowed: bool) -> None:
    if not load.hold:
        return
    for member in members[: load.miners]:
        member.ask("mine", {"enabled": allowed})


def _until_empty(members: Sequence[Member], clock: Clock) -> None:
    """Wait until nothing waits at any node, or for so long that what waits is lost."""
    end_ms = clock.monotonic_ms() + END_LIMIT_S * 1_000
    calm_ms, last = clock.monotonic_ms(), None
    while clock.monotonic_ms() < end_ms:
        waiting = [member.waiting() for member in members]
        if waiting == [0] * len(members):
            return
        if waiting != last:
            calm_ms, last = clock.monotonic_ms(), waiting
        elif clock.monotonic_ms() - calm_ms > SETTLE_S * 1_000:
            return


def _settle(members: Sequence[Member], clock: Clock) -> None:
    """Stop mining and wait until all nodes have the same height."""
    for member in members:
        member.ask("mine", {"enabled": False})
    until(
        lambda: len({member.height() for member in members}) == 1,
        clock=clock,
        limit_s=START_LIMIT_S,
        what="common height at the end",
    )


def _until_seen(members: Sequence[Member], watch: HeightWatch, clock: Clock) -> None:
    """Wait until the watch has seen the last block at each node: else it would count as missing."""
    until(
        lambda: all(watch.heights[member.name] >= member.height() >= 0 for member in members),
        clock=clock,
        limit_s=START_LIMIT_S,
        what="look at the last block",
    )


def _cpu(members: Sequence[Member], broker: int) -> list[float]:
    """Return processor seconds: of each node, of all trainers, of the broker."""
    nodes = [member.cpu_s() for member in members]
    return [*nodes, sum(member.trainer_cpu_s() for member in members), children_cpu_s(broker)]


def _inclusion(
    members: Sequence[Member],
    network: NetworkId,
    batches: Sequence[Sequence[Transfer]],
    submitted: Sequence[int],
    watch: HeightWatch,
) -> tuple[list[float], int, int]:
    """Return the ms to inclusion at every node, when the last one was, and the blocks."""
    held = [heights_of(member, network) for member in members]
    times: list[float] = []
    last_ms = max(submitted, default=0)
    blocks: set[int] = set()
    handed_in = [
        (transfer.signing_hash(network), at_ms)
        for batch, at_ms in zip(batches, submitted, strict=True)
        for transfer in batch
    ]
    for name, handed_in_ms in handed_in:
        seen: list[int] = []
        for member, heights in zip(members, held, strict=True):
            height = heights.get(name)
            at_ms = None if height is None else watch.seen_ms(member.name, height)
            if at_ms is None:
                break
            seen.append(at_ms)
            blocks.add(int(height or 0))
        if len(seen) == len(members):
            times.append(max(seen) - handed_in_ms)
            last_ms = max(last_ms, *seen)
    return times, last_ms, len(blocks)
