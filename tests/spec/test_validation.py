# SPDX-License-Identifier: Apache-2.0
"""Blocks that break exactly one rule of the main path: refused for that rule, nothing changed."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import (
    Amount,
    BlockHash,
    DatasetId,
    Hash32,
    Height,
    NetworkId,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec.block import Block, Header, body_from_bytes, header_from_bytes
from edge_node.spec.constants import MAX_TRANSACTIONS_BYTES, REWARD_MATURITY_BLOCKS
from edge_node.spec.encoding import encode
from edge_node.spec.engine import DatasetMissing, ReferenceEngine
from edge_node.spec.errors import InvalidInput
from edge_node.spec.ledger import BalanceTooLow, FeeTooLow, NonceMismatch
from edge_node.spec.merkle import MountainRange
from edge_node.spec.proof.errors import HeaderDisagrees
from edge_node.spec.state import Have, State
from edge_node.spec.transaction import TransactionSignatureInvalid, Transfer
from edge_node.spec.validation import (
    BlockFromTheFuture,
    BlockSignatureInvalid,
    BodyMismatch,
    HeaderOutOfPlace,
    ProtocolNewer,
    TimestampInvalid,
    VersionWrong,
    check_not_early,
    validate_block,
)
from tests.spec.stages import (
    ALICE,
    BOB,
    CAROL,
    FALLBACK_MS,
    Stage,
    network,
    refused,
    resigned,
    stages,
    validate_with,
)
from tests.spec.toy_chain import (
    ALLOCATION,
    PARAMETERS,
    ToyChain,
    Work,
    due,
    fallback,
    recommitted,
    sealed,
    toy_dataset,
    toy_network,
    transfer,
)

ONE = Hash32(tagged_hash("test", b"one"))
KINDS = ("founder", "population", "child", "fallback")


def supply(state: State) -> int:
    held = sum(account.balance for account in state.accounts.rows)
    return held + sum(reward.amount for reward in state.immature)


@pytest.mark.parametrize("kind", KINDS)
def test_honest_block_is_accepted_through_its_bytes(kind: str) -> None:
    stage = stages()[kind]
    block = Block(
        header=header_from_bytes(stage.header.encode()),
        body=body_from_bytes(stage.block.body.encode()),
    )
    parent = stage.tip.state
    verdict = stage.tip.validate(block)
    state, block_hash = verdict.state, block.header.block_hash()
    assert verdict.model == stage.mined.model
    assert (state.height, state.head, state.timestamp) == (
        parent.height + 1,
        block_hash,
        block.header.timestamp,
    )
    assert state.history == parent.history.appended(block_hash)
    assert state.work - parent.work == (0 if kind == "fallback" else 128)
    assert state.have == (*parent.have, Have(miner=ALICE.key, datasets=block.body.have))
    assert (block.header.model_hash in state.models.hashes) == (kind != "fallback")
    assert supply(state) == state.minted


def test_blocks_of_a_chain_carry_its_history() -> None:
    chain = ToyChain(network())
    hashes = [mined.block_hash for mined in chain.grow(BOB, 3)]
    expected = MountainRange().appended(network().rules.network)
    for block_hash in hashes:
        expected = expected.appended(block_hash)
    assert chain.state.history == expected


def wrong_places(header: Header) -> list[Header]:
    return [
        replace(header, network=NetworkId(ONE)),
        replace(header, height=Height(header.height + 1)),
        replace(header, height=Height(header.height - 1)),
        replace(header, previous_hash=BlockHash(ONE)),
        replace(header, target=ONE),
        replace(header, history_root=ONE),
        replace(header, state_root=ONE),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_r_30_header_out_of_place_is_refused(kind: str) -> None:
    stage = stages()[kind]
    for header in wrong_places(stage.header):
        refused(stage.tip, resigned(header, stage), HeaderOutOfPlace)


@pytest.mark.parametrize("kind", KINDS)
def test_r_68_header_of_another_version_is_refused(kind: str) -> None:
    stage = stages()[kind]
    for version in (0, 2, 1 << 40):
        header = replace(stage.header, version=version)
        refused(stage.tip, resigned(header, stage), VersionWrong, "must be 1")


def test_r_68_version_follows_the_height() -> None:
    rules = replace(PARAMETERS, upgrades=((5, 2), (9, 4)))
    found = [rules.version_at(Height(height)) for height in range(1, 11)]
    assert found == [1, 1, 1, 1, 2, 2, 2, 2, 4, 4]


def test_r_68_program_of_the_old_version_stops_at_the_height_and_blames_nobody() -> None:
    upgrading = replace(PARAMETERS, upgrades=((2, 2),))
    chain = ToyChain(toy_network([toy_dataset()], parameters=upgrading))
    chain.grow(BOB)
    old = due(Work(tip=chain.tip, miner=BOB)).block
    new = sealed(replace(old.header, version=2), old.body, BOB)
    for block in (old, new):
        with pytest.raises(ProtocolNewer, match="install an edge-node that knows more") as caught:
            chain.tip.validate(block)
        assert not isinstance(caught.value, InvalidInput)


def test_r_30_block_on_another_parent_is_refused() -> None:
    founder, population = stages()["founder"], stages()["population"]
    refused(population.tip, founder.block, HeaderOutOfPlace, "height 2")
    refused(founder.tip, population.block, HeaderOutOfPlace, "height 1")
    after = population.tip.validate(population.block).state
    refused(replace(population.tip, state=after), population.block, HeaderOutOfPlace)


@pytest.mark.parametrize("kind", KINDS)
def test_r_47_time_that_stands_still_goes_back_or_runs_too_fast_is_refused(kind: str) -> None:
    stage = stages()[kind]
    parent = stage.tip.state.timestamp
    for timestamp in (parent + 1_999, parent + 1, parent, parent - 1, 0):
        header = replace(stage.header, timestamp=TimestampMs(timestamp), rung=0)
        refused(stage.tip, resigned(header, stage), TimestampInvalid, "at least")


def test_r_47_timestamps_grow_even_where_blocks_need_no_interval() -> None:
    stage = stages()["child"]
    header = replace(stage.header, timestamp=stage.tip.state.timestamp)
    with pytest.raises(TimestampInvalid):
        validate_with(stage.tip, resigned(header, stage), min_interval_ms=0)
    header = replace(stage.header, timestamp=TimestampMs(stage.tip.state.timestamp + 1))
    validate_with(stage.tip, resigned(header, stage), min_interval_ms=0)


@pytest.mark.parametrize("kind", KINDS)
def test_r_47_rung_that_the_timestamps_do_not_give_is_refused(kind: str) -> None:
    stage = stages()[kind]
    for rung in {0, 1, 4, 5, 6, 7, 8, (1 << 64) - 1} - {stage.header.rung}:
        header = replace(stage.header, rung=rung)
        refused(stage.tip, resigned(header, stage), TimestampInvalid, "on rung")


@pytest.mark.parametrize("kind", KINDS)
def test_r_48_header_that_its_miner_did_not_sign_is_refused(kind: str) -> None:
    stage = stages()[kind]
    header = stage.header
    signed = bytearray(header.signature)
    signed[40] ^= 1
    for forged in (
        replace(header, signature=Signature(bytes(64))),
        replace(header, signature=Signature(bytes(signed))),
        replace(header, signature=BOB.sign(header.block_hash())),
        replace(header, signature=ALICE.sign(b"another message")),
        replace(header, miner=BOB.key),
        replace(header, correct_count=header.correct_count + 1),
        replace(header, nonce=header.nonce + 1),
    ):
        refused(stage.tip, replace(stage.block, header=forged), BlockSignatureInvalid)


def test_r_48_key_of_small_order_signs_no_block() -> None:
    stage = stages()["fallback"]
    identity = PublicKey(bytes([1]) + bytes(31))
    header = replace(stage.header, miner=identity, signature=Signature(identity + bytes(32)))
    refused(stage.tip, replace(stage.block, header=header), BlockSignatureInvalid)


@pytest.mark.parametrize("kind", KINDS)
def test_r_49_body_of_another_block_is_refused(kind: str) -> None:
    stage = stages()[kind]
    body = stage.block.body
    extra = transfer(ALICE, BOB.address, 1, network=network(), nonce=len(body.transactions))
    for other in (
        replace(body, transactions=(*body.transactions, extra)),
        replace(body, have=()),
        replace(body, have=(*body.have, DatasetId(Hash32(bytes([255]) * 32)))),
        replace(body, proof=body.proof + b"\0"),
        replace(body, proof=b""),
    ):
        refused(stage.tip, replace(stage.block, body=other), BodyMismatch)


def test_r_49_order_of_transactions_is_committed_to() -> None:
    stage = stages()["child"]
    body = stage.block.body
    assert len(body.transactions) == 2
    for transactions in (body.transactions[::-1], body.transactions[:1], ()):
        other = replace(body, transactions=transactions)
        refused(stage.tip, replace(stage.block, body=other), BodyMismatch)


def test_r_49_transactions_above_their_share_of_a_block_are_refused() -> None:
    stage = stages()["fallback"]
    large = replace(stages()["child"].block.body.transactions[0], nonce=1 << 63)
    count = MAX_TRANSACTIONS_BYTES // len(encode(large.value())) + 1
    body = replace(stage.block.body, transactions=(large,) * count)
    block = recommitted(stage.header, body, ALICE)
    refused(stage.tip, block, BodyMismatch, f"at most {MAX_TRANSACTIONS_BYTES} bytes")


def with_transactions(*transactions: Transfer) -> tuple[Stage, Block]:
    stage = stages()["fallback"]
    body = replace(stage.block.body, transactions=transactions)
    return stage, recommitted(stage.header, body, ALICE)


def send(sender: int = 0, amount: int = 5, nonce: int = 2, fee: int = 1) -> Transfer:
    """Return a transfer by Alice (who has sent two), Bob or Carol."""
    who = (ALICE, BOB, CAROL)[sender]
    return transfer(who, CAROL.address, amount, network=network(), nonce=nonce, fee=fee)


def test_r_20_block_with_a_forged_transaction_is_refused() -> None:
    forged = replace(send(), amount=Amount(500_000))
    foreign = replace(send(), signature=BOB.sign(send().signing_hash(network().rules.network)))
    for transaction in (forged, foreign):
        stage, block = with_transactions(send(1, nonce=0), transaction)
        refused(stage.tip, block, TransactionSignatureInvalid)


def test_r_26_block_that_replays_a_transaction_is_refused() -> None:
    earlier = stages()["child"].block.body.transactions
    for transactions in ((earlier[0],), (send(), send()), (send(nonce=3),), (send(1, nonce=1),)):
        stage, block = with_transactions(*transactions)
        refused(stage.tip, block, NonceMismatch)


def test_r_27_block_that_spends_what_is_not_there_is_refused() -> None:
    for transactions in (
        (send(amount=ALLOCATION),),
        (send(2, amount=20, nonce=0),),
        (send(1, amount=ALLOCATION - 10, nonce=0), send(1, amount=10, nonce=1)),
    ):
        stage, block = with_transactions(*transactions)
        refused(stage.tip, block, BalanceTooLow)


def test_r_27_immature_reward_can_not_be_spent() -> None:
    stage = stages()["fallback"]
    assert sum(reward.amount for reward in stage.tip.state.immature) > ALLOCATION
    stage, block = with_transactions(send(amount=ALLOCATION + 1, fee=0))
    refused(stage.tip, block, BalanceTooLow)


def test_r_28_block_with_a_fee_below_the_least_is_refused() -> None:
    stage, block = with_transactions(send(fee=2))
    validate_with(stage.tip, block, min_fee=2)
    with pytest.raises(FeeTooLow, match="R-28: the fee must be at least 3, not 2"):
        validate_with(stage.tip, block, min_fee=3)


def test_r_29_block_pays_base_reward_and_fees_after_maturity() -> None:
    stage = stages()["child"]
    state = stage.tip.validate(stage.block).state
    base = network().rules.parameters.base_reward
    assert state.immature[-1].amount == base + 2  # two fees of 1
    assert state.immature[-1].due == state.height + REWARD_MATURITY_BLOCKS
    assert state.minted == stage.tip.state.minted + base
    assert state.accounts.get(CAROL.address).balance == 20
    assert state.accounts.get(ALICE.address).balance == ALLOCATION - 22


def test_r_29_fallback_mints_nothing_and_pays_its_fees() -> None:
    stage, block = with_transactions(send(fee=7))
    state = stage.tip.validate(block).state
    assert state.minted == stage.tip.state.minted
    assert state.immature[-1].amount == 7
    assert state.families == stage.tip.state.families
    empty, block = with_transactions()
    assert empty.tip.validate(block).state.immature == empty.tip.state.immature


def test_r_29_supply_is_conserved_and_rewards_come_of_age() -> None:
    chain = ToyChain(network())
    founder = chain.add(stages()["founder"].mined)
    for number in range(REWARD_MATURITY_BLOCKS + 2):
        assert supply(chain.state) == chain.state.minted
        payment = transfer(ALICE, BOB.address, 1_000, network=network(), nonce=number, fee=3)
        work = Work(tip=chain.tip, miner=CAROL, after_ms=FALLBACK_MS, transactions=(payment,))
        chain.add(fallback(work))
    assert founder.block.header.miner == ALICE.key
    spent = (REWARD_MATURITY_BLOCKS + 2) * 1_003
    reward = network().rules.parameters.base_reward
    assert chain.state.accounts.get(ALICE.address).balance == ALLOCATION - spent + reward
    assert chain.state.accounts.get(CAROL.address).balance == 2 * 3
    assert supply(chain.state) == chain.state.minted == 2 * ALLOCATION + reward


def test_dataset_that_is_not_here_is_no_fault_of_the_block() -> None:
    bare = ReferenceEngine(splits={})
    for kind in ("founder", "child"):
        stage = stages()[kind]
        root = stage.tip.state.root()
        with pytest.raises(DatasetMissing) as caught:
            validate_block(
                stage.block,
                stage.tip.state,
                network().rules,
                bare,
                stage.tip.models,
                stage.tip.latents,
            )
        assert not isinstance(caught.value, InvalidInput)
        assert stage.tip.state.root() == root
    late = stages()["fallback"]
    validate_block(
        late.block, late.tip.state, network().rules, bare, late.tip.models, late.tip.latents
    )


def test_cheap_checks_come_first() -> None:
    stage = stages()["child"]
    everything = replace(
        stage.header,
        network=NetworkId(ONE),
        timestamp=TimestampMs(0),
        tx_root=ONE,
        generation=9,
        signature=Signature(bytes(64)),
    )
    repairs: list[tuple[type[InvalidInput], dict[str, object]]] = [
        (HeaderOutOfPlace, {"network": stage.header.network}),
        (TimestampInvalid, {"timestamp": stage.header.timestamp}),
        (BlockSignatureInvalid, {}),
    ]
    header = everything
    for error, repair in repairs:
        refused(stage.tip, replace(stage.block, header=header), error)
        header = replace(header, **repair)  # type: ignore[arg-type]  # one field or another
    refused(stage.tip, resigned(header, stage), BodyMismatch)
    header = replace(header, tx_root=stage.header.tx_root)
    refused(stage.tip, resigned(header, stage), HeaderDisagrees)


def test_block_ahead_of_the_clock_waits_and_is_not_invalid() -> None:
    header = stages()["child"].header
    parameters = network().rules.parameters
    check_not_early(header, TimestampMs(header.timestamp - parameters.max_future_ms), parameters)
    now = TimestampMs(header.timestamp - parameters.max_future_ms - 1)
    with pytest.raises(BlockFromTheFuture) as caught:
        check_not_early(header, now, parameters)
    assert caught.value.timestamp == caught.value.latest + 1
    assert not caught.value.peer_fault
    assert not isinstance(caught.value, InvalidInput)
