# SPDX-License-Identifier: Apache-2.0
"""Attacks on the training itself: to have the requirements met, or a ticket drawn, for less work.

Paper B's rule (spec/guiding.py) takes one step on a batch of the miner's choice, and its R is known
before; a burst (spec/burst.py) takes T steps on batches that its seed draws, and its R follows from
the result. Each attack is played on both.
Law of the file: work is counted in multiplications, PASSES * weights for each image trained on.
Read next: test_requirement_attacks.py.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.burst import run_burst
from edge_node.kernels.evaluation import all_logits, slice_images
from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash
from edge_node.spec import burst, guiding, training
from edge_node.spec.constants import LATENT_MAX
from edge_node.spec.training import step_exponent
from tests.adversaries.laboratory import (
    BATCH,
    IMAGES,
    PAPER_BATCH,
    PASSES,
    SCHEDULE,
    SHIFT,
    STEPS,
    Laboratory,
    Table,
    laboratory,
    random_batches,
    random_images,
    seed_number,
)

HALF = 1 << SHIFT >> 1
LUCKIEST = 100
"""A filter keeps one of so many."""

Requirements = list[tuple[int, int]]


def paper_requirements(lab: Laboratory, tip: int, count: int) -> Requirements:
    """Return R on top of one of many tips, by the law of paper B's rule."""
    tip_hash = BlockHash(seed_number("tip", tip))
    return guiding.requirements(tip_hash, lab.architecture, count)


def tolerated(columns: Table, directions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which sums of gradients (..., k) move no weight against its direction, as published."""
    moves: Table = (columns + HALF >> SHIFT) * directions
    met: npt.NDArray[np.bool_] = (moves >= 0).all(axis=-1)
    return met


def steps_meet(
    lab: Laboratory, required: Requirements, batches: Sequence[Sequence[int]]
) -> list[bool]:
    """Take a real step of paper B on each batch, and say which meet R by the law."""
    trainer = lab.trainer()
    met: list[bool] = []
    for batch in batches:
        trainer.set_packed(lab.head)
        trainer.shift(list(batch), SHIFT)
        met.append(guiding.first_unmet(required, lab.head, trainer.packed()) is None)
    return met


# 1. Batches that change nothing.


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What batches of images that the head knows by heart have come to."""

    images: int
    """So many change no weight."""
    paper_met: int
    """R of `requirements` weights that such a batch met."""
    ours_met: int
    """Bursts on nothing else that met one requirement."""
    tries: int
    """Of each."""
    requirements: int


@functools.cache
def idle_batches(requirements: int = 64, tries: int = 300) -> Idle:
    """Offer batches of well-classified images for every R."""
    lab = laboratory(64)
    known = [int(image) for image in np.flatnonzero(~lab.table.any(axis=1))]
    batch = known[:PAPER_BATCH]
    trainer = lab.trainer()
    trainer.set_packed(lab.head)
    trainer.shift(batch, SHIFT)
    after = trainer.packed()
    unmet = [
        guiding.first_unmet(paper_requirements(lab, tip, requirements), lab.head, after)
        for tip in range(tries)
    ]
    learned = lab.data.splits[0]
    size = lab.architecture.image_bytes
    images = b"".join(learned.images[i * size : (i + 1) * size] for i in batch)
    labels = bytes(learned.labels[i] for i in batch)
    plain = burst.BurstStart(latents=lab.head, relatives=(), evolves=False, samples_seen=0)
    bursts = [
        run_burst(seed_number("idle", i), lab.rules(1), plain, images, labels).met
        for i in range(tries)
    ]
    return Idle(
        images=len(known),
        paper_met=unmet.count(None),
        ours_met=sum(bursts),
        tries=tries,
        requirements=requirements,
    )


# 2. Gradients of single images add up, so batches can be searched without training.


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a table of gradients has come to in paper B's rule."""

    gain: float
    """Honest work for a block, by the attacker's."""
    solved: int
    """Tips for which a batch was found, and met R in a real step."""
    tips: int


@functools.cache
def batch_search(requirements: int = 32, tips: int = 10, tabulated: int = 256) -> Searched:
    """Search batches of 4 arithmetically, by the best images, then pairs, then pairs of pairs."""
    lab = laboratory()
    honest_batches = random_batches("honest", 60_000, PAPER_BATCH)
    image_work = PASSES * lab.architecture.weight_count
    singles, pairs = 64, 128
    search_work = (singles**2 + pairs**2) * requirements
    chances: list[float] = []
    solved = 0
    for tip in range(tips):
        required = paper_requirements(lab, tip, requirements)
        columns, directions = _columns(lab.table, required)
        sums = columns[honest_batches].sum(axis=1)
        chances.append(float(tolerated(sums, directions).mean()))
        batch = _greedy(columns[:tabulated], directions, singles, pairs)
        solved += batch is not None and steps_meet(lab, required, [batch])[0]
    honest_work = PAPER_BATCH * image_work / float(np.mean(chances))
    attack_work = (tabulated * image_work + search_work) * tips / max(solved, 1)
    return Searched(gain=honest_work / attack_work, solved=solved, tips=tips)


def _columns(table: Table, required: Requirements) -> tuple[Table, npt.NDArray[np.int64]]:
    weights = [weight for weight, _ in required]
    return table[:, weights], np.array([direction for _, direction in required], np.int64)


def _greedy(
    columns: Table, directions: npt.NDArray[np.int64], singles: int, pairs: int
) -> list[int] | None:
    """Return a batch of four images that meets R by their tabulated gradients."""

    def best(rows: Table, count: int) -> npt.NDArray[np.int64]:
        # What lies beyond the dead zone of rounding does harm; harm that is made good is none.
        harm = np.minimum(rows * directions + HALF, 0).sum(axis=1)
        return np.argsort(-harm, kind="stable")[:count]

    one = best(columns, singles)
    two = np.stack([np.repeat(one, singles), np.tile(one, singles)], axis=1)
    two = two[best(columns[two].sum(axis=1), pairs)]
    first, second = np.divmod(np.arange(pairs * pairs), pairs)
    four = np.concatenate([two[first], two[second]], axis=1)
    found = np.flatnonzero(tolerated(columns[four].sum(axis=1), directions))
    return [int(i) for i in four[found[0]]] if found.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What the table of the head says of whole bursts."""

    first_right: int
    """Bursts whose first step it foretold in every weight."""
    all_right: int
    """Bursts whose result it foretold in every weight."""
    tries: int


@functools.cache
def foretold_bursts(tries: int = 100) -> Foretold:
    """Add up the table's rows in place of training."""
    lab = laboratory()
    weights = lab.architecture.weight_count
    first_right = all_right = 0
    trainer = lab.trainer()
    for number in range(tries):
        batches = np.array(_burst_images(lab, number)).reshape(STEPS, BATCH)
        guessed = _latents(lab, lab.head)
        for step, batch in enumerate(batches):
            guessed = _moved(lab, guessed, lab.table[batch].sum(axis=0), step * BATCH)
            if step == 0:
                trainer.set_packed(lab.head)
                trainer.run(batch, BATCH, SCHEDULE)
                first_right += bool((_latents(lab, trainer.packed()) == guessed).all())
        trainer.set_packed(lab.head)
        trainer.run(batches.reshape(-1), BATCH, SCHEDULE)
        all_right += bool((_latents(lab, trainer.packed()) == guessed).all())
    assert len(guessed) == weights
    return Foretold(first_right=first_right, all_right=all_right, tries=tries)


def _latents(lab: Laboratory, packed: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(packed, "<i2", lab.architecture.weight_count).astype(np.int64)


def _moved(
    lab: Laboratory, latents: npt.NDArray[np.int64], gradients: Table, samples_seen: int
) -> npt.NDArray[np.int64]:
    """Return latents after a step of ours on summed gradients (R-9)."""
    moved = latents.copy()
    first = 0
    for shape in lab.architecture.shapes:
        part = slice(first, first + shape.weight_count)
        row = gradients[part]
        dead_zone = int(np.abs(row).sum()) // len(row) // 2
        step = 1 << step_exponent(SCHEDULE, samples_seen)
        moved[part] += step * ((row > dead_zone).astype(int) - (row < -dead_zone))
        first = part.stop
    return np.clip(moved, -LATENT_MAX, LATENT_MAX)


def _burst_images(lab: Laboratory, number: int) -> list[int]:
    return burst.batch_indices(seed_number("burst", number), lab.rules(), IMAGES)


# 3. The start is fixed, so the first step of many nonces comes from one table.


@functools.cache
def nonce_table_paper(requirements: int = 32, tabulated: int = 256) -> Searched:
    """Try random batches by the table alone, until one meets R; then take its step."""
    lab = laboratory()
    image_work = PASSES * lab.architecture.weight_count
    tips, tried, solved = 10, 0, 0
    batches = random_batches("nonces", 40_000, PAPER_BATCH) % tabulated
    for tip in range(tips):
        required = paper_requirements(lab, tip, requirements)
        columns, directions = _columns(lab.table, required)
        found = np.flatnonzero(tolerated(columns[batches].sum(axis=1), directions))
        solved += bool(found.size) and all(
            steps_meet(lab, required, [[int(i) for i in batches[f]] for f in found[:5]])
        )
        tried += int(found[0]) + 1 if found.size else len(batches)
    attack = tips * tabulated * image_work + tried * PAPER_BATCH * requirements
    honest = tried * PAPER_BATCH * image_work
    return Searched(gain=honest / attack, solved=solved, tips=tips)


@functools.cache
def nonce_table_ours() -> float:
    """Return the most that a table saves of our bursts: first steps of those that continue.

    A tabulated step adds S rows in place of PASSES * S passes. Whoever keeps what every neuron of
    the first layer sums up to at the head for every image saves of the later steps what the
    weights that have not changed since would add in the forward pass.
    """
    lab = laboratory()
    trainer = lab.trainer()
    head = _latents(lab, lab.head) < 0
    shares: list[float] = []
    for number in range(20):
        trainer.set_packed(lab.head)
        batches = np.array(_burst_images(lab, number)).reshape(STEPS, BATCH)
        for batch in batches:
            changed = (_latents(lab, trainer.packed()) < 0) != head
            shares.append(float(changed.mean()))
            trainer.run(batch, BATCH, SCHEDULE)
    later = [PASSES - 1 + share for i, share in enumerate(shares) if i % STEPS]
    bursts = len(shares) // STEPS
    saved_burst = bursts * 1.0 + sum(later)
    whole_burst = float(bursts * STEPS * PASSES)
    continues, every = lab.rules().weights[0], sum(lab.rules().weights)
    # Mutated and crossed starts differ from the head in thousands of places: nothing is saved.
    cost = (continues * saved_burst + (every - continues) * whole_burst) / every
    return whole_burst / cost


# 4. and 5. Who knows R before the work keeps the luckiest hundredth; keys are free.


@functools.cache
def _moves(name: str, bursts: int) -> Table:
    """Return the signs of gradient sums of random bursts, (bursts, weights)."""
    lab = laboratory()
    trainer = lab.trainer()
    rows: list[Table] = []
    for number in range(bursts):
        trainer.set_packed(lab.head)
        images = random_images(f"{name}/{number}", STEPS * BATCH)
        rows.append(np.sign(trainer.run_summed(images, BATCH, SCHEDULE)))
    return np.array(rows)


@functools.cache
def paper_filter(requirements: int = 16, choices: int = 3_000) -> float:
    """Return how much oftener a batch meets the luckiest hundredth of R than any, as published."""
    lab = laboratory()
    table = lab.table
    learned = random_batches("learned", 1_000, PAPER_BATCH)
    judged = random_batches("judged", 1_000, PAPER_BATCH)
    moves = [np.sign(table[b].sum(axis=1) + HALF >> SHIFT) for b in (learned, judged)]
    return _filtered(lab, moves[0], moves[1], requirements, choices, strict=False)


@functools.cache
def early_filter(requirements: int = 4, choices: int = 3_000) -> float:
    """Return the same for a burst whose R follows from its miner's key: the obvious cure."""
    lab = laboratory()
    learned, judged = _moves("learned", 500), _moves("judged", 500)
    return _filtered(lab, learned, judged, requirements, choices, strict=True)


def _filtered(
    lab: Laboratory, learned: Table, judged: Table, requirements: int, choices: int, *, strict: bool
) -> float:
    drawn = [paper_requirements(lab, tip, requirements) for tip in range(choices)]
    least = 1 if strict else 0
    up, down = ((side >= least).sum(axis=0) for side in (learned, -learned))
    weights = np.array([[weight for weight, _ in each] for each in drawn])
    directions = np.array([[direction for _, direction in each] for each in drawn])
    counts = np.where(directions > 0, up[weights], down[weights])
    hopes = np.log(counts + 1).sum(axis=1).round(6)  # rounded, so that ties are ties everywhere
    kept = np.argsort(-hopes, kind="stable")[: choices // LUCKIEST]

    def rate(chosen: npt.NDArray[np.int64]) -> float:
        met = [(judged[:, weights[i]] * directions[i] >= least).all(axis=1).mean() for i in chosen]
        return float(np.mean(met))

    return rate(kept) / rate(np.arange(choices))


@functools.cache
def seed_filter(choices: int = 1_000) -> float:
    """Return what it helps in ours to keep the nonces whose batches the table likes best.

    R follows from the result, so it is any R: what counts is the share of weights that move.
    """
    lab = laboratory()
    table = lab.table.astype(np.float32)  # sums of 256 rows stay below 2**24: exact
    hopes: list[float] = []
    for number in range(choices):
        images = np.array(_burst_images(lab, number))
        hopes.append(float(np.abs(table[images].sum(axis=0)).astype(bool).mean()))
    kept = np.argsort(-np.array(hopes), kind="stable")[: choices // LUCKIEST]

    def chance(numbers: Sequence[int]) -> float:
        trainer = lab.trainer()
        shares: list[float] = []
        for number in numbers:
            trainer.set_packed(lab.head)
            sums = trainer.run_summed(_burst_images(lab, number), BATCH, SCHEDULE)
            shares.append(float((sums != 0).mean()) / 2)
        return float(np.mean(shares))

    return chance([int(i) for i in kept]) / chance(range(300))


@functools.cache
def key_grinding(keys: int = 100_000) -> float:
    """Return what it helps in ours to keep keys whose R would be lucky if nothing moved.

    The attacker's best guess of the result is the head, or anything else of its choice: R of the
    real one has nothing to do with it.
    """
    lab = laboratory()
    learned = _moves("learned", 500)
    up, down = (learned > 0).mean(axis=0), (learned < 0).mean(axis=0)
    guess = training.root_of(lab.head)
    hopes: list[float] = []
    for key in range(keys):
        stream = Prf("burst-requirements", seed_number("key", key) + guess)
        weight, odd = divmod(stream.below(2 * lab.architecture.weight_count), 2)
        hopes.append(float(down[weight] if odd else up[weight]))
    kept = np.argsort(-np.array(hopes), kind="stable")[: keys // LUCKIEST]
    runner = lab.runner(1)
    lucky = np.mean([runner.trial(seed_number("key", int(key))).met for key in kept])
    any_key = np.mean([runner.trial(seed_number("key", key)).met for key in range(3 * len(kept))])
    return float(lucky / any_key)


# 13. Images that the head knows by heart change nothing: who leaves them out works less.


@functools.cache
def known_images_skipped(bursts: int = 60) -> float:
    """Return the best gain, over all margins, of bursts without the images that the head knows."""
    lab = laboratory(64)
    learned = lab.data.splits[0]
    images = slice_images(lab.architecture, learned.images)
    labels = np.frombuffer(learned.labels, np.uint8)
    scores = all_logits(lab.head_model, images).astype(np.int64)
    own = scores[np.arange(IMAGES), labels].copy()
    scores[np.arange(IMAGES), labels] = np.iinfo(np.int64).min
    margins = own - scores.max(axis=1)
    gains = [_skipping(lab, margins, least, bursts) for least in range(64, 129, 8)]
    return max(gains)


def _skipping(lab: Laboratory, margins: npt.NDArray[np.int64], least: int, bursts: int) -> float:
    honest, lazy = lab.trainer(), lab.trainer()
    right = trained = 0
    for number in range(bursts):
        batches = np.array(_burst_images(lab, number)).reshape(STEPS, BATCH)
        honest.set_packed(lab.head)
        lazy.set_packed(lab.head)
        honest.run(batches.reshape(-1), BATCH, SCHEDULE)
        for batch in batches:
            kept = batch[margins[batch] < least]
            trained += len(kept)
            if len(kept):
                lazy.run(kept, len(kept), SCHEDULE)
        right += honest.packed() == lazy.packed()
    return (right / bursts) * bursts * STEPS * BATCH / trained
