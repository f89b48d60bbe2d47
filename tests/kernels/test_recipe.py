# SPDX-License-Identifier: Apache-2.0
"""Recipes replayed in C against the law: every kind of step, long draws, parts of recipes."""

import ctypes
from collections.abc import Sequence

import pytest

from edge_node.kernels import recipe as twin
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, NetworkId, PublicKey
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, Architecture, conv, dense
from edge_node.spec.recipe import (
    MAX_NONCE,
    EvolutionRates,
    RecipeContext,
    Step,
    StepKind,
    apply_recipe,
)
from tests.kernels.compiled import need_library
from tests.spec.samples import random_architecture, random_model, stream

pytestmark = pytest.mark.arm

CONTEXT = RecipeContext(
    network=NetworkId(tagged_hash("test", b"network")),
    base=BlockHash(tagged_hash("test", b"base")),
    miner=PublicKey(tagged_hash("test", b"miner")),
)
RATES = EvolutionRates(mutate_ppm=100_000, cross_ppm=100_000)
SMALL = Architecture(
    height=7, width=7, input_channels=1, input_bits=8, layers=(conv(4), conv(3), dense(3))
)
PARTNERS = 3


@pytest.fixture(params=["compiled", "law"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library() -> ctypes.CDLL | None:
        return None

    if request.param == "law":
        monkeypatch.setattr(twin, "load_library", no_library)
    else:
        need_library()


def random_steps(seed: str, count: int) -> list[Step]:
    prf = stream(seed)
    return [
        Step(
            kind=StepKind(prf.below(3)),
            nonce=prf.below((8, MAX_NONCE + 1)[prf.below(2)]),
            partner=prf.below(PARTNERS),
        )
        for _ in range(count)
    ]


def check(architecture: Architecture, steps: Sequence[Step], rates: EvolutionRates = RATES) -> None:
    base = random_model(architecture, "base")
    partners = [random_model(architecture, f"partner {i}") for i in range(PARTNERS)]
    expected = apply_recipe(base, partners, steps, rates, CONTEXT)
    assert twin.apply_recipe(base, partners, steps, rates, CONTEXT) == expected
    middle = len(steps) // 2
    half = twin.apply_recipe(base, partners, steps[:middle], rates, CONTEXT)
    rest = steps[middle:]
    whole = twin.apply_recipe(half, partners, rest, rates, CONTEXT, first_index=middle)
    assert whole == expected


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("number", range(8))
def test_random_recipes_on_random_networks(number: int) -> None:
    check(random_architecture(f"recipe {number}"), random_steps(str(number), 30))


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K], ids=["BINARY_4K", "UINT8_4K"])
def test_reference_families(architecture: Architecture) -> None:
    check(architecture, random_steps("family", 60))


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("kind", StepKind)
@pytest.mark.parametrize("ppm", [0, 1, 1_000_000])
def test_rates_at_their_ends(kind: StepKind, ppm: int) -> None:
    """At 1,000,000 ppm a step may strike all weights: draws of many SHAKE-128 blocks."""
    steps = [Step(kind=kind, nonce=nonce, partner=nonce % PARTNERS) for nonce in range(12)]
    check(SMALL, steps, EvolutionRates(mutate_ppm=ppm, cross_ppm=ppm))


@pytest.mark.usefixtures("_way")
def test_thresholds_stay_in_their_ranges() -> None:
    """In so small a network every threshold meets both ends."""
    tiny = Architecture(
        height=1, width=1, input_channels=1, input_bits=1, layers=(dense(1), dense(2))
    )
    steps = [Step(kind=StepKind.THRESHOLD, nonce=nonce) for nonce in range(200)]
    check(tiny, steps)


@pytest.mark.usefixtures("_way")
def test_an_empty_recipe_changes_nothing() -> None:
    base = random_model(SMALL, "base")
    assert twin.apply_recipe(base, [], [], RATES, CONTEXT) == base
