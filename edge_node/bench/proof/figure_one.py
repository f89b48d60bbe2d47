# SPDX-License-Identifier: Apache-2.0
"""Paper B's Figure 1 made anew: accuracy and interval over 600 blocks, its rule and ours.

The same family and images for both; the paper's rule as published, once more without its rule that
accuracy must rise, and `recipe` with its tolerance and retarget. Time is processor time of one
thread, so a busy machine does not bend the bars.
Law of the file: a chain that stands still is shown up to where it stands, and told.
Read next: published.py, learning_chain.py, plots.py.
"""

import statistics
from collections.abc import Iterator
from dataclasses import replace

from edge_node.bench.proof.learning_chain import Splits
from edge_node.bench.proof.published import PublishedChain
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import SETUPS, Curve, Point, Workbench
from edge_node.bench.timing import NS_PER_S, cpu_clock_ns
from edge_node.primitives.types import Hash32
from edge_node.spec import lottery

TABLE = "figure"
BLOCKS = 600
OUR_LABEL = "recipe"
REQUIREMENTS = 4
"""k of the paper's rule: a step takes a fraction of a millisecond."""
WALK_STEPS = SETUPS[0].parameters.burst_steps
"""Steps after which a search of the paper's rule goes back to its head, as in our networks."""
MOST_TRIALS = 20_000
"""Steps after which a block of the paper's rule is not waited for any longer."""
PUBLISHED_CAP_S = 150
"""Seconds that a chain of the paper's rule is watched at most: it may stand still for ever."""
TARGET_MS = 150
FIRST_WORK = 8
ENDS = 100
"""Blocks at either end whose intervals are compared."""
PUBLISHED_ACCURACY = "0.15 to about 0.55 (ResNet-18, CIFAR-10, batch 4)"
PUBLISHED_INTERVAL = "about 5 to 100 s, no trend"


def figure_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield what the three curves come to; the curves themselves are left with the bench."""
    blocks = bench.length(BLOCKS, 6)
    splits = Splits(bench.workload, SETUPS[0].architecture)
    for label, must_rise in (("paper, as published", True), ("paper, accuracy free", False)):
        curve = _published(bench, splits, label, blocks, must_rise=must_rise)
        yield from _curve_rows(bench, curve, blocks)
    yield from _curve_rows(bench, _ours(bench, splits, blocks), blocks)


def _published(
    bench: Workbench, splits: Splits, label: str, blocks: int, *, must_rise: bool
) -> Curve:
    setup = SETUPS[0]
    chain = PublishedChain(
        setup.architecture,
        setup.parameters,
        REQUIREMENTS,
        bench.workload.train,
        splits,
        walk_steps=WALK_STEPS,
        accuracy_must_rise=must_rise,
    )
    points: list[Point] = []
    deadline_ms = bench.deadline_ms(PUBLISHED_CAP_S)
    while len(points) < blocks and bench.clock.monotonic_ms() < deadline_ms:
        before_ns = cpu_clock_ns()
        block = chain.grow(MOST_TRIALS)
        if block is None:
            break
        points.append(
            Point(
                height=len(points) + 1,
                evaluation_ppm=splits.ppm(block.model, "evaluation"),
                untouched_ppm=splits.ppm(block.model, "untouched"),
                seconds=_since_s(before_ns),
                trials=block.trials,
            )
        )
    return Curve(label=label, points=tuple(points))


def _ours(bench: Workbench, splits: Splits, blocks: int) -> Curve:
    setup = SETUPS[0]
    parameters = replace(setup.parameters, target_ms=TARGET_MS, first_work=FIRST_WORK)
    chain = bench.new_chain(replace(setup, parameters=parameters), splits, b"bench-figure")
    target: Hash32 = lottery.first_target(parameters)
    points: list[Point] = []
    deadline_ms = bench.deadline_ms()
    while len(points) < blocks and bench.clock.monotonic_ms() < deadline_ms:
        before_ns = cpu_clock_ns()
        block = chain.grow(int.from_bytes(target, "big"))
        seconds = _since_s(before_ns)
        target = lottery.next_target(target, max(1, int(1_000 * seconds)), TARGET_MS)
        points.append(
            Point(
                height=block.height,
                evaluation_ppm=splits.ppm(block.model, "evaluation"),
                untouched_ppm=splits.ppm(block.model, "untouched"),
                seconds=seconds,
                trials=block.trials,
            )
        )
    return Curve(label=OUR_LABEL, points=tuple(points))


def _curve_rows(bench: Workbench, curve: Curve, blocks: int) -> Iterator[ProofRow]:
    bench.curves.append(curve)
    points = curve.points
    full = len(points) == blocks
    recipe = curve.label == OUR_LABEL
    work = (
        f"T = {SETUPS[0].parameters.burst_steps}, S = {SETUPS[0].parameters.burst_batch}, "
        f"retarget to {TARGET_MS} ms"
        if recipe
        else f"k = {REQUIREMENTS}, batches of 4, up to {WALK_STEPS} steps of 2**-"
        f"{SETUPS[0].parameters.learning_shift} from the head"
    )
    cap_s = min(bench.options.time_cap_s, PUBLISHED_CAP_S)
    stopped = "" if full else f"; stopped after {cap_s} s, or {MOST_TRIALS:,} steps for a block"
    yield ProofRow(
        table=TABLE,
        what=f"{curve.label}: blocks",
        value=len(points),
        unit=f"of {blocks}",
        least=blocks if recipe else None,
        published="600",
        how=f"binary-4k, {work}{stopped}",
    )
    if not points:
        return
    yield ProofRow(
        table=TABLE,
        what=f"{curve.label}: untouched accuracy at the end",
        value=points[-1].untouched_ppm / 10_000,
        unit="%",
        published=PUBLISHED_ACCURACY,
        how=f"evaluation {points[-1].evaluation_ppm / 10_000:.2f} %",
    )
    ends = min(ENDS, -(-len(points) // 2))
    first, last = points[:ends], points[-ends:]
    first_s, last_s = (statistics.fmean(p.seconds for p in some) for some in (first, last))
    yield ProofRow(
        table=TABLE,
        what=f"{curve.label}: mean interval of the last {ends} blocks over the first {ends}'s",
        value=last_s / max(first_s, 1e-9),
        unit="",
        published=PUBLISHED_INTERVAL,
        how=f"{1_000 * first_s:.0f} ms, then {1_000 * last_s:.0f} ms; the longest "
        f"{max(p.seconds for p in points):.2f} s; trials a block {_mean_trials(first):.0f}, then "
        f"{_mean_trials(last):.0f}",
    )


def _mean_trials(points: tuple[Point, ...]) -> float:
    return statistics.fmean(point.trials for point in points)


def _since_s(before_ns: int) -> float:
    return (cpu_clock_ns() - before_ns) / NS_PER_S
