# SPDX-License-Identifier: Apache-2.0
"""All of section 5 in one run: a broker, the tables one after the other, one object of figures.

Law of the file: it starts what several tables need and puts their rows together; the keys of the
object are a contract.
Read next: wire_bytes.py, mining.py, throughput.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge_node.bench.climbing import LEVELS
from edge_node.bench.machine import Machine, describe_machine
from edge_node.bench.paper.capacity import BLOCKS, GAINS_PPM, Capacity, capacity_rows
from edge_node.bench.paper.conflicts import DEPTHS, SEEDS, Resolution, conflict_rows
from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.paper.following import BLOCKS as FOLLOWING_BLOCKS
from edge_node.bench.paper.following import Followed, following_rows
from edge_node.bench.paper.mining import Mined
from edge_node.bench.paper.throughput import (
    SENDERS,
    Load,
    Place,
    Throughput,
    genesis_of,
    level_named,
    paper_load,
    sustained_load,
    throughput_of,
)
from edge_node.bench.paper.traffic import Spender, spenders
from edge_node.bench.paper.wire_bytes import BlockBytes, block_byte_rows
from edge_node.bench.run import one_thread_environment
from edge_node.bench.sizes import SIZES
from edge_node.bench.timing import Meter, cpu_clock_ns
from edge_node.bench.workload import Workload
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import choose_program
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.networks import LAN, new_genesis
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Genesis
from edge_node.spec.signature import SEED_BYTES

TIME_CAP_S = 600
"""Seconds that each level of Table 2 may take the paper's own way."""

SUSTAINED_PER_S, SUSTAINED_S, SUSTAINED_INTERVAL_MS = 1_200, 20, 750
"""A load above what is promised, for longer than any mempool hides what is too slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOptions:
    """What to measure, and with what."""

    datasets: DatasetStore
    """Holds the dataset."""
    dataset: DatasetId
    """MNIST."""
    folder: Path
    """For brokers, chains and logs; empty."""
    tables: tuple[str, ...]
    """Names of TABLES."""
    quick: bool = False
    """Whether to measure little, to see that all of it works."""
    time_cap_s: int = TIME_CAP_S
    """Seconds that each level of Table 2 may take the paper's own way."""


@dataclass(slots=True, kw_only=True)
class PaperReport:
    """All figures; the keys of the JSON object. What was not asked for is empty."""

    machine: Machine
    """What they were measured on."""
    cores: int
    """Processors that this process may use."""
    load_before: float
    """Load average of the last minute, before anything was measured."""
    load_after: float = 0
    """The same at the end; it holds our own load too."""
    broker: str = ""
    """The broker's program."""
    quick: bool = False
    """Whether these are the small figures of a test."""
    seconds: float = 0
    """How long it took."""
    bytes: tuple[BlockBytes, ...] = field(default_factory=tuple)
    """Table 1."""
    mining: tuple[Mined, ...] = field(default_factory=tuple)
    """Table 2."""
    throughput: tuple[Throughput, ...] = field(default_factory=tuple)
    """Table 3."""
    conflicts: tuple[Resolution, ...] = field(default_factory=tuple)
    """Two heads healed, by depth."""
    capacity: tuple[Capacity, ...] = field(default_factory=tuple)
    """Difficulty against transaction capacity."""
    following: tuple[Followed, ...] = field(default_factory=tuple)
    """RQ3: difficulty that follows the interval."""

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the tables that have rows, in the order of the report."""
        return tuple(name for name in TABLES if getattr(self, name))

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return asdict(self)


Tell = Callable[[str], None]
"""Takes what is done now, in words."""


def run_paper(options: PaperOptions, clock: Clock, tell: Tell) -> PaperReport:
    """Measure the tables.

    Raises
    ------
    EdgeNodeError
        A broker or a node could not be started, or something did not come about.
    """
    report = PaperReport(
        machine=describe_machine(),
        cores=len(os.sched_getaffinity(0)),
        load_before=round(os.getloadavg()[0], 2),
        quick=options.quick,
    )
    start_ms = clock.monotonic_ms()
    for name, measure in TABLES.items():
        if name in options.tables:
            tell(name)
            measure(options, clock, report)
    report.seconds = (clock.monotonic_ms() - start_ms) / 1_000
    report.load_after = round(os.getloadavg()[0], 2)
    return report


def workload_of(options: PaperOptions) -> Workload:
    """Return the splits that everything is measured on."""
    dataset = options.datasets.open(options.dataset)
    return Workload(
        train=dataset[SplitName.TRAIN],
        evaluation=dataset[SplitName.EVALUATION],
        reserve=dataset[SplitName.RESERVE],
        meter=Meter(clock=cpu_clock_ns, budget_s=0, repetitions=1),
        quick=options.quick,
    )


def _bytes(options: PaperOptions, clock: Clock, report: PaperReport) -> None:
    report.broker = choose_program("")
    genesis = new_genesis(
        "bench",
        [options.datasets.table(options.dataset).manifest],
        [load_ed25519().public_key(bytes(SEED_BYTES))],
        LAN,
        clock.now_ms(),
    )
    report.bytes = tuple(
        block_byte_rows(
            workload_of(options),
            genesis=genesis,
            folder=options.folder / "bytes",
            clock=clock,
            sizes=SIZES[:1] if options.quick else SIZES,
        )
    )


def _throughput(options: PaperOptions, clock: Clock, report: PaperReport) -> None:
    loads: tuple[Load, ...] = (
        paper_load(level_named("low")),
        paper_load(level_named("medium")),
        sustained_load(SUSTAINED_PER_S, SUSTAINED_S, interval_ms=SUSTAINED_INTERVAL_MS),
    )
    if options.quick:
        loads = (sustained_load(60, 1),)
    for number, load in enumerate(loads):
        place = Place(
            folder=options.folder / f"throughput-{number}",
            datasets=options.datasets,
            dataset=options.dataset,
        )
        report.throughput += (throughput_of(load, place, clock),)


def _mining(options: PaperOptions, _clock: Clock, report: PaperReport) -> None:
    levels = LEVELS[:1] if options.quick else LEVELS
    place = options.datasets.folder(options.dataset).parent
    command = [sys.executable, "-m", "edge_node.bench.paper.child", str(place)]
    command += [options.dataset.hex(), str(options.time_cap_s), *(level.name for level in levels)]
    done = subprocess.run(
        command, env=one_thread_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        why = " ".join(done.stderr.splitlines()[-1:])
        raise MeasurementFailed(f"the process of Table 2 ended with {done.returncode}: {why}")
    report.mining = tuple(Mined(**json.loads(line)) for line in done.stdout.splitlines())


def _conflicts(options: PaperOptions, clock: Clock, report: PaperReport) -> None:
    report.conflicts = conflict_rows(
        light_genesis(options, (), clock),
        options.datasets,
        options.folder / "conflicts",
        workload_of(options).meter,
        DEPTHS[:2] if options.quick else DEPTHS,
    )


def _capacity(options: PaperOptions, clock: Clock, report: PaperReport) -> None:
    senders = spenders(SENDERS, load_ed25519())
    report.capacity = capacity_rows(
        workload_of(options),
        light_genesis(options, senders, clock),
        options.datasets,
        options.folder / "capacity",
        senders,
        gains=GAINS_PPM[:1] if options.quick else GAINS_PPM,
        blocks=(20,) if options.quick else BLOCKS,
    )


def _following(options: PaperOptions, _clock: Clock, report: PaperReport) -> None:
    report.following = following_rows(
        workload_of(options), blocks=4 if options.quick else FOLLOWING_BLOCKS
    )


def light_genesis(options: PaperOptions, senders: Sequence[Spender], clock: Clock) -> Genesis:
    """Return the genesis of a network whose models are light, and whose senders have coins."""
    place = Place(folder=options.folder, datasets=options.datasets, dataset=options.dataset)
    return genesis_of(sustained_load(1, 1), place, SEEDS, senders, clock)


TABLES: Mapping[str, Callable[[PaperOptions, Clock, PaperReport], None]] = {
    "bytes": _bytes,
    "mining": _mining,
    "throughput": _throughput,
    "conflicts": _conflicts,
    "capacity": _capacity,
    "following": _following,
}
"""In the order of the report; each fills the field of PaperReport that has its name."""
