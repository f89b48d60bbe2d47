# SPDX-License-Identifier: Apache-2.0
"""Proof rule `recipe`: a block wins by a burst whose result is a winning ticket.

Rules R-71 to R-79 (design, sections 5 to 7). A burst evolves and trains a family's head by what its
seed draws; its result is its one ticket. A step block may not lose much accuracy, a record block
meets paper A's rules and is paid for it. With cross_weight 0 and k = 4 this is `guiding_gradient`,
hardened (paper B).
Law of the file: the cheapest first: form, turn, cost, ticket, operator, claims, replay, accuracy.
Read next: edge_node/spec/burst.py, edge_node/spec/lottery.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Hash32
from edge_node.spec import burst, lottery, scheduling
from edge_node.spec import constants as limits
from edge_node.spec.block import Block, Header
from edge_node.spec.burst import BurstRules, BurstStart
from edge_node.spec.engine import ModelSource
from edge_node.spec.errors import InvalidProof
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.claims import (
    agree,
    check_evolved,
    check_family,
    check_new,
    evaluation_images,
    skipped,
)
from edge_node.spec.proof.errors import (
    AccuracyTooLow,
    OutOfTurn,
    UnknownParent,
)
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    LotteryProof,
    Recipe,
    lottery_proof_from_bytes,
    seed_for,
)
from edge_node.spec.proof.rule import FamilyBefore, Learned, ProofContext, ReplaySources
from edge_node.spec.proof.trained import check_model, check_root, founded, grown, head_latents
from edge_node.spec.scheduling import Turns
from edge_node.spec.state import Family


class RequirementsNotMet(InvalidProof):
    """A weight did not move the way that the hash of the result says (R-71).

    Paper B, Algorithm 2.
    """

    reason: ClassVar[str] = "R-71"
    wants: ClassVar[str] = "the requirements"


class TicketTooHigh(InvalidProof):
    """The burst's ticket does not win (R-72).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-72"
    wants: ClassVar[str] = "the ticket"


class StepsWrong(InvalidProof):
    """A recipe has other training steps than the network's T (R-74).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-74"
    wants: ClassVar[str] = "the training steps"


class BatchWrong(InvalidProof):
    """A recipe has another batch than the network's S (R-75).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-75"
    wants: ClassVar[str] = "the batch"


class OperatorNotDrawn(InvalidProof):
    """A recipe's operator or partner is not what its seed draws (R-77).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-77"
    wants: ClassVar[str] = "the operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a block of a family must reach at a rung, in images of the evaluation split."""

    least: int
    """A step block has so many correct, or it is none."""
    record: int
    """From so many on it is a record, if it differs enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedBurst:
    """The burst that a block claims to have won by."""

    header: Header
    """The block's."""
    seed: Hash32
    """Its seed."""
    family: Family
    """As it is before the block."""
    rules: BurstRules
    """The family's."""
    start: BurstStart
    """What the burst begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a burst leaves to its family."""

    model: Model
    """The block's model."""
    latents: bytes
    """Packed; empty where they are not known."""


class RecipeRule:
    """Our own rule behind the ProofRule port."""

    def verify(self, block: Block, context: ProofContext) -> Learned:
        """See ProofRule."""
        header = block.header
        proof = lottery_proof_from_bytes(block.body.proof)
        turns = scheduling.turns(context.parent, context.parameters, header.rung)
        family = _family_of(header, proof, turns, context)
        rules = burst.rules_for(family.architecture, context.parameters)
        seed = seed_for(header, proof)
        _check_recipe(proof.recipe, rules)
        check_ticket(seed, header, rules, context.parameters)
        if isinstance(proof, LotteryFounderProof) and proof.origin is not None:
            check_evolved(header, proof.dataset, proof.architecture, proof.origin, context)
        start = start_of(family, context)
        claimed = ClaimedBurst(header=header, seed=seed, family=family, rules=rules, start=start)
        _check_drawn(proof.recipe, claimed)
        if isinstance(proof, BurntProof):
            _check_fallback(header, turns)
            self.check_burnt(claimed, context)
            return Learned(model=None, families=())
        check_new(header, context.parent)
        images = evaluation_images(family, context.parent)
        needs = needs_of(family, images, header.rung, context.parameters)
        _check_claim(header, needs)
        trained = self.trained(claimed, context)
        check_model(header, trained.model, family, context)
        record = header.correct_count >= needs.record
        after = grown(header, trained.model, family, context, may_be_record=record)
        return Learned(
            model=trained.model,
            families=(after, *skipped(turns, after, context)),
            latents=trained.latents,
            earns_bonus=after.models[-1].record,
        )

    def trained(self, claimed: ClaimedBurst, context: ProofContext) -> Trained:
        """Return what a block's burst leaves to its family: the law replays it.

        Raises
        ------
        LatentRootMismatch, RequirementsNotMet
            R-43, R-71.
        DatasetMissing
        """
        rules, dataset = claimed.rules, claimed.family.dataset
        result = context.engine.burst(claimed.seed, rules, claimed.start, dataset)
        check_root(claimed.header, result.latents)
        # training has moved the weights, and strictly; whoever skipped it can not know which.
        if not result.met:
            raise RequirementsNotMet(expected=f"all of {rules.requirements} met", actual="fewer")
        return Trained(model=result.model, latents=result.latents)

    def check_burnt(self, claimed: ClaimedBurst, context: ProofContext) -> None:
        """Check the burst of a fallback, of which nothing stays, as `trained` does."""
        self.trained(claimed, context)

    def replay(self, block: Block, before: FamilyBefore, sources: ReplaySources) -> bytes:
        """See ProofRule: the burst of its header."""
        parameters = sources.parameters
        rules = burst.rules_for(before.architecture, parameters)
        start = _start(before, parameters, sources.models)
        seed = seed_for(block.header, lottery_proof_from_bytes(block.body.proof))
        return sources.engine.burst(seed, rules, start, before.dataset).latents

    def check_header(self, header: Header) -> None:
        """See ProofRule: a ticket wins at most below the header's target (R-72).

        What else than its header is in the seed of a founder or a fallback, its body tells.
        """
        if ZERO_HASH in (header.previous_model_hash, header.model_hash):
            return
        _check_below(burst.seed_of(header), header, int.from_bytes(header.target, "big"))

    def work(self, header: Header) -> int:
        """See ProofRule: the tickets that a win is expected to take (R-50)."""
        return lottery.work_of(header.target)

    def next_difficulty(self, target: Hash32, interval_ms: int, parameters: Parameters) -> Hash32:
        """See ProofRule: the retarget (R-73)."""
        return lottery.next_target(target, interval_ms, parameters.target_ms)

    def first_target(self, parameters: Parameters) -> Hash32:
        """See ProofRule."""
        return lottery.first_target(parameters)


def _family_of(header: Header, proof: LotteryProof, turns: Turns, context: ProofContext) -> Family:
    """Return the family as it is before the block; how its shape evolved is asked of winners."""
    if not isinstance(proof, LotteryFounderProof):
        return check_family(header, turns, context.parent)
    return founded(header, proof.dataset, proof.architecture, turns, context)


def _check_recipe(recipe: Recipe, rules: BurstRules) -> None:
    # what is replayed is bounded by the genesis, before anything is.
    if recipe.steps != rules.steps:
        raise StepsWrong(expected=rules.steps, actual=recipe.steps)
    # and so is each of its steps.
    if recipe.batch != rules.batch:
        raise BatchWrong(expected=rules.batch, actual=recipe.batch)


def check_ticket(seed: Hash32, header: Header, rules: BurstRules, parameters: Parameters) -> None:
    """Check that a header's claimed result wins: two hashes.

    Raises
    ------
    TicketTooHigh
        R-72.
    """
    _check_below(
        seed, header, lottery.family_target(header.target, rules.cost, parameters.max_cost)
    )


def _check_below(seed: Hash32, header: Header, target: int) -> None:
    drawn = burst.ticket(seed, header.latent_root)
    # one burst, one ticket; everything else of the header is in the seed.
    if drawn >= target:
        raise TicketTooHigh(expected=f"below {target:#x}", actual=f"{drawn:#x}")


def start_of(family: Family, context: ProofContext) -> BurstStart:
    """Return what the bursts of a family's next block begin with."""
    before = FamilyBefore(
        architecture=family.architecture,
        dataset=family.dataset,
        latents=head_latents(family, context),
        model_count=family.model_count,
        relatives=tuple(entry.model_hash for entry in family.models[-limits.MAX_RELATIVES :]),
    )
    return _start(before, context.parameters, context.models)


def _start(before: FamilyBefore, parameters: Parameters, models: ModelSource) -> BurstStart:
    evolves = before.model_count >= parameters.min_population
    relatives = before.relatives if evolves else ()
    return BurstStart(
        latents=before.latents,
        relatives=tuple(models.model(model_hash) for model_hash in relatives),
        evolves=evolves,
        samples_seen=before.model_count * parameters.burst_steps * parameters.burst_batch,
    )


def _check_drawn(recipe: Recipe, claimed: ClaimedBurst) -> None:
    relatives = len(claimed.start.relatives)
    # crossed with one of the family's last blocks.
    if recipe.drawn.partner and recipe.drawn.partner >= relatives:
        raise UnknownParent(expected=f"below {relatives}", actual=recipe.drawn.partner)
    # not the miner's choice.
    drawn = burst.draw_operator(claimed.seed, claimed.rules, claimed.start)
    if recipe.drawn != drawn:
        raise OperatorNotDrawn(expected=_shown(drawn), actual=_shown(recipe.drawn))


def _shown(drawn: burst.Drawn) -> str:
    return f"{drawn.operator.name.lower()} {drawn.partner}"


def _check_fallback(header: Header, turns: Turns) -> None:
    # only on the last rung may a burst be for nothing.
    if not turns.fallback:
        raise OutOfTurn(expected=f"rung {limits.MAX_RUNG} for a fallback", actual=header.rung)
    agree("model_hash", ZERO_HASH, header.model_hash)
    agree("correct_count", 0, header.correct_count)


def needs_of(family: Family, images: int, rung: int, parameters: Parameters) -> Needs:
    """Return what a block of a family must reach (R-79).

    Design, section 7; paper A, section 4.3. The ladder (R-21) eases both. Until a family has a
    record, whatever wins is a step. The first record is what first has min_family_acc once the
    population is complete.
    """
    if not family.records:
        complete = family.model_count + 1 >= parameters.min_population
        first = scheduling.share_of(images, parameters.min_family_acc_ppm)
        return Needs(least=0, record=first if complete else images + 1)
    tolerance = scheduling.share_of(images, parameters.accuracy_tolerance_ppm)
    tolerance <<= min(rung, limits.GAIN_RUNGS)
    head, record = family.models[-1].correct_count, family.records[-1].correct_count
    return Needs(
        least=max(head - tolerance, record - 2 * tolerance, 0),
        record=record + scheduling.needed_gain_at(family, rung),
    )


def _check_claim(header: Header, needs: Needs) -> None:
    # no block may lose what the family has learned.
    if header.correct_count < needs.least:
        raise AccuracyTooLow(expected=f"at least {needs.least}", actual=header.correct_count)
