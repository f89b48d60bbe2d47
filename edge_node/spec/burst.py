# SPDX-License-Identifier: Apache-2.0
"""The burst: one trial of the lottery, and all that is replayed of a block (design, section 7).

Rules R-69 (seed and operator), R-70 (what a burst computes), R-71 (requirements, paper B) and R-72
(ticket). A seed is the hash of everything that a miner fixes before the work. From it alone follow
the operator, the places that it changes, and the batches of T integer training steps. What comes
out is hashed: the hash says which weights must have moved which way, and is the lottery's ticket.
One burst, one ticket; nothing is left to roll again.
Law of the file: the slow, sequential, exact definition; kernels/burst.py is its fast twin.
Read next: lottery.py, then proof/recipe.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec import training
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Header
from edge_node.spec.constants import PPM
from edge_node.spec.encoding import encode
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.recipe import cross_count
from edge_node.spec.training import LatentState

_CORE_FIELDS = tuple(
    field.name for field in fields(Header)[: [f.name for f in fields(Header)].index("proof_root")]
)


class Operator(IntEnum):
    """How a burst's start comes from the family's head (paper A, section 4.2)."""

    CONTINUE = 0
    """It is the head's latents."""
    MUTATE = 1
    """A share of all latents changes sign."""
    CROSS = 2
    """A share of each layer's latents changes sign where another block of the family differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstRules:
    """What a network fixes for every burst of a family."""

    architecture: Architecture
    """Of the family."""
    steps: int
    """T: training steps."""
    batch: int
    """S: samples of a step."""
    requirements: int
    """k: weights that must have moved the way that the result's hash says."""
    mutate_ppm: int
    """population_mutate_percent: share of the latents that MUTATE strikes."""
    cross_ppm: int
    """population_cross_percent: share of each layer's latents that CROSS looks at."""
    weights: tuple[int, int, int]
    """Chances of CONTINUE, MUTATE and CROSS, to each other."""
    schedule: tuple[tuple[int, int], ...]
    """(samples, u): see training.step_exponent."""

    @property
    def samples(self) -> int:
        """T * S: images that a burst trains on."""
        return self.steps * self.batch

    @property
    def cost(self) -> int:
        """Multiplications of a burst, counted forward: T * S * those of one image."""
        return self.samples * self.architecture.macs


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstStart:
    """What the bursts on top of one block of a family have in common."""

    latents: bytes
    """The head's, packed; the family's first ones for a founder."""
    relatives: tuple[Model, ...]
    """Models of the family's last MAX_RELATIVES blocks, the oldest first."""
    evolves: bool
    """The population is complete, so that operators other than CONTINUE are drawn."""
    samples_seen: int
    """By the family before: model_count * T * S, whatever the operators were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An operator with its partner."""

    operator: Operator
    """What is done."""
    partner: int = 0
    """For CROSS: index among the relatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstResult:
    """What a burst has come to."""

    latents: bytes
    """The family's, packed, if the block wins."""
    latent_root: Hash32
    """Their hash."""
    met: bool
    """Every requirement is met."""
    model: Model
    """The network that they stand for."""


def seed_of(header: Header, label: bytes = b"") -> Hash32:
    """Return the seed of a header's burst: the hash of its core (R-69).

    The core is every field before `proof_root`: whoever changes one has another burst to run.

    Parameters
    ----------
    header : Header
    label : bytes, optional
        What a proof says that follows from nothing else (proof/recipe_proof.py).
    """
    core = encode([getattr(header, name) for name in _CORE_FIELDS])
    return tagged_hash("burst-seed", core, label)


def draw_operator(seed: bytes, rules: BurstRules, start: BurstStart) -> Drawn:
    """Return what a seed draws for the start of its burst (R-69)."""
    if not start.evolves:
        return Drawn(operator=Operator.CONTINUE)
    stream = Prf("burst-operator", seed)
    place = stream.below(sum(rules.weights))
    if place < rules.weights[0]:
        return Drawn(operator=Operator.CONTINUE)
    if place < rules.weights[0] + rules.weights[1]:
        return Drawn(operator=Operator.MUTATE)
    return Drawn(operator=Operator.CROSS, partner=stream.below(len(start.relatives)))


def run_burst(
    seed: bytes, rules: BurstRules, start: BurstStart, images: bytes, labels: bytes
) -> BurstResult:
    """Return what the burst of a seed comes to (R-70, R-71).

    Parameters
    ----------
    seed : bytes
        By `seed_of`.
    rules : BurstRules
    start : BurstStart
    images : bytes
        uint8 (N, rows, columns, channels), the train split.
    labels : bytes
        u8 (N,).

    Raises
    ------
    NotTrainable
        R-9.
    """
    trained = training.train_summed(
        rules.architecture,
        varied(seed, rules, start),
        images,
        labels,
        batch_indices(seed, rules, len(labels)),
        rules.batch,
        rules.schedule,
        start.samples_seen,
    )
    packed = trained.state.packed()
    root = training.root_of(packed)
    sums = [total for layer in trained.gradient_sums for total in layer]
    met = all(sums[weight] * direction > 0 for weight, direction in requirements(seed, root, rules))
    return BurstResult(
        latents=packed,
        latent_root=root,
        met=met,
        model=training.model_from_state(rules.architecture, trained.state),
    )


def varied(seed: bytes, rules: BurstRules, start: BurstStart) -> LatentState:
    """Return the latents from which a seed's training begins (R-70)."""
    drawn = draw_operator(seed, rules, start)
    state = training.state_from_packed(rules.architecture, start.latents)
    if drawn.operator is Operator.CONTINUE:
        return state
    shapes = rules.architecture.shapes
    if drawn.operator is Operator.MUTATE:
        count = rules.architecture.weight_count
        stream = Prf("burst-mutate", seed)
        struck = set(stream.distinct(count, count * rules.mutate_ppm // PPM))
        firsts = [sum(s.weight_count for s in shapes[:i]) for i in range(len(shapes))]
        places = [
            [i for i in range(shape.weight_count) if first + i in struck]
            for shape, first in zip(shapes, firsts, strict=True)
        ]
    else:
        stream = Prf("burst-cross", seed)
        partner = start.relatives[drawn.partner]
        places = [
            [
                place
                for place in stream.distinct(
                    shape.weight_count, cross_count(shape.weight_count, rules.cross_ppm)
                )
                if _bit(partner, layer, place) != (state.latents[layer][place] < 0)
            ]
            for layer, shape in enumerate(shapes)
        ]
    return LatentState(latents=tuple(map(_turned, state.latents, places)), biases=state.biases)


def _bit(model: Model, layer: int, place: int) -> int:
    channel, bit = divmod(place, model.architecture.shapes[layer].fan_in)
    return model.weights[layer][channel] >> bit & 1


def _turned(latents: Sequence[int], places: Sequence[int]) -> tuple[int, ...]:
    """Return a layer's latents with the sign of some changed; 0, which counts as +, becomes -1."""
    turned = list(latents)
    for place in places:
        turned[place] = -turned[place] or -1
    return tuple(turned)


def batch_indices(seed: bytes, rules: BurstRules, image_count: int) -> list[int]:
    """Return the samples of a seed's batches, T * S indices into the train split (R-70)."""
    stream_seed = tagged_hash("burst-batches", seed)
    return training.batch_indices(stream_seed, rules.samples, image_count)


def requirements(seed: bytes, latent_root: Hash32, rules: BurstRules) -> list[tuple[int, int]]:
    """Return which weights must have moved, and which way (R-71; paper B, Algorithm 1).

    Returns
    -------
    list of (int, int)
        Index of a weight over all layers, and +1 if the sum of its gradients must be positive, -1
        if negative.
    """
    stream = Prf("burst-requirements", seed + latent_root)
    return directed_weights(stream, rules.architecture, rules.requirements)


def directed_weights(stream: Prf, architecture: Architecture, count: int) -> list[tuple[int, int]]:
    """Return weights, no two of one neuron, each with a direction (R-71; paper B, Algorithm 1).

    Parameters
    ----------
    stream : Prf
    architecture : Architecture
    count : int
        At most as many as there are neurons.

    Returns
    -------
    list of (int, int)
        Index of a weight over all layers, and +1 or -1; as in the paper an odd number is a
        decrease.
    """
    owner = _neurons(architecture)
    drawn: list[tuple[int, int]] = []
    taken: set[int] = set()
    while len(drawn) < count:
        weight, odd = divmod(stream.below(2 * architecture.weight_count), 2)
        if owner[weight] not in taken:
            taken.add(owner[weight])
            drawn.append((weight, -1 if odd else 1))
    return drawn


def _neurons(architecture: Architecture) -> list[int]:
    """Return the neuron of each weight, counted over all layers."""
    owner: list[int] = []
    first = 0
    for shape in architecture.shapes:
        owner += [first + channel for channel in range(shape.channels) for _ in range(shape.fan_in)]
        first += shape.channels
    return owner


def ticket(seed: bytes, latent_root: Hash32) -> int:
    """Return the number that a burst has drawn in the lottery, big-endian (R-72)."""
    return int.from_bytes(tagged_hash("ticket", seed, latent_root), "big")


def rules_for(architecture: Architecture, parameters: Parameters) -> BurstRules:
    """Return what a network fixes for the bursts of a family (R-70)."""
    return BurstRules(
        architecture=architecture,
        steps=parameters.burst_steps,
        batch=parameters.burst_batch,
        requirements=parameters.requirements,
        mutate_ppm=parameters.population_mutate_percent_ppm,
        cross_ppm=parameters.population_cross_percent_ppm,
        weights=(parameters.continue_weight, parameters.mutate_weight, parameters.cross_weight),
        schedule=parameters.step_schedule,
    )
