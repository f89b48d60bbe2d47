# SPDX-License-Identifier: Apache-2.0
"""Bursts by number and by name: the questions whose answers stand in tests/vectors/bursts.json.

Small cases differ in all that a burst depends on: network, operator, relatives, requirements,
schedule, and a start that is ordinary, at the ends of the ranges, or zero. A series is a network of
any size under several seeds; csrc/test/test_burst.c draws the same where no Python is.
Law of the file: everything comes from Prf streams of the number or the name; nothing is computed.
Read next: make_burst_vectors.py.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_94K,
    Architecture,
    ArchitectureOutOfRange,
    Layer,
    conv,
    dense,
)
from edge_node.spec.burst import BurstRules, BurstStart
from edge_node.spec.constants import BIAS_LATENT_MAX, LATENT_MAX
from edge_node.spec.encoding import encode
from edge_node.spec.model import Model, pack_weights
from edge_node.spec.training import LatentState, initial_state

SMALL_CASES = 1_000
MOST_SMALL_WEIGHTS = 1_000
SMALL_SAMPLES = 9

_KEPT_CASES = 1_024
_CHANCES = ((1, 0, 0), (1, 1, 1), (1, 5, 0), (1, 0, 5), (1, 6, 0), (1, 1, 6))
_SHARES_PPM = (0, 30_000, 200_000, 500_000)
_LATENT_SPREAD, _BIAS_SPREAD = 60, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The arguments of `run_burst`, and a name for messages."""

    name: str
    """Of its vector."""
    seed: bytes
    """32 bytes."""
    rules: BurstRules
    """Of the family."""
    start: BurstStart
    """The head and the relatives."""
    images: bytes
    """uint8 (N, rows, columns, channels)."""
    labels: bytes
    """u8 (N,)."""

    def arguments(self) -> tuple[bytes, BurstRules, BurstStart, bytes, bytes]:
        """Return what `run_burst` takes."""
        return self.seed, self.rules, self.start, self.images, self.labels

    def sha256(self) -> str:
        """Return SHA-256 over all of it: another hash is another question."""
        rules, start = self.rules, self.start
        numbers = [rules.steps, rules.batch, rules.requirements, rules.mutate_ppm, rules.cross_ppm]
        digest = hashlib.sha256()
        digest.update(
            encode(
                [
                    self.seed,
                    rules.architecture.value(),
                    numbers,
                    list(rules.weights),
                    [list(line) for line in rules.schedule],
                    start.latents,
                    [pack_weights(rules.architecture, r.weights) for r in start.relatives],
                    int(start.evolves),
                    start.samples_seen,
                    self.images,
                    self.labels,
                ]
            )
        )
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A network under several seeds; as `struct network` of csrc/test/test_burst.c."""

    name: str
    """From which all is drawn."""
    architecture: Architecture
    """The network."""
    steps: int
    """T."""
    batch: int
    """S."""
    samples: int
    """N: images to draw batches from, and to tell apart afterwards."""
    seeds: int
    """Bursts."""
    requirements: int = 1
    """k."""
    mutate_ppm: int = 5_000
    """Share of the latents that MUTATE strikes."""
    cross_ppm: int = 100_000
    """Share of each layer's latents that CROSS looks at."""
    relatives: int = 2
    """Models to cross with."""

    @property
    def label(self) -> str:
        """Name with T and S."""
        return f"{self.name} T={self.steps} S={self.batch}"

    @property
    def rules(self) -> BurstRules:
        """Every operator as often as another; half of the steps with a smaller exponent."""
        return BurstRules(
            architecture=self.architecture,
            steps=self.steps,
            batch=self.batch,
            requirements=self.requirements,
            mutate_ppm=self.mutate_ppm,
            cross_ppm=self.cross_ppm,
            weights=(1, 1, 1),
            schedule=((max(1, self.steps * self.batch // 2), 6), (1, 5)),
        )

    def cases(self) -> list[Case]:
        """Return the bursts, one for each seed, in the order in which C draws them too."""
        architecture, prf = self.architecture, Prf("test", f"burst {self.label}".encode())
        size = self.samples * architecture.image_bytes
        images = bytes(prf.below(256) for _ in range(size))
        labels = bytes(prf.below(architecture.classes) for _ in range(self.samples))
        start = BurstStart(
            latents=LatentState(
                latents=tuple(
                    _spread(prf, s.weight_count, _LATENT_SPREAD) for s in architecture.shapes
                ),
                biases=tuple(_spread(prf, s.channels, _BIAS_SPREAD) for s in architecture.shapes),
            ).packed(),
            relatives=tuple(_relative(architecture, prf) for _ in range(self.relatives)),
            evolves=True,
            samples_seen=0,
        )
        return [
            Case(
                name=f"{self.label} #{number}",
                seed=bytes(prf.below(256) for _ in range(32)),
                rules=self.rules,
                start=start,
                images=images,
                labels=labels,
            )
            for number in range(self.seeds)
        ]


REFERENCE = (
    Series(name="BINARY_4K", architecture=BINARY_4K, steps=4, batch=8, samples=20, seeds=8),
    Series(name="DENSE_256", architecture=DENSE_256, steps=4, batch=4, samples=20, seeds=6),
    Series(name="UINT8_94K", architecture=UINT8_94K, steps=4, batch=2, samples=20, seeds=6),
)
"""Twenty bursts that the law runs within a minute or so."""

PRODUCT = (
    Series(name="BINARY_4K", architecture=BINARY_4K, steps=16, batch=32, samples=42, seeds=4),
    Series(name="UINT8_94K", architecture=UINT8_94K, steps=4, batch=32, samples=42, seeds=4),
    Series(name="DENSE_256", architecture=DENSE_256, steps=32, batch=60, samples=44, seeds=4),
)
"""Bursts as long as networks ship them."""


@lru_cache(maxsize=_KEPT_CASES)
def small_case(number: int) -> Case:
    """Return a case on a network of at most MOST_SMALL_WEIGHTS weights."""
    prf = Prf("test", f"burst {number}".encode())
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
        latents=_small_start(architecture, prf).packed(),
        relatives=tuple(_relative(architecture, prf) for _ in range(1 + prf.below(4))),
        evolves=prf.below(8) != 0,
        samples_seen=prf.below(15),
    )
    return Case(
        name=str(number),
        seed=tagged_hash("test", str(number).encode()),
        rules=rules,
        start=start,
        images=_images(architecture, number),
        labels=bytes(prf.below(architecture.classes) for _ in range(SMALL_SAMPLES)),
    )


def small_architecture(prf: Prf) -> Architecture:
    """Return a network of at most MOST_SMALL_WEIGHTS weights."""
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
        if architecture.weight_count <= MOST_SMALL_WEIGHTS:
            return architecture


def _small_start(architecture: Architecture, prf: Prf) -> LatentState:
    kind = prf.below(5)
    if kind == 4:
        return initial_state(architecture, b"burst")
    return LatentState(
        latents=tuple(_numbers(prf, s.weight_count, LATENT_MAX, kind) for s in architecture.shapes),
        biases=tuple(_numbers(prf, s.channels, BIAS_LATENT_MAX, kind) for s in architecture.shapes),
    )


def _numbers(prf: Prf, count: int, most: int, kind: int) -> tuple[int, ...]:
    if kind == 0:  # all zeros
        return (0,) * count
    if kind == 1:  # at the ends
        return tuple((most - prf.below(3)) * (1, -1)[prf.below(2)] for _ in range(count))
    return _spread(prf, count, min(most, _LATENT_SPREAD))


def _spread(prf: Prf, count: int, most: int) -> tuple[int, ...]:
    return tuple(prf.below(2 * most + 1) - most for _ in range(count))


def _relative(architecture: Architecture, prf: Prf) -> Model:
    """Return a model that bursts can cross with, who ask for no thresholds."""
    return Model(
        architecture=architecture,
        weights=tuple(
            tuple(_bits([prf.below(2) for _ in range(s.fan_in)]) for _ in range(s.channels))
            for s in architecture.shapes
        ),
        thresholds=tuple((0,) * shape.channels for shape in architecture.shapes),
    )


def _bits(bits: Sequence[int]) -> int:
    """Return an integer, the first bit its lowest."""
    return int(bytes(48 + bit for bit in reversed(bits)), 2)


def _images(architecture: Architecture, number: int) -> bytes:
    """Return noise in which every third pixel lies next to the border of +1 and -1."""
    size = SMALL_SAMPLES * architecture.image_bytes
    noise = bytearray(hashlib.shake_128(f"burst images {number}".encode()).digest(size))
    noise[::3] = bytes(127 + (value & 1) for value in noise[::3])
    return bytes(noise)
