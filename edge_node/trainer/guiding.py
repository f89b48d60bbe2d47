# SPDX-License-Identifier: Apache-2.0
"""An honest miner of paper B's rule as published: walks of random batches from the family's head.

Algorithm 1: one step of gradient descent after another, until the last of them meets the
requirements that the block before has drawn; then the accuracy must have risen as well. A walk that
comes to nothing in `burst_steps` steps begins anew.
Law of the file: honest means that batches are drawn blindly, though the rule lets them be chosen.
Read next: edge_node/spec/guiding.py, edge_node/spec/proof/guiding_gradient.py.
"""

from dataclasses import dataclass

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash, DatasetId, FamilyId, PublicKey
from edge_node.spec import guiding, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters
from edge_node.spec.guiding import Batch
from edge_node.spec.model import Model
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.guiding_gradient_proof import WalkFounderProof, WalkProof
from edge_node.trainer.judges import Judge
from edge_node.trainer.task import ONLY_LANE, Lane, Offer
from edge_node.trainer.trials import Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkTask:
    """What the next block goes on from, and what it must reach."""

    head: BlockHash
    """The block that the finding will follow; it draws the requirements."""
    parameters: Parameters
    """The network's chosen rules."""
    miner: PublicKey
    """Sets the walks of one miner apart from another's."""
    dataset: DatasetId
    """What to learn."""
    train_images: int
    """Size of the dataset's train split."""
    architecture: Architecture
    """Shape of the family."""
    family: FamilyId
    """The family."""
    latents: bytes
    """Packed latents of its head, or its first ones."""
    least_correct: int
    """Images of the evaluation split that the model must have correct."""
    founds: bool
    """It is to found its family."""
    attempt: int = 0
    """Sets a search apart from one on the same head whose finding was refused."""
    origin: ShapeOrigin | None = None
    """Where a founder's shape comes from; None if the miner chose it."""


class Walking(Trials[WalkTask]):
    """Walks for a task; a step of the search is one walk, which the network's max_cost bounds.

    Parameters
    ----------
    task : WalkTask
    judge : Judge
        Trains, and counts correct images.
    lane : Lane, optional
        Each draws batches of its own.
    """

    def __init__(self, task: WalkTask, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        super().__init__(task, judge, lane)
        self._trainer = judge.step_trainer(task.architecture, task.dataset)
        attempt = task.attempt.to_bytes(4, "little")
        self._stream = Prf("guiding-batches", task.head + task.miner + attempt + lane.seed)
        count = task.parameters.requirements
        self._required = guiding.requirements(task.head, task.architecture, count)

    @property
    def _stage(self) -> str:
        return "found" if self._task.founds else "walk"

    def step(self) -> Offer | None:
        """Walk once; return an offer as soon as a step would make a block."""
        parameters, trainer = self._task.parameters, self._trainer
        trainer.set_packed(self._task.latents)
        latents, batches = self._task.latents, list[Batch]()
        while len(batches) < parameters.burst_steps:
            batches.append(self._batch())
            self._tries += 1
            before = latents
            trainer.shift(batches[-1], parameters.learning_shift)
            latents = trainer.packed()
            if guiding.first_unmet(self._required, before, latents) is None:
                offer = self._offer(trainer.model(), latents, tuple(batches))
                if offer is not None:
                    return offer
        return None

    def _batch(self) -> Batch:
        size, images = self._task.parameters.burst_batch, self._task.train_images
        return tuple(self._stream.below(images) for _ in range(size))

    def _offer(self, model: Model, latents: bytes, batches: tuple[Batch, ...]) -> Offer | None:
        task = self._task
        correct, _ = self._judge.count(model, task.dataset, SplitName.EVALUATION)
        if correct < task.least_correct:
            return None
        proof = WalkProof(batches=batches).encode()
        if task.founds:
            proof = WalkFounderProof(
                batches=batches,
                architecture=task.architecture,
                dataset=task.dataset,
                origin=task.origin,
            ).encode()
        return Offer(
            head=task.head,
            dataset=task.dataset,
            family=task.family,
            child=False,
            proof=proof,
            model_hash=model.model_hash(),
            latent_root=training.root_of(latents),
            nonce=0,
            train_ppm=self._train_ppm(model),
            correct_count=correct,
        )
