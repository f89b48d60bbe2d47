# SPDX-License-Identifier: Apache-2.0
"""Proof rule `evolution` (paper A): a block wins by a better descendant of its family.

Rules R-33 to R-46. A family is founded and given a population by bounded integer training from a
start that belongs to nobody's luck; then every block is a child, evolved by a replayable recipe,
that beats the family's record and differs from every record before it.
Law of the file: what the header claims is held against the state first, replayed after.
Read next: evolution_proof.py for the forms, edge_node/spec/validation.py for the main path.
"""

from dataclasses import replace

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Hash32, PublicKey
from edge_node.spec import constants as limits
from edge_node.spec import scheduling, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block, Header
from edge_node.spec.commits import check_import
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model, model_from_blob
from edge_node.spec.proof.claims import (
    agree,
    check_difference,
    check_evolved,
    check_fallback,
    check_family,
    check_founding,
    check_new,
    closed_if_done,
    evaluation_images,
    load,
    skipped,
)
from edge_node.spec.proof.errors import (
    AccuracyTooLow,
    CorrectCountWrong,
    LatentRootMismatch,
    ModelHashMismatch,
    ReplayTooLong,
    UnknownParent,
    WrongStage,
)
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    ImportProof,
    PopulationProof,
    batch_seed,
    proof_from_bytes,
)
from edge_node.spec.proof.founding import start_seed
from edge_node.spec.proof.rule import FamilyBefore, Learned, ProofContext, ReplaySources
from edge_node.spec.recipe import RecipeContext, StepKind, most_draws
from edge_node.spec.scheduling import Turns
from edge_node.spec.state import Family, FamilyModel, State


class EvolutionRule:
    """Paper A's rule behind the ProofRule port."""

    def verify(self, block: Block, context: ProofContext) -> Learned:
        """See ProofRule."""
        proof = proof_from_bytes(block.body.proof)
        turns = scheduling.turns(context.parent, context.parameters, block.header.rung)
        if isinstance(proof, FallbackProof):
            check_fallback(block.header, turns)
            return Learned(model=None, families=())
        if isinstance(proof, ImportProof):
            model = model_from_blob(proof.blob)
            family = _check_import(block.header, proof, model.architecture, turns, context)
        elif isinstance(proof, FounderProof):
            family = _check_founder(block.header, proof, turns, context)
            model = _replay_training(block.header, proof.steps, family, context)
        else:
            family = check_family(block.header, turns, context.parent)
            if isinstance(proof, PopulationProof):
                _check_population(block.header, proof, family, context)
                model = _replay_training(block.header, proof.steps, family, context)
            else:
                _check_child(block.header, proof, family, context)
                model = _replay_recipe(block.header, proof, family, context)
        _check_model(block.header, model, family, context)
        after = _grown(block.header, model, family, context)
        return Learned(model=model, families=(after, *skipped(turns, after, context)))

    def replay(self, block: Block, before: FamilyBefore, sources: ReplaySources) -> bytes:  # noqa: ARG002 - the port's
        """See ProofRule: children descend from weights, so no latents are kept."""
        return b""

    def check_header(self, header: Header) -> None:
        """See ProofRule: a header alone shows nothing."""

    def work(self, header: Header) -> int:
        """See ProofRule: 2**(MAX_RUNG - rung), nothing for a fallback (R-50)."""
        if header.model_hash == ZERO_HASH:
            return 0
        return 1 << limits.MAX_RUNG - header.rung

    def first_target(self, parameters: Parameters) -> Hash32:  # noqa: ARG002 - the port's
        """See ProofRule."""
        return ZERO_HASH

    def next_difficulty(
        self,
        target: Hash32,
        interval_ms: int,  # noqa: ARG002 - the port's
        parameters: Parameters,  # noqa: ARG002 - the port's
    ) -> Hash32:
        """See ProofRule: what is hard here is each family's needed gain (R-32), not a ticket."""
        return target


def _check_founder(
    header: Header, proof: FounderProof, turns: Turns, context: ProofContext
) -> Family:
    """Return the family as it would be before its first block."""
    family = check_founding(header, proof.dataset, proof.architecture, turns, context)
    _check_learned(header, evaluation_images(family, context.parent), context.parameters)
    if proof.origin is not None:
        check_evolved(header, proof.dataset, proof.architecture, proof.origin, context)
    _check_steps(proof.steps, context.parameters.founder_steps(proof.architecture.macs))
    return family


def _check_import(
    header: Header,
    proof: ImportProof,
    architecture: Architecture,
    turns: Turns,
    context: ProofContext,
) -> Family:
    """Return the family as it would be before its first block."""
    family = check_founding(header, proof.dataset, architecture, turns, context)
    _check_learned(header, evaluation_images(family, context.parent), context.parameters)
    check_import(context.parent, proof.blob, proof.salt, header.miner, context.parameters)
    agree("nonce", 0, header.nonce)
    agree("latent_root", ZERO_HASH, header.latent_root)
    check_new(header, context.parent)
    return family


def _check_population(
    header: Header, proof: PopulationProof, family: Family, context: ProofContext
) -> None:
    # back-propagation first, evolution after.
    wanted = context.parameters.min_population
    if family.model_count >= wanted:
        raise WrongStage(expected=f"under {wanted} models", actual=family.model_count)
    _check_steps(proof.steps, context.parameters.founder_steps(family.architecture.macs))
    _check_learned(header, evaluation_images(family, context.parent), context.parameters)


def _check_learned(header: Header, images: int, parameters: Parameters) -> None:
    # a family begins with models that have learned something.
    needed = scheduling.share_of(images, parameters.min_family_acc_ppm)
    if header.correct_count < needed:
        raise AccuracyTooLow(expected=f"at least {needed}", actual=header.correct_count)


def _check_child(header: Header, proof: ChildProof, family: Family, context: ProofContext) -> None:
    parameters = context.parameters
    # a child needs a record to descend from.
    if family.model_count < parameters.min_population:
        raise WrongStage(expected=f"{parameters.min_population} models", actual=family.model_count)
    _check_steps(len(proof.steps), parameters.max_recipe_steps)
    draws = most_draws(family.architecture, proof.steps, parameters.rates)
    if draws > parameters.max_recipe_draws:
        raise ReplayTooLong(expected=f"at most {parameters.max_recipe_draws} draws", actual=draws)
    # from any record; crossed with any model of the family.
    if not 0 <= proof.base < family.model_count or not family.models[proof.base].record:
        raise UnknownParent(expected="a record of the family", actual=proof.base)
    for step in proof.steps:
        if step.partner >= family.model_count:
            raise UnknownParent(expected=f"below {family.model_count}", actual=step.partner)
    agree("nonce", 0, header.nonce)
    agree("latent_root", ZERO_HASH, header.latent_root)
    # every record beats the one before, by less the longer nobody found one.
    needed = family.records[-1].correct_count + scheduling.needed_gain_at(family, header.rung)
    if header.correct_count < needed:
        raise AccuracyTooLow(expected=f"at least {needed}", actual=header.correct_count)


def _check_steps(actual: int, most: int) -> None:
    # a bound on what a block can make others compute.
    if not 1 <= actual <= most:
        raise ReplayTooLong(expected=f"1..{most} steps", actual=actual)


def _replay_training(header: Header, steps: int, family: Family, context: ProofContext) -> Model:
    check_new(header, context.parent)
    state = train_founder(
        header.previous_hash, header.miner, header.nonce, steps, family=family, context=context
    )
    # the same integers on every machine, so equality is all that is asked.
    if state.root() != header.latent_root:
        raise LatentRootMismatch(expected=state.root(), actual=header.latent_root)
    return training.model_from_state(family.architecture, state)


def train_founder(
    previous_hash: BlockHash,
    miner: PublicKey,
    nonce: int,
    steps: int,
    *,
    family: Family,
    context: ProofContext,
) -> training.LatentState:
    """Return the latents of a founder or population model."""
    architecture, parameters = family.architecture, context.parameters
    images = context.parent.datasets[family.dataset].manifest.splits[SplitName.TRAIN].count
    return context.engine.train(
        architecture,
        training.initial_state(
            architecture, start_seed(context.network, family.dataset, architecture)
        ),
        family.dataset,
        training.batch_indices(
            batch_seed(context.network, previous_hash, miner, nonce),
            steps * parameters.founder_batch,
            images,
        ),
        parameters.founder_batch,
        parameters.step_schedule,
    )


def _replay_recipe(
    header: Header, proof: ChildProof, family: Family, context: ProofContext
) -> Model:
    check_new(header, context.parent)
    base = family.models[proof.base]
    crosses = any(step.kind is StepKind.CROSS for step in proof.steps)
    return context.engine.apply_recipe(
        context.models.model(base.model_hash),
        load(family.models, context.models) if crosses else (),
        proof.steps,
        context.parameters.rates,
        RecipeContext(network=context.network, base=base.block, miner=header.miner),
    )


def _check_model(header: Header, model: Model, family: Family, context: ProofContext) -> None:
    actual_hash = model.model_hash()
    # the proof makes one model, whoever travels with another.
    if actual_hash != header.model_hash:
        raise ModelHashMismatch(expected=actual_hash, actual=header.model_hash)
    # from every record, or, while the population grows, from every model of it. What begins
    # a family can only be an import that is too close to one of another dataset's.
    rivals = family.records or family.models or _of_one_shape(family.architecture, context.parent)
    needed = scheduling.share_of(
        model.architecture.weight_count, context.parameters.min_population_diff_ppm
    )
    check_difference(model, load(rivals, context.models), needed)
    # the whole evaluation split, on the bits that the header commits to.
    correct = context.engine.count_correct(model, family.dataset)
    if correct != header.correct_count:
        raise CorrectCountWrong(expected=correct, actual=header.correct_count)


def _of_one_shape(architecture: Architecture, state: State) -> list[FamilyModel]:
    """Return the models of a shape on any dataset; of closed families the best, which all keep."""
    found: list[FamilyModel] = []
    for family in state.families.values():
        if family.architecture == architecture:
            best = max(family.models, key=lambda entry: entry.correct_count)
            found += [best] if family.closed else family.models
    return found


def _grown(header: Header, model: Model, family: Family, context: ProofContext) -> Family:
    """Return the family with the block's model."""
    parameters = context.parameters
    entry = FamilyModel(
        block=header.block_hash(),
        height=header.height,
        model_hash=header.model_hash,
        correct_count=header.correct_count,
        record=bool(family.records),
        latent_root=header.latent_root,
    )
    grown = replace(family, models=(*family.models, entry))
    if entry.record:
        interval_ms = header.timestamp - context.parent.timestamp
        grown = replace(
            grown,
            idle=0,
            needed_gain=scheduling.next_needed_gain(parameters, family.needed_gain, interval_ms),
            weight_record=family.weight_record.noted(model),
        )
    elif grown.model_count >= parameters.min_population:
        grown = _with_first_record(grown, model, context)
    return closed_if_done(grown, parameters)


def _with_first_record(family: Family, newest: Model, context: ProofContext) -> Family:
    # The best of the population, the oldest on a tie: max() keeps the first.
    best = max(family.models, key=lambda entry: entry.correct_count)
    first = newest if best is family.models[-1] else context.models.model(best.model_hash)
    return replace(
        family,
        models=tuple(
            replace(entry, record=True) if entry is best else entry for entry in family.models
        ),
        weight_record=family.weight_record.noted(first),
    )
