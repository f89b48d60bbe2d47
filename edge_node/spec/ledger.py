# SPDX-License-Identifier: Apache-2.0
"""Money: transfers, fees, base rewards and their maturity.

Rules R-26 (nonce), R-27 (balance), R-28 (fee) and R-29 (rewards; supply is conserved: balances and
immature rewards always add up to what was allocated and minted); paper A, section 4.5; design,
section 4.
Law of the file: pure functions from a state to a state; u64 amounts, never negative.
Read next: scheduling.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.types import Address, Amount, Height, NetworkId, PublicKey
from edge_node.spec import constants as limits
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import Account, Reward, State
from edge_node.spec.transaction import (
    TransactionSignatureInvalid,
    Transfer,
    address_of,
)

SignatureCheck = Callable[[bytes, bytes, bytes], bool]
"""verify(key, message, signature), as spec/signature.verify defines it."""


class NonceMismatch(InvalidTransaction):
    """A transaction is not the sender's next one (R-26)."""

    reason: ClassVar[str] = "R-26"
    wants: ClassVar[str] = "the nonce"


class BalanceTooLow(InvalidTransaction):
    """The sender can not pay amount and fee (R-27)."""

    reason: ClassVar[str] = "R-27"
    wants: ClassVar[str] = "the balance"


class FeeTooLow(InvalidTransaction):
    """The fee is below the network's least (R-28)."""

    reason: ClassVar[str] = "R-28"
    wants: ClassVar[str] = "the fee"


def base_reward(parameters: Parameters, height: Height) -> Amount:
    """Return the coins minted for a learning block at `height` (R-29)."""
    return Amount(parameters.base_reward >> height // parameters.halving_blocks)


def check_transaction_signature(
    transaction: Transfer, network: NetworkId, verify: SignatureCheck
) -> None:
    """Check that the sender signed the transaction for this network.

    Raises
    ------
    TransactionSignatureInvalid
        R-20.
    """
    # by the sender, over this network's id.
    message = transaction.signing_hash(network)
    if not verify(transaction.sender, message, transaction.signature):
        raise TransactionSignatureInvalid(
            expected=f"by {transaction.sender.hex()}", actual="another signature"
        )


def apply_transaction(
    sender: Account, recipient: Account, transaction: Transfer, parameters: Parameters
) -> tuple[Account, Account]:
    """Return sender and recipient after a transaction; they may be one account.

    Raises
    ------
    NonceMismatch, FeeTooLow, BalanceTooLow
        R-26, R-28, R-27.
    """
    # each transaction once, in order.
    if transaction.nonce != sender.nonce:
        raise NonceMismatch(expected=sender.nonce, actual=transaction.nonce)
    # dust costs at least the least fee.
    if transaction.fee < parameters.min_fee:
        raise FeeTooLow(expected=f"at least {parameters.min_fee}", actual=transaction.fee)
    # nobody spends what he has not. The supply fits u64, so a sum of balances does too.
    cost = transaction.amount + transaction.fee
    if cost > sender.balance:
        raise BalanceTooLow(expected=f"at least {cost}", actual=sender.balance)
    paid = replace(sender, balance=Amount(sender.balance - cost), nonce=sender.nonce + 1)
    if recipient.address == sender.address:
        recipient = paid
    got = replace(recipient, balance=Amount(recipient.balance + transaction.amount))
    return (got, got) if recipient is paid else (paid, got)


def apply_transactions(
    state: State, transactions: Sequence[Transfer], parameters: Parameters
) -> tuple[State, Amount]:
    """Return the state after the transactions, and their fees.

    Raises
    ------
    InvalidTransaction
        The first transaction that breaks a rule.
    """
    changed: dict[Address, Account] = {}

    def account(address: Address) -> Account:
        return changed.get(address) or state.accounts.get(address)

    fees = 0
    for transaction in transactions:
        sender, recipient = apply_transaction(
            account(address_of(transaction.sender)),
            account(transaction.recipient),
            transaction,
            parameters,
        )
        changed[sender.address] = sender
        changed[recipient.address] = recipient
        fees += transaction.fee
    if not changed:
        return state, Amount(0)
    return replace(state, accounts=state.accounts.updated(changed.values())), Amount(fees)


def mature_rewards(state: State, height: Height) -> State:
    """Return the state with every reward credited that is due at `height` (R-29)."""
    due = [reward for reward in state.immature if reward.due <= height]
    if not due:
        return state
    changed: dict[Address, Account] = {}
    for reward in due:
        account = changed.get(reward.address) or state.accounts.get(reward.address)
        changed[reward.address] = replace(account, balance=Amount(account.balance + reward.amount))
    return replace(
        state,
        accounts=state.accounts.updated(changed.values()),
        immature=tuple(reward for reward in state.immature if reward.due > height),
    )


def pay_miner(
    state: State, miner: PublicKey, height: Height, minted: Amount, fees: Amount
) -> State:
    """Return the state with the miner's reward waiting for its maturity (R-29)."""
    if minted + fees == 0:
        return state
    reward = Reward(
        due=Height(height + limits.REWARD_MATURITY_BLOCKS),
        address=address_of(miner),
        amount=Amount(minted + fees),
    )
    return replace(
        state,
        immature=(*state.immature, reward),
        minted=Amount(state.minted + minted),
    )
