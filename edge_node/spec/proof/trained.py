# SPDX-License-Identifier: Apache-2.0
"""What the rules have in common whose families are trained block after block, each from the last.

Rules R-37 and R-78 (new families), R-43, R-44 and R-46 (model) and R-45 (difference of records);
design, sections 6 and 7. Bursts and walks begin with the latents of the family's head, and leave
the family with one model more.
Law of the file: what training has left is judged and kept here; how it went is the rules' own.
Read next: recipe.py, guiding_gradient.py.
"""

from dataclasses import replace

from edge_node.primitives.types import DatasetId, NetworkId
from edge_node.spec import burst, scheduling, training
from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Header
from edge_node.spec.difference import hamming
from edge_node.spec.model import Model
from edge_node.spec.proof.claims import check_founding, closed_if_done, load
from edge_node.spec.proof.errors import (
    ArchitectureNotAllowed,
    CorrectCountWrong,
    CostTooHigh,
    LatentRootMismatch,
    ModelHashMismatch,
)
from edge_node.spec.proof.founding import start_seed
from edge_node.spec.proof.rule import ProofContext
from edge_node.spec.scheduling import Turns
from edge_node.spec.state import Family, FamilyModel


def first_latents(network: NetworkId, dataset: DatasetId, architecture: Architecture) -> bytes:
    """Return the packed latents from which a family starts: nobody's luck, and nobody's choice."""
    seed = start_seed(network, dataset, architecture)
    return training.initial_state(architecture, seed).packed()


def head_latents(family: Family, context: ProofContext) -> bytes:
    """Return the packed latents that a family's next block goes on from.

    Raises
    ------
    DatasetMissing
        They have to be replayed, and there is nothing to replay them on.
    """
    if family.models:
        return context.latents.latents(family)
    return first_latents(context.network, family.dataset, family.architecture)


def founded(
    header: Header,
    dataset: DatasetId,
    architecture: Architecture,
    turns: Turns,
    context: ProofContext,
) -> Family:
    """Return a new family as it is before its first block.

    Raises
    ------
    CostTooHigh, ArchitectureNotAllowed
        R-78, R-37; and what check_founding raises.
    """
    rules = burst.rules_for(architecture, context.parameters)
    # a bound on what a block can make others compute.
    if rules.cost > context.parameters.max_cost:
        raise CostTooHigh(expected=f"at most {context.parameters.max_cost}", actual=rules.cost)
    # no two requirements are of one neuron.
    if context.parameters.requirements > architecture.channel_count:
        raise ArchitectureNotAllowed(
            expected=f"at least {context.parameters.requirements} neurons",
            actual=architecture.channel_count,
        )
    return check_founding(header, dataset, architecture, turns, context)


def check_root(header: Header, latents: bytes) -> None:
    """Check that training has led to the latents that a header commits to.

    Raises
    ------
    LatentRootMismatch
        R-43.
    """
    root = training.root_of(latents)
    # the same integers on every machine, so equality is all that is asked.
    if root != header.latent_root:
        raise LatentRootMismatch(expected=root, actual=header.latent_root)


def check_model(header: Header, model: Model, family: Family, context: ProofContext) -> None:
    """Check that a header names the model that training has led to, and counts right.

    Raises
    ------
    ModelHashMismatch, CorrectCountWrong
        R-44, R-46.
    DatasetMissing
    """
    actual_hash = model.model_hash()
    # training makes one model, whoever travels with another.
    if actual_hash != header.model_hash:
        raise ModelHashMismatch(expected=actual_hash, actual=header.model_hash)
    correct = context.engine.count_correct(model, family.dataset)
    # the whole evaluation split, on the bits that the header commits to.
    if correct != header.correct_count:
        raise CorrectCountWrong(expected=correct, actual=header.correct_count)


def grown(
    header: Header, model: Model, family: Family, context: ProofContext, *, may_be_record: bool
) -> Family:
    """Return the family with the block's model; what nothing refers to any more is forgotten.

    Parameters
    ----------
    header : Header
        Of the block.
    model : Model
    family : Family
        Before the block.
    context : ProofContext
    may_be_record : bool
        It is a record if it differs enough from all before.
    """
    record = may_be_record and _differs(model, family, context)
    entry = FamilyModel(
        block=header.block_hash(),
        height=header.height,
        model_hash=header.model_hash,
        correct_count=header.correct_count,
        record=record,
        latent_root=header.latent_root,
    )
    models = (*family.models, entry)
    recent = len(models) - limits.MAX_RELATIVES
    kept = tuple(each for i, each in enumerate(models) if i >= recent or each.record)
    after = replace(
        family,
        models=kept,
        forgotten=family.forgotten + len(models) - len(kept),
        idle=0 if record else family.idle + 1,
        weight_record=family.weight_record.noted(model) if record else family.weight_record,
    )
    return closed_if_done(after, context.parameters)


def _differs(model: Model, family: Family, context: ProofContext) -> bool:
    """Say whether a model is far enough from every record (R-45)."""
    share = context.parameters.min_population_diff_ppm
    needed = scheduling.share_of(family.architecture.weight_count, share)
    rivals = load(family.records, context.models)
    return all(hamming(model, rival) >= needed for rival in rivals)
