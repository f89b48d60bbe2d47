# SPDX-License-Identifier: Apache-2.0
"""Paper B's chain as published, in one process: Algorithms 1 and 2 on the law's shifted step.

R follows from the previous block's hash, k weights of k distinct neurons; the miner takes steps on
batches of 4, one after the other from the head's weights on, until the last one meets R, equality
accepted; then the accuracy on the evaluation split must rise. After so many steps it begins anew at
the head. That the accuracy must rise can be left out, to see what it does.
Law of the file: requirements and steps are the law's; batches by a fixed seed.
Read next: figure_one.py, edge_node/spec/guiding.py.
"""

from dataclasses import dataclass

import numpy as np

from edge_node.bench.proof.learning_chain import Splits
from edge_node.datasets.content import Samples
from edge_node.kernels.training import new_trainer
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash
from edge_node.spec import guiding, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model

BATCH = 4
"""The paper's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBlock:
    """One block."""

    model: Model
    """Its model."""
    trials: int
    """Training steps until one met R, and more until the accuracy rose."""
    refused: int
    """Steps that met R, whose accuracy did not rise."""


class PublishedChain:
    """A chain by the paper's rule.

    Parameters
    ----------
    architecture : Architecture
    parameters : Parameters
        Its learning_shift is taken.
    requirements : int
        k.
    train : Samples
    splits : Splits
    walk_steps : int
        Steps after which a search goes back to the head's weights; 1: every step is from there.
    accuracy_must_rise : bool
        As published; False leaves that rule out.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        requirements: int,
        train: Samples,
        splits: Splits,
        *,
        walk_steps: int = 1,
        accuracy_must_rise: bool = True,
    ) -> None:
        self._architecture = architecture
        self._requirements = requirements
        self._walk_steps = walk_steps
        self._shift = parameters.learning_shift
        self._splits = splits
        self._must_rise = accuracy_must_rise
        self._trainer = new_trainer(architecture, train.images, train.labels)
        self._count = len(train.labels)
        self._trainer.set_state(training.initial_state(architecture, b"bench-published"))
        self._head = self._trainer.packed()
        self._hash = BlockHash(tagged_hash("bench-published", b""))
        self._correct = splits.correct(self._trainer.model(), "evaluation")
        self._random = np.random.default_rng(1)

    def grow(self, trials: int) -> PublishedBlock | None:
        """Return the next block, or None if it was not found in so many steps."""
        required = guiding.requirements(self._hash, self._architecture, self._requirements)
        refused = walked = 0
        before = self._head
        for number in range(1, trials + 1):
            if walked == 0:
                before = self._head
                self._trainer.set_packed(before)
            batch = self._random.integers(0, self._count, BATCH)
            self._trainer.shift(batch, self._shift)
            packed = self._trainer.packed()
            walked = (walked + 1) % self._walk_steps
            unmet = guiding.first_unmet(required, before, packed)
            before = packed
            if unmet is not None:
                continue
            model = self._trainer.model()
            if self._must_rise:
                correct = self._splits.correct(model, "evaluation")
                if correct <= self._correct:
                    refused += 1
                    continue
                self._correct = correct
            self._head = packed
            self._hash = BlockHash(tagged_hash("bench-published", self._hash, batch.tobytes()))
            return PublishedBlock(model=model, trials=number, refused=refused)
        return None
