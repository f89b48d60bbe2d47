# SPDX-License-Identifier: Apache-2.0
"""Judging by evaluation: what passes without a replay, what is refused, and that nothing leads.

Toy blocks of a lottery on a file; the forger grinds the root of latents that nobody trained until
its ticket wins, which costs hashes only.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain import offload
from edge_node.chain.database import Database
from edge_node.chain.errors import BlocksNotReplayed, ModelMissing, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.chain.offload import FetchedModels
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash
from edge_node.spec.block import Block, Header
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import Model
from edge_node.spec.proof.errors import CorrectCountWrong, LatentRootMismatch, ModelHashMismatch
from edge_node.spec.proof.recipe import StepsWrong, TicketTooHigh
from edge_node.spec.proof.recipe_proof import lottery_proof_from_bytes
from edge_node.spec.training import initial_state, model_from_state
from tests.chain.workshop import ANN, BOB, RememberingEngine, Tree, opened, take
from tests.spec import toy_lottery as toy
from tests.spec.toy_chain import (
    ARCHITECTURE,
    BLOCK_MS,
    Mined,
    Network,
    Work,
    recommitted,
    sealed,
    toy_dataset,
)

BLOCKS = 6


@functools.cache
def network() -> Network:
    rules = replace(toy.CHEAP, first_work=2)
    plain = toy.lottery_network([toy_dataset("few", (40, 20, 20))], parameters=rules)
    return replace(plain, engine=RememberingEngine(plain.engine))


@functools.cache
def line() -> tuple[Tree, tuple[Mined, ...]]:
    """Return a founder and steps, with the tree that they stand in."""
    tree, mined = Tree(network()), []
    parent: BlockHash | None = None
    for _ in range(BLOCKS):
        work = Work(tip=tree.tip(parent), miner=ANN, after_ms=BLOCK_MS)
        mined.append(toy.step(work) if parent else toy.founder(work, toy.SMALL))
        parent = tree.add(work.tip.state.head, mined[-1]).block_hash
    return tree, tuple(mined)


def model_of(block: Block) -> Model:
    tree, _ = line()
    model = tree.tip(block.header.previous_hash).validate(block).model
    assert model is not None
    return model


def forged(block: Block, *, wins: bool = True) -> Block:
    """Return a block whose latents nobody has trained, with a ticket that wins all the same."""
    for number in range(1_000):
        root = tagged_hash("forged", number.to_bytes(4, "big"))
        changed = sealed(replace(block.header, latent_root=root), block.body, ANN)
        if _wins(changed.header) == wins:
            return changed
    raise AssertionError("no ticket")


def _wins(header: Header) -> bool:
    try:
        network().rules.proof_rule.check_header(header)
    except TicketTooHigh:
        return False
    return True


class Light:
    """An importer that evaluates, and its models."""

    def __init__(self, importer: Importer, fetched: FetchedModels) -> None:
        self.importer = importer
        self.fetched = fetched

    def give(self, block: Block) -> None:
        """Give it a block's model, as if it had asked."""
        self.give_model(model_of(block))

    def give_model(self, model: Model) -> None:
        self.fetched.want(model.model_hash())
        assert self.fetched.put(model.blob(), model)


@contextmanager
def evaluating(path: Path) -> Iterator[Light]:
    database, fetched = Database(path, network().rules.network), FetchedModels()
    try:
        yield Light(Importer(database, network().genesis, network().engine, fetched), fetched)
    finally:
        database.close()


@pytest.fixture
def light(path: Path) -> Iterator[Light]:
    """Give an importer that has evaluated all blocks but the last."""
    _, mined = line()
    with evaluating(path) as made:
        for each in mined[:-1]:
            made.give(each.block)
            take(made.importer, each)
        yield made


def last() -> Block:
    return line()[1][-1].block


def refused(light: Light, block: Block, error: type[InvalidInput]) -> None:
    """Check that a block is refused for a reason, and leaves no trace."""
    with pytest.raises(error):
        take(light.importer, block)
    assert not light.importer.blocks.has(block.header.block_hash())


def test_valid_blocks_are_stored_and_none_of_them_leads(light: Light) -> None:
    _, mined = line()
    importer = light.importer
    assert importer.head.height == 0
    for each in mined[:-1]:
        assert importer.blocks.has(each.block_hash)
        stored = importer.blocks.get(each.block_hash)
        assert stored is not None
        assert stored.transport == b""
    light.give(last())
    assert not take(importer, last()).head_changed


def test_head_is_what_is_followed_and_has_the_law_s_state(light: Light) -> None:
    tree, mined = line()
    importer = light.importer
    assert importer.follow(mined[3].block_hash) == ()
    assert importer.head.root() == tree.state(mined[3].block_hash).root()
    left = importer.follow(mined[1].block_hash)
    assert left == (mined[3].block_hash, mined[2].block_hash)
    assert importer.follow(mined[1].block_hash) == ()
    with pytest.raises(ParentUnknown):
        importer.follow(last().header.block_hash())
    assert importer.head.head == mined[1].block_hash


def test_head_stays_through_a_restart(light: Light, path: Path) -> None:
    _, mined = line()
    light.importer.follow(mined[2].block_hash)
    with evaluating(path) as again:
        assert again.importer.head.head == mined[2].block_hash, "work alone moves nothing"


def test_node_that_replays_does_not_go_on_with_what_nobody_replayed(
    light: Light, path: Path
) -> None:
    assert light.importer.blocks.unreplayed()
    with pytest.raises(BlocksNotReplayed, match=r"name the full nodes in \[offload\] again"):
        opened(path, network()).__enter__()


def test_chain_that_was_replayed_may_be_gone_on_with_by_evaluation(path: Path) -> None:
    _, mined = line()
    with opened(path, network()) as importer:
        for each in mined[:3]:
            take(importer, each)
    with evaluating(path) as light:
        assert light.importer.head.head == mined[2].block_hash
        light.give(mined[3].block)
        take(light.importer, mined[3])
        assert light.importer.head.head == mined[2].block_hash
        light.importer.follow(mined[3].block_hash)


def test_block_without_its_model_waits_and_the_model_is_wished_for(light: Light) -> None:
    wanted = last().header.model_hash
    with pytest.raises(ModelMissing, match=wanted.hex()):
        take(light.importer, last())
    assert light.fetched.wanted(9) == [wanted]
    light.give(last())
    assert light.fetched.wanted(9) == []
    take(light.importer, last())
    assert light.importer.blocks.has(last().header.block_hash())


def test_untrained_latents_pass_here_and_nowhere_else(light: Light, tmp_path: Path) -> None:
    block = forged(last())
    light.give(last())
    assert not take(light.importer, block).head_changed
    with opened(tmp_path / "full.sqlite3", network()) as full:
        for each in line()[1][:-1]:
            take(full, each)
        with pytest.raises(LatentRootMismatch):
            take(full, block)


def test_losing_ticket_is_refused_before_a_model_is_wished_for(light: Light) -> None:
    refused(light, forged(last(), wins=False), TicketTooHigh)
    assert light.fetched.wanted(9) == []


def test_count_is_taken_of_the_whole_evaluation_split(light: Light) -> None:
    header = last().header
    light.give(last())
    lie = replace(header, correct_count=header.correct_count + 1)
    refused(light, sealed(lie, last().body, ANN), CorrectCountWrong)


def test_model_of_another_shape_is_refused(light: Light) -> None:
    state = initial_state(ARCHITECTURE, tagged_hash("another shape"))
    model = model_from_state(ARCHITECTURE, state)
    light.give_model(model)
    header = replace(last().header, model_hash=model.model_hash(), correct_count=20)
    refused(light, sealed(header, last().body, ANN), ModelHashMismatch)


def test_recipe_is_held_against_the_genesis(light: Light) -> None:
    proof = lottery_proof_from_bytes(last().body.proof)
    longer = replace(proof, recipe=replace(proof.recipe, steps=proof.recipe.steps + 1))
    body = replace(last().body, proof=longer.encode())
    refused(light, recommitted(last().header, body, ANN), StepsWrong)


def test_fallback_needs_no_model(light: Light) -> None:
    tree, mined = line()
    tip = tree.tip(mined[-2].block_hash)
    after_ms = MAX_RUNG * tip.parameters.rung_ms
    burnt = toy.fallback(Work(tip=tip, miner=BOB, after_ms=after_ms))
    take(light.importer, burnt)
    assert light.importer.blocks.has(burnt.block_hash)
    assert light.fetched.wanted(9) == []


def test_wishes_and_models_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "MAX_FETCHED_MODELS", 2)
    monkeypatch.setattr(offload, "MAX_WANTED_MODELS", 3)
    models = [model_of(each.block) for each in line()[1][:4]]
    hashes = [each.model_hash() for each in models]
    fetched = FetchedModels()
    for model_hash in hashes:
        fetched.want(model_hash)
    assert fetched.wanted(9) == hashes[1:], "the oldest wish goes"
    assert fetched.wanted(1) == hashes[1:2]
    assert not fetched.put(models[0].blob(), models[0]), "nobody wishes for it"
    for model in models[1:]:
        assert fetched.put(model.blob(), model)
    assert len(fetched) == 2
    assert fetched.get(hashes[3]) == models[3]
    with pytest.raises(ModelMissing):
        fetched.get(hashes[1])
    fetched.forget(hashes[1])
    assert fetched.wanted(9) == []
    monkeypatch.setattr(offload, "MAX_FETCHED_BYTES", 1)
    fetched.want(hashes[1])
    assert fetched.put(models[1].blob(), models[1])
    assert len(fetched) == 0, "one that is too large is not kept"
