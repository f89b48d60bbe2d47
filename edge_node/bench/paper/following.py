# SPDX-License-Identifier: Apache-2.0
"""RQ3: whether difficulty can rise, and follows the power that mines (rule R-32).

A chain of children, each mined in earnest from the one before. The time between blocks is the
processor time of the climb; half-way the miner becomes several times slower, as if most of a
network had left. With a target the needed gain follows; without one it stays.
Law of the file: the needed gain is the law's (spec/scheduling.py), ladder included.
Read next: edge_node/spec/scheduling.py, capacity.py.
"""

from dataclasses import dataclass, replace

from edge_node.bench.climbing import RATES, new_climber
from edge_node.bench.workload import BASE_EXPONENT, BATCH, Workload, train_model
from edge_node.kernels.evaluation import SlicedImages, count_correct, slice_images
from edge_node.spec import scheduling
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.constants import GAIN_RUNGS, PPM
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model

BLOCKS = 60
SLOWER = 4
"""How many times slower mining is in the second half."""
TARGET_MS = 20
RUNG_MS = 2_000
FIRST_GAIN_PPM = 3_000
BASE_STEPS = 8
"""A base that has much to learn: 60 blocks are not to reach what the family can do at most."""
SLICE = 25
MAX_SLICES = 4_000
"""Without a child after 100,000 candidates there is none any more."""
TARGETS_MS = (0, TARGET_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One block; the keys of the JSON object."""

    target_ms: int
    """The network's target; 0: the needed gain never changes."""
    block: int
    """Its number, from 1."""
    slowness: int
    """How many times slower than at first its miner is."""
    needed_gain: int
    """Images by which it had to beat its parent, before the ladder."""
    interval_ms: int
    """Time that it took."""
    evaluation_ppm: int
    """Its accuracy on the evaluation split."""


def following_rows(workload: Workload, *, blocks: int = BLOCKS) -> tuple[Followed, ...]:
    """Return the blocks of a chain without a target, then those of one with it.

    Parameters
    ----------
    workload : Workload
    blocks : int
        Of each chain, at most: it ends where its family can learn no more.
    """
    selection = slice_images(BINARY_4K, workload.selection.images)
    judge = slice_images(BINARY_4K, workload.evaluation.images)
    count = BASE_STEPS * BATCH
    base = train_model(BINARY_4K, workload.train, b"bench-rq3", count, [(count, BASE_EXPONENT)])
    rows: list[Followed] = []
    for target_ms in TARGETS_MS:
        rows += _chain(workload, base, (selection, judge), target_ms, blocks)
    return tuple(rows)


def _chain(
    workload: Workload,
    base: Model,
    images: tuple[SlicedImages, SlicedImages],
    target_ms: int,
    blocks: int,
) -> list[Followed]:
    parameters = replace(Parameters(), target_ms=target_ms)
    total = len(workload.evaluation)
    needed = max(1, FIRST_GAIN_PPM * total // PPM)
    rows: list[Followed] = []
    for number in range(1, blocks + 1):
        slowness = SLOWER if number > blocks // 2 else 1
        found = _mined(workload, base, images, needed, slowness, seed=number)
        if found is None:
            break
        base, interval_ms, correct = found
        rows.append(
            Followed(
                target_ms=target_ms,
                block=number,
                slowness=slowness,
                needed_gain=needed,
                interval_ms=interval_ms,
                evaluation_ppm=correct * PPM // total,
            )
        )
        needed = scheduling.next_needed_gain(parameters, needed, interval_ms)
    return rows


def _mined(
    workload: Workload,
    base: Model,
    images: tuple[SlicedImages, SlicedImages],
    needed: int,
    slowness: int,
    seed: int,
) -> tuple[Model, int, int] | None:
    """Return the next child, the ms that it took and its correct images; None if there is none."""
    selection, judge = images
    labels = workload.evaluation.labels.tobytes()
    base_correct = count_correct(base, judge, labels)
    clock = workload.meter.clock
    start_ns = clock()
    climber = new_climber(selection, workload.selection, base, seed, RATES)
    seen = climber.correct
    for _ in range(MAX_SLICES):
        correct = climber.climb(SLICE).correct
        interval_ms = (clock() - start_ns) * slowness // 1_000_000
        if correct == seen:
            continue
        seen = correct
        model = climber.model()
        judged = count_correct(model, judge, labels)
        rung = min(interval_ms // RUNG_MS, GAIN_RUNGS)
        if judged - base_correct >= max(1, needed >> rung):
            return model, interval_ms, judged
    return None
