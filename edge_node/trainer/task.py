# SPDX-License-Identifier: Apache-2.0
"""What there is to learn on top of a head, and what a trainer answers.

Paper A, section 4.3: the stage of the chain says whether a family is to be founded, to be given a
population by back-propagation, or to be evolved. A dataset's first family has the shape that the
miner chose; when that one is taken, the next has a shape that evolved (section 4.2).
Law of the file: values that travel between the node and its trainer's process.
Read next: founding.py, evolve.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import takewhile
from typing import Protocol

from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    ModelHash,
    NetworkId,
    PublicKey,
)
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import NEXT_FAMILY_RUNG
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.engine import LabelledImages, ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.errors import FamilyTooSimilar
from edge_node.spec.proof.founding import check_shape, family_id
from edge_node.spec.state import Family, State


class SplitSource(Protocol):
    """Port: where the images come from; it travels to the trainer's process."""

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        """Return a split of a dataset that is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One of several searches for the same task, each with choices of its own."""

    index: int = 0
    """0..count - 1; lane 0 chooses as a trainer without lanes does."""
    count: int = 1
    """How many there are."""

    @property
    def seed(self) -> bytes:
        """What sets the choices of this lane apart; nothing for lane 0."""
        return self.index.to_bytes(4, "little") if self.index else b""


ONLY_LANE = Lane()
"""Of a trainer that searches by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A model of the family that a task is for."""

    block: BlockHash
    """The block that carried it."""
    model: Model
    """The model."""
    correct_count: int
    """Images of the evaluation split that it classifies correctly."""
    record: bool
    """It may be a child's base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to learn next."""

    network: NetworkId
    """The network."""
    parameters: Parameters
    """Its chosen rules."""
    miner: PublicKey
    """Key that the finding will be mined under; recipes and batches depend on it."""
    head: BlockHash
    """The block that the finding will follow."""
    dataset: DatasetId
    """What to learn."""
    train_images: int
    """Size of the dataset's train split."""
    architecture: Architecture
    """Shape of the family."""
    family: FamilyId
    """The family; a new one if it has no relatives."""
    relatives: tuple[Relative, ...]
    """Models of the family, oldest first; none for a founder."""

    @property
    def evolves(self) -> bool:
        """True once the population is complete."""
        return any(relative.record for relative in self.relatives)

    def continues(self, earlier: "Task") -> bool:
        """Return True if what climbs for an earlier task may climb on for this one."""
        return self.family == earlier.family

    def models_kept(self, earlier: "Task") -> int:
        """Return how many models of an earlier task, from the oldest, its family still has.

        Recipes name models by their place, so a climb lives on if all that it names are kept.
        """
        pairs = zip(self.relatives, earlier.relatives, strict=False)  # the shorter one counts
        return sum(1 for _ in takewhile(lambda pair: pair[0].block == pair[1].block, pairs))

    @property
    def needed_difference(self) -> int:
        """Bits in which a model must differ from its rivals (R-45)."""
        return scheduling.share_of(
            self.architecture.weight_count, self.parameters.min_population_diff_ppm
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyShape:
    """A family whose shape may have children."""

    family: FamilyId
    """Its name."""
    architecture: Architecture
    """Its shape."""
    correct_count: int
    """Images of the evaluation split that its best model classifies correctly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeTask:
    """A family to be founded with a shape that evolved."""

    network: NetworkId
    """The network."""
    parameters: Parameters
    """Its chosen rules."""
    miner: PublicKey
    """Key that the finding will be mined under; shapes and batches depend on it."""
    head: BlockHash
    """The block that the finding will follow."""
    manifest: Manifest
    """What to learn."""
    families: tuple[FamilyShape, ...]
    """All families of the dataset: parents, from which the child must differ too."""

    @property
    def dataset(self) -> DatasetId:
        """What to learn."""
        return self.manifest.dataset_id()

    @property
    def train_images(self) -> int:
        """Size of the dataset's train split."""
        return self.manifest.splits[SplitName.TRAIN].count


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model that would make a block."""

    head: BlockHash
    """The block that a founder or population model was trained on; a child may follow any."""
    dataset: DatasetId
    """What it classifies."""
    family: FamilyId
    """Its family."""
    child: bool
    """It came by evolution."""
    proof: bytes
    """Encoded proof of learning."""
    model_hash: ModelHash
    """The model."""
    latent_root: Hash32
    """Latents after training; zeros for a child."""
    nonce: int
    """A founder's or population model's nonce; 0 for a child."""
    train_ppm: int
    """Accuracy on the images that selection looked at."""
    correct_count: int
    """Images of the evaluation split that it classifies correctly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a trainer is doing."""

    stage: str
    """`found`, `shape`, `populate`, `evolve`, `lottery` or `walk`."""
    candidates: int
    """Candidates tried for this task."""
    best_train_ppm: int
    """Best accuracy on the images that selection looks at."""
    head: BlockHash | None = None
    """Block that a lottery goes on from; None of any other search."""
    begun_ms: int = 0
    """When the first burst of a lottery began, since 1970; 0 before, and of any other search."""


class Aim(IntEnum):
    """Where to look for the next block; what stands still makes way for a later one."""

    IN_TURN = 0
    """At what is due: a founder, or the family in turn."""
    NEXT_IN_TURN = 1
    """At the family after it (R-31)."""
    NEW_FAMILY = 2
    """At a founder, which anyone may be once the ladder is that far (R-34)."""


def next_task(
    head: State,
    *,
    network: NetworkId,
    parameters: Parameters,
    miner: PublicKey,
    models: ModelSource,
    new_family: Callable[[Manifest], Architecture],
    aim: Aim = Aim.IN_TURN,
) -> Task | ShapeTask | None:
    """Return what to learn on top of `head`, or None if there is nothing.

    Parameters
    ----------
    head : State
    network : NetworkId
    parameters : Parameters
    miner : PublicKey
    models : ModelSource
    new_family : callable
        The miner's choice of a shape to found on a dataset.
    aim : Aim, optional
        Whether it is for a family at all, and for which; a founder that is due goes before all.

    Raises
    ------
    InvalidInput
        A founder is wanted, and the miner's choice can not be founded.
    """
    rung = NEXT_FAMILY_RUNG if aim is Aim.NEXT_IN_TURN else 0
    turns = scheduling.turns(head, parameters, rung)
    due, relatives = turns.due_dataset, tuple[Relative, ...]()
    wanting = _with_fewest_families(head) if due is None and aim is Aim.NEW_FAMILY else due
    if wanting is not None:
        manifest = head.datasets[wanting].manifest
        architecture, families = new_family(manifest), _family_shapes(head, wanting)
        try:
            check_shape(architecture, manifest, [f.architecture for f in families], parameters)
        except FamilyTooSimilar:
            if due is not None or any(len(f.architecture.layers) > 1 for f in families):
                return ShapeTask(
                    network=network,
                    parameters=parameters,
                    miner=miner,
                    head=head.head,
                    manifest=manifest,
                    families=families,
                )
            wanting = None  # one layer has no children: climbing on is all that is left
    if wanting is None:
        if turns.due_family is None:
            return None
        family = head.families[turns.families[-1]]
        wanting, architecture = family.dataset, family.architecture
        relatives = _relatives(family, models)
    return Task(
        network=network,
        parameters=parameters,
        miner=miner,
        head=head.head,
        dataset=wanting,
        train_images=head.datasets[wanting].manifest.splits[SplitName.TRAIN].count,
        architecture=architecture,
        family=family_id(wanting, architecture),
        relatives=relatives,
    )


def _relatives(family: Family, models: ModelSource) -> tuple[Relative, ...]:
    return tuple(
        Relative(
            block=entry.block,
            model=models.model(entry.model_hash),
            correct_count=entry.correct_count,
            record=entry.record,
        )
        for entry in family.models
    )


def _with_fewest_families(head: State) -> DatasetId | None:
    """Return the dataset that the law would have a family founded on first; None if none is open.

    No dataset gets more than another of the families that nobody waited for either.
    """
    wanting = [
        (scheduling.families_of(head, dataset), entry.height, dataset)
        for dataset, entry in head.datasets.items()
        if entry.is_open
    ]
    return min(wanting)[2] if wanting else None


def _family_shapes(head: State, dataset: DatasetId) -> tuple[FamilyShape, ...]:
    return tuple(
        FamilyShape(
            family=family.family_id,
            architecture=family.architecture,
            correct_count=max(entry.correct_count for entry in family.models),
        )
        for family in head.families.values()
        if family.dataset == dataset
    )
