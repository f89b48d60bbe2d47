# SPDX-License-Identifier: Apache-2.0
"""Money: supply is conserved whatever is sent; broken transactions are refused by their rule."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.primitives.types import Amount, Height, PublicKey, Signature
from edge_node.spec.constants import MAX_AMOUNT, REWARD_MATURITY_BLOCKS
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.genesis import Parameters
from edge_node.spec.ledger import (
    BalanceTooLow,
    FeeTooLow,
    NonceMismatch,
    apply_transactions,
    base_reward,
    mature_rewards,
    pay_miner,
)
from edge_node.spec.merkle import MerkleTree
from edge_node.spec.state import Account, Accounts, State
from edge_node.spec.transaction import Transfer, address_of
from tests.spec.toy_chain import ALLOCATION, PARAMETERS, miner, toy_dataset, toy_network

KEYS = [PublicKey(bytes([number]) * 32) for number in range(4)]
ADDRESSES = [address_of(key) for key in KEYS]
ALICE, BOB = miner("alice"), miner("bob")
START = toy_network([toy_dataset()], rich=[ALICE, BOB]).start()
FREE = replace(PARAMETERS, min_fee=0)


def send(
    sender: int = 0, recipient: int = 1, amount: int = 10, fee: int = 1, nonce: int = 0
) -> Transfer:
    """Return a transfer between test keys; apply_transactions looks at no signature."""
    return Transfer(
        sender=KEYS[sender],
        nonce=nonce,
        recipient=ADDRESSES[recipient],
        amount=Amount(amount),
        fee=Amount(fee),
        signature=Signature(bytes(64)),
    )


def with_balances(*balances: int) -> State:
    accounts = [
        Account(address=address, balance=Amount(balance), nonce=0)
        for address, balance in zip(ADDRESSES, balances, strict=False)
    ]
    empty = replace(START, accounts=Accounts(), minted=Amount(sum(balances)))
    return replace(empty, accounts=empty.accounts.updated(accounts))


def balance(state: State, number: int) -> int:
    return state.accounts.get(ADDRESSES[number]).balance


def supply(state: State) -> int:
    held = sum(account.balance for account in state.accounts.rows)
    return held + sum(reward.amount for reward in state.immature)


def test_transfer_moves_amount_and_fee() -> None:
    state, fees = apply_transactions(with_balances(100, 5), [send()], FREE)
    assert (balance(state, 0), balance(state, 1), fees) == (89, 15, 1)
    assert state.accounts.get(ADDRESSES[0]).nonce == 1
    assert state.accounts.get(ADDRESSES[1]).nonce == 0


def test_transfers_of_one_block_build_on_each_other() -> None:
    chain = [send(0, 1, 50, 0), send(1, 2, 50, 0), send(2, 0, 50, 0), send(0, 3, 100, 0, nonce=1)]
    state, _ = apply_transactions(with_balances(100), chain, FREE)
    assert [balance(state, number) for number in range(4)] == [0, 0, 0, 100]


def test_transfer_to_oneself_costs_its_fee() -> None:
    state, fees = apply_transactions(with_balances(100), [send(0, 0, 99, 1)], FREE)
    assert (balance(state, 0), fees) == (99, 1)
    assert state.accounts.get(ADDRESSES[0]).nonce == 1
    with pytest.raises(BalanceTooLow):
        apply_transactions(with_balances(100), [send(0, 0, 100, 1)], FREE)


@pytest.mark.parametrize("nonce", [1, 2, MAX_AMOUNT])
def test_r_26_transaction_out_of_order_is_refused(nonce: int) -> None:
    with pytest.raises(NonceMismatch, match=f"R-26: the nonce must be 0, not {nonce}"):
        apply_transactions(with_balances(100), [send(nonce=nonce)], FREE)


def test_r_26_transaction_is_applied_once() -> None:
    state, _ = apply_transactions(with_balances(100), [send()], FREE)
    with pytest.raises(NonceMismatch, match="must be 1, not 0"):
        apply_transactions(state, [send()], FREE)
    with pytest.raises(NonceMismatch):
        apply_transactions(with_balances(100), [send(), send()], FREE)


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(101, 0), (100, 1), (1, 100), (MAX_AMOUNT, 0), (MAX_AMOUNT, MAX_AMOUNT), (1, MAX_AMOUNT)],
)
def test_r_27_nobody_spends_what_he_has_not(amount: int, fee: int) -> None:
    with pytest.raises(BalanceTooLow, match=f"R-27: the balance must be at least {amount + fee}"):
        apply_transactions(with_balances(100, 100), [send(amount=amount, fee=fee)], FREE)


def test_r_27_account_that_never_got_coins_has_none() -> None:
    with pytest.raises(BalanceTooLow):
        apply_transactions(with_balances(100), [send(3, 0, 1, 0)], FREE)


def test_r_28_fee_below_the_least_is_refused() -> None:
    parameters = replace(PARAMETERS, min_fee=3)
    apply_transactions(with_balances(100), [send(fee=3)], parameters)
    with pytest.raises(FeeTooLow, match="R-28: the fee must be at least 3, not 2"):
        apply_transactions(with_balances(100), [send(fee=2)], parameters)


def test_refused_list_changes_nothing() -> None:
    state = with_balances(100, 5)
    root, rows = state.root(), state.accounts.rows
    for bad in (send(nonce=5), send(amount=1_000, nonce=1), send(fee=0, nonce=1)):
        with pytest.raises(InvalidTransaction):
            apply_transactions(state, [send(), bad], replace(PARAMETERS, min_fee=1))
    assert (state.root(), state.accounts.rows) == (root, rows)


def test_no_transactions_leave_the_very_state() -> None:
    state = with_balances(100)
    assert apply_transactions(state, [], FREE) == (state, 0)


def test_whole_supply_may_change_hands() -> None:
    state, _ = apply_transactions(
        with_balances(MAX_AMOUNT - 5, 5), [send(amount=MAX_AMOUNT - 5, fee=0)], FREE
    )
    assert (balance(state, 0), balance(state, 1)) == (0, MAX_AMOUNT)


@pytest.mark.parametrize(
    ("height", "reward"),
    [
        (1, 1_000),
        (99, 1_000),
        (100, 500),
        (199, 500),
        (200, 250),
        (999, 1),
        (1_000, 0),
        (1 << 62, 0),
    ],
)
def test_r_29_reward_halves(height: int, reward: int) -> None:
    parameters = replace(PARAMETERS, base_reward=1_000, halving_blocks=100)
    assert base_reward(parameters, Height(height)) == reward


def test_r_29_reward_can_be_spent_after_its_maturity() -> None:
    state = pay_miner(with_balances(0), KEYS[2], Height(7), Amount(50), Amount(3))
    assert balance(state, 2) == 0
    assert state.minted == 50
    early = mature_rewards(state, Height(7 + REWARD_MATURITY_BLOCKS - 1))
    assert early == state
    ripe = mature_rewards(state, Height(7 + REWARD_MATURITY_BLOCKS))
    assert balance(ripe, 2) == 53
    assert ripe.immature == ()


def test_r_29_rewards_of_one_miner_add_up() -> None:
    state = with_balances(0)
    for height in (1, 2, 3):
        state = pay_miner(state, KEYS[0], Height(height), Amount(10), Amount(height))
    state = mature_rewards(state, Height(2 + REWARD_MATURITY_BLOCKS))
    assert balance(state, 0) == 23
    assert [reward.amount for reward in state.immature] == [13]


def test_r_29_nothing_earned_leaves_the_very_state() -> None:
    state = with_balances(5)
    assert pay_miner(state, KEYS[0], Height(1), Amount(0), Amount(0)) is state


transfers = st.builds(
    send,
    sender=st.integers(0, 3),
    recipient=st.integers(0, 3),
    amount=st.integers(1, 120) | st.just(MAX_AMOUNT),
    fee=st.integers(0, 20) | st.just(MAX_AMOUNT),
    nonce=st.integers(0, 6),
)
blocks = st.tuples(st.lists(transfers, max_size=6), st.integers(0, 3), st.sampled_from([0, 7, 100]))


@settings(max_examples=60)
@given(st.lists(blocks, max_size=60), st.lists(st.integers(0, 300), min_size=4, max_size=4))
def test_r_29_supply_is_conserved(
    chain: list[tuple[list[Transfer], int, int]], balances: list[int]
) -> None:
    state = with_balances(*balances)
    minted = sum(balances)
    for index, (wanted, who, reward) in enumerate(chain):
        height = Height(index + 1)
        state = mature_rewards(state, height)
        confirmed: list[Transfer] = []
        for transaction in wanted:
            # An honest nonce half of the time, so that chains of transfers do happen.
            nonce = state.accounts.get(address_of(transaction.sender)).nonce
            nonce += sum(tx.sender == transaction.sender for tx in confirmed)
            candidate = replace(transaction, nonce=nonce) if index % 2 else transaction
            if applies(state, [*confirmed, candidate], FREE):
                confirmed.append(candidate)
        state, fees = apply_transactions(state, confirmed, FREE)
        state = pay_miner(state, KEYS[who], height, Amount(reward), fees)
        minted += reward
        assert supply(state) == state.minted == minted
        assert all(0 <= account.balance <= minted for account in state.accounts.rows)
        assert state.accounts.tree == rebuilt(state)


def applies(state: State, wanted: list[Transfer], parameters: Parameters) -> bool:
    before = state.root()
    try:
        apply_transactions(state, wanted, parameters)
    except (NonceMismatch, BalanceTooLow, FeeTooLow):
        assert state.root() == before
        return False
    return True


def rebuilt(state: State) -> MerkleTree:
    return MerkleTree.build([row.encode() for row in state.accounts.rows])


def test_start_of_a_network_holds_its_allocations() -> None:
    assert supply(START) == START.minted == 2 * ALLOCATION
