# SPDX-License-Identifier: Apache-2.0
"""Recipes: how a child comes from its parents by mutation and crossover, replayable by anyone.

Rule R-10 (paper A, section 4.2). A recipe is a list of steps. Where a step strikes is drawn by a
PRF from the base block, the miner's key, the step's index and its nonce; the nonce is all that the
miner chooses. So the weights prove that they came by evolution from their parents, and the same
recipe under another key gives other weights.
Law of the file: a step never fails; a move beyond a threshold's range leaves it where it is.
Read next: proof/evolution.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash, NetworkId, PublicKey
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import PPM
from edge_node.spec.encoding import Decoded, Value
from edge_node.spec.errors import InvalidProof
from edge_node.spec.model import Model

STEP_PRF_TAG = "recipe-step"
MAX_NONCE = (1 << 32) - 1
"""A step's nonce; trying them all on one step would take days."""


class StepMalformed(InvalidProof):
    """A step of a recipe does not have the form of R-10."""

    reason: ClassVar[str] = "R-10"
    wants: ClassVar[str] = "the step"


class StepKind(IntEnum):
    """What a step does; the low bits of its code."""

    FLIP = 0
    """Mutation: flip some weights of one channel."""
    THRESHOLD = 1
    """Mutation: move one threshold by one."""
    CROSS = 2
    """Crossover: take a share of each layer's weights from another model of the family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a recipe."""

    kind: StepKind
    """What is done."""
    nonce: int
    """The miner's choice, 0..MAX_NONCE."""
    partner: int = 0
    """For CROSS: index of the other parent among the family's models, oldest first."""

    def value(self) -> Value:
        """Return the step as an encodable value: its code, or [code, partner]."""
        code = self.nonce << 2 | self.kind
        return [code, self.partner] if self.kind is StepKind.CROSS else code


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionRates:
    """Shares that a network fixes in its genesis, in ppm."""

    mutate_ppm: int
    """population_mutate_percent: most of one channel's weights that a FLIP may touch."""
    cross_ppm: int
    """population_cross_percent: share of each layer's weights that a CROSS takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeContext:
    """What the draws of a recipe depend on."""

    network: NetworkId
    """The network."""
    base: BlockHash
    """Block of the record that the child starts from."""
    miner: PublicKey
    """Key of the block that carries the recipe."""

    def seed(self, index: int, step: Step) -> bytes:
        """Return the PRF seed of step `index`: 109 bytes, one SHAKE-128 block."""
        return b"".join(
            (
                self.network,
                self.base,
                self.miner,
                index.to_bytes(4, "little"),
                step.nonce.to_bytes(8, "little"),
                bytes((step.kind,)),
            )
        )


def step_from_value(value: Decoded) -> Step:
    """Return the step that a decoded value names.

    Raises
    ------
    StepMalformed
        R-10.
    """
    # one code per step, and a partner where there is one to name.
    match value:
        case int(code) if 0 <= code >> 2 <= MAX_NONCE and code & 3 in {0, 1}:
            return Step(kind=StepKind(code & 3), nonce=code >> 2)
        case [int(code), int(partner)] if (
            0 <= code >> 2 <= MAX_NONCE and code & 3 == StepKind.CROSS and partner >= 0
        ):
            return Step(kind=StepKind.CROSS, nonce=code >> 2, partner=partner)
        case _:
            raise StepMalformed(expected="a code, or [code, partner] for a crossover", actual=value)


def apply_recipe(
    base: Model,
    partners: Sequence[Model],
    steps: Sequence[Step],
    rates: EvolutionRates,
    context: RecipeContext,
) -> Model:
    """Return the child that a recipe makes of its base (R-10).

    Parameters
    ----------
    base : Model
        The record that the child starts from.
    partners : sequence of Model
        Models of the family, oldest first, as crossover's `partner` indexes them.
    steps : sequence of Step
        Applied in order.
    rates : EvolutionRates
    context : RecipeContext
    """
    architecture = base.architecture
    weights = [list(layer) for layer in base.weights]
    thresholds = [list(layer) for layer in base.thresholds]
    for index, step in enumerate(steps):
        stream = Prf(STEP_PRF_TAG, context.seed(index, step))
        if step.kind is StepKind.FLIP:
            _flip(architecture, weights, stream, rates.mutate_ppm)
        elif step.kind is StepKind.THRESHOLD:
            _move_threshold(architecture, thresholds, stream)
        else:
            _cross(architecture, weights, partners[step.partner], stream, rates.cross_ppm)
    return Model(
        architecture=architecture,
        weights=tuple(map(tuple, weights)),
        thresholds=tuple(map(tuple, thresholds)),
    )


def flip_limit(fan_in: int, mutate_ppm: int) -> int:
    """Return how many weights of a channel a FLIP may touch: at least one."""
    return max(1, fan_in * mutate_ppm // PPM)


def most_draws(architecture: Architecture, steps: Sequence[Step], rates: EvolutionRates) -> int:
    """Return the most places that the steps of a recipe draw: what replaying it costs."""
    widest = max(shape.fan_in for shape in architecture.shapes)
    cost = {
        StepKind.FLIP: 2 + flip_limit(widest, rates.mutate_ppm),
        StepKind.THRESHOLD: 2,
        StepKind.CROSS: sum(
            cross_count(shape.weight_count, rates.cross_ppm) for shape in architecture.shapes
        ),
    }
    return sum(cost[step.kind] for step in steps)


def cross_count(weight_count: int, cross_ppm: int) -> int:
    """Return how many weights of a layer a CROSS takes."""
    return weight_count * cross_ppm // PPM


def _flip(
    architecture: Architecture, weights: list[list[int]], stream: Prf, mutate_ppm: int
) -> None:
    # One draw over all weights picks the channel, so that large channels are struck more often.
    position = stream.below(architecture.weight_count)
    for layer, shape in enumerate(architecture.shapes):
        if position < shape.weight_count:
            count = 1 + stream.below(flip_limit(shape.fan_in, mutate_ppm))
            channel = position // shape.fan_in
            for bit in stream.distinct(shape.fan_in, count):
                weights[layer][channel] ^= 1 << bit
            return
        position -= shape.weight_count


def _move_threshold(architecture: Architecture, thresholds: list[list[int]], stream: Prf) -> None:
    channel = stream.below(architecture.channel_count)
    change = 1 if stream.u32() & 1 else -1
    for layer, shape in enumerate(architecture.shapes):
        if channel < shape.channels:
            least, most = shape.threshold_range
            moved = thresholds[layer][channel] + change
            thresholds[layer][channel] = min(max(moved, least), most)
            return
        channel -= shape.channels


def _cross(
    architecture: Architecture,
    weights: list[list[int]],
    partner: Model,
    stream: Prf,
    cross_ppm: int,
) -> None:
    for layer, shape in enumerate(architecture.shapes):
        count = cross_count(shape.weight_count, cross_ppm)
        masks = [0] * shape.channels
        for position in stream.distinct(shape.weight_count, count):
            channel, bit = divmod(position, shape.fan_in)
            masks[channel] |= 1 << bit
        for channel, mask in enumerate(masks):
            mine, theirs = weights[layer][channel], partner.weights[layer][channel]
            weights[layer][channel] = mine ^ (mine ^ theirs) & mask
