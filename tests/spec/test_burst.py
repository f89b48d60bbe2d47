# SPDX-License-Identifier: Apache-2.0
"""A burst, part by part: what its seed covers and draws, what is struck, what must have moved."""

from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    BlockHash,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    NetworkId,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec import burst, constants, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Header
from edge_node.spec.burst import BurstRules, BurstStart, Drawn, Operator
from edge_node.spec.constants import PPM
from edge_node.spec.model import Model
from edge_node.spec.training import LatentState, initial_state
from tests.spec.samples import random_images, random_labels, random_model
from tests.spec.toy_chain import ARCHITECTURE, THIRD_ARCHITECTURE
from tests.spec.toy_lottery import LOTTERY

HEADER = Header(
    version=1,
    network=NetworkId(Hash32(b"n" * 32)),
    height=Height(5),
    previous_hash=BlockHash(Hash32(b"p" * 32)),
    previous_model_hash=BlockHash(Hash32(b"m" * 32)),
    timestamp=TimestampMs(1_000),
    family=FamilyId(Hash32(b"f" * 32)),
    generation=2,
    rung=1,
    target=Hash32(b"t" * 32),
    history_root=Hash32(b"h" * 32),
    state_root=Hash32(b"s" * 32),
    tx_root=Hash32(b"x" * 32),
    miner=PublicKey(b"k" * 32),
    nonce=7,
    proof_root=Hash32(b"q" * 32),
    latent_root=Hash32(b"l" * 32),
    model_hash=ModelHash(Hash32(b"w" * 32)),
    correct_count=9,
    signature=Signature(bytes(64)),
)
RESULTS = {"proof_root", "latent_root", "model_hash", "correct_count", "signature"}
"""What is known once the burst is over."""

NETS = [ARCHITECTURE, THIRD_ARCHITECTURE]
WEIGHTS = ARCHITECTURE.weight_count


def rules(architecture: Architecture = ARCHITECTURE, **changes: object) -> BurstRules:
    return replace(burst.rules_for(architecture, LOTTERY), **changes)  # type: ignore[arg-type]  # as told


def latents(architecture: Architecture = ARCHITECTURE, name: bytes = b"start") -> LatentState:
    return initial_state(architecture, name)


def start(
    state: LatentState, *, relatives: tuple[Model, ...] = (), evolves: bool = True, seen: int = 0
) -> BurstStart:
    return BurstStart(
        latents=state.packed(), relatives=relatives, evolves=evolves, samples_seen=seen
    )


def seeds(count: int, name: str = "burst") -> list[Hash32]:
    return [tagged_hash("test", f"{name} {i}".encode()) for i in range(count)]


def seed_that_draws(operator: Operator, the_rules: BurstRules, begin: BurstStart) -> Hash32:
    return next(
        seed
        for seed in seeds(1_000)
        if burst.draw_operator(seed, the_rules, begin).operator is operator
    )


def moved(before: LatentState, after: LatentState) -> list[list[int]]:
    """Return for each layer the places where latents are not the same."""
    return [
        [i for i, pair in enumerate(zip(*rows, strict=True)) if pair[0] != pair[1]]
        for rows in zip(before.latents, after.latents, strict=True)
    ]


def test_r_69_seed_is_of_every_field_before_the_work_and_of_no_other() -> None:
    seed = burst.seed_of(HEADER)
    found: Counter[str] = Counter()
    for field in fields(Header):
        value = getattr(HEADER, field.name)
        other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
        changed = replace(HEADER, **{field.name: other})  # type: ignore[arg-type]  # of its own type
        found[field.name] = int(burst.seed_of(changed) != seed)
    assert {name for name in found if not found[name]} == RESULTS
    assert sum(found.values()) == len(fields(Header)) - len(RESULTS) == 15


def test_r_69_fields_that_change_places_give_another_seed() -> None:
    turned = replace(HEADER, generation=HEADER.rung, rung=HEADER.generation)
    assert burst.seed_of(turned) != burst.seed_of(HEADER)


def test_r_69_operators_come_by_their_weights() -> None:
    weighed = rules(weights=(14, 1, 1))
    begin = start(latents(), relatives=(random_model(ARCHITECTURE, "one"),) * 5)
    drawn = [burst.draw_operator(seed, weighed, begin) for seed in seeds(3_200)]
    found = Counter(each.operator for each in drawn)
    assert 2_720 < found[Operator.CONTINUE] < 2_880  # 2,800 +- 4 sigma
    assert 150 < found[Operator.MUTATE] < 255  # 200
    assert 150 < found[Operator.CROSS] < 255
    partners = Counter(each.partner for each in drawn if each.operator is Operator.CROSS)
    assert sorted(partners) == [0, 1, 2, 3, 4]
    assert {each.partner for each in drawn if each.operator is not Operator.CROSS} == {0}


@pytest.mark.parametrize(
    ("weights", "operators"),
    [
        ((1, 0, 0), {Operator.CONTINUE}),
        ((1, 3, 0), {Operator.CONTINUE, Operator.MUTATE}),
        ((1, 0, 3), {Operator.CONTINUE, Operator.CROSS}),
    ],
)
def test_r_69_operator_without_weight_is_never_drawn(
    weights: tuple[int, int, int], operators: set[Operator]
) -> None:
    begin = start(latents(), relatives=(random_model(ARCHITECTURE, "one"),))
    the_rules = rules(weights=weights)
    assert {burst.draw_operator(s, the_rules, begin).operator for s in seeds(100)} == operators


def test_r_69_incomplete_population_only_continues() -> None:
    begin = start(latents(), evolves=False)
    for seed in seeds(200):
        assert burst.draw_operator(seed, rules(), begin) == Drawn(operator=Operator.CONTINUE)


def test_r_70_what_continues_is_the_head() -> None:
    begin = start(latents(), evolves=False)
    assert burst.varied(seeds(1)[0], rules(), begin) == latents()


@pytest.mark.parametrize("share_ppm", [0, 1, 6_944, 6_945, 50_000, 500_000])
@pytest.mark.parametrize("architecture", NETS)
def test_r_70_mutation_turns_exactly_its_share(architecture: Architecture, share_ppm: int) -> None:
    the_rules = rules(architecture, mutate_ppm=share_ppm, weights=(1, 9, 0))
    before = latents(architecture)
    begin = start(before)
    for seed in seeds(8):
        if burst.draw_operator(seed, the_rules, begin).operator is not Operator.MUTATE:
            continue
        after = burst.varied(seed, the_rules, begin)
        places = moved(before, after)
        assert sum(map(len, places)) == architecture.weight_count * share_ppm // PPM
        for layer, row in enumerate(places):
            for place in row:
                old = before.latents[layer][place]
                assert after.latents[layer][place] == (-old if old else -1)
        assert after.biases == before.biases


def test_r_70_mutation_strikes_another_place_for_another_seed() -> None:
    the_rules, begin = rules(weights=(1, 999_999, 0)), start(latents())
    struck = [moved(latents(), burst.varied(seed, the_rules, begin)) for seed in seeds(20)]
    assert all(one != other for one, other in pairwise(struck))
    hit = {(layer, place) for each in struck for layer, row in enumerate(each) for place in row}
    assert {layer for layer, _ in hit} == {0, 1}
    assert len(hit) > WEIGHTS // 2


def test_r_70_zero_becomes_minus_one() -> None:
    zeros = LatentState(latents=((0,) * 36, (0,) * 108), biases=((5,) * 4, (-6,) * 3))
    the_rules, begin = rules(weights=(1, 999_999, 0)), start(zeros)
    after = burst.varied(seeds(1)[0], the_rules, begin)
    assert sorted(v for row in after.latents for v in row) == [-1] * 7 + [0] * 137
    assert after.biases == zeros.biases


@pytest.mark.parametrize("most", [32_767, -32_767])
def test_r_70_greatest_latent_turns_and_does_not_leave_its_range(most: int) -> None:
    full = LatentState(latents=((most,) * 36, (most,) * 108), biases=((0,) * 4, (0,) * 3))
    the_rules, begin = rules(weights=(1, 999_999, 0)), start(full)
    after = burst.varied(seeds(1)[0], the_rules, begin)
    assert Counter(v for row in after.latents for v in row) == {most: 137, -most: 7}
    assert training.state_from_packed(ARCHITECTURE, after.packed()) == after


def bits(model: Model, layer: int) -> list[int]:
    shape = model.architecture.shapes[layer]
    return [row >> i & 1 for row in model.weights[layer] for i in range(shape.fan_in)]


@pytest.mark.parametrize("share_ppm", [0, 1, 100_000, 500_000])
@pytest.mark.parametrize("architecture", NETS)
def test_r_70_crossing_turns_what_differs_at_its_share_of_each_layer(
    architecture: Architecture, share_ppm: int
) -> None:
    before = latents(architecture)
    own = training.model_from_state(architecture, before)
    opposite = replace(
        own,
        weights=tuple(
            tuple(row ^ ((1 << shape.fan_in) - 1) for row in rows)
            for shape, rows in zip(architecture.shapes, own.weights, strict=True)
        ),
    )
    the_rules = rules(architecture, cross_ppm=share_ppm, weights=(1, 0, 999_999))
    for seed in seeds(4):
        all_of_it = burst.varied(seed, the_rules, start(before, relatives=(opposite,)))
        for shape, places in zip(architecture.shapes, moved(before, all_of_it), strict=True):
            assert len(places) == shape.weight_count * share_ppm // PPM
        assert burst.varied(seed, the_rules, start(before, relatives=(own,))) == before
        other = random_model(architecture, f"partner {seed.hex()}")
        after = burst.varied(seed, the_rules, start(before, relatives=(other,)))
        for layer, (some, looked_at) in enumerate(
            zip(moved(before, after), moved(before, all_of_it), strict=True)
        ):
            mine, theirs = bits(own, layer), bits(other, layer)
            assert some == [i for i in looked_at if mine[i] != theirs[i]]
            now = bits(training.model_from_state(architecture, after), layer)
            assert all(now[i] == theirs[i] for i in looked_at)
        assert after.biases == before.biases


def test_r_70_crossing_is_with_the_partner_that_was_drawn() -> None:
    relatives = tuple(random_model(ARCHITECTURE, f"relative {i}") for i in range(16))
    the_rules, begin = rules(weights=(1, 0, 999_999)), start(latents(), relatives=relatives)
    for seed in seeds(6):
        drawn = burst.draw_operator(seed, the_rules, begin)
        alone = replace(begin, relatives=(relatives[drawn.partner],) * 16)
        assert burst.varied(seed, the_rules, alone) == burst.varied(seed, the_rules, begin)


def test_r_70_batches_come_from_the_seed_alone() -> None:
    the_rules = rules(steps=3, batch=5)
    one, other = (burst.batch_indices(seed, the_rules, 200) for seed in seeds(2))
    assert one == burst.batch_indices(seeds(1)[0], the_rules, 200)
    assert one != other
    assert len(one) == the_rules.samples == 15
    assert all(0 <= index < 200 for index in one + other)


IMAGES = random_images(ARCHITECTURE, 30, "burst")
LABELS = random_labels(ARCHITECTURE, 30, "burst")


@pytest.mark.parametrize("architecture", NETS)
@pytest.mark.parametrize("operator", list(Operator))
def test_r_70_burst_is_its_start_trained_on_its_batches(
    architecture: Architecture, operator: Operator
) -> None:
    images, labels = random_images(architecture, 30, "b"), random_labels(architecture, 30, "b")
    the_rules = rules(architecture, steps=3)
    begin = start(
        latents(architecture), relatives=(random_model(architecture, "relative"),), seen=20
    )
    seed = seed_that_draws(operator, the_rules, begin)
    result = burst.run_burst(seed, the_rules, begin, images, labels)
    trained = training.train(
        architecture,
        burst.varied(seed, the_rules, begin),
        images,
        labels,
        burst.batch_indices(seed, the_rules, 30),
        the_rules.batch,
        the_rules.schedule,
        20,
    )
    assert result.latents == trained.packed()
    assert result.latent_root == trained.root()
    assert result.model == training.model_from_state(architecture, trained)
    assert burst.run_burst(seed, the_rules, begin, images, labels) == result


def test_r_70_step_size_follows_what_the_family_has_seen() -> None:
    the_rules = rules(schedule=((8, 9), (16, 4), (1, 2)), steps=2)
    seed = seeds(1)[0]
    for seen, sizes in ((0, {512}), (4, {512, 16}), (8, {16}), (1_000, {4})):
        begin = start(latents(), evolves=False, seen=seen)
        after = burst.run_burst(seed, the_rules, begin, IMAGES, LABELS).latents
        state = training.state_from_packed(ARCHITECTURE, after)
        differences = {
            abs(new - old)
            for rows in zip(state.latents, latents().latents, strict=True)
            for new, old in zip(*rows, strict=True)
        }
        sums = (
            {0}
            | {a + b for a in sizes | {0} for b in sizes | {0}}
            | {abs(a - b) for a in sizes for b in sizes}
        )
        assert differences <= sums
        assert differences & sizes


def test_r_71_requirements_are_of_distinct_neurons_and_fill_them() -> None:
    the_rules = rules(requirements=7)  # 4 + 3 neurons: all that there are
    ends = [9, 18, 27, 36, 72, 108, 144]
    for seed in seeds(20):
        drawn = burst.requirements(seed, ZERO_HASH, the_rules)
        neurons = [next(n for n, end in enumerate(ends) if weight < end) for weight, _ in drawn]
        assert sorted(neurons) == list(range(7))


def test_r_71_both_directions_and_all_weights_are_asked_for() -> None:
    asked = [burst.requirements(seed, ZERO_HASH, rules())[0] for seed in seeds(2_000)]
    assert {weight for weight, _ in asked} == set(range(WEIGHTS))
    assert 900 < sum(direction == 1 for _, direction in asked) < 1_100
    assert {direction for _, direction in asked} == {1, -1}


def test_r_71_an_odd_number_is_a_decrease() -> None:
    class Fixed:
        def __init__(self, *numbers: int) -> None:
            self._numbers = list(numbers)

        def below(self, limit: int) -> int:
            assert limit == 2 * WEIGHTS
            return self._numbers.pop(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(burst, "Prf", lambda _tag, _seed: Fixed(7, 6, 287, 286, 20))
        drawn = burst.requirements(b"", ZERO_HASH, rules(requirements=3))
    # 6 is of the first neuron as 7 is; 286 as 287 of the last.
    assert drawn == [(3, -1), (143, -1), (10, 1)]


def test_r_71_requirements_change_with_the_result() -> None:
    seed, other = seeds(2)
    four = rules(requirements=4)
    drawn = burst.requirements(seed, ZERO_HASH, four)
    assert drawn == burst.requirements(seed, ZERO_HASH, four)
    assert drawn != burst.requirements(seed, Hash32(b"\1" * 32), four)
    assert drawn != burst.requirements(other, ZERO_HASH, four)


def test_r_71_requirements_are_met_as_the_sums_say() -> None:
    verdicts: Counter[bool] = Counter()
    two = rules(requirements=2)
    begin = start(latents(), evolves=False)
    for seed in seeds(40):
        result = burst.run_burst(seed, two, begin, IMAGES, LABELS)
        sums = training.train_summed(
            ARCHITECTURE,
            latents(),
            IMAGES,
            LABELS,
            burst.batch_indices(seed, two, 30),
            two.batch,
            two.schedule,
        ).gradient_sums
        flat = [total for row in sums for total in row]
        asked = burst.requirements(seed, result.latent_root, two)
        wanted = all(flat[weight] > 0 if way > 0 else flat[weight] < 0 for weight, way in asked)
        assert result.met == wanted
        verdicts[result.met] += 1
    assert min(verdicts.values()) > 2


def test_r_71_weights_that_did_not_move_meet_nothing() -> None:
    sure = LatentState(
        latents=((5,) * 36, (3,) * 108), biases=((1 << 18,) * 4, (1 << 18, -(1 << 18), 0))
    )
    images, labels = bytes([200]) * 64, bytes([0])  # sure and right: no error, so no gradient
    trained = training.train_summed(
        ARCHITECTURE, sure, images, labels, [0] * 8, 4, LOTTERY.step_schedule
    )
    assert not any(total for row in trained.gradient_sums for total in row)
    for seed in seeds(12):
        assert not burst.run_burst(seed, rules(), start(sure, evolves=False), images, labels).met


@pytest.mark.parametrize(("k", "least", "most"), [(1, 42, 78), (3, 4, 30)])
def test_r_71_one_burst_in_two_to_the_k_meets_k_requirements(k: int, least: int, most: int) -> None:
    begin = start(latents(), evolves=False)
    met = sum(
        burst.run_burst(seed, rules(requirements=k, steps=1), begin, IMAGES, LABELS).met
        for seed in seeds(120, "share")
    )
    assert least <= met <= most


def test_r_72_ticket_is_of_seed_and_result() -> None:
    seed, root = seeds(2)
    drawn = {burst.ticket(seed, root), burst.ticket(root, seed), burst.ticket(seed, seed)}
    assert len(drawn) == 3
    assert all(0 <= number < 1 << 256 for number in drawn)
    assert burst.ticket(seed, root) == int.from_bytes(tagged_hash("ticket", seed, root), "big")


def test_r_70_rules_are_those_of_the_genesis() -> None:
    found = burst.rules_for(ARCHITECTURE, replace(LOTTERY, burst_steps=5, burst_batch=7))
    assert (found.samples, found.cost) == (35, 35 * ARCHITECTURE.macs)
    assert found.weights == (1, 1, 1)
    assert (found.mutate_ppm, found.cross_ppm) == (50_000, 100_000)
    assert constants.MAX_RELATIVES == 16
