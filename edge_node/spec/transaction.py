# SPDX-License-Identifier: Apache-2.0
"""Transactions: what the three actors of paper A sign (section 4.7).

Rules R-19 (form) and R-20 (signature); design, section 4. A transaction is a positional array
[kind, sender, nonce, ..., fee, signature]; the signature is over the network id and the rest, so it
can not be replayed on another network; the account's nonce keeps it from being replayed on this one
(ledger.py). It names keys and addresses, never indices. End users send transfers; model trainers
upload datasets and reveal their reserves; miners commit to models made elsewhere; anybody reports
who signed two blocks where one is allowed.
Law of the file: form only; what a transaction does is in ledger.py, market.py and offences.py.
Read next: ledger.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    DatasetId,
    Hash32,
    Height,
    NetworkId,
    PublicKey,
    Signature,
)
from edge_node.spec.constants import (
    MAX_AMOUNT,
    MAX_HEADER_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_TRANSACTION_BYTES,
)
from edge_node.spec.dataset import Manifest, manifest_from_value
from edge_node.spec.encoding import Decoded, Value, decode, encode
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.signature import PUBLIC_KEY_BYTES, SIGNATURE_BYTES

ADDRESS_BYTES = 20
_HASH_BYTES = 32


class TransactionMalformed(InvalidTransaction):
    """A transaction does not have the form of R-19."""

    reason: ClassVar[str] = "R-19"
    wants: ClassVar[str] = "the transaction"


class TransactionSignatureInvalid(InvalidTransaction):
    """A transaction is not signed by its sender for this network (R-20)."""

    reason: ClassVar[str] = "R-20"
    wants: ClassVar[str] = "the transaction's signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(ABC):
    """What all kinds have in common."""

    kind: ClassVar[int]
    """First element of the array."""
    sender: PublicKey
    """Key of the account that pays."""
    nonce: int
    """Transactions of the sender before this one."""
    fee: Amount
    """Coins for the miner of the block."""
    signature: Signature
    """By the sender, over signing_hash."""
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)
    """What `encode` returns, made once; empty before."""
    _name: tuple[bytes, Hash32] = field(
        default=(b"", ZERO_HASH), init=False, repr=False, compare=False
    )
    """The network that `signing_hash` was last asked for, and what it returns there."""

    @abstractmethod
    def details(self) -> list[Value]:
        """Return what stands between nonce and fee."""

    @property
    def spent(self) -> int:
        """Coins that it takes from its sender besides the fee."""
        return 0

    def unsigned_value(self) -> list[Value]:
        """Return the transaction without its signature."""
        return [self.kind, self.sender, self.nonce, *self.details(), self.fee]

    def value(self) -> Value:
        """Return the transaction as an encodable value."""
        return [*self.unsigned_value(), self.signature]

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        if not self._encoded:
            object.__setattr__(self, "_encoded", encode(self.value()))
        return self._encoded

    def signing_hash(self, network: NetworkId) -> Hash32:
        """Return what the sender signs; it also names the transaction."""
        if self._name[0] != network:
            name = tagged_hash("transaction", network, encode(self.unsigned_value()))
            object.__setattr__(self, "_name", (network, name))
        return self._name[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Transaction):
    """Coins from one account to another."""

    kind: ClassVar[int] = 0
    recipient: Address
    """Account that is paid."""
    amount: Amount
    """Coins paid, at least 1."""

    def details(self) -> list[Value]:
        """See Transaction."""
        return [self.recipient, self.amount]

    @property
    def spent(self) -> int:
        """See Transaction."""
        return self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUpload(Transaction):
    """A model trainer offers a bounty for models of a dataset, whose reserve stays sealed."""

    kind: ClassVar[int] = 1
    manifest: Manifest
    """Roots of train, evaluation and sealed reserve; shape and classes."""
    bounty: Amount
    """Coins in escrow, from which bonuses are paid."""
    bonus: Amount
    """Coins for each record, half at once, half at the closing height."""
    bond: Amount
    """Coins that pay the second halves if the reserve is never revealed."""
    closing_height: Height
    """The block that settles; miners stop reveal_blocks before it."""

    def details(self) -> list[Value]:
        """See Transaction."""
        return [
            encode(self.manifest.value()),
            self.bounty,
            self.bonus,
            self.bond,
            self.closing_height,
        ]

    @property
    def spent(self) -> int:
        """See Transaction."""
        return self.bounty + self.bond


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveReveal(Transaction):
    """An uploader says that it now serves the reserve."""

    kind: ClassVar[int] = 2
    dataset: DatasetId
    """The dataset."""

    def details(self) -> list[Value]:
        """See Transaction."""
        return [self.dataset]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCommit(Transaction):
    """A miner has a model that it will found a family with."""

    kind: ClassVar[int] = 3
    commitment: Hash32
    """By `commitment_to`: it shows nothing of the model."""

    def details(self) -> list[Value]:
        """See Transaction."""
        return [self.commitment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Transaction):
    """Two signed headers of which a key may sign one only."""

    kind: ClassVar[int] = 4
    first: bytes
    """Encoded header."""
    second: bytes
    """Encoded header."""
    reporter: Address
    """Account that is paid for it."""

    def details(self) -> list[Value]:
        """See Transaction."""
        return [self.first, self.second, self.reporter]


def transaction_from_value(value: Decoded) -> Transaction:
    """Return the transaction that a decoded value names.

    Raises
    ------
    TransactionMalformed, ManifestMalformed, InvalidEncoding
        R-19, R-17, R-2.
    """
    # lengths and ranges here, so that nothing later doubts them.
    match value:
        case [int(kind), bytes(sender), int(nonce), *details, int(fee), bytes(signature)] if (
            len(sender) == PUBLIC_KEY_BYTES
            and len(signature) == SIGNATURE_BYTES
            and _are_amounts(nonce, fee)
        ):
            kind_of = _kind_of(kind, details)
            if kind_of is not None:
                return kind_of(
                    sender=PublicKey(sender),
                    nonce=nonce,
                    fee=Amount(fee),
                    signature=Signature(signature),
                )
    raise TransactionMalformed(
        expected="[kind, sender, nonce, what its kind has, fee, signature]", actual="another form"
    )


def transaction_from_bytes(data: bytes) -> Transaction:
    """Return the transaction that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, TransactionMalformed, ManifestMalformed
        R-2, R-19, R-17.
    """
    transaction = transaction_from_value(decode(data, max_bytes=MAX_TRANSACTION_BYTES))
    # a value has one encoding, and these bytes are it.
    object.__setattr__(transaction, "_encoded", data)
    return transaction


def _kind_of(kind: int, details: Sequence[Decoded]) -> Callable[..., Transaction] | None:
    """Return the constructor of a kind with its details filled in; None if they do not fit."""
    match kind, details:
        case Transfer.kind, [bytes(recipient), int(amount)] if (
            len(recipient) == ADDRESS_BYTES and amount and _are_amounts(amount)
        ):
            return partial(Transfer, recipient=Address(recipient), amount=Amount(amount))
        case DatasetUpload.kind, [
            bytes(manifest),
            int(bounty),
            int(bonus),
            int(bond),
            int(closing_height),
        ] if _are_amounts(bounty, bonus, bond, closing_height):
            return partial(
                DatasetUpload,
                manifest=manifest_from_value(decode(manifest, max_bytes=MAX_MANIFEST_BYTES)),
                bounty=Amount(bounty),
                bonus=Amount(bonus),
                bond=Amount(bond),
                closing_height=Height(closing_height),
            )
        case ReserveReveal.kind, [bytes(dataset)] if len(dataset) == _HASH_BYTES:
            return partial(ReserveReveal, dataset=DatasetId(Hash32(dataset)))
        case ModelCommit.kind, [bytes(commitment)] if len(commitment) == _HASH_BYTES:
            return partial(ModelCommit, commitment=Hash32(commitment))
        case Evidence.kind, [bytes(first), bytes(second), bytes(reporter)] if (
            max(len(first), len(second)) <= MAX_HEADER_BYTES and len(reporter) == ADDRESS_BYTES
        ):
            return partial(Evidence, first=first, second=second, reporter=Address(reporter))
    return None


def _are_amounts(*numbers: int) -> bool:
    return min(numbers) >= 0 and max(numbers) <= MAX_AMOUNT


def address_of(key: PublicKey) -> Address:
    """Return the address of a key's account."""
    return Address(tagged_hash("address", key)[:ADDRESS_BYTES])


def commitment_to(blob: bytes, key: PublicKey, salt: bytes) -> Hash32:
    """Return what a miner commits to before it shows a model: H(blob, key, salt)."""
    return tagged_hash("model-commit", blob, key, salt)
