# SPDX-License-Identifier: Apache-2.0
"""What every proof rule asks of a block's header and family, whatever way its model was made.

Rules R-34 (turns), R-36 (header), R-41 (founders), R-42 (new models), R-45 (difference), R-52
(evolved shapes) and R-59 (open datasets); paper A, sections 4.1 to 4.5.
Law of the file: what the header claims is held against the state; nothing is replayed here.
Read next: evolution.py, recipe.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, FamilyId
from edge_node.spec import constants as limits
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Header
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import WeightRecord, hamming
from edge_node.spec.engine import ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof import founding
from edge_node.spec.proof.errors import (
    ArchitectureNotAllowed,
    DatasetNotOpen,
    DifferenceTooSmall,
    DuplicateModel,
    HeaderDisagrees,
    OutOfTurn,
    UnknownParent,
)
from edge_node.spec.proof.founding import ShapeOrigin, family_id
from edge_node.spec.proof.rule import ProofContext
from edge_node.spec.scheduling import Turns
from edge_node.spec.shapes import ShapeNotEvolved
from edge_node.spec.state import Family, FamilyModel, State


def check_founding(
    header: Header,
    dataset: DatasetId,
    architecture: Architecture,
    turns: Turns,
    context: ProofContext,
) -> Family:
    """Return a new family as it would be before its first block.

    Raises
    ------
    OutOfTurn, ArchitectureNotAllowed, DatasetNotOpen, NotTrainable, FamilyTooSimilar
    HeaderDisagrees
        R-34, R-37, R-59, R-9, R-38, R-36.
    """
    parent, parameters = context.parent, context.parameters
    # a founder is due for one dataset, or anyone may found from FOUNDER_RUNG on.
    if dataset != turns.due_dataset and not turns.any_founder:
        raise OutOfTurn(
            expected="a founder for the due dataset" if turns.due_dataset else "a family's block",
            actual="a founder",
        )
    entry = parent.datasets.get(dataset)
    if entry is None:
        raise ArchitectureNotAllowed(expected="a known dataset", actual=dataset)
    # enough miners can judge it, and its reserve is sealed yet.
    if not entry.is_open:
        raise DatasetNotOpen(expected="open", actual="closed" if entry.closed else "not yet held")
    founding.check_shape(architecture, entry.manifest, siblings(dataset, parent), parameters)
    identity = family_id(dataset, architecture)
    agree("family", identity, header.family)
    agree("previous_model_hash", ZERO_HASH, header.previous_model_hash)
    agree("generation", 1, header.generation)
    return new_family(dataset, architecture, parent, parameters)


def new_family(
    dataset: DatasetId, architecture: Architecture, parent: State, parameters: Parameters
) -> Family:
    """Return a family as it is before its first block."""
    images = parent.datasets[dataset].manifest.splits[SplitName.EVALUATION].count
    return Family(
        family_id=family_id(dataset, architecture),
        dataset=dataset,
        architecture=architecture,
        join_turn=scheduling.join_turn(parent),
        skips=0,
        idle=0,
        needed_gain=scheduling.first_needed_gain(parameters, images),
        closed=False,
        models=(),
        weight_record=WeightRecord(weight_count=architecture.weight_count),
    )


def siblings(dataset: DatasetId, state: State) -> list[Architecture]:
    """Return the shapes of a dataset's families."""
    return [each.architecture for each in state.families.values() if each.dataset == dataset]


def check_evolved(
    header: Header,
    dataset: DatasetId,
    architecture: Architecture,
    origin: ShapeOrigin,
    context: ProofContext,
) -> None:
    """Check that a founder's shape is the child that its origin names.

    Raises
    ------
    UnknownParent, ShapeNotEvolved
        R-40, R-52.
    """
    # who says that a shape is the child of two others shows it by their draws.
    families = context.parent.families
    for parent in (origin.first, origin.second):
        if parent not in families:
            raise UnknownParent(expected="a family", actual=parent)
    shape = founding.evolved_shape(
        families[origin.first].architecture,
        families[origin.second].architecture,
        founding.shape_seed(context.network, header.previous_hash, header.miner, origin.nonce),
        manifest=context.parent.datasets[dataset].manifest,
        siblings=siblings(dataset, context.parent),
        parameters=context.parameters,
    )
    if shape != architecture:
        raise ShapeNotEvolved(expected=shape.value(), actual=architecture.value())


def check_family(header: Header, turns: Turns, parent: State) -> Family:
    """Return the family that a block goes on with.

    Raises
    ------
    OutOfTurn, HeaderDisagrees
        R-34, R-36.
    """
    # families go in turn.
    if header.family not in turns.families:
        raise OutOfTurn(expected=_names(turns.families), actual=header.family)
    family = parent.families[header.family]
    agree("previous_model_hash", family.head, header.previous_model_hash)
    agree("generation", 1 + len(family.records), header.generation)
    return family


def _names(families: Iterable[FamilyId]) -> str:
    return " or ".join(family.hex() for family in families) or "a founder"


def check_fallback(header: Header, turns: Turns) -> None:
    """Check the header of a block without a model and without work.

    Raises
    ------
    OutOfTurn, HeaderDisagrees
        R-34, R-36.
    """
    # only the last rung may stand still.
    if not turns.fallback:
        raise OutOfTurn(expected=f"rung {limits.MAX_RUNG} for a fallback", actual=header.rung)
    agree("previous_model_hash", ZERO_HASH, header.previous_model_hash)
    agree("family", ZERO_HASH, header.family)
    agree("generation", 0, header.generation)
    agree("nonce", 0, header.nonce)
    agree("latent_root", ZERO_HASH, header.latent_root)
    agree("model_hash", ZERO_HASH, header.model_hash)
    agree("correct_count", 0, header.correct_count)


def check_new(header: Header, parent: State) -> None:
    """Check that no block before carried the model.

    Raises
    ------
    DuplicateModel
        R-42.
    """
    # a model is paid for once, in whatever family.
    if header.model_hash in parent.models.hashes:
        raise DuplicateModel(expected="new", actual=header.model_hash)


def load(models: Iterable[FamilyModel], source: ModelSource) -> list[Model]:
    """Return the models of a family's entries."""
    return [source.model(entry.model_hash) for entry in models]


def check_difference(model: Model, rivals: Sequence[Model], needed: int) -> None:
    """Check the distance of a model to each of its rivals.

    Raises
    ------
    DifferenceTooSmall
        R-45.
    """
    for rival in rivals:
        distance = hamming(model, rival)
        if distance < needed:
            raise DifferenceTooSmall(expected=f"at least {needed}", actual=distance)


def evaluation_images(family: Family, state: State) -> int:
    """Return the size of the evaluation split that a family is judged on."""
    return state.datasets[family.dataset].manifest.splits[SplitName.EVALUATION].count


def skipped(turns: Turns, grown: Family, context: ProofContext) -> tuple[Family, ...]:
    """Return the family whose turn another block took, one skip further (R-31)."""
    if turns.due_family is None or turns.due_family == grown.family_id:
        return ()
    family = context.parent.families[turns.due_family]
    skipped = replace(family, skips=family.skips + 1, idle=family.idle + 1)
    return (closed_if_done(skipped, context.parameters),)


def closed_if_done(family: Family, parameters: Parameters) -> Family:
    """Return the family, closed if its time is over (R-35)."""
    # at max_family_generations, or idle for too long.
    done = (
        len(family.records) >= parameters.max_family_generations
        or family.idle >= parameters.max_idle_blocks
    )
    return replace(family, closed=True) if done else family


def agree(name: str, expected: object, actual: object) -> None:
    """Check a field of a header against what it must be.

    Raises
    ------
    HeaderDisagrees
        R-36.
    """
    # no field of a header is free, so nothing can be hidden in one or ground on.
    if actual != expected:
        raise HeaderDisagrees(
            expected=f"{name} {expected.hex() if isinstance(expected, bytes) else expected}",
            actual=actual,
        )
