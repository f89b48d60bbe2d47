# SPDX-License-Identifier: Apache-2.0
"""Geneses for the usual networks: one for a LAN that runs for days, one for a demonstration.

Law of the file: every figure is a genesis parameter; the law's own limits are elsewhere.
Read next: edge_node/spec/genesis.py.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge_node.primitives.types import Amount, PublicKey, TimestampMs
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import (
    EVOLUTION,
    GUIDING_GRADIENT,
    GUIDING_GRADIENT_PAPER,
    HARDENED,
    LOTTERIES,
    Genesis,
    Parameters,
)
from edge_node.spec.transaction import address_of

FIRST_COINS = Amount(1_000_000_000)
"""What each founding member's account holds from the start."""

BURST_SCHEDULE = ((32_768, 6), (65_536, 5), (131_072, 4), (1, 3))
"""Steps of 2**u while fewer samples were seen, for the 4,440 family: it is at 93 % of MNIST after
100 blocks of 512."""

LAN = Parameters(
    min_population=5,
    min_family_acc_ppm=700_000,
    min_population_acc_ppm=1_000,
    max_founder_steps=2_048,
    min_interval_ms=10_000,
    rung_ms=60_000,
    max_future_ms=5_000,
    target_ms=30_000,
)
"""A network of Raspberry Pis on one LAN."""
LAN_LOTTERY = Parameters(
    min_population=3,
    min_family_acc_ppm=700_000,
    min_population_acc_ppm=1_000,
    population_cross_percent_ppm=20_000,
    population_mutate_percent_ppm=2_000,
    max_idle_blocks=1_000,
    min_interval_ms=0,
    rung_ms=150_000,
    max_future_ms=5_000,
    target_ms=30_000,
    step_schedule=BURST_SCHEDULE,
    max_cost=1 << 28,
    first_work=1 << 9,
)
"""The same by lottery: a burst of the 4,440 family takes a Pi some 0.1 s. Operators strike few
weights: of 5,000 and 100,000 a family loses more than it learns, and ends a point lower."""

DEMO_LOTTERY = replace(
    LAN_LOTTERY,
    min_family_acc_ppm=600_000,
    burst_steps=64,
    rung_ms=12_000,
    max_future_ms=1_000,
    target_ms=3_000,
    max_cost=1 << 29,
    first_work=12,
)
"""A block about every three seconds on two cores: slow back ends keep up, so few blocks have
to learn much."""

DEMO_LOTTERY_IN_NUMPY = replace(DEMO_LOTTERY, burst_steps=16, max_cost=1 << 27, first_work=4)
"""The same where no kernels are compiled: a burst takes some 0.13 s there."""


LAN_PAPER_B = replace(
    LAN_LOTTERY,
    max_family_generations=1_000,
    min_interval_ms=2_000,
    burst_steps=64,
    burst_batch=4,
    requirements=6,
    learning_shift=5,
)
"""Paper B as published, to be studied: its batch of 4, and a rate at which the 4,440 family learns.
Six requirements of weights that may stand still are met about as rarely as three strict ones."""
DEMO_PAPER_B = replace(
    LAN_PAPER_B, min_interval_ms=3_000, rung_ms=6_000, max_future_ms=1_000, max_cost=1 << 27
)
"""A block about every three seconds, compiled or not: slow back ends have to keep up."""


DEMO = Parameters(
    min_population=3,
    min_family_acc_ppm=600_000,
    min_population_acc_ppm=1_000,
    max_founder_steps=512,
    step_schedule=((8_192, 6), (12_288, 5), (14_336, 4), (1, 3)),
    min_interval_ms=3_000,
    rung_ms=4_000,
    max_future_ms=1_000,
    target_ms=4_000,
)
"""A dozen blocks within a minute: founders learn half a second, and no interval is so short that
only the node with the fastest back end is ready for the next."""

DEMO_IN_NUMPY = replace(DEMO, max_founder_steps=32, step_schedule=((1, 6),))
"""The same where no kernels are compiled: numpy trains ten times slower and climbs 300 times
slower, and what has learned little a few thousand candidates can make better a dozen times."""


MARKET = replace(
    DEMO,
    max_family_generations=6,
    max_idle_blocks=3,
    max_connection_count=7_800,
    max_founder_macs=1 << 33,
    max_evaluation_macs=4_000_000_000,
    min_interval_ms=2_000,
    rung_ms=3_000,
    max_future_ms=750,
)
"""Several datasets and families within minutes: a family lives for eight blocks, and what shapes
evolve into stays near the cost of the 4,440 family, which reaches 90 % of MNIST and 69 % of
Animal-MNIST as a founder. One dense layer over all pixels, 7,840 weights, is just too large: it
learns at once, and has nothing to evolve."""

_LEAST_IN_NUMPY_PPM = 300_000
"""What 32 steps of training reach on either dataset."""


_MOST_HAVE_WINDOW, _LEAST_HAVE_WINDOW = 6, 3
_WINDOWS_OF_A_DEMONSTRATION = 10
"""Of 60 blocks the last six show who holds a dataset, and twelve are there for the reveal."""


def lan_parameters(proof: str) -> Parameters:
    """Return the rules of a network on a LAN that runs for days.

    Parameters
    ----------
    proof : str
        Its proof rule.
    """
    if proof == GUIDING_GRADIENT_PAPER:
        return LAN_PAPER_B
    return _hardened(proof, LAN_LOTTERY) if proof in LOTTERIES else LAN


def demo_parameters(
    *, proof: str = EVOLUTION, datasets: int, families: int, compiled: bool, blocks: int = 60
) -> Parameters:
    """Return the rules of a demonstration.

    Parameters
    ----------
    proof : str, optional
        Its proof rule.
    datasets : int
        What is to be learned.
    families : int
        Open at a time on each.
    compiled : bool
        Whether the kernels are compiled.
    blocks : int
        How many are to come: what is uploaded is to be settled within these.
    """
    if proof == EVOLUTION:
        rules = _demo_by_evolution(market=datasets * families > 1, compiled=compiled)
    elif proof == GUIDING_GRADIENT_PAPER:
        rules = DEMO_PAPER_B
    else:
        rules = _hardened(proof, DEMO_LOTTERY if compiled else DEMO_LOTTERY_IN_NUMPY)
    if datasets == families == 1:
        return rules
    window = blocks // _WINDOWS_OF_A_DEMONSTRATION
    window = min(_MOST_HAVE_WINDOW, max(_LEAST_HAVE_WINDOW, window))
    return replace(
        rules,
        min_families=families,
        max_family_generations=MARKET.max_family_generations,
        max_connection_count=MARKET.max_connection_count,
        have_window_blocks=window,
        reveal_blocks=2 * window,
    )


def _demo_by_evolution(*, market: bool, compiled: bool) -> Parameters:
    if not market:
        return DEMO if compiled else DEMO_IN_NUMPY
    if compiled:
        return MARKET
    return replace(
        MARKET,
        min_family_acc_ppm=_LEAST_IN_NUMPY_PPM,
        max_founder_steps=DEMO_IN_NUMPY.max_founder_steps,
        step_schedule=DEMO_IN_NUMPY.step_schedule,
    )


def _hardened(proof: str, parameters: Parameters) -> Parameters:
    """Return rules with what guiding_gradient, hardened, asks for."""
    if proof != GUIDING_GRADIENT:
        return parameters
    requirements, cross_weight = HARDENED
    return replace(parameters, requirements=requirements, cross_weight=cross_weight)


def new_genesis(
    name: str,
    datasets: Sequence[Manifest],
    members: Sequence[PublicKey],
    parameters: Parameters,
    now_ms: TimestampMs,
    proof: str = EVOLUTION,
) -> Genesis:
    """Return the genesis of a new network.

    Parameters
    ----------
    name : str
        For people.
    datasets : sequence of Manifest
        What may be learned from the start.
    members : sequence of PublicKey
        Whose quorum may sign checkpoints; each gets FIRST_COINS.
    parameters : Parameters
    now_ms : TimestampMs
        The network's birthday.
    proof : str, optional
        Its proof rule.
    """
    return Genesis(
        name=name,
        proof=proof,
        timestamp=now_ms,
        members=tuple(sorted(members)),
        datasets=tuple(datasets),
        allocations=tuple(sorted((address_of(member), FIRST_COINS) for member in members)),
        parameters=parameters,
    )
