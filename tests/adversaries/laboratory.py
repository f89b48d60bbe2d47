# SPDX-License-Identifier: Apache-2.0
"""A trained net on small data, on which the red team tries the lotteries: kernels do the work.

Gains are successes per unit of honest work, and work is counted in multiplications of the law's
own cost, never in seconds: so every figure follows from its seeds on every machine.
Law of the file: the attacker gets whatever it could have for free; where in doubt, more.
Read next: on_requirements.py, on_blocks.py, on_chains.py.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.burst import BurstRunner, new_burst_runner
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.kernels.numpy_training import NumpyTrainer
from edge_node.kernels.training import Trainer, new_trainer
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec import training
from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.burst import BurstRules, BurstStart
from tests.spec.toy_data import CLASSES, SIDE, ToyDataset, toy_dataset

IMAGES = 2_000
"""Of each split."""
STEPS, BATCH = 16, 16
"""T and S of our bursts."""
PAPER_BATCH = 4
"""S of paper B."""
SHIFT = 6
"""Learning shift of paper B's steps."""
SCHEDULE = ((1, 5),)
HEAD_STEPS = 1_200
PASSES = 3
"""A training step is a forward pass, a backward pass and the sum of gradients."""

Table = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one attack has come to: a line of the red team's table."""

    attack: str
    """What the attacker does."""
    paper: str
    """What it gains where the proof rule is paper B's, as published."""
    ours: str
    """What it gains where blocks win by a burst."""
    bound: str
    """What our figure must stay within."""
    measured: str
    """How the figures were found."""

    def line(self) -> str:
        """Return the line of the table, in Markdown."""
        cells = (self.attack, self.paper, self.ours, self.bound, self.measured)
        return f"| {' | '.join(cells)} |"


class Laboratory:
    """A trained family, the rules of its bursts, and what an attacker tabulates of it.

    Parameters
    ----------
    hidden : int
        Neurons of its hidden layer.
    """

    def __init__(self, hidden: int) -> None:
        self.data = data()
        self.architecture = Architecture(
            height=SIDE,
            width=SIDE,
            input_channels=1,
            input_bits=1,
            layers=(dense(hidden), dense(CLASSES)),
        )
        trainer = self.trainer()
        trainer.set_state(training.initial_state(self.architecture, tagged_hash("red-team")))
        count = HEAD_STEPS * BATCH
        trainer.run(random_images("head", count), BATCH, ((count // 2, 6), (1, 5)))
        self.head = trainer.packed()
        self.head_model = trainer.model()

    def trainer(self) -> Trainer | NumpyTrainer:
        """Return a trainer on the train split."""
        learned = self.data.splits[0]
        return new_trainer(self.architecture, learned.images, learned.labels)

    def rules(self, requirements: int = 1) -> BurstRules:
        """Return the rules of our bursts."""
        return BurstRules(
            architecture=self.architecture,
            steps=STEPS,
            batch=BATCH,
            requirements=requirements,
            mutate_ppm=50_000,
            cross_ppm=100_000,
            weights=(14, 1, 1),
            schedule=SCHEDULE,
        )

    def start(self) -> BurstStart:
        """Return where bursts begin."""
        return BurstStart(
            latents=self.head, relatives=(self.head_model,), evolves=True, samples_seen=0
        )

    def runner(self, requirements: int = 1) -> BurstRunner | NumpyBurstRunner:
        """Return a runner that has begun at the head."""
        learned = self.data.splits[0]
        runner = new_burst_runner(self.rules(requirements), learned.images, learned.labels)
        runner.begin(self.start())
        return runner

    @functools.cached_property
    def table(self) -> Table:
        """Gradients of each image of the train split at the head, int64 (images, weights)."""
        trainer = self.trainer()
        rows: list[Table] = []
        for image in range(IMAGES):
            trainer.set_packed(self.head)
            rows.append(trainer.run_summed([image], 1, SCHEDULE))
        return np.array(rows)


@functools.cache
def laboratory(hidden: int = 32) -> Laboratory:
    """Return the laboratory of so many hidden neurons."""
    return Laboratory(hidden)


@functools.cache
def data() -> ToyDataset:
    """Return the red team's images."""
    return toy_dataset("red-team", (IMAGES, IMAGES, IMAGES))


def random_images(name: str, count: int) -> list[int]:
    """Return indices into the train split, as an honest miner's stream draws them."""
    return training.batch_indices(tagged_hash("red-team", name.encode()), count, IMAGES)


def random_batches(name: str, count: int, size: int) -> npt.NDArray[np.int64]:
    """Return batches, int64 (count, size)."""
    return np.array(random_images(name, count * size), np.int64).reshape(count, size)


def seed_number(name: str, number: int) -> Hash32:
    """Return one of the seeds that a miner meets."""
    return tagged_hash("red-team", name.encode(), number.to_bytes(8, "big"))


def times(gain: float) -> str:
    """Return a gain as it is shown."""
    return f"{gain:.2f}x" if gain < 10 else f"{gain:,.0f}x"
