# SPDX-License-Identifier: Apache-2.0
"""Attacks on chains: accuracy that is only luck, work that is only said, families that are cheap.

Chains are short-cut: bursts and steps are real, on the laboratory's net; what the chain says of
time, targets and work is the law's own (spec/lottery.py).
Law of the file: the attacker makes every block, which is the worst case.
Read next: test_chain_attacks.py.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import Hash32
from edge_node.spec import lottery
from edge_node.spec.burst import BurstStart
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from tests.adversaries.laboratory import (
    BATCH,
    IMAGES,
    PAPER_BATCH,
    SHIFT,
    STEPS,
    Laboratory,
    laboratory,
    random_images,
    seed_number,
)

TOLERATED = IMAGES // 100
"""Images that a step block of ours may lose (accuracy_tolerance_ppm by default)."""


# 11. Luck on the evaluation split.


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of blocks has gained, in images of IMAGES."""

    blocks: int
    evaluation: int
    """On the split that blocks are judged by."""
    reserve: int
    """On one that nobody has seen."""
    tries: int
    """Bursts of ours, or walks of paper B, that the run took."""

    @property
    def faked(self) -> float:
        """Share of the gain that is luck, in points of accuracy."""
        return 100 * (self.evaluation - self.reserve) / IMAGES


class _Judge:
    """Counts what models have correct."""

    def __init__(self, lab: Laboratory) -> None:
        self._splits = [
            (slice_images(lab.architecture, split.images), split.labels)
            for split in lab.data.splits[1:]
        ]

    def evaluation(self, model: Model) -> int:
        return count_correct(model, *self._splits[0])

    def reserve(self, model: Model) -> int:
        return count_correct(model, *self._splits[1])


@functools.cache
def cherry_picked(choices: int, blocks: int = 40) -> Run:
    """Make blocks of ours, each the best on the evaluation split of so many that would do."""
    lab = laboratory()
    judge, runner = _Judge(lab), lab.runner()
    first = model = lab.head_model
    latents, correct, tries = lab.head, judge.evaluation(first), 0
    for _ in range(blocks):
        runner.begin(BurstStart(latents=latents, relatives=(model,), evolves=True, samples_seen=0))
        found: list[tuple[int, bytes, Model]] = []
        while len(found) < choices:
            met = runner.trial(seed_number("cherry", tries)).met
            tries += 1
            candidate = runner.model()
            count = judge.evaluation(candidate)
            if met and count >= correct - TOLERATED:
                found.append((count, runner.latents(), candidate))
        correct, latents, model = max(found, key=lambda each: each[0])
    return _run(judge, first, model, blocks, tries)


@functools.cache
def must_rise(blocks: int = 40, most_tries: int = 6_000) -> Run:
    """Make blocks as published: steps on random batches, taken where the accuracy rises."""
    lab = laboratory()
    judge, trainer = _Judge(lab), lab.trainer()
    first = model = lab.head_model
    latents, correct, made, tries = lab.head, judge.evaluation(first), 0, 0
    while made < blocks and tries < most_tries:
        if tries % STEPS == 0:
            trainer.set_packed(latents)
        trainer.shift(random_images(f"rise/{tries}", PAPER_BATCH), SHIFT)
        tries += 1
        candidate = trainer.model()
        count = judge.evaluation(candidate)
        if count > correct:
            correct, latents, model = count, trainer.packed(), candidate
            made += 1
    return _run(judge, first, model, made, tries)


def _run(judge: _Judge, first: Model, last: Model, blocks: int, tries: int) -> Run:
    return Run(
        blocks=blocks,
        evaluation=judge.evaluation(last) - judge.evaluation(first),
        reserve=judge.reserve(last) - judge.reserve(first),
        tries=tries,
    )


# 12. Work that was not done.


PARAMETERS = Parameters(first_work=32)
Clock = Callable[[int], int]


def honest_clock(_: int) -> int:
    """Return the target interval."""
    return PARAMETERS.target_ms


def stretched_clock(_: int) -> int:
    """Return the longest interval that still eases the target."""
    return lottery.LONGEST_INTERVALS * PARAMETERS.target_ms


def squeezed_clock(_: int) -> int:
    """Return the shortest interval."""
    return PARAMETERS.min_interval_ms


def sawtooth_clock(height: int) -> int:
    """Ease the target for ten blocks, then let it rise for forty."""
    return stretched_clock(height) if height % 50 < 10 else squeezed_clock(height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What chains of one clock count, by the bursts that went into them."""

    mean: float
    """Over all runs."""
    luckiest: float
    """Of the best run in a hundred."""


@functools.cache
def counted_work(
    clock: Clock, runs: int = 100, budget: int = 60 * PARAMETERS.first_work
) -> Counted:
    """Spend a budget of bursts on private chains, and count their work by their headers."""
    dice = [Prf("private", f"{clock.__name__}/{i}".encode()) for i in range(runs)]
    gains = sorted(sum(_private_chain(clock, budget, each)) / budget for each in dice)
    return Counted(mean=sum(gains) / runs, luckiest=gains[-1 - runs // 100])


def _private_chain(clock: Clock, budget: int, dice: Prf) -> Iterator[int]:
    """Yield the work of each block that a budget of bursts finds."""
    target, height = lottery.first_target(PARAMETERS), 0
    while True:
        chance = (int.from_bytes(target, "big") + 1) / lottery.TARGET_RANGE
        unlucky = (dice.u32() + 1) / (1 << 32)
        budget -= 1 if chance >= 1 else max(1, math.ceil(math.log(unlucky) / math.log1p(-chance)))
        if budget < 0:
            return
        yield lottery.work_of(target)
        target = lottery.next_target(target, clock(height), PARAMETERS.target_ms)
        height += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """Blocks of a small and of a large family."""

    gain: float
    """Wins of the small one for the same work, by those of the large one."""
    unscaled: float
    """What it would be if one target were for all."""
    wins: tuple[int, int]


@functools.cache
def small_family(bursts: tuple[int, int] = (8_000, 2_000)) -> Families:
    """Run real bursts of both, and count whose tickets win and requirements are met."""
    small, large = laboratory(16), laboratory(64)
    max_cost = large.rules().cost
    target = (lottery.MAX_TARGET // 2).to_bytes(32, "big")
    wins: list[int] = []
    work: list[int] = []
    for lab, count in zip((small, large), bursts, strict=True):
        cost = lab.rules().cost
        below = lottery.family_target(Hash32(target), cost, max_cost)
        runner = lab.runner()
        trials = (runner.trial(seed_number("family", i), below) for i in range(count))
        wins.append(sum(trial.met for trial in trials))
        work.append(count * cost)
    gain = wins[0] / wins[1] * work[1] / work[0]
    return Families(
        gain=gain,
        unscaled=gain * max_cost / small.rules().cost,
        wins=(wins[0], wins[1]),
    )


def multiplications_of_a_hash() -> int:
    """Return what a header's ticket costs less than its burst: one hash for so many.

    Whoever counts the work of headers without a replay of any counts hashes.
    """
    return laboratory().architecture.macs * STEPS * BATCH
