# SPDX-License-Identifier: Apache-2.0
"""The climb on every path and in numpy: the law replays it, counts it, and all paths agree."""

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from edge_node.kernels import recipe as twin
from edge_node.kernels.climb import Climber, RecipeFull
from edge_node.kernels.evaluation import CompiledImages, ImagesDoNotFit, NumpyImages, SlicedImages
from edge_node.kernels.numpy_climb import KINDS, RACE_IMAGES
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, NetworkId, PublicKey
from edge_node.spec import evaluation as law
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from edge_node.spec.model import Model
from edge_node.spec.recipe import (
    MAX_NONCE,
    EvolutionRates,
    RecipeContext,
    Step,
    StepKind,
    apply_recipe,
)
from tests.kernels.compiled import PATHS, need_library, this_cpus_path
from tests.spec.samples import random_architecture, random_images, random_model

pytestmark = pytest.mark.arm

Slice = Callable[[Architecture, bytes], SlicedImages]

CONTEXT = RecipeContext(
    network=NetworkId(tagged_hash("test", b"network")),
    base=BlockHash(tagged_hash("test", b"base")),
    miner=PublicKey(tagged_hash("test", b"miner")),
)
RATES = EvolutionRates(mutate_ppm=150_000, cross_ppm=50_000)
COUNT = 530
RANDOM_NETWORKS = ("0", "3", "13")
SMALL = Architecture(
    height=7, width=6, input_channels=1, input_bits=1, layers=(conv(4), conv(4), dense(4))
)
NETWORKS: Mapping[str, Architecture] = {
    "small": SMALL,
    "tabled": replace(SMALL, layers=(conv(8), conv(8), dense(9))),
    "one layer": replace(SMALL, layers=(dense(3),)),
    "padded": replace(SMALL, layers=(conv(9, same=True), conv(8, same=True, pool=True), dense(3))),
    "pixels": replace(
        SMALL, input_bits=8, layers=(conv(3, pool=True), conv(9, kernel=2), dense(3))
    ),
    **{name: random_architecture(f"climb {name}") for name in RANDOM_NETWORKS},
}


@pytest.fixture(params=["numpy", *PATHS])
def sliced(request: pytest.FixtureRequest) -> Slice:
    return slicer(request.param)


def slicer(name: str) -> Slice:
    if name == "numpy":
        return NumpyImages
    return functools.partial(CompiledImages, path=this_cpus_path(name))


@functools.cache
def images_and_labels(architecture: Architecture) -> tuple[bytes, bytes]:
    """Return images whose labels are those of a network not far from the base."""
    images = random_images(architecture, COUNT, "climb")
    steps = [Step(kind=StepKind.FLIP, nonce=nonce) for nonce in range(20)]
    teacher = apply_recipe(base_of(architecture), [], steps, RATES, CONTEXT)
    logits = law.all_logits(teacher, law.slice_images(architecture, images))
    return images, bytes(row.index(max(row)) for row in logits)


def base_of(architecture: Architecture) -> Model:
    return random_model(architecture, "base")


def climber(
    sliced: Slice,
    architecture: Architecture = SMALL,
    *,
    max_steps: int = 150,
    margin: int = 3,
    context: RecipeContext = CONTEXT,
) -> Climber:
    images, labels = images_and_labels(architecture)
    return Climber(
        sliced(architecture, images),
        labels,
        base_of(architecture),
        context,
        RATES,
        max_steps=max_steps,
        margin=margin,
    )


def replay(model: Model, steps: Sequence[Step], first_index: int) -> Model:
    """Make a part of a recipe again."""
    return twin.apply_recipe(model, (), steps, RATES, CONTEXT, first_index=first_index)


def check_by_law(climb: Climber, partners: tuple[Model, ...] = ()) -> None:
    """Check model and count against a replay of the recipe."""
    model = climb.model()
    base = base_of(model.architecture)
    assert apply_recipe(base, partners, climb.steps, RATES, CONTEXT) == model
    images, labels = images_and_labels(model.architecture)
    oracle = law.slice_images(model.architecture, images)
    assert law.count_correct(model, oracle, labels) == climb.correct


@functools.cache
def way_of_numpy(name: str) -> tuple[Step, ...]:
    return climber(NumpyImages, NETWORKS[name]).climb(40).steps


@pytest.mark.parametrize("name", NETWORKS)
def test_the_law_makes_and_counts_the_same_model(sliced: Slice, name: str) -> None:
    climb = climber(sliced, NETWORKS[name])
    before = climb.correct
    check_by_law(climb)
    result = climb.climb(40)
    assert result.steps == climb.steps == way_of_numpy(name)
    assert result.correct == climb.correct >= before
    assert result.tried == 40
    check_by_law(climb)


def test_it_climbs(sliced: Slice) -> None:
    climb = climber(sliced)
    before = climb.correct
    assert climb.climb(200).correct > before
    assert {step.kind for step in climb.steps} == {StepKind.FLIP, StepKind.THRESHOLD}
    for step in climb.steps:
        assert (step.kind is StepKind.THRESHOLD) == (step.nonce % KINDS == KINDS - 1)


def test_a_climb_in_parts_is_the_same_climb(sliced: Slice) -> None:
    whole, parts = climber(sliced), climber(sliced)
    whole.climb(50)
    assert sum(parts.climb(share).tried for share in (0, 1, 7, 42)) == 50
    assert parts.steps == whole.steps


def test_no_step_is_worse_nor_without_effect(sliced: Slice) -> None:
    climb = climber(sliced)
    climb.climb(80)
    images, labels = images_and_labels(SMALL)
    oracle = law.slice_images(SMALL, images)
    correct, model = 0, base_of(SMALL)
    for index, step in enumerate(climb.steps):
        child = replay(model, [step], index)
        count = law.count_correct(child, oracle, labels)
        assert count >= correct
        assert child != model
        correct, model = count, child
    assert model == climb.model()


def test_a_threshold_at_its_end_is_no_step(sliced: Slice) -> None:
    """Here every move is neutral, so exactly those are no steps that change nothing."""
    architecture = replace(SMALL, layers=(dense(1), dense(2)))
    images, _ = images_and_labels(architecture)
    least = architecture.shapes[0].threshold_range[0]
    model = Model(architecture=architecture, weights=((0,), (0, 0)), thresholds=((least,), (99, 0)))
    climb = Climber(sliced(architecture, images), bytes(COUNT), model, CONTEXT, RATES, max_steps=60)
    stuck = 0
    for round_number in range(60):
        step = Step(kind=StepKind.THRESHOLD, nonce=KINDS * round_number + KINDS - 1)
        child = replay(model, [step], len(climb.steps))
        climb.start_at(step.nonce)
        climb.climb(1)
        assert (climb.steps[-1:] == (step,)) == (child != model)
        stuck += child == model
        model = child
    assert climb.model() == model
    assert stuck > 2  # otherwise this test has shown nothing


def test_racing_only_rejects(sliced: Slice) -> None:
    """Without racing the first step is the first candidate that is not worse in the end."""
    images, labels = images_and_labels(SMALL)
    oracle = law.slice_images(SMALL, images)
    free, raced = climber(sliced, margin=COUNT), climber(sliced, margin=0)
    good = []
    for nonce in range(60):
        step = Step(kind=StepKind(nonce % KINDS == KINDS - 1), nonce=nonce)
        if law.count_correct(replay(base_of(SMALL), [step], 0), oracle, labels) >= free.correct:
            good.append(nonce)
    assert free.climb(good[0]).steps == ()
    assert free.climb(1).steps[0].nonce == good[0]
    raced.climb(60)
    assert raced.steps[0].nonce in good
    assert COUNT > 2 * RACE_IMAGES


def test_steps_end_at_their_limit(sliced: Slice) -> None:
    climb = climber(sliced, max_steps=2)
    result = climb.climb(500)
    assert len(result.steps) == 2
    assert result.tried < 500
    assert climb.climb(100).tried == 0
    step = Step(kind=StepKind.CROSS, nonce=0)
    assert not climb.try_cross(step, base_of(SMALL))
    with pytest.raises(RecipeFull, match="2 steps"):
        climb.apply(step, base_of(SMALL))
    check_by_law(climb)


def test_nonces_begin_where_they_are_told_and_end(sliced: Slice) -> None:
    climb = climber(sliced)
    climb.start_at(1000)
    climb.climb(50)
    assert climb.steps[0].nonce >= 1000
    assert all(step.nonce < 100 for step in climb.steps[1:])
    check_by_law(climb)
    last = climber(sliced, max_steps=1)
    last.start_at(MAX_NONCE)
    assert last.climb(10).tried == 1
    assert last.climb(10).tried == 0


def test_another_miner_climbs_another_way(sliced: Slice) -> None:
    other = replace(CONTEXT, miner=PublicKey(tagged_hash("test", b"other")))
    mine, theirs = climber(sliced), climber(sliced, context=other)
    mine.climb(40)
    theirs.climb(40)
    assert mine.model() != theirs.model()


def test_steps_of_an_earlier_climb_are_made_again(sliced: Slice) -> None:
    first, second = climber(sliced), climber(sliced)
    first.climb(80)
    for step in first.steps:
        second.apply(step)
    assert second.model() == first.model()
    assert second.correct == first.correct
    harmful = Step(kind=StepKind.FLIP, nonce=12_345)
    second.apply(harmful)
    assert second.steps[-1] == harmful
    check_by_law(second)
    second.climb(40)
    check_by_law(second)


def test_crossover_is_kept_if_it_does_no_harm(sliced: Slice) -> None:
    stranger, base = random_model(SMALL, "stranger"), base_of(SMALL)
    climb = climber(sliced)
    climb.climb(60)
    for nonce in range(12):
        before, steps = climb.correct, climb.steps
        kept = climb.try_cross(Step(kind=StepKind.CROSS, nonce=nonce, partner=1), stranger)
        assert kept == (climb.correct >= before and climb.steps != steps)
        check_by_law(climb, (base, stranger))
    assert not climb.try_cross(Step(kind=StepKind.CROSS, nonce=0), climb.model())
    climb.apply(Step(kind=StepKind.CROSS, nonce=99, partner=1), stranger)
    climb.climb(40)
    assert any(step.kind is StepKind.CROSS for step in climb.steps)
    check_by_law(climb, (base, stranger))


def test_a_copy_goes_its_own_way(sliced: Slice) -> None:
    climb = climber(sliced)
    climb.climb(50)
    other = climb.copy()
    model, steps = climb.model(), climb.steps
    assert (other.model(), other.steps, other.correct) == (model, steps, climb.correct)
    other.climb(60)
    assert (climb.model(), climb.steps) == (model, steps)
    climb.climb(60)
    assert climb.steps == other.steps
    check_by_law(other)


def test_images_live_as_long_as_the_climber(sliced: Slice) -> None:
    climbs = [climber(sliced) for _ in range(3)]  # nobody else holds their images
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda climb: climb.climb(30), climbs))
    assert len({result.steps for result in results}) == 1


def test_labels_of_other_images_are_refused(sliced: Slice) -> None:
    images, labels = images_and_labels(SMALL)
    with pytest.raises(ImagesDoNotFit, match="labels"):
        Climber(sliced(SMALL, images), labels[1:], base_of(SMALL), CONTEXT, RATES, max_steps=1)


@pytest.mark.slow
def test_logit_biases_may_wander_far() -> None:
    """Further than csrc/climb.c plans for, so that it must make its plan anew on the way."""
    need_library()
    sliced, architecture = CompiledImages, replace(SMALL, layers=(dense(2),))
    images, _ = images_and_labels(architecture)
    base = Model(architecture=architecture, weights=((0, 0),), thresholds=((100, 0),))
    climb = Climber(
        sliced(architecture, images), bytes(COUNT), base, CONTEXT, RATES, max_steps=20_000
    )
    moved = 0
    while moved <= 64:
        for _ in range(500):
            climb.start_at(KINDS - 1)
            assert climb.climb(1).tried == 1
        pairs = zip(climb.model().thresholds[0], base.thresholds[0], strict=True)
        moved = max(abs(new - old) for new, old in pairs)
    oracle = law.slice_images(architecture, images)
    assert law.count_correct(climb.model(), oracle, bytes(COUNT)) == climb.correct
    assert apply_recipe(base, (), climb.steps, RATES, CONTEXT) == climb.model()


@pytest.mark.parametrize("name", PATHS)
def test_the_reference_family_climbs_by_the_law(name: str) -> None:
    climb = climber(slicer(name), BINARY_4K, max_steps=60)
    before = climb.correct
    assert climb.climb(3000).correct > before
    check_by_law(climb)
