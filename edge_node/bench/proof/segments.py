# SPDX-License-Identifier: Apache-2.0
"""How fast blocks are checked in segments, each from its own snapshot of the latents.

A block's replay needs the latents before it; with a snapshot there, a segment needs nothing of the
segments before. So a core for each can check them: processes here, as several validators would be,
which begin together once each has its images.
Law of the file: what is replayed has the root of its header; processor time is told beside the
clock on the wall, which a busy machine stretches.
Read next: verification.py.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.bench.timing import NS_PER_S, cpu_clock_ns
from edge_node.datasets.store import DatasetStore
from edge_node.kernels.burst import new_burst_runner
from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec import burst
from edge_node.spec.burst import BurstStart
from edge_node.spec.dataset import SplitName

TABLE = "verification"
CORES = 2
START_S = 120
"""Within which a process has read its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One block's burst, as the engine was asked for it."""

    seed: bytes
    """Of the burst."""
    start: BurstStart
    """Where it begins."""
    latent_root: Hash32
    """What it came to."""
    replay_ms: float
    """Processor time of the burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What a process checks."""

    datasets: DatasetStore
    """Reopened by path in the process."""
    dataset: DatasetId
    """What was learned."""
    replays: tuple[Replay, ...]
    """One after the other; the latents of the first are the snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What processes that checked segments together came to."""

    processor_per_s: float
    """Blocks for each second of processor time, of all processes together."""
    wall_per_s: float
    """Blocks for each second on the wall."""


def segment_rows(
    bench: Workbench, replays: Sequence[Replay], serial_ms: float
) -> Iterator[ProofRow]:
    """Yield how fast one core and more replay segments, and what that would be for a sync.

    Parameters
    ----------
    bench : Workbench
    replays : sequence of Replay
        Of a chain.
    serial_ms : float
        Processor time of a block in initial sync that is neither replay nor evaluation.
    """
    speeds = [segments_speed(bench, replays, count) for count in range(1, CORES + 1)]
    for count, speed in enumerate(speeds, start=1):
        yield ProofRow(
            table=TABLE,
            what=f"binary-4k, segments from snapshots on {count} core" + "s" * (count > 1),
            value=speed.processor_per_s,
            unit="blocks/s",
            how=f"replay and evaluation of {len(replays)} blocks in {count} process"
            f"{'es at once' * (count > 1)}, each from the latents that its first block's parent "
            f"commits to; by processor time, by the clock on the wall {speed.wall_per_s:.1f}",
        )
    block_s = serial_ms / 1_000 + 1 / max(speeds[-1].processor_per_s, 1e-9)
    yield ProofRow(
        table=TABLE,
        what=f"binary-4k, initial sync, if {CORES} cores replayed its segments (computed)",
        value=1 / block_s,
        unit="blocks/s",
        how=f"not built: the row above, and {serial_ms:.1f} ms a block of signatures, state and "
        "store one after the other; snapshots would have to come with the blocks, as nodes keep "
        "those of a family's last 64 only",
    )


def segments_speed(bench: Workbench, replays: Sequence[Replay], count: int) -> Speed:
    """Check segments in so many processes at once.

    Raises
    ------
    MeasurementFailed
        A segment's replay has another root than its headers, or a process has died.
    """
    size = -(-len(replays) // count)
    segments = [
        Segment(
            datasets=bench.options.datasets,
            dataset=bench.options.dataset,
            replays=tuple(replays[start : start + size]),
        )
        for start in range(0, len(replays), size)
    ]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(segments))
    pipes: list[Connection] = []
    processes = []
    try:
        for segment in segments:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, barrier))
            process.start()
            processes.append(process)
            theirs.close()
            pipes.append(ours)
            # Not with its start: Python would wait for ever for one that died before it read.
            ours.send(segment)
        taken: list[tuple[float, float]] = [pipe.recv() for pipe in pipes]
    except (EOFError, OSError):
        raise MeasurementFailed("a segment's replay did not come to an end") from None
    finally:
        for process in processes:
            process.kill()
            process.join()
    return Speed(
        processor_per_s=sum(
            len(segment.replays) / max(processor_s, 1e-9)
            for segment, (processor_s, _) in zip(segments, taken, strict=True)
        ),
        wall_per_s=len(replays) / max(wall_s for _, wall_s in taken),
    )


def _serve(pipe: Connection, barrier: Barrier) -> None:
    """Read a segment, and send the processor time and the time on the wall that it took."""
    segment: Segment = pipe.recv()
    setup = SETUPS[0]
    rules = burst.rules_for(setup.architecture, setup.parameters)
    train = segment.datasets.split(segment.dataset, SplitName.TRAIN)
    evaluation = segment.datasets.split(segment.dataset, SplitName.EVALUATION)
    runner = new_burst_runner(rules, train.images.reshape(-1), train.labels)
    sliced = slice_images(setup.architecture, evaluation.images)
    labels = evaluation.labels.tobytes()
    latents = segment.replays[0].start.latents  # the snapshot; all others follow from it
    barrier.wait(START_S)
    wall_ns, processor_ns = time.perf_counter_ns(), cpu_clock_ns()
    for replay in segment.replays:
        runner.begin(replace(replay.start, latents=latents))
        if runner.trial(replay.seed).latent_root != replay.latent_root:
            raise MeasurementFailed("a segment's replay has another root than its header")
        latents = runner.latents()
        count_correct(runner.model(), sliced, labels)
    processor_s = (cpu_clock_ns() - processor_ns) / NS_PER_S
    pipe.send((processor_s, (time.perf_counter_ns() - wall_ns) / NS_PER_S))
