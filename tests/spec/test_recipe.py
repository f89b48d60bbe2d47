# SPDX-License-Identifier: Apache-2.0
"""Recipes: each step does exactly what it says, where the draw says, for this miner only."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.primitives.types import BlockHash, NetworkId, PublicKey
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from edge_node.spec.difference import hamming, weight_bits, weight_mask
from edge_node.spec.encoding import Decoded, decode, encode
from edge_node.spec.model import Model
from edge_node.spec.recipe import (
    MAX_NONCE,
    EvolutionRates,
    RecipeContext,
    Step,
    StepKind,
    StepMalformed,
    apply_recipe,
    flip_limit,
    step_from_value,
)
from tests.spec.samples import flipped, random_model

SMALL = Architecture(
    height=7, width=7, input_channels=1, input_bits=8, layers=(conv(4), conv(3), dense(3))
)
"""36 + 108 + 81 weights, 10 thresholds."""
BASE = random_model(SMALL, "base")
OTHER = random_model(SMALL, "other")
OPPOSITE = flipped(BASE, list(range(SMALL.weight_count)))
RATES = EvolutionRates(mutate_ppm=200_000, cross_ppm=100_000)
CONTEXT = RecipeContext(
    network=NetworkId(tagged_hash("test", b"network")),
    base=BlockHash(tagged_hash("test", b"base")),
    miner=PublicKey(tagged_hash("test", b"miner")),
)

steps = st.builds(
    Step,
    kind=st.sampled_from([StepKind.FLIP, StepKind.THRESHOLD]),
    nonce=st.integers(0, MAX_NONCE),
) | st.builds(
    Step,
    kind=st.just(StepKind.CROSS),
    nonce=st.integers(0, MAX_NONCE),
    partner=st.integers(0, 1),
)


def apply(*recipe: Step, base: Model = BASE, context: RecipeContext = CONTEXT) -> Model:
    return apply_recipe(base, (OTHER, OPPOSITE), recipe, RATES, context)


def flip(nonce: int) -> Step:
    return Step(kind=StepKind.FLIP, nonce=nonce)


def moved_thresholds(model: Model) -> list[int]:
    return [
        new - old
        for before, after in zip(BASE.thresholds, model.thresholds, strict=True)
        for old, new in zip(before, after, strict=True)
        if old != new
    ]


@given(steps)
def test_r_10_step_survives(step: Step) -> None:
    data = encode(step.value())
    assert step_from_value(decode(data, max_bytes=20)) == step


@pytest.mark.parametrize(
    "value",
    [
        -1,
        2,  # a crossover without its partner
        3,
        7,
        (MAX_NONCE + 1) << 2,
        (1 << 64) - 4,
        b"\0",
        "0",
        {},
        [],
        [2],
        [2, 0, 0],
        [0, 0],
        [1, 0],
        [3, 0],
        [2, -1],
        [2, b"\0"],
        [-2, 0],
        [(MAX_NONCE + 1) << 2 | 2, 0],
        [[2], 0],
    ],
)
def test_r_10_step_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(StepMalformed, match="R-10: the step must be"):
        step_from_value(value)


@given(st.integers(0, MAX_NONCE))
def test_r_10_flip_strikes_a_few_weights_of_one_channel(nonce: int) -> None:
    child = apply(flip(nonce))
    struck = [
        (shape, (mine ^ theirs).bit_count())
        for shape, before, after in zip(SMALL.shapes, BASE.weights, child.weights, strict=True)
        for mine, theirs in zip(before, after, strict=True)
        if mine != theirs
    ]
    ((shape, count),) = struck
    assert 1 <= count <= max(1, shape.fan_in * 200_000 // 1_000_000)
    assert child.thresholds == BASE.thresholds


def test_r_10_flip_strikes_where_the_draw_says() -> None:
    seed = b"".join(
        (
            CONTEXT.network,
            CONTEXT.base,
            CONTEXT.miner,
            (1).to_bytes(4, "little"),
            (77).to_bytes(8, "little"),
            b"\0",
        )
    )
    draws = Prf("recipe-step", seed)
    position = draws.below(SMALL.weight_count)
    start, fan_in = (0, 9) if position < 36 else (36, 36) if position < 144 else (144, 27)
    count = 1 + draws.below(max(1, fan_in * 200_000 // 1_000_000))
    channel = start + (position - start) // fan_in * fan_in
    expected = flipped(apply(flip(5)), [channel + bit for bit in draws.distinct(fan_in, count)])
    assert apply(flip(5), flip(77)) == expected


def test_flip_touches_one_weight_at_least() -> None:
    assert flip_limit(9, 50_000) == 1
    assert flip_limit(1_000, 50_000) == 50
    assert flip_limit(1, 0) == 1
    child = apply_recipe(BASE, (), (flip(1),), EvolutionRates(mutate_ppm=0, cross_ppm=0), CONTEXT)
    assert hamming(child, BASE) == 1


def test_r_10_large_channels_are_struck_more_often() -> None:
    strikes = [0, 0, 0]
    for nonce in range(600):
        child = apply(flip(nonce))
        strikes[[a != b for a, b in zip(child.weights, BASE.weights, strict=True)].index(True)] += 1
    # 36, 108 and 81 of 225 weights.
    assert 60 < strikes[0] < 135
    assert 240 < strikes[1] < 340
    assert 165 < strikes[2] < 270


@given(st.integers(0, MAX_NONCE))
def test_r_10_threshold_moves_by_one(nonce: int) -> None:
    child = apply(Step(kind=StepKind.THRESHOLD, nonce=nonce))
    assert child.weights == BASE.weights
    assert moved_thresholds(child) in ([1], [-1], [])


def test_r_10_threshold_at_its_end_stays() -> None:
    ends = tuple(
        (shape.threshold_range[index % 2],) * shape.channels
        for index, shape in enumerate(SMALL.shapes)
    )
    base = replace(BASE, thresholds=ends)
    for nonce in range(60):
        child = apply(Step(kind=StepKind.THRESHOLD, nonce=nonce), base=base)
        for shape, row in zip(SMALL.shapes, child.thresholds, strict=True):
            least, most = shape.threshold_range
            assert all(least <= threshold <= most for threshold in row)


@given(st.integers(0, MAX_NONCE))
def test_r_10_cross_takes_its_share_of_each_layer(nonce: int) -> None:
    child = apply(Step(kind=StepKind.CROSS, nonce=nonce, partner=1))
    taken = [
        sum((a ^ b).bit_count() for a, b in zip(before, after, strict=True))
        for before, after in zip(BASE.weights, child.weights, strict=True)
    ]
    assert taken == [3, 10, 8]  # a tenth of 36, 108 and 81, rounded down
    assert child.thresholds == BASE.thresholds


def test_r_10_cross_takes_from_the_partner_it_names() -> None:
    one, other = (apply(Step(kind=StepKind.CROSS, nonce=9, partner=p)) for p in (0, 1))
    for base, mine, partner in zip(BASE.weights, one.weights, OTHER.weights, strict=True):
        for b, m, p in zip(base, mine, partner, strict=True):
            assert (b ^ m) & ~(b ^ p) == 0  # what changed is the partner's
    assert one != other


@given(st.lists(steps, max_size=6))
def test_r_10_recipe_has_one_result(recipe: list[Step]) -> None:
    assert apply(*recipe) == apply(*recipe)


def test_r_10_empty_recipe_changes_nothing() -> None:
    assert apply() == BASE


def test_r_10_same_recipe_under_anything_else_gives_other_weights() -> None:
    recipe = [flip(nonce) for nonce in range(8)]
    contexts = [
        CONTEXT,
        replace(CONTEXT, miner=PublicKey(tagged_hash("test", b"copy-cat"))),
        replace(CONTEXT, base=BlockHash(tagged_hash("test", b"other base"))),
        replace(CONTEXT, network=NetworkId(tagged_hash("test", b"other network"))),
    ]
    results = [apply(*recipe, context=context) for context in contexts]
    results.append(apply(*reversed(recipe)))
    results.append(apply(*recipe[:-1], flip(99)))
    results.append(apply(*recipe[:-1], Step(kind=StepKind.THRESHOLD, nonce=7)))
    assert len({model.model_hash() for model in results}) == len(results)


def test_r_10_one_nonce_at_two_places_strikes_twice() -> None:
    twice = apply(flip(3), flip(3))
    assert twice != BASE  # the place enters the draw, so the second does not undo the first


def test_r_10_every_weight_can_be_struck() -> None:
    reached = 0
    for nonce in range(1_500):
        reached |= weight_bits(apply(flip(nonce))) ^ weight_bits(BASE)
    assert reached == weight_mask(SMALL)


def test_recipe_on_a_reference_family_keeps_the_architecture() -> None:
    base = random_model(BINARY_4K, "recipe")
    child = apply_recipe(
        base,
        (random_model(BINARY_4K, "partner"),),
        (flip(1), Step(kind=StepKind.CROSS, nonce=2), Step(kind=StepKind.THRESHOLD, nonce=3)),
        RATES,
        CONTEXT,
    )
    assert child.architecture == BINARY_4K
    assert 0 < hamming(base, child) <= 439 + 36
