# SPDX-License-Identifier: Apache-2.0
"""Bursts on which every runner must end where the law ends: random small networks, hard starts.

Each case differs in all that a burst depends on: network, operator, relatives, requirements,
schedule, and a start that is ordinary, at the ends of the ranges, or zero.
"""

from dataclasses import dataclass
from functools import cache

from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.spec import burst as law_module
from edge_node.spec.architecture import Architecture, ArchitectureOutOfRange, Layer, conv, dense
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX
from edge_node.spec.training import LatentState, initial_state
from tests.spec.samples import random_images, random_labels, random_model, stream

CASES = 66
MOST_WEIGHTS = 1_000
SAMPLES = 9

_CHANCES = ((1, 0, 0), (1, 1, 1), (1, 5, 0), (1, 0, 5), (1, 6, 0), (1, 1, 6))
_SHARES_PPM = (0, 30_000, 200_000, 500_000)


@dataclass(frozen=True, kw_only=True)
class Case:
    """The arguments of `run_burst`."""

    seed: bytes
    rules: BurstRules
    start: BurstStart
    images: bytes
    labels: bytes


def small_architecture(prf: Prf) -> Architecture:
    while True:
        layers: list[Layer] = []
        for _ in range(prf.below(3)):
            kernel, pool = 1 + prf.below(3), prf.below(2) == 0
            layers.append(conv(1 + prf.below(9), kernel=kernel, pool=pool))
        layers += [dense(1 + prf.below(17))] * prf.below(2)
        try:
            architecture = Architecture(
                height=2 + prf.below(7),
                width=2 + prf.below(7),
                input_channels=(1, 1, 2)[prf.below(3)],
                input_bits=(1, 8)[prf.below(2)],
                layers=(*layers, dense(2 + prf.below(4))),
            )
        except ArchitectureOutOfRange:
            continue
        if architecture.weight_count <= MOST_WEIGHTS:
            return architecture


def _numbers(prf: Prf, count: int, most: int, kind: int) -> tuple[int, ...]:
    if kind == 0:  # all zeros
        return (0,) * count
    if kind == 1:  # at the ends
        return tuple((most - prf.below(3)) * (1, -1)[prf.below(2)] for _ in range(count))
    spread = min(most, 60)
    return tuple(prf.below(2 * spread + 1) - spread for _ in range(count))


def start_latents(architecture: Architecture, prf: Prf) -> LatentState:
    kind = prf.below(5)
    if kind == 4:
        return initial_state(architecture, b"burst")
    return LatentState(
        latents=tuple(_numbers(prf, s.weight_count, LATENT_MAX, kind) for s in architecture.shapes),
        biases=tuple(_numbers(prf, s.channels, BIAS_LATENT_MAX, kind) for s in architecture.shapes),
    )


@cache
def case(number: int) -> Case:
    prf = stream(f"burst {number}")
    architecture = small_architecture(prf)
    rules = BurstRules(
        architecture=architecture,
        steps=1 + prf.below(3),
        batch=1 + prf.below(5),
        requirements=min(prf.below(7), architecture.channel_count),
        mutate_ppm=_SHARES_PPM[prf.below(4)],
        cross_ppm=_SHARES_PPM[prf.below(4)],
        weights=_CHANCES[number % len(_CHANCES)],
        schedule=((8, 6), (12, 40), (1, 3)),
    )
    start = BurstStart(
        latents=start_latents(architecture, prf).packed(),
        relatives=tuple(
            random_model(architecture, f"relative {number} {i}") for i in range(1 + prf.below(4))
        ),
        evolves=prf.below(8) != 0,
        samples_seen=prf.below(15),
    )
    return Case(
        seed=tagged_hash("test", str(number).encode()),
        rules=rules,
        start=start,
        images=random_images(architecture, SAMPLES, str(number)),
        labels=random_labels(architecture, SAMPLES, str(number)),
    )


def arguments(case: Case) -> tuple[bytes, BurstRules, BurstStart, bytes, bytes]:
    return case.seed, case.rules, case.start, case.images, case.labels


@cache
def law(number: int) -> BurstResult:
    """Return what the law comes to."""
    return law_module.run_burst(*arguments(case(number)))


def silent_case(requirements: int) -> Case:
    """Return a case in which every image is told right without any doubt: no error, no gradient."""
    architecture = Architecture(
        height=12, width=12, input_channels=1, input_bits=1, layers=(dense(2),)
    )
    size = architecture.image_bytes
    return Case(
        seed=tagged_hash("test", b"silent"),
        rules=BurstRules(
            architecture=architecture,
            steps=2,
            batch=3,
            requirements=requirements,
            mutate_ppm=0,
            cross_ppm=0,
            weights=(1, 0, 0),
            schedule=((1, 3),),
        ),
        start=BurstStart(
            latents=LatentState(latents=((5,) * size + (-5,) * size,), biases=((0, 0),)).packed(),
            relatives=(),
            evolves=True,
            samples_seen=0,
        ),
        images=b"\xff" * SAMPLES * size,
        labels=bytes(SAMPLES),
    )
