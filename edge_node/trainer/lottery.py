# SPDX-License-Identifier: Apache-2.0
"""The lottery: one burst after another on top of a family's head, until a ticket wins.

Every trial is a nonce and a moment: a new seed, hence another burst. Trials have no memory, so a
new head or other transactions cost no more than the burst under way (design, section 7).
Law of the file: what is offered wins, meets its requirements and has the accuracy that its rung
asks for; whether a burst is for a fallback is settled before it begins.
Read next: edge_node/spec/burst.py, edge_node/kernels/burst.py.
"""

from dataclasses import dataclass, replace

from edge_node.primitives.clock import Clock
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, ModelHash, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.block import Header, proof_root_of
from edge_node.spec.burst import BurstRules, BurstStart, Drawn, Operator
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.recipe import Needs
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    LotteryProof,
    StepProof,
    recipe_of,
    seed_for,
)
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import ONLY_LANE, Lane, Progress
from edge_node.trainer.trials import Trials

STEP_MACS = 1 << 27
"""Multiplications, counted forward, after which a step of the search looks at what came in: some
20 ms on a PC."""
MAX_STEP_TRIALS = 64
"""Of the smallest nets the hash costs more than the burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotteryTask:
    """What the next block may be: all of it but the moment, the nonce, and what the burst gives."""

    core: Header
    """The header so far; `timestamp`, `rung`, `nonce` and all from `proof_root` on are to come."""
    parent_ms: TimestampMs
    """The parent's timestamp."""
    parameters: Parameters
    """The network's chosen rules."""
    clock: Clock
    """The time of the machine that searches."""
    dataset: DatasetId
    """What to learn."""
    rules: BurstRules
    """What every burst of the family obeys."""
    start: BurstStart
    """Where its bursts begin."""
    target: int
    """A ticket below it wins."""
    needs: tuple[Needs, ...]
    """What a block must reach, by rung."""
    founds: bool
    """It is to found its family."""
    origin: ShapeOrigin | None = None
    """Where a founder's shape comes from; None if the miner chose it."""

    @property
    def head(self) -> BlockHash:
        """The block that the win will follow."""
        return self.core.previous_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Win:
    """A ticket that wins, with what it won."""

    header: Header
    """The block's, whole but for its signature."""
    proof: bytes
    """Encoded proof of learning."""
    train_ppm: int
    """Accuracy on the images that selection would look at."""


class Lottery(Trials[LotteryTask]):
    """Tries bursts for a task.

    Parameters
    ----------
    task : LotteryTask
    judge : Judge
        Runs bursts, and counts correct images.
    lane : Lane, optional
        Of `count` lanes each tries every `count`-th nonce.
    """

    def __init__(self, task: LotteryTask, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        super().__init__(task, judge, lane)
        self._runner = judge.burst_runner(task.rules, task.dataset)
        self._begun_ms = 0

    @property
    def _stage(self) -> str:
        return "found" if self._task.founds else "lottery"

    @property
    def progress(self) -> Progress:
        """How it is going, and since when."""
        return replace(super().progress, head=self._task.head, begun_ms=self._begun_ms)

    def step(self) -> Win | None:
        """Run some bursts; return a win if one of them would make a block."""
        if not self._begun_ms:
            self._runner.begin(self._task.start)
            self._begun_ms = self._task.clock.now_ms()
        for _ in range(min(MAX_STEP_TRIALS, max(1, STEP_MACS // self._task.rules.cost))):
            win = self._trial()
            if win is not None:
                return win
        return None

    def _trial(self) -> Win | None:
        task = self._task
        timestamp, rung = self._moment()
        core, proof = self._core(timestamp, rung), self._proof(rung)
        self._tries += 1
        seed = seed_for(core, proof)
        trial = self._runner.trial(seed, task.target)
        if trial.ticket >= task.target or not trial.met:
            return None
        proof = replace(proof, recipe=recipe_of(task.rules, trial.drawn))
        header = replace(core, latent_root=trial.latent_root)
        if isinstance(proof, BurntProof):
            return _won(header, proof, ModelHash(ZERO_HASH), 0, 0)
        model = self._runner.model()
        correct, _ = self._judge.count(model, task.dataset, SplitName.EVALUATION)
        if correct < task.needs[core.rung].least:
            return None
        return _won(header, proof, model.model_hash(), correct, self._train_ppm(model))

    def _proof(self, rung: int) -> LotteryProof:
        """Return what the next trial is for; on the last rung every other one is for nothing."""
        task = self._task
        nothing_drawn = recipe_of(task.rules, Drawn(operator=Operator.CONTINUE))
        if task.founds:
            return LotteryFounderProof(
                recipe=nothing_drawn,
                architecture=task.rules.architecture,
                dataset=task.dataset,
                origin=task.origin,
            )
        if rung == MAX_RUNG and self._tries % 2:
            return BurntProof(recipe=nothing_drawn)
        return StepProof(recipe=nothing_drawn)

    def _moment(self) -> tuple[TimestampMs, int]:
        """Return the time of a trial that is made now, and its rung."""
        task = self._task
        earliest = task.parent_ms + max(1, task.parameters.min_interval_ms)
        timestamp = TimestampMs(max(task.clock.now_ms(), earliest))
        return timestamp, scheduling.rung_at(task.parameters, task.parent_ms, timestamp)

    def _core(self, timestamp: TimestampMs, rung: int) -> Header:
        """Return the next trial's header up to the nonce."""
        return replace(
            self._task.core,
            timestamp=timestamp,
            rung=rung,
            nonce=self._nonce,
        )


def _won(
    header: Header, proof: LotteryProof, model_hash: ModelHash, correct: int, train_ppm: int
) -> Win:
    encoded = proof.encode()
    whole = replace(
        header,
        proof_root=proof_root_of(encoded),
        model_hash=model_hash,
        correct_count=correct,
    )
    return Win(header=whole, proof=encoded, train_ppm=train_ppm)
