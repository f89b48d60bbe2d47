# SPDX-License-Identifier: Apache-2.0
"""Attacks on blocks: to have another one without another burst, or another's, or one of thin air.

Blocks are toy ones, real in every byte, and judged by the law; whatever the attacker changes, it
signs. Paper B's rule and ours get the same treatment.
Law of the file: an attack that the law refuses has still cost somebody a replay: that is counted.
Read next: test_block_attacks.py.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import permutations

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32, ModelHash, TimestampMs
from edge_node.spec import burst, lottery, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block, Header
from edge_node.spec.constants import FOUNDER_RUNG
from edge_node.spec.errors import InvalidInput
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof import recipe
from edge_node.spec.proof.claims import evaluation_images
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.guiding_gradient_proof import guiding_proof_from_bytes
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    StepProof,
    recipe_of,
)
from edge_node.spec.shapes import ShapeNotEvolved
from edge_node.spec.state import Family
from tests.spec import lottery_stages, toy_walks
from tests.spec import toy_chain as toy
from tests.spec import toy_lottery as lotto
from tests.spec.evolved_shapes import evolved
from tests.spec.stages import ALICE, FALLBACK_MS, RUNG_MS, Stage, frozen, only_family
from tests.spec.toy_chain import Miner, Tip, ToyChain, Work, miner, recommitted, sealed

COPIERS = tuple(miner(f"copier {i}") for i in range(10))
OURS = ("founder", "first record", "record", "step", "mutate", "cross")
LAST_MS = 999
"""So much later a block may say that it was made, on the same rung."""


@functools.cache
def published(*, paper: bool) -> tuple[Stage, ...]:
    """Return blocks that somebody has found, each with its parent."""
    if not paper:
        return tuple(lottery_stages.stages()[kind] for kind in OURS)
    chain = ToyChain(toy_walks.walks_network())
    found: list[Stage] = []
    for _ in OURS:
        tip = frozen(chain)
        mined = toy_walks.due(Work(tip=tip, miner=ALICE))
        found.append(Stage(tip=tip, mined=mined))
        chain.add(mined)
    return tuple(found)


def verdict(tip: Tip, block: Block) -> str:
    """Return the number of the rule that a block breaks; "" for a valid one."""
    try:
        tip.validate(block)
    except InvalidInput as broken:
        return broken.reason
    return ""


def _valid(blocks: Iterable[tuple[Tip, Block]]) -> tuple[int, int]:
    verdicts = [verdict(tip, block) for tip, block in blocks]
    return verdicts.count(""), len(verdicts)


# 6. Another header round the same result.


@functools.cache
def header_rerolls(*, paper: bool, tries: int = 5) -> tuple[int, int]:
    """Return how many of so many headers are valid round the result of one piece of work."""
    return _valid(
        (stage.tip, sealed(header, stage.block.body, ALICE))
        for stage in published(paper=paper)[:3]
        for header in _other_headers(stage.header, tries)
    )


def _other_headers(header: Header, tries: int) -> Iterator[Header]:
    for number in range(1, tries + 1):
        drawn = tagged_hash("red-team", number.to_bytes(8, "big"))
        yield replace(header, timestamp=TimestampMs(header.timestamp + number))
        yield replace(header, nonce=header.nonce + number)
        yield replace(header, proof_root=drawn)
        yield replace(header, latent_root=drawn)
        yield replace(header, model_hash=ModelHash(drawn))
        yield replace(header, correct_count=header.correct_count + number)


def every_field_changed(stage: Stage) -> dict[str, str]:
    """Return the rule that each field of a header breaks, if it alone is another."""
    broken: dict[str, str] = {}
    for field in fields(Header)[:-1]:
        value = getattr(stage.header, field.name)
        other = value + 1 if isinstance(value, int) else tagged_hash("red-team", value)
        header = replace(stage.header, **{field.name: other})  # type: ignore[arg-type]  # of its type
        broken[field.name] = verdict(stage.tip, sealed(header, stage.block.body, ALICE))
    return broken


@functools.cache
def bodies_changed(*, paper: bool) -> tuple[int, int]:
    """Return the same for other transactions: the `have` list without what it held."""
    return _valid(
        (
            stage.tip,
            recommitted(stage.header, replace(stage.block.body, have=()), ALICE),
        )
        for stage in published(paper=paper)
    )


# 7. Another hash of one's own block, for another draw of what comes next.


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Valid blocks of one piece of work, so hashes of which its miner may choose one."""

    paper: int
    """By the order of the images in one batch and the milliseconds of a rung, as published."""
    step: int
    """Of a burst of ours on any rung but the last."""
    last_rung: int
    """On the last rung."""
    founder: int
    """Of a burst that founds a family, among 100 nonces of its shape's origin and none at all."""


@functools.cache
def twins() -> Twins:
    """Return how many hashes a miner may choose from for one piece of work."""
    ours = published(paper=False)[3]
    signed_twice = {
        sealed(ours.header, ours.block.body, who).header.block_hash() for who in (ALICE, COPIERS[0])
    }
    return Twins(
        paper=_paper_twins(),
        step=len(signed_twice),
        last_rung=_valid(_last_rung_blocks())[0],
        founder=_valid(_founder_twins())[0],
    )


def _paper_twins() -> int:
    stage = published(paper=True)[1]
    proof = guiding_proof_from_bytes(stage.block.body.proof)
    assert not isinstance(proof, FallbackProof)
    batches = proof.batches
    orders = sorted(set(permutations(batches[-1])))
    valid, _ = _valid(
        (
            stage.tip,
            recommitted(
                stage.header,
                replace(
                    stage.block.body,
                    proof=replace(proof, batches=(*batches[:-1], order)).encode(),
                ),
                ALICE,
            ),
        )
        for order in orders
    )
    assert valid == len(orders), "a sum has no order"
    # Nothing in the work knows the time: each order goes with each millisecond of the rung.
    later = replace(stage.header, timestamp=TimestampMs(stage.header.timestamp + LAST_MS))
    assert not verdict(stage.tip, sealed(later, stage.block.body, ALICE))
    return valid * (LAST_MS + 1)


def _last_rung_blocks() -> Iterator[tuple[Tip, Block]]:
    tip = published(paper=False)[3].tip
    work = Work(tip=tip, miner=ALICE, after_ms=FALLBACK_MS)
    family = toy.family_of(work, None)
    course = lotto.Course(work=work, family=family)
    trial = course.won(lambda result: _is_step(work, family, result))
    yield tip, course.block(trial, StepProof(recipe=trial.recipe)).block
    yield tip, course.block(trial, BurntProof(recipe=trial.recipe), keep=False).block


def _is_step(work: Work, family: Family, result: burst.BurstResult) -> bool:
    tip = work.tip
    correct = tip.network.engine.count_correct(result.model, family.dataset)
    images = evaluation_images(family, tip.state)
    needs = recipe.needs_of(family, images, work.rung, tip.parameters)
    return correct >= needs.least and result.model.model_hash() not in tip.state.models.hashes


def _founder_twins(nonces: int = 100) -> Iterator[tuple[Tip, Block]]:
    """Yield blocks of one burst that founds a family, each with another origin of its shape."""
    rules = replace(lotto.LOTTERY, max_cost=16 * lotto.LOTTERY.max_cost, first_work=1)
    chain = ToyChain(lotto.lottery_network([toy.toy_dataset()], parameters=rules))
    lotto.grow(chain, ALICE)
    tip = chain.tip
    (parent,) = tip.state.families.values()
    shapes: dict[Architecture, list[ShapeOrigin]] = {}
    for nonce in range(nonces):
        origin = ShapeOrigin(first=parent.family_id, second=parent.family_id, nonce=nonce)
        try:
            shape = evolved(tip, ALICE, origin, parent.dataset)
        except ShapeNotEvolved:
            continue
        if burst.rules_for(shape, rules).cost <= rules.max_cost:
            shapes.setdefault(shape, []).append(origin)
    shape, origins = max(shapes.items(), key=lambda item: len(item[1]))
    work = Work(tip=tip, miner=ALICE, after_ms=FOUNDER_RUNG * RUNG_MS)
    course = lotto.Course(work=work, family=toy.founded(work, shape, parent.dataset))
    proof = LotteryFounderProof(
        recipe=lotto.NOTHING_YET.recipe,
        architecture=shape,
        dataset=parent.dataset,
        origin=origins[0],
    )
    trial = course.won(lambda _: True, proof=proof)
    for claimed in (None, *origins):
        other = replace(proof, recipe=trial.recipe, origin=claimed)
        yield tip, course.block(trial, other).block


# 8. and 9. Another's block under one's own name, as it is or a little changed.


@functools.cache
def copies(*, paper: bool) -> tuple[int, int]:
    """Return how many copies of published blocks are valid under other keys."""
    return _valid(
        (stage.tip, sealed(replace(stage.header, miner=who.key), stage.block.body, who))
        for stage in published(paper=paper)
        for who in COPIERS
    )


@functools.cache
def look_alikes_of_walks() -> tuple[int, int]:
    """Return how many thefts of walks are valid that change one image of the last batch."""
    return _valid(
        (stage.tip, block)
        for number, stage in enumerate(published(paper=True)[1:])
        for block in _changed_walks(stage, COPIERS[number])
    )


def _changed_walks(stage: Stage, who: Miner, others: int = 8) -> Iterator[Block]:
    proof = guiding_proof_from_bytes(stage.block.body.proof)
    assert not isinstance(proof, FallbackProof)
    work, family = Work(tip=stage.tip, miner=who), only_family(stage)
    for image in range(others):
        last = (image, *proof.batches[-1][1:])
        yield toy_walks.block_of(work, family, (*proof.batches[:-1], last)).block


@functools.cache
def look_alikes_of_bursts() -> tuple[int, int]:
    """Return how many thefts of bursts are valid that turn a weight or move a latent by one.

    The thief tries nonces until the ticket of its changed latents wins: that costs only hashes.
    """
    return _valid(
        (stage.tip, _stolen(stage, COPIERS[number % len(COPIERS)], number, turned=turned))
        for stage in published(paper=False)[1:]
        for number in range(5)
        for turned in (False, True)
    )


def _stolen(stage: Stage, who: Miner, place: int, *, turned: bool) -> Block:
    latents = bytearray(stage.tip.validate(stage.block).latents)
    value = int.from_bytes(latents[2 * place : 2 * place + 2], "little", signed=True)
    changed = (-value or -1) if turned else value + (-1 if value > 0 else 1)
    latents[2 * place : 2 * place + 2] = changed.to_bytes(2, "little", signed=True)
    family = only_family(stage)
    state = training.state_from_packed(family.architecture, bytes(latents))
    model = training.model_from_state(family.architecture, state)
    header = replace(
        stage.header,
        miner=who.key,
        latent_root=training.root_of(bytes(latents)),
        model_hash=model.model_hash(),
        correct_count=stage.tip.network.engine.count_correct(model, family.dataset),
    )
    return ground(stage, header, who, by_nonce)[0]


# 10. Headers whose latent_root is nobody's.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fakes:
    """What fake roots have come to."""

    fakes: int
    """So many won their ticket."""
    hashes: int
    """It took so many tickets in all."""
    expected: int
    """Tickets that the target says."""
    verdicts: frozenset[str]
    """Rules that they broke."""


@functools.cache
def fake_roots(fakes: int = 30, first_work: int = 64) -> Fakes:
    """Grind random roots by hash until their tickets win, and let them be judged."""
    stage = hard_stage(first_work)
    hashes = 0
    verdicts: set[str] = set()
    for number in range(fakes):
        header = replace(stage.header, timestamp=TimestampMs(stage.header.timestamp + number))
        block, tried = ground(stage, header, ALICE, by_root)
        hashes += tried
        verdicts.add(verdict(stage.tip, block))
    return Fakes(
        fakes=fakes, hashes=hashes, expected=fakes * first_work, verdicts=frozenset(verdicts)
    )


@functools.cache
def hard_stage(first_work: int) -> Stage:
    """Return the form of a founder where one burst of `first_work` wins."""
    rules: Parameters = replace(lotto.LOTTERY, first_work=first_work)
    network = lotto.lottery_network([toy.toy_dataset()], parameters=rules)
    easy = published(paper=False)[0]
    tip = ToyChain(network).tip
    work = Work(tip=tip, miner=ALICE)
    family = toy.founded(work, toy.ARCHITECTURE, toy.toy_dataset().dataset_id)
    proof = LotteryFounderProof(
        recipe=lotto.NOTHING_YET.recipe,
        architecture=family.architecture,
        dataset=family.dataset,
    )
    model = easy.mined.model
    assert model is not None
    return Stage(tip=tip, mined=toy.assembled(work, family, proof, model))


def by_nonce(header: Header, number: int) -> Header:
    """Return a header with another nonce."""
    return replace(header, nonce=number)


def by_root(header: Header, number: int) -> Header:
    """Return a header with a root of thin air."""
    return replace(header, latent_root=Hash32(tagged_hash("fake", number.to_bytes(8, "big"))))


def ground(
    stage: Stage, header: Header, who: Miner, other: Callable[[Header, int], Header]
) -> tuple[Block, int]:
    """Return the first of many headers whose ticket wins, with a proof that fits, and how many."""
    rules, parameters, start = _rules_of(stage)
    target = lottery.family_target(header.target, rules.cost, parameters.max_cost)
    for number in range(1 << 20):
        tried = other(header, number)
        seed = burst.seed_of(tried)
        if burst.ticket(seed, tried.latent_root) < target:
            drawn = burst.draw_operator(seed, rules, start)
            body = stage.block.body
            if stage.tip.state.families:
                body = replace(body, proof=StepProof(recipe=recipe_of(rules, drawn)).encode())
            return recommitted(tried, body, who), number + 1
    raise toy.NothingFound


def _rules_of(stage: Stage) -> tuple[burst.BurstRules, Parameters, burst.BurstStart]:
    parameters = stage.tip.parameters
    work = Work(tip=stage.tip, miner=ALICE)
    if stage.tip.state.families:
        family = only_family(stage)
    else:
        family = toy.founded(work, toy.ARCHITECTURE, toy.toy_dataset().dataset_id)
    rules = burst.rules_for(family.architecture, parameters)
    return rules, parameters, recipe.start_of(family, stage.tip.context())
