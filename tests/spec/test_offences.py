# SPDX-License-Identifier: Apache-2.0
"""Double signing costs its key what is immature; whoever reports falsely gets nothing."""

import functools
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_node.primitives.types import Amount, Height, ModelHash
from edge_node.spec.block import Block, Header
from edge_node.spec.constants import EVIDENCE_WINDOW_BLOCKS, MAX_TRANSACTION_BYTES
from edge_node.spec.encoding import encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.ledger import apply_transactions, check_transaction_signature
from edge_node.spec.offences import EvidenceFalse, EvidenceRepeated, EvidenceStale
from edge_node.spec.signature import verify
from edge_node.spec.state import State
from edge_node.spec.transaction import Evidence
from tests.spec import toy_market as market
from tests.spec.stages import ALICE, CAROL, FALLBACK_MS
from tests.spec.toy_chain import Miner, ToyChain, Work, due, fallback, miner, sealed, signed

PARAMETERS = market.network().rules.parameters
ID = market.network().rules.network


@functools.cache
def chain() -> ToyChain:
    """Return a chain of three learning blocks by Alice, each with its reward; fork it."""
    found = ToyChain(market.network())
    for _ in range(3):
        found.add(due(Work(tip=found.tip, miner=ALICE)))
    return found


def twin(block: Block, signer: Miner = ALICE, **changes: object) -> Block:
    """Return another block of the same model on the same parent."""
    changes = changes or {"timestamp": block.header.timestamp + 1}
    return sealed(replace(block.header, **changes), block.body, signer)  # type: ignore[arg-type]  # one field or another


def last() -> Block:
    return chain().mined[-1].block


def immature(state: State, who: Miner) -> int:
    return sum(each.amount for each in state.immature if each.address == who.address)


def judged(report: Evidence, state: State) -> State:
    check_transaction_signature(report, ID, verify)
    return apply_transactions(state, [report], PARAMETERS)[0]


def test_double_signing_burns_immature_rewards_and_pays_the_reporter_a_tenth() -> None:
    before = chain().state
    taken = immature(before, ALICE)
    assert taken > 0
    after = judged(market.evidence(last(), twin(last())), before)
    assert immature(after, ALICE) == 0
    assert immature(after, market.TRAINER) == taken // 10
    assert after.burned == taken - taken // 10
    assert after.supply + 1 == after.minted - after.burned, "all but the fee, which a miner gets"


def test_whoever_is_named_is_paid_and_evidence_needs_no_fee() -> None:
    poor = miner("owns nothing")
    report = market.evidence(last(), twin(last()))
    named = signed(
        replace(report, sender=poor.key, fee=Amount(0), reporter=CAROL.address),
        poor,
        market.network(),
    )
    costly = replace(PARAMETERS, min_fee=9)
    state, fees = apply_transactions(chain().state, [named], costly)
    assert fees == 0
    assert immature(state, CAROL) == immature(chain().state, ALICE) // 10
    assert state.accounts.get(poor.address).nonce == 1


def test_block_with_evidence_conserves_the_supply() -> None:
    other = chain().fork()
    report = market.evidence(last(), twin(last()))
    other.add(due(Work(tip=other.tip, miner=CAROL, transactions=(report,))))
    assert other.state.supply == other.state.minted - other.state.burned
    assert other.state.burned > 0
    assert other.state.accounts.get(ALICE.address) == chain().state.accounts.get(ALICE.address)


def test_two_fallbacks_on_one_parent_are_an_offence_too() -> None:
    tip = chain().tip
    first = fallback(Work(tip=tip, miner=ALICE, after_ms=FALLBACK_MS)).block
    second = fallback(Work(tip=tip, miner=ALICE, after_ms=FALLBACK_MS + 1)).block
    other = chain().fork()
    market.wait(other)
    assert judged(market.evidence(first, second), other.state).burned > 0


FALSE: dict[str, Callable[[Block], Block]] = {
    "same block": lambda block: block,
    "other network": lambda block: twin(block, network=bytes(32)),
    "other height": lambda block: twin(block, height=block.header.height + 1),
    "other parent": lambda block: twin(block, previous_hash=bytes(32)),
    "other model": lambda block: twin(block, model_hash=ModelHash(block.header.proof_root)),
    "other miner": lambda block: twin(block, CAROL, miner=CAROL.key),
    "forged": lambda block: twin(block, CAROL),
}


@pytest.mark.parametrize("name", FALSE)
def test_r_63_false_evidence_is_refused(name: str) -> None:
    state = chain().state
    root = state.root()
    with pytest.raises(EvidenceFalse, match="R-63: the evidence must be"):
        judged(market.evidence(last(), FALSE[name](last())), state)
    assert state.root() == root


def test_r_63_one_double_signing_has_one_evidence() -> None:
    good = market.evidence(last(), twin(last()))
    turned = signed(
        replace(good, first=good.second, second=good.first), market.TRAINER, market.network()
    )
    with pytest.raises(EvidenceFalse, match="the lower hash first"):
        judged(turned, chain().state)


def test_r_63_bytes_that_are_no_header_are_refused() -> None:
    good = market.evidence(last(), twin(last()))
    for wrong in (b"", b"\x80", good.first[:-1]):
        bad = signed(replace(good, first=wrong), market.TRAINER, market.network())
        with pytest.raises(InvalidInput):
            judged(bad, chain().state)


def at_height(header: Header, height: int) -> tuple[Block, Block]:
    """Return two blocks of one height by Alice."""
    block = Block(header=header, body=last().body)
    first = twin(block, height=Height(height))
    return first, twin(first)


def test_r_64_evidence_is_good_for_as_long_as_rewards_are_immature() -> None:
    header = last().header
    now = 100
    late = replace(chain().state, height=Height(now - 1))
    for height in (now - EVIDENCE_WINDOW_BLOCKS, now - 1):
        assert judged(market.evidence(*at_height(header, height)), late).burned > 0
    for height in (now - EVIDENCE_WINDOW_BLOCKS - 1, now, now + 5):
        with pytest.raises(EvidenceStale, match="R-64"):
            judged(market.evidence(*at_height(header, height)), late)


def test_r_65_an_offence_is_paid_for_once() -> None:
    first, second = last(), twin(last())
    third = twin(last(), timestamp=last().header.timestamp + 2)
    state = judged(market.evidence(first, second), chain().state)
    again = market.evidence(first, third, nonce=1)
    with pytest.raises(EvidenceRepeated, match="R-65"):
        judged(again, state)
    with pytest.raises(EvidenceRepeated):
        judged(market.evidence(first, second, by=CAROL), state)


def test_offences_are_forgotten_once_evidence_of_them_would_be_stale() -> None:
    state = judged(market.evidence(last(), twin(last())), chain().state)
    later = replace(state, height=Height(last().header.height + EVIDENCE_WINDOW_BLOCKS))
    fresh = at_height(last().header, later.height)
    after = judged(market.evidence(*fresh, nonce=1), later)
    assert [each.height for each in after.punished] == [later.height]


def test_evidence_fits_a_transaction() -> None:
    largest = replace(
        market.evidence(last(), twin(last())),
        first=bytes(640),
        second=bytes(640),
        nonce=(1 << 64) - 1,
        fee=Amount((1 << 64) - 1),
    )
    assert len(encode(largest.value())) <= MAX_TRANSACTION_BYTES
