# SPDX-License-Identifier: Apache-2.0
"""Transactions: what end users sign.

Rules R-19 (form) and R-20 (signature); design, section 4. A transaction is a positional array whose
last element is the signature over the network id and the rest, so it can not be replayed on another
network; the account's nonce keeps it from being replayed on this one (ledger.py). It names keys and
addresses, never indices.
Law of the file: one kind so far, the transfer; others get numbers of their own.
Read next: ledger.py.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Address, Amount, Hash32, NetworkId, PublicKey, Signature
from edge_node.spec.constants import MAX_AMOUNT
from edge_node.spec.encoding import Decoded, Value, encode
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.signature import PUBLIC_KEY_BYTES, SIGNATURE_BYTES

ADDRESS_BYTES = 20
TRANSFER: Final = 0
"""Kind number of a transfer."""


class TransactionMalformed(InvalidTransaction):
    """A transaction does not have the form of R-19."""

    reason: ClassVar[str] = "R-19"
    wants: ClassVar[str] = "the transaction"


class TransactionSignatureInvalid(InvalidTransaction):
    """A transaction is not signed by its sender for this network (R-20)."""

    reason: ClassVar[str] = "R-20"
    wants: ClassVar[str] = "the transaction's signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Coins from one account to another."""

    sender: PublicKey
    """Key of the account that pays."""
    nonce: int
    """Transactions of the sender before this one."""
    recipient: Address
    """Account that is paid."""
    amount: Amount
    """Coins paid, at least 1."""
    fee: Amount
    """Coins for the miner of the block."""
    signature: Signature
    """By the sender, over signing_hash."""

    def unsigned_value(self) -> list[Value]:
        """Return the transaction without its signature."""
        return [TRANSFER, self.sender, self.nonce, self.recipient, self.amount, self.fee]

    def value(self) -> Value:
        """Return the transaction as an encodable value."""
        return [*self.unsigned_value(), self.signature]

    def signing_hash(self, network: NetworkId) -> Hash32:
        """Return what the sender signs; it also names the transaction."""
        return tagged_hash("transaction", network, encode(self.unsigned_value()))


def transaction_from_value(value: Decoded) -> Transfer:
    """Return the transaction that a decoded value names.

    Raises
    ------
    TransactionMalformed
        R-19.
    """
    # lengths and ranges here, so that nothing later doubts them.
    match value:
        case [
            kind,
            bytes(sender),
            int(nonce),
            bytes(recipient),
            int(amount),
            int(fee),
            bytes(signature),
        ] if (
            kind == TRANSFER
            and len(sender) == PUBLIC_KEY_BYTES
            and len(recipient) == ADDRESS_BYTES
            and len(signature) == SIGNATURE_BYTES
            and 0 <= nonce <= MAX_AMOUNT
            and 1 <= amount <= MAX_AMOUNT
            and 0 <= fee <= MAX_AMOUNT
        ):
            return Transfer(
                sender=PublicKey(sender),
                nonce=nonce,
                recipient=Address(recipient),
                amount=Amount(amount),
                fee=Amount(fee),
                signature=Signature(signature),
            )
        case _:
            raise TransactionMalformed(
                expected="[0, sender, nonce, recipient, amount, fee, signature]",
                actual="another form",
            )


def address_of(key: PublicKey) -> Address:
    """Return the address of a key's account."""
    return Address(tagged_hash("address", key)[:ADDRESS_BYTES])
