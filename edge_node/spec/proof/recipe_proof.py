# SPDX-License-Identifier: Apache-2.0
"""The proofs of the lottery rules: what a block says that its burst was, and of which family.

Rules R-33 (form) and R-76 (operators). Everything in a recipe follows from the block's seed and its
genesis; it is written down so that a reader sees it, and a validator refuses what is not so before
anything is replayed.
Law of the file: form only; what a proof must show is in recipe.py.
Read next: recipe.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.architecture import Architecture, architecture_from_value
from edge_node.spec.block import Header
from edge_node.spec.burst import BurstRules, Drawn, Operator, seed_of
from edge_node.spec.constants import MAX_PROOF_BYTES
from edge_node.spec.encoding import Decoded, Value, decode, encode
from edge_node.spec.errors import InvalidProof
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.founding import ShapeOrigin, origin_from_value, origin_value

FOUNDER, STEP, FALLBACK = range(3)


class OperatorOutOfRange(InvalidProof):
    """A recipe names an operator that there is not (R-76).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-76"
    wants: ClassVar[str] = "the operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a burst was."""

    drawn: Drawn
    """Its operator and partner."""
    steps: int
    """T: its training steps."""
    batch: int
    """S: samples of a step."""

    def value(self) -> Value:
        """Return the recipe as an encodable value."""
        return [int(self.drawn.operator), self.drawn.partner, self.steps, self.batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotteryFounderProof:
    """A winning burst from the family's start founds a family."""

    recipe: Recipe
    """What was done."""
    architecture: Architecture
    """The new family's shape."""
    dataset: DatasetId
    """The dataset that it is for."""
    origin: ShapeOrigin | None = None
    """Where the shape comes from; None if its miner chose it."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        genome, origin = self.architecture.value(), origin_value(self.origin)
        return encode([FOUNDER, self.recipe.value(), self.dataset, genome, origin])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProof:
    """A winning burst takes a family one step further."""

    recipe: Recipe
    """What was done."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([STEP, self.recipe.value()])


@dataclass(frozen=True, slots=True, kw_only=True)
class BurntProof:
    """A winning burst that nobody keeps: transactions confirm all the same."""

    recipe: Recipe
    """What was done."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([FALLBACK, self.recipe.value()])


LotteryProof = LotteryFounderProof | StepProof | BurntProof


def seed_for(header: Header, proof: LotteryProof) -> Hash32:
    """Return the seed of a block's burst (R-69): one win is one block.

    What a proof says beside what follows from the seed is in the seed: that the burst is for
    nothing, and where the shape of a founder comes from.
    """
    if isinstance(proof, BurntProof):
        return seed_of(header, encode([FALLBACK]))
    if isinstance(proof, LotteryFounderProof) and proof.origin is not None:
        return seed_of(header, encode(origin_value(proof.origin)))
    return seed_of(header)


def recipe_of(rules: BurstRules, drawn: Drawn) -> Recipe:
    """Return the recipe of a burst under these rules."""
    return Recipe(drawn=drawn, steps=rules.steps, batch=rules.batch)


def lottery_proof_from_bytes(data: bytes) -> LotteryProof:
    """Return the proof that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, ProofMalformed, OperatorOutOfRange, InvalidModelData
        R-2, R-33, R-76, R-3, R-4.
    """
    # the kind tells the form, and nothing else fits it.
    match decode(data, max_bytes=MAX_PROOF_BYTES):
        case [kind, list(recipe), bytes(dataset), genome, list(origin)] if (
            kind == FOUNDER and len(dataset) == 32
        ):
            return LotteryFounderProof(
                recipe=_recipe_from_value(recipe),
                dataset=DatasetId(Hash32(dataset)),
                architecture=architecture_from_value(genome),
                origin=origin_from_value(origin),
            )
        case [kind, list(recipe)] if kind == STEP:
            return StepProof(recipe=_recipe_from_value(recipe))
        case [kind, list(recipe)] if kind == FALLBACK:
            return BurntProof(recipe=_recipe_from_value(recipe))
        case _:
            raise ProofMalformed(expected="a founder, step or fallback", actual="another form")


def _recipe_from_value(value: list[Decoded]) -> Recipe:
    match value:
        case [int(operator), int(partner), int(steps), int(batch)] if (
            partner >= 0 and steps >= 0 and batch >= 0
        ):
            # there are three.
            if not 0 <= operator < len(Operator):
                raise OperatorOutOfRange(expected=f"0..{len(Operator) - 1}", actual=operator)
            drawn = Drawn(operator=Operator(operator), partner=partner)
            return Recipe(drawn=drawn, steps=steps, batch=batch)
        case _:
            raise ProofMalformed(expected="[operator, partner, T, S]", actual=value)
