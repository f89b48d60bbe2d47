# SPDX-License-Identifier: Apache-2.0
"""Founders and population models: bounded integer training, tried under one nonce after another.

Law of the file: a try is offered only if it reaches the network's least accuracy on the evaluation
split and differs enough from the family's models; both are the block's own rules.
Read next: evolve.py.
"""

from edge_node.primitives.types import DatasetId
from edge_node.spec import scheduling, training
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import hamming
from edge_node.spec.proof.evolution_proof import (
    FounderProof,
    PopulationProof,
    batch_seed,
    start_seed,
)
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import Offer, Progress, Task


class Founding:
    """Looks for a founder or population model.

    Parameters
    ----------
    task : Task
    judge : Judge
        Trains, and counts correct images.
    """

    def __init__(self, task: Task, judge: Judge) -> None:
        self._task = task
        self._judge = judge
        self._nonce = 0
        self._best_train_ppm = 0
        self._start = training.initial_state(
            task.architecture, start_seed(task.network, task.dataset, task.architecture)
        )

    @property
    def progress(self) -> Progress:
        """How it is going."""
        return Progress(
            stage="populate" if self._task.relatives else "found",
            candidates=self._nonce,
            best_train_ppm=self._best_train_ppm,
        )

    def step(self) -> Offer | None:
        """Train under the next nonce; return an offer if the result would make a block."""
        task, parameters = self._task, self._task.parameters
        nonce = self._nonce
        self._nonce += 1
        steps = parameters.founder_steps(task.architecture.macs)
        state = self._judge.train(
            task.architecture,
            self._start,
            task.dataset,
            training.batch_indices(
                batch_seed(task.network, task.head, task.miner, nonce),
                steps * parameters.founder_batch,
                task.train_images,
            ),
            parameters.founder_batch,
            parameters.step_schedule,
        )
        model = training.model_from_state(task.architecture, state)
        correct, images = self._judge.count(model, task.dataset, SplitName.EVALUATION)
        if correct < scheduling.share_of(images, parameters.min_family_acc_ppm):
            return None
        for relative in task.relatives:
            if hamming(model, relative.model) < task.needed_difference:
                return None
        trained, seen = self._judge.count(model, task.dataset, SplitName.TRAIN)
        self._best_train_ppm = max(self._best_train_ppm, trained * PPM // seen)
        return Offer(
            head=task.head,
            family=task.family,
            child=False,
            proof=self._proof(task.dataset, steps),
            model_hash=model.model_hash(),
            latent_root=state.root(),
            nonce=nonce,
            train_ppm=trained * PPM // seen,
            correct_count=correct,
        )

    def _proof(self, dataset: DatasetId, steps: int) -> bytes:
        if self._task.relatives:
            return PopulationProof(steps=steps).encode()
        return FounderProof(
            architecture=self._task.architecture, dataset=dataset, steps=steps
        ).encode()
