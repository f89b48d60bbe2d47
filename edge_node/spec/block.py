# SPDX-License-Identifier: Apache-2.0
"""Blocks: a signed header that commits to a proof of learning, a model and transactions.

Rules R-22 (header form) and R-23 (body form); design, section 4. The block's hash is over the
header without its signature; the signature is over that hash. `proof_root` and `tx_root` commit to
the body, so a body that does not belong to its header is a bad message, never a bad block.
Law of the file: form only; what makes a block valid is in validation.py.
Read next: genesis.py, then validation.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    NetworkId,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec import constants as limits
from edge_node.spec.encoding import Decoded, Value, decode, encode, encode_array
from edge_node.spec.errors import InvalidBody, InvalidHeader
from edge_node.spec.merkle import merkle_root
from edge_node.spec.transaction import Transaction, transaction_from_value

_HASH_BYTES = 32
_SIGNATURE_BYTES = 64


class HeaderMalformed(InvalidHeader):
    """A header does not have the form of R-22."""

    reason: ClassVar[str] = "R-22"
    wants: ClassVar[str] = "the header"


class BodyMalformed(InvalidBody):
    """A body does not have the form of R-23."""

    reason: ClassVar[str] = "R-23"
    wants: ClassVar[str] = "the body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block's header; the order of the fields is their order in the encoding (R-22).

    Everything before `proof_root` is the core: it is fixed before the work is done.
    """

    version: int
    """Of the protocol, at this height."""
    network: NetworkId
    """Hash of the genesis."""
    height: Height
    """Parent's height + 1."""
    previous_hash: BlockHash
    """The parent block."""
    previous_model_hash: BlockHash
    """The block of the family's head; zeros for a founder and a fallback."""
    timestamp: TimestampMs
    """When the block was made, by the miner's clock."""
    family: FamilyId
    """The family that the model belongs to; zeros for a fallback."""
    generation: int
    """1 + records of the family before this block; 0 for a fallback."""
    rung: int
    """Rung of the time ladder, by the two timestamps."""
    target: Hash32
    """Difficulty of a lottery, big-endian; zeros where the proof rule has none."""
    history_root: Hash32
    """Merkle mountain range over the hashes of all earlier blocks."""
    state_root: Hash32
    """The state after the parent block."""
    tx_root: Hash32
    """Merkle root over the transactions and the `have` list."""
    miner: PublicKey
    """Who made the block and is paid for it."""
    nonce: int
    """The miner's choice: it enters the batches of a founder."""
    proof_root: Hash32
    """Hash of the proof."""
    latent_root: Hash32
    """Latents after training; zeros where the proof rule trains nothing."""
    model_hash: ModelHash
    """The block's model; zeros for a fallback."""
    correct_count: int
    """Images of the evaluation split that the model classifies correctly."""
    signature: Signature
    """By the miner, over the block's hash."""

    def unsigned_value(self) -> list[Value]:
        """Return the header without its signature."""
        return [getattr(self, field.name) for field in fields(self)[:-1]]

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([*self.unsigned_value(), self.signature])

    def block_hash(self) -> BlockHash:
        """Return the hash that names the block and that the miner signs."""
        return BlockHash(tagged_hash("block", encode(self.unsigned_value())))


_HEADER_LENGTHS: dict[str, int] = {
    "network": _HASH_BYTES,
    "previous_hash": _HASH_BYTES,
    "previous_model_hash": _HASH_BYTES,
    "family": _HASH_BYTES,
    "target": _HASH_BYTES,
    "history_root": _HASH_BYTES,
    "state_root": _HASH_BYTES,
    "tx_root": _HASH_BYTES,
    "miner": _HASH_BYTES,
    "proof_root": _HASH_BYTES,
    "latent_root": _HASH_BYTES,
    "model_hash": _HASH_BYTES,
    "signature": _SIGNATURE_BYTES,
}
"""Length of every field that is a byte string; the others are natural numbers."""


def header_from_bytes(data: bytes) -> Header:
    """Return the header that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, HeaderMalformed
        R-2, R-22.
    """
    value = decode(data, max_bytes=limits.MAX_HEADER_BYTES)
    # every field there, of its type and length; what it says is judged elsewhere.
    names = [field.name for field in fields(Header)]
    if not isinstance(value, list) or len(value) != len(names):
        raise HeaderMalformed(expected=f"an array of {len(names)}", actual=type(value).__name__)
    for name, item in zip(names, value, strict=True):
        length = _HEADER_LENGTHS.get(name)
        if length is None:
            if not isinstance(item, int) or item < 0:
                raise HeaderMalformed(expected=f"a natural {name}", actual=item)
        elif not isinstance(item, bytes) or len(item) != length:
            raise HeaderMalformed(expected=f"{length} bytes of {name}", actual=item)
    return Header(**dict(zip(names, value, strict=True)))  # type: ignore[arg-type]  # checked above


def proof_root_of(proof: bytes) -> Hash32:
    """Return the commitment to an encoded proof (R-23)."""
    return tagged_hash("proof", proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a header commits to by `tx_root` and `proof_root`."""

    transactions: tuple[Transaction, ...]
    """In the order in which they are applied."""
    have: tuple[DatasetId, ...]
    """Datasets that the miner holds, ascending."""
    proof: bytes
    """The encoded proof of learning."""
    _tx_root: Hash32 = field(default=ZERO_HASH, init=False, repr=False, compare=False)
    """What `tx_root` returns, made once; zeros before."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        transactions = encode_array([tx.encode() for tx in self.transactions])
        return encode_array([transactions, encode(list(self.have)), encode(self.proof)])

    def tx_root(self) -> Hash32:
        """Return the commitment to transactions and `have`."""
        if self._tx_root == ZERO_HASH:
            leaves = [*(tx.encode() for tx in self.transactions), encode(list(self.have))]
            object.__setattr__(self, "_tx_root", merkle_root(leaves))
        return self._tx_root

    def proof_root(self) -> Hash32:
        """Return the commitment to the proof."""
        return proof_root_of(self.proof)


def body_from_bytes(data: bytes) -> Body:
    """Return the body that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, BodyMalformed, TransactionMalformed, ManifestMalformed
        R-2, R-23, R-19, R-17.
    """
    match decode(data, max_bytes=limits.MAX_BODY_BYTES):
        case [list(transactions), list(have), bytes(proof)]:
            # counted before they are read.
            _at_most("transactions", len(transactions), limits.MAX_TRANSACTIONS)
            _at_most("datasets in `have`", len(have), limits.MAX_HAVE)
            _at_most("bytes of proof", len(proof), limits.MAX_PROOF_BYTES)
            return Body(
                transactions=tuple(transaction_from_value(tx) for tx in transactions),
                have=_have_from_value(have),
                proof=proof,
            )
        case _:
            raise BodyMalformed(expected="[transactions, have, proof]", actual="another form")


def _have_from_value(have: Sequence[Decoded]) -> tuple[DatasetId, ...]:
    ids: list[DatasetId] = []
    for item in have:
        if not isinstance(item, bytes) or len(item) != _HASH_BYTES:
            raise BodyMalformed(expected="32-byte dataset ids", actual=item)
        if ids and item <= ids[-1]:
            raise BodyMalformed(expected="ascending dataset ids", actual=item)
        ids.append(DatasetId(Hash32(item)))
    return tuple(ids)


def _at_most(what: str, actual: int, most: int) -> None:
    if actual > most:
        raise BodyMalformed(expected=f"at most {most} {what}", actual=actual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A header with its body; a transport may travel beside it."""

    header: Header
    """The signed commitment."""
    body: Body
    """What it commits to."""
