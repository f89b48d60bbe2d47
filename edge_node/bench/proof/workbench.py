# SPDX-License-Identifier: Apache-2.0
"""What the tables of a run have in common: its options, its splits, and chains that have learned.

Law of the file: a family learns once in a run, whichever tables ask for it.
Read next: run.py, learning_chain.py.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from edge_node.bench.proof.learning_chain import Grown, LearningChain, Splits
from edge_node.bench.timing import Meter, cpu_clock_ns
from edge_node.bench.workload import Workload
from edge_node.datasets.store import DatasetStore
from edge_node.node.networks import LAN_LOTTERY
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec import burst
from edge_node.spec.architecture import BINARY_4K, DENSE_256, Architecture
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters

BLOCKS = 300
"""Within which a family is to have learned."""
TIME_CAP_S = 600
"""Seconds of one chain; what was grown until then is told."""
MOST_CAP_S = 86_400
"""Of any chain."""
MIDDLE_PPM = 850_000
"""Accuracy half-way through training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A family with the rules that it learns by."""

    name: str
    """The family's."""
    architecture: Architecture
    """Its shape."""
    parameters: Parameters
    """T, S, the schedule and the operators' chances among them."""
    goal_ppm: int
    """Untouched accuracy within BLOCKS."""


SETUPS = (
    Setup(name="binary-4k", architecture=BINARY_4K, parameters=LAN_LOTTERY, goal_ppm=930_000),
    Setup(
        name="dense-256",
        architecture=DENSE_256,
        parameters=replace(
            LAN_LOTTERY,
            burst_steps=64,
            burst_batch=64,
            step_schedule=((50_000, 5), (200_000, 4), (600_000, 3), (1, 2)),
        ),
        goal_ppm=940_000,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOptions:
    """What to measure, and with what."""

    datasets: DatasetStore
    """Holds the dataset."""
    dataset: DatasetId
    """MNIST."""
    folder: Path
    """For chains; empty."""
    tables: tuple[str, ...]
    """Names of run.TABLES."""
    quick: bool = False
    """Whether to measure little, to see that all of it works."""
    blocks: int | None = None
    """Length of every chain; each table's own if None."""
    real_blocks: int = 0
    """Blocks that three miners mine in earnest; none if 0."""
    time_cap_s: int = TIME_CAP_S
    """Seconds of one chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a chain has come to."""

    setup: Setup
    """Its family."""
    splits: Splits
    """What it was judged on."""
    blocks: tuple[Grown, ...]
    """All of it."""
    chain: LearningChain
    """Its end, to go on from."""
    stages: tuple[tuple[str, int, bytes], ...]
    """Name, blocks before it, and latents: at the start, half-way (if it came there), the end."""
    seconds: float
    """Processor time of all bursts and counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One block of a curve."""

    height: int
    """Of the block."""
    evaluation_ppm: int
    """Accuracy on the split that decides."""
    untouched_ppm: int
    """Accuracy on images that decide nothing."""
    seconds: float
    """Processor time that it took to find."""
    trials: int
    """Steps or bursts that it took to find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A chain of Figure 1."""

    label: str
    """By which rule."""
    points: tuple[Point, ...]
    """Its blocks."""

    def as_json(self) -> dict[str, object]:
        """Return the curve by columns, a list for each field of its points."""
        columns = {
            field.name: [round(getattr(point, field.name), 4) for point in self.points]
            for field in fields(Point)
        }
        return {"label": self.label, **columns}


class Workbench:
    """Options, splits and what has learned.

    Parameters
    ----------
    options : ProofOptions
    clock : Clock
    """

    def __init__(self, options: ProofOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        dataset = options.datasets.open(options.dataset)
        self.workload = Workload(
            train=dataset[SplitName.TRAIN],
            evaluation=dataset[SplitName.EVALUATION],
            reserve=dataset[SplitName.RESERVE],
            meter=Meter(clock=cpu_clock_ns, budget_s=0, repetitions=1),
            quick=options.quick,
        )
        self.curves: list[Curve] = []
        """Of Figure 1, as far as they were made."""
        self._learned: dict[str, Learned] = {}

    def length(self, usual: int, quick: int) -> int:
        """Return how long a chain is to be: as asked, or as usual."""
        if self.options.blocks is not None:
            return self.options.blocks
        return quick if self.options.quick else usual

    def deadline_ms(self, cap_s: int = MOST_CAP_S) -> int:
        """Return when a chain that begins now has to end, by the monotonic clock."""
        return self.clock.monotonic_ms() + 1_000 * min(cap_s, self.options.time_cap_s)

    def new_chain(self, setup: Setup, splits: Splits, seed: bytes) -> LearningChain:
        """Return a chain that has yet to learn."""
        cost = burst.rules_for(setup.architecture, setup.parameters).cost
        parameters = replace(setup.parameters, max_cost=cost)
        return LearningChain(setup.architecture, parameters, self.workload.train, splits, seed)

    def learned(self, setup: Setup) -> Learned:
        """Return a family's chain whose every ticket wins.

        Raises
        ------
        MeasurementFailed
            Nothing won.
        """
        if setup.name not in self._learned:
            self._learned[setup.name] = self._learn(setup)
        return self._learned[setup.name]

    def _learn(self, setup: Setup) -> Learned:
        splits = Splits(self.workload, setup.architecture)
        chain = self.new_chain(setup, splits, b"bench-proof")
        stages = [("start", 0, chain.latents)]
        blocks: list[Grown] = []
        deadline_ms = self.deadline_ms()
        started_ns = cpu_clock_ns()
        middle = MIDDLE_PPM * splits.count("evaluation") // PPM
        for _ in range(self.length(BLOCKS, 12)):
            blocks.append(chain.grow())
            if len(stages) == 1 and blocks[-1].correct >= middle:
                stages.append((f"{100 * MIDDLE_PPM // PPM} %", len(blocks), chain.latents))
            if self.clock.monotonic_ms() > deadline_ms:
                break
        stages.append(("end", len(blocks), chain.latents))
        return Learned(
            setup=setup,
            splits=splits,
            blocks=tuple(blocks),
            chain=chain,
            stages=tuple(stages),
            seconds=(cpu_clock_ns() - started_ns) / 1e9,
        )
