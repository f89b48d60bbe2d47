# SPDX-License-Identifier: Apache-2.0
"""What a family of a lottery becomes: its needs, its records, when it closes, what it forgets."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height, ModelHash
from edge_node.spec import burst, scheduling
from edge_node.spec.constants import MAX_RELATIVES
from edge_node.spec.difference import hamming
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof import errors, recipe
from edge_node.spec.state import Family, FamilyModel
from tests.spec import toy_lottery as toy
from tests.spec.lottery_stages import network
from tests.spec.stages import ALICE, BOB, refused
from tests.spec.toy_chain import (
    ARCHITECTURE,
    Mined,
    ToyChain,
    Work,
    founded,
    toy_dataset,
)
from tests.spec.toy_lottery import CHEAP, LOTTERY, SMALL, lottery_network


def chain_of(parameters: Parameters) -> ToyChain:
    """Return an empty chain of few images."""
    return ToyChain(lottery_network([toy_dataset("few", (40, 20, 20))], parameters=parameters))


def small_founder(chain: ToyChain) -> Mined:
    return chain.add(toy.founder(Work(tip=chain.tip, miner=ALICE), SMALL))


def only(chain: ToyChain) -> Family:
    (family,) = chain.state.families.values()
    return family


def family_with(*models: tuple[int, bool], needed_gain: int = 1) -> Family:
    """Return a family of models with these counts, which are records or not."""
    tip = ToyChain(network()).tip
    (dataset,) = tip.state.datasets
    blank = founded(Work(tip=tip, miner=ALICE), ARCHITECTURE, dataset)
    entries = tuple(
        FamilyModel(
            block=BlockHash(ZERO_HASH),
            height=Height(place),
            model_hash=ModelHash(ZERO_HASH),
            correct_count=count,
            record=record,
        )
        for place, (count, record) in enumerate(models, start=1)
    )
    return replace(blank, models=entries, needed_gain=needed_gain)


@pytest.mark.parametrize(
    ("models", "rung", "least", "record"),
    [
        # The population is not complete: nothing is a record of 100 images.
        ((), 0, 0, 101),
        # It is with this block.
        (((90, False),), 0, 0, 40),
        (((39, False), (20, False)), 4, 0, 40),
        # A fifth may be lost against the head, twice that against the record.
        (((50, False), (60, True)), 0, 40, 61),
        (((60, True), (45, False)), 0, 25, 61),
        (((60, True), (30, False)), 0, 20, 61),
        (((60, True), (70, True), (30, False)), 0, 30, 71),
        (((10, True), (9, False)), 0, 0, 11),
        # Each rung doubles what may be lost; the fourth is the last that does.
        (((90, True), (85, False)), 1, 45, 91),
        (((90, True), (85, False)), 2, 5, 91),
        (((90, True), (85, False)), 7, 0, 91),
    ],
)
def test_r_79_needs_follow_head_record_and_rung(
    models: tuple[tuple[int, bool], ...], rung: int, least: int, record: int
) -> None:
    needs = recipe.needs_of(family_with(*models), 100, rung, LOTTERY)
    assert (needs.least, needs.record) == (least, record)


@pytest.mark.parametrize(("rung", "record"), [(0, 68), (1, 64), (2, 62), (3, 61), (4, 61), (7, 61)])
def test_r_79_gain_of_a_record_halves_with_each_rung(rung: int, record: int) -> None:
    family = family_with((60, True), needed_gain=8)
    assert recipe.needs_of(family, 100, rung, LOTTERY).record == record


def test_r_79_minimums_round_up() -> None:
    odd = replace(LOTTERY, min_family_acc_ppm=400_001, accuracy_tolerance_ppm=1)
    assert recipe.needs_of(family_with((1, False)), 100, 0, odd).record == 41
    assert recipe.needs_of(family_with((60, True)), 100, 0, odd).least == 59


def test_r_79_first_record_waits_for_the_population() -> None:
    chain = chain_of(replace(CHEAP, min_population=4))
    small_founder(chain)
    toy.grow(chain, ALICE, 4)
    assert [model.record for model in only(chain).models][:4] == [False, False, False, True]


@pytest.mark.slow
def test_r_79_record_has_the_least_accuracy_and_gains() -> None:
    chain = ToyChain(network())
    toy.grow(chain, ALICE, 12)
    best = 0
    for place, model in enumerate(only(chain).models, start=1):
        if best:
            wanted = model.correct_count > best
        else:
            wanted = place >= LOTTERY.min_population and model.correct_count >= 40
        assert model.record == wanted
        best = model.correct_count if wanted else best
    assert only(chain).needed_gain == 1


def test_r_45_model_near_a_record_is_a_step_and_no_record() -> None:
    far = replace(CHEAP, min_population_diff_ppm=500_000)
    chain = chain_of(far)
    small_founder(chain)
    toy.grow(chain, ALICE)
    record = only(chain).records[0]
    best = record.correct_count
    while only(chain).models[-1].correct_count <= best:
        toy.grow(chain, ALICE)
    newest = only(chain).models[-1]
    distance = hamming(chain.models.model(newest.model_hash), chain.models.model(record.model_hash))
    assert distance < SMALL.weight_count // 2
    assert only(chain).records == (record,)
    assert only(chain).idle == only(chain).model_count - 2


def test_r_35_family_closes_when_it_has_been_idle_for_long() -> None:
    chain = chain_of(replace(CHEAP, max_idle_blocks=3, min_population=64))
    small_founder(chain)
    toy.grow(chain, ALICE)
    assert (only(chain).idle, only(chain).closed) == (2, False)
    toy.grow(chain, ALICE)
    assert (only(chain).idle, only(chain).closed) == (3, True)
    turns = scheduling.turns(chain.state, chain.tip.parameters, 0)
    assert (turns.due_family, turns.due_dataset) == (None, *chain.state.datasets)


@pytest.mark.slow
def test_r_35_record_ends_idleness_and_the_last_one_closes() -> None:
    chain = ToyChain(network())
    while not only_closed(chain):
        family = only(chain) if chain.state.families else None
        idle = family.idle if family else 0
        toy.grow(chain, BOB)
        record = only(chain).models[-1].record
        assert only(chain).idle == (0 if record else idle + 1)
    assert len(only(chain).records) == LOTTERY.max_family_generations == 6


def only_closed(chain: ToyChain) -> bool:
    return any(family.closed for family in chain.state.families.values())


def test_r_34_closed_family_has_no_more_blocks() -> None:
    chain = chain_of(replace(CHEAP, max_idle_blocks=1, min_population=64))
    before = chain.fork()
    small_founder(chain)
    (family,) = chain.state.families
    late = Work(tip=chain.tip, miner=ALICE, after_ms=7 * LOTTERY.rung_ms)
    block = toy.step(late, family).block
    refused(chain.tip, block, errors.OutOfTurn)
    assert before.state.families == {}


@pytest.mark.slow
def test_family_lists_its_records_and_its_last_blocks_and_forgets_the_others() -> None:
    chain = chain_of(replace(CHEAP, min_population_acc_ppm=150_000))
    shown: list[FamilyModel] = []
    small_founder(chain)
    for count in range(1, 41):
        family = only(chain)
        shown.append(family.models[-1])
        assert family.model_count == count == family.turn
        assert len(family.models) <= len(family.records) + MAX_RELATIVES
        assert family.models[-MAX_RELATIVES:] == tuple(shown[-MAX_RELATIVES:])
        assert family.records == tuple(model for model in shown if model.record)
        assert family.forgotten == len(shown) - len(family.models)
        toy.grow(chain, ALICE)
    assert only(chain).forgotten > 10
    start = recipe.start_of(only(chain), chain.tip.context())
    assert len(start.relatives) == MAX_RELATIVES
    assert start.samples_seen == 41 * burst.rules_for(SMALL, CHEAP).samples


def test_r_42_forgotten_model_is_still_known() -> None:
    chain = chain_of(replace(CHEAP, min_population_acc_ppm=500_000))
    first = small_founder(chain)
    toy.grow(chain, ALICE, 20)
    known = first.block.header.model_hash
    assert known not in {model.model_hash for model in only(chain).models}
    assert known in chain.state.models.hashes


@pytest.mark.slow
def test_r_31_family_whose_turn_another_takes_is_skipped() -> None:
    two = replace(LOTTERY, min_families=2, max_cost=2 * LOTTERY.max_cost)
    chain = ToyChain(lottery_network([toy_dataset()], parameters=two))
    toy.grow(chain, ALICE, 4)
    due, second = scheduling.turns(chain.state, two, 5).families
    passed = chain.state.families[due]
    work = Work(tip=chain.tip, miner=ALICE, after_ms=5 * two.rung_ms)
    chain.add(toy.step(work, second))
    after = chain.state.families[due]
    assert (after.skips, after.idle) == (passed.skips + 1, passed.idle + 1)
    assert after.models == passed.models
