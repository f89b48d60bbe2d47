# SPDX-License-Identifier: Apache-2.0
"""Paper B as published, on toy chains: every kind of block, one refusal by number for each lie.

Its weaknesses have tests too: they are there to be seen.
"""

import functools
from dataclasses import replace
from itertools import combinations

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Hash32, ModelHash
from edge_node.spec import guiding, training
from edge_node.spec.block import Block
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER
from edge_node.spec.guiding import Batch
from edge_node.spec.proof import errors
from edge_node.spec.proof import guiding_gradient as rule
from edge_node.spec.proof import guiding_gradient_proof as forms
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.guiding_gradient_proof import (
    WalkFounderProof,
    WalkProof,
    guiding_proof_from_bytes,
)
from edge_node.spec.proof.rule import FamilyBefore, ProofRule, ReplaySources
from edge_node.spec.proof.trained import head_latents
from edge_node.spec.state import Family
from edge_node.spec.validation import HeaderOutOfPlace
from tests.spec import toy_chain as toy
from tests.spec import toy_walks as walks
from tests.spec.stages import (
    ALICE,
    BOB,
    CAROL,
    FALLBACK_MS,
    Stage,
    changed,
    frozen,
    only_family,
    refused,
    with_proof,
)
from tests.spec.toy_chain import ARCHITECTURE, ToyChain, Work, transfer
from tests.spec.toy_walks import BATCH, PAPER_B, REQUIREMENTS, SHIFT, STEPS

KINDS = ("founder", "first record", "record", "fallback")
TRAINED = KINDS[:-1]
ONE = Hash32(bytes(31) + b"\1")


@functools.cache
def stages() -> dict[str, Stage]:
    chain = ToyChain(walks.walks_network(rich=(ALICE, BOB)))
    found: dict[str, Stage] = {}
    for kind in KINDS:
        late = kind == "fallback"
        work = Work(
            tip=chain.tip,
            miner=ALICE,
            after_ms=FALLBACK_MS if late else toy.BLOCK_MS,
            transactions=(transfer(ALICE, CAROL.address, 10, network=chain.network),)
            if late
            else (),
        )
        found[kind] = Stage(
            tip=frozen(chain), mined=walks.fallback(work) if late else walks.due(work)
        )
        chain.add(found[kind].mined)
    return found


def batches_of(stage: Stage) -> tuple[Batch, ...]:
    proof = guiding_proof_from_bytes(stage.block.body.proof)
    assert not isinstance(proof, FallbackProof)
    return proof.batches


def family_before(stage: Stage) -> Family:
    if stage.tip.state.families:
        return only_family(stage)
    return walks.founded(work_on(stage))


def work_on(stage: Stage, after_ms: int = toy.BLOCK_MS) -> Work:
    return Work(tip=stage.tip, miner=ALICE, after_ms=after_ms)


def with_batches(stage: Stage, batches: tuple[Batch, ...]) -> Block:
    """Return the stage's block with other batches in its proof, and nothing else changed."""
    proof = guiding_proof_from_bytes(stage.block.body.proof)
    assert not isinstance(proof, FallbackProof)
    if isinstance(proof, WalkProof):
        return with_proof(stage, WalkProof(batches=batches).encode())
    return with_proof(stage, replace(proof, batches=batches).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_honest_block_is_accepted(kind: str) -> None:
    stage = stages()[kind]
    verdict = stage.tip.validate(stage.block)
    assert verdict.model == stage.mined.model
    (family,) = verdict.state.families.values()
    if kind == "fallback":
        assert family == only_family(stage)
        assert verdict.latents == b""
        return
    before = family_before(stage)
    entry = family.models[-1]
    assert family.model_count == before.model_count + 1
    assert entry.record == (kind != "founder"), "what follows the first block is better than it"
    assert entry.correct_count == stage.header.correct_count
    assert training.root_of(verdict.latents) == entry.latent_root == stage.header.latent_root
    assert stage.header.target == ZERO_HASH
    assert 1 <= len(batches_of(stage)) <= STEPS


@pytest.mark.slow
def test_chain_learns_and_its_family_closes_with_its_last_record() -> None:
    chain = ToyChain(walks.walks_network())
    walks.grow(chain, ALICE, 1 + PAPER_B.max_family_generations)
    (family,) = chain.state.families.values()
    counts = [entry.correct_count for entry in family.models]
    assert counts == sorted(set(counts)), "every block rises"
    assert counts[-1] - counts[0] >= 10
    assert len(family.records) == PAPER_B.max_family_generations
    assert family.closed


def test_rule_is_the_one_that_the_genesis_names_and_has_no_lottery() -> None:
    network = walks.walks_network()
    the_rule: ProofRule = network.rules.proof_rule
    assert network.genesis.proof == GUIDING_GRADIENT_PAPER
    assert type(the_rule) is rule.GuidingGradientPaperRule
    assert the_rule.first_target(PAPER_B) == network.start().target == ZERO_HASH
    for interval_ms in (1, 10_000):
        assert the_rule.next_difficulty(ZERO_HASH, interval_ms, PAPER_B) == ZERO_HASH


def test_r_50_work_is_of_the_requirements_whatever_the_rung() -> None:
    the_rule = rule.GuidingGradientPaperRule(5)
    header = stages()["record"].header
    assert {the_rule.work(replace(header, rung=rung)) for rung in range(MAX_RUNG + 1)} == {32}
    assert the_rule.work(stages()["fallback"].header) == 0
    after = [stages()[kind].tip.state.work for kind in KINDS]
    assert after == [each << REQUIREMENTS for each in range(len(KINDS))]


def test_target_is_none() -> None:
    refused(stages()["record"].tip, changed(stages()["record"], target=ONE), HeaderOutOfPlace)


@pytest.mark.parametrize("kind", TRAINED)
def test_replay_gives_the_latents_that_were_judged(kind: str) -> None:
    stage = stages()[kind]
    family, context = family_before(stage), stage.tip.context()
    before = FamilyBefore(
        architecture=family.architecture,
        dataset=family.dataset,
        latents=head_latents(family, context),
        model_count=family.model_count,
        relatives=(),
    )
    sources = ReplaySources(
        parameters=context.parameters, engine=context.engine, models=context.models
    )
    replayed = stage.tip.network.rules.proof_rule.replay(stage.block, before, sources)
    assert replayed == stage.tip.validate(stage.block).latents


@pytest.mark.parametrize("kind", TRAINED)
def test_r_80_walk_of_no_batch_or_too_many_is_refused(kind: str) -> None:
    stage = stages()[kind]
    long = batches_of(stage)[:1] * (STEPS + 1)
    refused(stage.tip, with_batches(stage, ()), forms.WalkTooLong, f"1..{STEPS}, not 0")
    refused(stage.tip, with_batches(stage, long), forms.WalkTooLong, f"not {STEPS + 1}")


@pytest.mark.parametrize("size", [0, BATCH - 1, BATCH + 1])
@pytest.mark.parametrize("kind", TRAINED)
def test_r_81_batch_of_another_size_is_refused(kind: str, size: int) -> None:
    stage = stages()[kind]
    batches = ((0,) * size, *batches_of(stage)[1:])
    refused(stage.tip, with_batches(stage, batches), forms.BatchSizeWrong, f"{BATCH}, not {size}")


@pytest.mark.parametrize("index", [-1, 200, 1 << 40])
@pytest.mark.parametrize("kind", TRAINED)
def test_r_82_image_that_is_not_in_the_train_split_is_refused(kind: str, index: int) -> None:
    stage = stages()[kind]
    batches = (*batches_of(stage)[:-1], (0,) * (BATCH - 1) + (index,))
    refused(stage.tip, with_batches(stage, batches), forms.SampleOutOfRange, r"0\.\.199")


@pytest.mark.parametrize("kind", TRAINED)
def test_r_83_weight_that_moves_against_its_requirement_is_refused(kind: str) -> None:
    stage = stages()[kind]
    family = family_before(stage)

    def violates(work: Work, of: Family, walk: guiding.Walk) -> bool:
        correct = stage.tip.network.engine.count_correct(walk.model, of.dataset)
        good = correct >= rule.least_correct(of)
        return good and not walks.is_met(stage.tip, of, walk)

    mined = walks.mined(work_on(stage), family, violates)
    refused(stage.tip, mined.block, rule.RequirementViolated, "without a (fall|rise) of weight")


def test_r_83_batch_may_be_chosen_from_a_table_without_any_training() -> None:
    """A gradient is a sum over images: one look at each of them serves every R of the head."""
    stage = stages()["record"]
    family = only_family(stage)
    engine, start = stage.tip.network.engine, head_latents(family, stage.tip.context())

    def walk(batch: Batch, shift: int) -> guiding.Walk:
        return engine.walk(ARCHITECTURE, start, family.dataset, (batch,), shift)

    looked_at = range(60)
    table = [moves(start, walk((image,), 0).latents) for image in looked_at]
    solved = 0
    for number in range(10):
        asked = guiding.requirements(BlockHash(Hash32(bytes([number]) * 32)), ARCHITECTURE, 7)
        for batch in combinations(looked_at, BATCH):
            sums = (sum(table[i][weight] for i in batch) * sign for weight, sign in asked)
            if all(total > 0 for total in sums):
                assert guiding.first_unmet(asked, start, walk(batch, SHIFT).latents) is None
                solved += 1
                break
    assert solved >= 5, "of 10, and each at the first real step"


def moves(before: bytes, after: bytes) -> list[int]:
    """Return by how much each latent has moved."""
    old, new = (training.state_from_packed(ARCHITECTURE, each).latents for each in (before, after))
    return [n - o for a, b in zip(new, old, strict=True) for n, o in zip(a, b, strict=True)]


@pytest.mark.parametrize("less", [0, 1, 30])
@pytest.mark.parametrize("after_ms", [toy.BLOCK_MS, FALLBACK_MS])
def test_r_84_accuracy_that_does_not_rise_is_refused_at_every_rung(
    after_ms: int, less: int
) -> None:
    stage = stages()["record"]
    family = only_family(stage)
    head = family.models[-1].correct_count
    block = walks.block_of(work_on(stage, after_ms), family, batches_of(stage)).block
    claim = replace(stage, mined=toy.Mined(block=block, model=None))
    refused(
        stage.tip,
        changed(claim, correct_count=head - less),
        rule.AccuracyNotRisen,
        f"at least {head + 1}, not {head - less}",
    )


def test_r_84_walk_that_learns_nothing_makes_no_block() -> None:
    stage = stages()["record"]
    family = only_family(stage)

    def no_better(work: Work, of: Family, walk: guiding.Walk) -> bool:
        correct = stage.tip.network.engine.count_correct(walk.model, of.dataset)
        new = walk.model.model_hash() not in stage.tip.state.models.hashes
        met = walks.is_met(stage.tip, of, walk)
        return new and met and correct <= of.models[-1].correct_count

    refused(stage.tip, walks.mined(work_on(stage), family, no_better).block, rule.AccuracyNotRisen)


def test_r_34_fallback_before_the_last_rung_is_refused() -> None:
    stage = stages()["fallback"]
    early = walks.fallback(work_on(stage, FALLBACK_MS - 1)).block
    refused(stage.tip, early, errors.OutOfTurn, f"rung {MAX_RUNG} for a fallback")


def test_r_34_family_out_of_turn_is_refused() -> None:
    stage = stages()["record"]
    refused(stage.tip, changed(stage, family=ONE), errors.OutOfTurn)


@pytest.mark.parametrize("field", ["nonce", "generation"])
@pytest.mark.parametrize("kind", KINDS)
def test_r_36_field_that_is_not_free_is_refused(kind: str, field: str) -> None:
    stage = stages()[kind]
    block = changed(stage, **{field: getattr(stage.header, field) + 1})
    refused(stage.tip, block, errors.HeaderDisagrees, field)


@pytest.mark.parametrize("field", ["latent_root", "model_hash"])
def test_r_36_fallback_that_commits_to_something_is_refused(field: str) -> None:
    stage = stages()["fallback"]
    refused(stage.tip, changed(stage, **{field: ONE}), errors.HeaderDisagrees, field)


def test_r_37_founder_with_fewer_neurons_than_requirements_is_refused() -> None:
    parameters = replace(PAPER_B, requirements=8, max_cost=1 << 20)
    chain = ToyChain(walks.walks_network(parameters=parameters))
    work = Work(tip=chain.tip, miner=ALICE)
    family = toy.founded(work, ARCHITECTURE, next(iter(chain.state.datasets)))
    block = walks.block_of(work, family, ((0, 1, 2, 3),)).block
    refused(chain.tip, block, errors.ArchitectureNotAllowed, "at least 8 neurons")


def test_r_78_family_that_costs_too_much_is_refused() -> None:
    parameters = replace(PAPER_B, max_cost=PAPER_B.max_cost - 1)
    chain = ToyChain(walks.walks_network(parameters=parameters))
    work = Work(tip=chain.tip, miner=ALICE)
    block = walks.block_of(work, walks.founded(work), ((0, 1, 2, 3),)).block
    refused(chain.tip, block, errors.CostTooHigh, f"not {PAPER_B.max_cost}")


def test_r_42_model_of_an_earlier_block_is_refused() -> None:
    stage, earlier = stages()["record"], stages()["first record"]
    block = changed(stage, model_hash=earlier.header.model_hash)
    refused(stage.tip, block, errors.DuplicateModel)


@pytest.mark.parametrize("kind", TRAINED)
def test_r_43_other_latents_than_the_walk_leads_to_are_refused(kind: str) -> None:
    stage = stages()[kind]
    refused(stage.tip, changed(stage, latent_root=ONE), errors.LatentRootMismatch)
    first, *others = batches_of(stage)
    other = ((first[0] + 1) % 200, *first[1:])
    refused(stage.tip, with_batches(stage, (other, *others)), errors.LatentRootMismatch)


@pytest.mark.parametrize("kind", TRAINED)
def test_r_44_other_model_than_the_walk_leads_to_is_refused(kind: str) -> None:
    stage = stages()[kind]
    refused(stage.tip, changed(stage, model_hash=ModelHash(ONE)), errors.ModelHashMismatch)


@pytest.mark.parametrize("kind", TRAINED)
def test_r_46_count_of_another_is_refused(kind: str) -> None:
    stage = stages()[kind]
    block = changed(stage, correct_count=stage.header.correct_count + 1)
    refused(stage.tip, block, errors.CorrectCountWrong)


def test_r_45_model_that_is_close_to_a_record_is_a_step_and_earns_no_bonus() -> None:
    strict = replace(PAPER_B, min_population_diff_ppm=400_000)
    chain = ToyChain(walks.walks_network(parameters=strict))
    walks.grow(chain, ALICE, 3)
    (family,) = chain.state.families.values()
    assert [entry.record for entry in family.models] == [False, True, False]
    assert family.idle == 1
    mined = walks.step(Work(tip=chain.tip, miner=ALICE))
    learned = chain.network.rules.proof_rule.verify(mined.block, chain.tip.context())
    assert not learned.earns_bonus


def test_proof_of_a_step_can_not_be_that_of_a_founder() -> None:
    stage = stages()["record"]
    founder = WalkFounderProof(
        batches=batches_of(stage),
        architecture=ARCHITECTURE,
        dataset=only_family(stage).dataset,
    )
    refused(stage.tip, with_proof(stage, founder.encode()), errors.OutOfTurn)
    first = stages()["founder"]
    refused(
        first.tip,
        with_proof(first, WalkProof(batches=batches_of(first)).encode()),
        errors.OutOfTurn,
    )
