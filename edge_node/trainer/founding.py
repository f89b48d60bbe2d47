# SPDX-License-Identifier: Apache-2.0
"""Founders and population models: bounded integer training, tried under one nonce after another.

A founder has the shape that its miner chose, or one that evolved from those of other families of
its dataset (paper A, section 4.2; rule R-52): then every try draws parents and a shape anew.
Law of the file: a try is offered only if it reaches the network's least accuracy on the evaluation
split and differs enough from the family's models; both are the block's own rules.
Read next: evolve.py.
"""

from dataclasses import dataclass

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import Hash32
from edge_node.spec import scheduling, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import hamming
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution_proof import FounderProof, PopulationProof, batch_seed
from edge_node.spec.proof.founding import (
    ShapeOrigin,
    evolved_shape,
    family_id,
    shape_seed,
    start_seed,
)
from edge_node.spec.shapes import ShapeNotEvolved
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import (
    ONLY_LANE,
    FamilyShape,
    Lane,
    Offer,
    ShapeTask,
    Task,
)
from edge_node.trainer.trials import Trials


class Founding(Trials[Task]):
    """Looks for a founder or population model of one shape.

    Parameters
    ----------
    task : Task
    judge : Judge
        Trains, and counts correct images.
    lane : Lane, optional
        Of `count` lanes each tries every `count`-th nonce.
    """

    def __init__(self, task: Task, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        super().__init__(task, judge, lane)
        self._start = _start(task, task.architecture)

    @property
    def _stage(self) -> str:
        return "populate" if self._task.relatives else "found"

    def step(self) -> Offer | None:
        """Train under the next nonce; return an offer if the result would make a block."""
        task, nonce = self._task, self._nonce
        self._tries += 1
        found = _trained(task, task.architecture, self._start, nonce, self._judge)
        if found is None:
            return None
        for relative in task.relatives:
            if hamming(found.model, relative.model) < task.needed_difference:
                return None
        proof = PopulationProof(steps=found.steps) if task.relatives else _founder(task, found)
        return _offer(task, found, proof, self._train_ppm(found.model))


class ShapeSearch(Trials[ShapeTask]):
    """Looks for a founder whose shape evolved.

    Parameters
    ----------
    task : ShapeTask
    judge : Judge
        Trains, and counts correct images.
    lane : Lane, optional
        As of Founding; parents are drawn by each lane for itself.
    """

    def __init__(self, task: ShapeTask, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        super().__init__(task, judge, lane)
        self._stream = Prf("shape-parents", task.network + task.miner + task.head + lane.seed)

    @property
    def _stage(self) -> str:
        return "shape"

    def step(self) -> Offer | None:
        """Evolve a shape and train it; return an offer if the result would make a block."""
        task, nonce = self._task, self._nonce
        self._tries += 1
        first, second = self._parent(), self._parent()
        origin = ShapeOrigin(first=first.family, second=second.family, nonce=nonce)
        try:
            shape = evolved_shape(
                first.architecture,
                second.architecture,
                shape_seed(task.network, task.head, task.miner, nonce),
                manifest=task.manifest,
                siblings=[family.architecture for family in task.families],
                parameters=task.parameters,
            )
        except ShapeNotEvolved:
            return None
        found = _trained(task, shape, _start(task, shape), nonce, self._judge)
        if found is None:
            return None
        proof = _founder(task, found, origin)
        return _offer(task, found, proof, self._train_ppm(found.model))

    def _parent(self) -> FamilyShape:
        """Return the better of two families drawn at random (a tournament)."""
        families = self._task.families
        pair = [families[self._stream.below(len(families))] for _ in range(2)]
        return max(pair, key=lambda family: family.correct_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """What a nonce came to."""

    model: Model
    latent_root: Hash32
    steps: int
    nonce: int
    correct_count: int


def _start(task: Task | ShapeTask, architecture: Architecture) -> training.LatentState:
    seed = start_seed(task.network, task.dataset, architecture)
    return training.initial_state(architecture, seed)


def _trained(
    task: Task | ShapeTask,
    architecture: Architecture,
    start: training.LatentState,
    nonce: int,
    judge: Judge,
) -> _Trained | None:
    """Train a shape from its start under a nonce; None if it learns too little for a block."""
    parameters = task.parameters
    steps = parameters.founder_steps(architecture.macs)
    state = judge.train(
        architecture,
        start,
        task.dataset,
        training.batch_indices(
            batch_seed(task.network, task.head, task.miner, nonce),
            steps * parameters.founder_batch,
            task.train_images,
        ),
        parameters.founder_batch,
        parameters.step_schedule,
    )
    model = training.model_from_state(architecture, state)
    correct, images = judge.count(model, task.dataset, SplitName.EVALUATION)
    if correct < scheduling.share_of(images, parameters.min_family_acc_ppm):
        return None
    return _Trained(
        model=model,
        latent_root=state.root(),
        steps=steps,
        nonce=nonce,
        correct_count=correct,
    )


def _founder(
    task: Task | ShapeTask, found: _Trained, origin: ShapeOrigin | None = None
) -> FounderProof:
    return FounderProof(
        architecture=found.model.architecture,
        dataset=task.dataset,
        steps=found.steps,
        origin=origin,
    )


def _offer(
    task: Task | ShapeTask, found: _Trained, proof: FounderProof | PopulationProof, train_ppm: int
) -> Offer:
    return Offer(
        head=task.head,
        dataset=task.dataset,
        family=family_id(task.dataset, found.model.architecture),
        child=False,
        proof=proof.encode(),
        model_hash=found.model.model_hash(),
        latent_root=found.latent_root,
        nonce=found.nonce,
        train_ppm=train_ppm,
        correct_count=found.correct_count,
    )
