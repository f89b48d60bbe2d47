# SPDX-License-Identifier: Apache-2.0
"""How soon a search goes on: after a block of somebody else's, and after the trainer was killed.

Two node processes mine against each other over a real broker, each with its trainer, as users run
them; every block of one makes the other begin anew. Then trainers are killed, one after the other.
Law of the file: nodes are only started, killed and read; they time themselves, in their logs.
Read next: restart_log.py, edge_node/trainer/process.py.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.bench.paper.cluster import ClusterOptions, Member, running_cluster, until
from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.proof.lottery_chain import lottery_genesis
from edge_node.bench.proof.restart_log import NodeTimes, Restart, node_times, restarts, resumed_ms
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.node.networks import LAN_LOTTERY
from edge_node.spec.burst import rules_for

TABLE = "restart"
BLOCKS = 60
"""Blocks that are foreign to one of both nodes."""
TARGET_MS = 1_000
FIRST_WORK = 32
MOST_MS = 100.0
KILLS = 8
"""Of both trainers together: a node starts five more of its own, no sixth."""
SEEDS = (bytes([60]) * 32, bytes([61]) * 32)
WARM_UP_BLOCKS = 4
"""Until then nodes are still starting."""
READY_S, BLOCK_S, RESUME_S = 90, 5, 60
"""Limits of waiting."""
P99 = 99
_TRAINER = b"spawn_main"
"""In the command line of a process that Python's multiprocessing has started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What two nodes were seen to do."""

    restarts: Sequence[Restart]
    """On blocks of the other."""
    foreign: int
    """Foreign blocks that were judged, those beside the head included."""
    resumed_ms: Sequence[int]
    """From each trainer's death to its successor's first burst."""
    broker: str
    """The program between them."""


def restart_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield how soon the search goes on."""
    seen = _watched(bench)
    ways: tuple[tuple[str, Callable[[Restart], int], bool], ...] = (
        ("the verdict", lambda each: each.verdict_ms, True),
        ("its bytes in the node's loop, judging included", lambda each: each.bytes_ms, True),
        ("its author's verdict, stamp and broker included", lambda each: each.whole_ms, False),
    )
    how = _how(seen)
    for name, value, asked in ways:
        for percent in (50, P99):
            yield ProofRow(
                table=TABLE,
                what=f"search on a foreign block, from {name}, p{percent}",
                value=percentile([value(each) for each in seen.restarts], percent),
                unit="ms",
                most=MOST_MS if asked else None,
                how=how,
            )
            how = "the same blocks"
    yield ProofRow(
        table=TABLE,
        what="search goes on after its trainer was killed, median",
        value=percentile(seen.resumed_ms, 50),
        unit="ms",
        how=f"{len(seen.resumed_ms)} kills; the longest {max(seen.resumed_ms, default=0)} ms: "
        "another process is started, reads the images and is given the task",
    )


def percentile(values: Sequence[int], percent: int) -> float | None:
    """Return the least value that so many percent of all do not exceed; None of none."""
    if not values:
        return None
    return float(sorted(values)[-(-len(values) * percent // 100) - 1])


def _how(seen: Watched) -> str:
    def middle(value: Callable[[Restart], int]) -> str:
        return f"{percentile([value(each) for each in seen.restarts], 50) or 0:.0f} ms"

    return (
        f"{len(seen.restarts)} of {seen.foreign} foreign blocks (others came beside the head, or "
        f"won at once), two nodes and their trainers, which mine binary-4k, share "
        f"{len(os.sched_getaffinity(0))} cores and {seen.broker}; medians: judging "
        f"{middle(lambda each: each.judge_ms)}, node "
        f"{middle(lambda each: each.verdict_ms - each.trainer_ms)}, trainer "
        f"{middle(lambda each: each.trainer_ms)}"
    )


def _watched(bench: Workbench) -> Watched:
    options, setup, clock = bench.options, SETUPS[0], bench.clock
    parameters = replace(
        LAN_LOTTERY,
        target_ms=TARGET_MS,
        max_cost=rules_for(setup.architecture, LAN_LOTTERY).cost,
        first_work=1 if options.quick else FIRST_WORK,
        min_evaluation_images=min(100, len(bench.workload.evaluation)),
    )
    cluster = ClusterOptions(
        folder=options.folder / "restart",
        genesis=lottery_genesis(options.datasets, options.dataset, parameters, clock.now_ms()),
        seeds=SEEDS,
        miners=len(SEEDS),
        datasets=options.datasets,
        dataset=options.dataset,
        settings={
            "node.log_level": "debug",
            "node.log_format": "json",
            "trainer.architecture": setup.name,
        },
    )
    with running_cluster(cluster, clock) as (broker, members):

        def height() -> int:
            return min(member.height() for member in members)

        until(lambda: height() >= WARM_UP_BLOCKS, clock=clock, limit_s=READY_S, what="blocks")
        since_ms, blocks = clock.now_ms(), bench.length(BLOCKS, 6)

        def enough() -> bool:
            return len(restarts(_all_times(members), since_ms)) >= blocks

        with contextlib.suppress(MeasurementFailed):  # what came until then is told
            until(enough, clock=clock, limit_s=blocks * BLOCK_S, what="foreign blocks", pause_s=2)
        seen = _all_times(members)
        killed = [
            _resumed_ms(bench, members[number % len(members)], pid)
            for number in range(1 if options.quick else KILLS)
            for pid in _trainers(members[number % len(members)].process.pid)
        ]
    return Watched(
        restarts=restarts(seen, since_ms),
        foreign=sum(
            since_ms <= came_ms and block in times.judged_ms
            for times in seen
            for block, came_ms in times.came_ms.items()
        ),
        resumed_ms=killed,
        broker=broker.program,
    )


def _resumed_ms(bench: Workbench, member: Member, trainer: int) -> int:
    """Kill a node's trainer; return how long it was until the next one's first burst."""
    killed_ms = bench.clock.now_ms()
    os.kill(trainer, signal.SIGKILL)
    found: list[int] = []

    def resumed() -> bool:
        after_ms = resumed_ms(_times(member), killed_ms)
        found.extend([] if after_ms is None else [after_ms])
        return bool(found)

    until(resumed, clock=bench.clock, limit_s=RESUME_S, what="search of another trainer")
    return found[0]


def _trainers(pid: int) -> list[int]:
    """Return the trainer that a node has started; nothing where the system does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    except OSError:
        return []
    return [child for child, command in commands.items() if _TRAINER in command]


def _all_times(members: Sequence[Member]) -> list[NodeTimes]:
    return [_times(member) for member in members]


def _times(member: Member) -> NodeTimes:
    return node_times(member.log.read_text(errors="replace").splitlines())
