# SPDX-License-Identifier: Apache-2.0
"""Money: what every transaction costs, fees, base rewards and their maturity.

Rules R-26 (nonce), R-27 (balance), R-28 (fee) and R-29 (rewards; supply is conserved: balances,
immature rewards and bounties always add up to what was allocated and minted, less what was burned);
paper A, sections 4.5 and 4.7; design, section 4.
Law of the file: pure functions from a state to a state; u64 amounts, never negative.
Read next: market.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.types import Address, Amount, Height, NetworkId, PublicKey
from edge_node.spec import commits, market, offences
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.genesis import Parameters
from edge_node.spec.signature import SignatureCheck
from edge_node.spec.state import Account, State
from edge_node.spec.transaction import (
    DatasetUpload,
    Evidence,
    ModelCommit,
    ReserveReveal,
    Transaction,
    TransactionSignatureInvalid,
    Transfer,
    address_of,
)


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
    transaction: Transaction, network: NetworkId, verify: SignatureCheck
) -> None:
    """Check that the sender signed the transaction for this network, and the proofs it carries.

    Raises
    ------
    TransactionSignatureInvalid
        R-20.
    EvidenceFalse, HeaderMalformed
        R-63, R-22.
    """
    # by the sender, over this network's id.
    message = transaction.signing_hash(network)
    if not verify(transaction.sender, message, transaction.signature):
        raise TransactionSignatureInvalid(
            expected=f"by {transaction.sender.hex()}", actual="another signature"
        )
    if isinstance(transaction, Evidence):
        offences.check_evidence(transaction, network, verify)


def charge(sender: Account, transaction: Transaction, parameters: Parameters) -> Account:
    """Return the sender's account after what a transaction takes from it.

    Raises
    ------
    NonceMismatch, FeeTooLow, BalanceTooLow
        R-26, R-28, R-27.
    """
    # each transaction once, in order.
    if transaction.nonce != sender.nonce:
        raise NonceMismatch(expected=sender.nonce, actual=transaction.nonce)
    # dust costs at least the least fee. Evidence is no dust: it is good for one offence only.
    if transaction.fee < parameters.min_fee and not isinstance(transaction, Evidence):
        raise FeeTooLow(expected=f"at least {parameters.min_fee}", actual=transaction.fee)
    # nobody spends what he has not. The supply fits u64, so a sum of balances does too.
    cost = transaction.spent + transaction.fee
    if cost > sender.balance:
        raise BalanceTooLow(expected=f"at least {cost}", actual=sender.balance)
    return Account(
        address=sender.address, balance=Amount(sender.balance - cost), nonce=sender.nonce + 1
    )


def take_effect(
    state: State, transaction: Transaction, parameters: Parameters, height: Height
) -> State:
    """Return the state after what a transaction does beyond its sender's and recipient's accounts.

    Raises
    ------
    InvalidTransaction
        By the rule of its kind.
    """
    match transaction:
        case Transfer():
            return state
        case DatasetUpload():
            return market.upload(state, transaction, parameters, height)
        case ReserveReveal():
            return market.reveal(state, transaction, parameters, height)
        case ModelCommit():
            return commits.commit(state, transaction, height)
        case Evidence():
            return offences.punish(state, transaction, height)
    return state


def apply_transactions(
    state: State, transactions: Sequence[Transaction], parameters: Parameters
) -> tuple[State, Amount]:
    """Return the state after the transactions of the next block, and their fees.

    Raises
    ------
    InvalidTransaction
        The first transaction that breaks a rule.
    """
    till = _Till(state, parameters)
    for transaction in transactions:
        till.take(transaction)
    return till.state(), Amount(sum(transaction.fee for transaction in transactions))


def applicable(
    state: State, transactions: Sequence[Transaction], parameters: Parameters
) -> tuple[Transaction, ...]:
    """Return those of the transactions that the next block can have, in their order."""
    till = _Till(state, parameters)
    taken: list[Transaction] = []
    for transaction in transactions:
        try:
            till.take(transaction)
        except InvalidTransaction:
            continue
        taken.append(transaction)
    return tuple(taken)


class _Till:
    """Transactions on the way: accounts are put back into the state together."""

    def __init__(self, state: State, parameters: Parameters) -> None:
        self._state = state
        self._parameters = parameters
        self._height = Height(state.height + 1)
        self._changed: dict[Address, Account] = {}

    def take(self, transaction: Transaction) -> None:
        """Apply one transaction, or none of it."""
        sender = self._account(address_of(transaction.sender))
        sender = charge(sender, transaction, self._parameters)
        self._state = take_effect(self._state, transaction, self._parameters, self._height)
        self._changed[sender.address] = sender
        if isinstance(transaction, Transfer):
            recipient = self._account(transaction.recipient)
            self._changed[recipient.address] = Account(
                address=recipient.address,
                balance=Amount(recipient.balance + transaction.amount),
                nonce=recipient.nonce,
            )

    def state(self) -> State:
        """Return the state after all that was taken."""
        if not self._changed:
            return self._state
        return replace(self._state, accounts=self._state.accounts.updated(self._changed.values()))

    def _account(self, address: Address) -> Account:
        return self._changed.get(address) or self._state.accounts.get(address)


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
    state = replace(state, minted=Amount(state.minted + minted)) if minted else state
    return state.with_reward(address_of(miner), minted + fees, height)
