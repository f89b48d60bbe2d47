# SPDX-License-Identifier: Apache-2.0
"""Founders of a lottery whose shape evolved: replayed by its draws, once the ticket has won."""

import functools
from collections import Counter
from dataclasses import replace

import pytest

from edge_node.primitives.types import FamilyId, Hash32
from edge_node.spec import burst
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.errors import UnknownParent
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.recipe import TicketTooHigh
from edge_node.spec.proof.recipe_proof import LotteryFounderProof
from edge_node.spec.shapes import ShapeNotEvolved
from tests.spec import toy_lottery as toy
from tests.spec.evolved_shapes import evolved
from tests.spec.lottery_stages import proof_of, stages
from tests.spec.stages import ALICE, FALLBACK_MS, Stage, only_family, refused, with_proof
from tests.spec.toy_chain import Work


def shape_of_some_nonce(work: Work, parent: FamilyId) -> tuple[Architecture, ShapeOrigin]:
    """Return a shape whose bursts the network allows, and where it comes from."""
    (dataset,) = work.tip.state.datasets
    for nonce in work.nonces():
        origin = ShapeOrigin(first=parent, second=parent, nonce=nonce)
        try:
            shape = evolved(work.tip, work.miner, origin, dataset)
        except ShapeNotEvolved:
            continue
        if burst.rules_for(shape, work.tip.parameters).cost <= work.tip.parameters.max_cost:
            return shape, origin
    raise AssertionError


@functools.cache
def stage() -> Stage:
    """Return a parent on whose last rung anyone founds, and a founder of an evolved shape."""
    before = stages()["fallback"]
    work = Work(tip=before.tip, miner=ALICE, after_ms=FALLBACK_MS)
    (dataset,) = before.tip.state.datasets
    shape, origin = shape_of_some_nonce(work, only_family(before).family_id)
    return Stage(tip=before.tip, mined=toy.founder(work, shape, dataset, origin))


def with_origin(**changes: object) -> LotteryFounderProof:
    proof = proof_of(stage())
    assert isinstance(proof, LotteryFounderProof)
    assert proof.origin is not None
    return replace(proof, origin=replace(proof.origin, **changes))  # type: ignore[arg-type]  # as told


def test_r_52_founder_of_an_evolved_shape_founds_its_family() -> None:
    after = stage().tip.validate(stage().block).state
    proof = proof_of(stage())
    assert isinstance(proof, LotteryFounderProof)
    assert after.families[stage().header.family].architecture == proof.architecture
    assert len(after.families) == 2


def test_r_52_shape_that_its_nonce_does_not_draw_is_refused() -> None:
    honest = with_origin()
    origin = honest.origin
    assert origin is not None
    others = (replace(origin, nonce=origin.nonce + more) for more in range(1, 100))
    other = next(each for each in others if draws_another(each, honest.architecture))
    refused(stage().tip, founded_from(other), ShapeNotEvolved)


def draws_another(origin: ShapeOrigin, shape: Architecture) -> bool:
    try:
        return evolved(stage().tip, ALICE, origin, with_origin().dataset) != shape
    except ShapeNotEvolved:
        return True


@pytest.mark.parametrize("which", ["first", "second"])
def test_r_40_shape_of_unknown_parents_is_refused(which: str) -> None:
    origin = with_origin(**{which: FamilyId(Hash32(bytes(32)))}).origin
    assert origin is not None
    refused(stage().tip, founded_from(origin), UnknownParent)


def founded_from(origin: ShapeOrigin) -> Block:
    """Return a founder of the stage's shape with a ticket of its own for another origin."""
    honest = with_origin()
    work = Work(tip=stage().tip, miner=ALICE, after_ms=FALLBACK_MS)
    return toy.founder(work, honest.architecture, honest.dataset, origin).block


def test_r_69_win_with_one_origin_is_none_with_another() -> None:
    origin = with_origin().origin
    assert origin is not None
    for claimed in (None, *(replace(origin, nonce=origin.nonce + more) for more in range(1, 9))):
        block = with_proof(stage(), replace(with_origin(), origin=claimed).encode())
        with pytest.raises(InvalidInput) as caught:
            stage().tip.validate(block)
        assert caught.value.reason in {"R-43", "R-52", "R-71", "R-72", "R-77"}


def test_r_72_no_shape_is_replayed_for_a_ticket_that_does_not_win() -> None:
    """Draws of shapes take time, and who has no ticket has paid nothing for it."""
    false = with_origin(first=FamilyId(Hash32(bytes(32)))).encode()
    reasons: Counter[str] = Counter()
    for number in range(12):
        root = Hash32(number.to_bytes(32, "big"))
        with pytest.raises(InvalidInput) as caught:
            stage().tip.validate(with_proof(stage(), false, latent_root=root))
        reasons[caught.value.reason] += 1
    assert set(reasons) <= {TicketTooHigh.reason, UnknownParent.reason}
    assert reasons[TicketTooHigh.reason] >= 4
