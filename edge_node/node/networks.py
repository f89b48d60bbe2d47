# SPDX-License-Identifier: Apache-2.0
"""Geneses for the usual networks: one for a LAN that runs for days, one for a demonstration.

Law of the file: every figure is a genesis parameter; the law's own limits are elsewhere.
Read next: edge_node/spec/genesis.py.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge_node.primitives.types import Amount, PublicKey, TimestampMs
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.transaction import address_of

FIRST_COINS = Amount(1_000_000_000)
"""What each founding member's account holds from the start."""

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


def demo_parameters(
    *, datasets: int, families: int, compiled: bool, blocks: int = 60
) -> Parameters:
    """Return the rules of a demonstration.

    Parameters
    ----------
    datasets : int
        What is to be learned.
    families : int
        Open at a time on each.
    compiled : bool
        Whether the kernels are compiled.
    blocks : int
        How many are to come: what is uploaded is to be settled within these.
    """
    if datasets == families == 1:
        return DEMO if compiled else DEMO_IN_NUMPY
    window = blocks // _WINDOWS_OF_A_DEMONSTRATION
    window = min(_MOST_HAVE_WINDOW, max(_LEAST_HAVE_WINDOW, window))
    rules = replace(
        MARKET, min_families=families, have_window_blocks=window, reveal_blocks=2 * window
    )
    if compiled:
        return rules
    return replace(
        rules,
        min_family_acc_ppm=_LEAST_IN_NUMPY_PPM,
        max_founder_steps=DEMO_IN_NUMPY.max_founder_steps,
        step_schedule=DEMO_IN_NUMPY.step_schedule,
    )


def new_genesis(
    name: str,
    datasets: Sequence[Manifest],
    members: Sequence[PublicKey],
    parameters: Parameters,
    now_ms: TimestampMs,
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
    """
    return Genesis(
        name=name,
        proof="evolution",
        timestamp=now_ms,
        members=tuple(sorted(members)),
        datasets=tuple(datasets),
        allocations=tuple(sorted((address_of(member), FIRST_COINS) for member in members)),
        parameters=parameters,
    )
