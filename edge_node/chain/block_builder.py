# SPDX-License-Identifier: Apache-2.0
"""Building a block around a finding of the trainer.

Law of the file: it fills in what follows from the head's state; what the trainer found is taken as
given and judged on import like anybody's block.
Read next: importer.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec import ledger, scheduling
from edge_node.spec.block import Block, Body, Header
from edge_node.spec.constants import MAX_HAVE
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.state import Family, State
from edge_node.spec.transaction import Transaction
from edge_node.spec.validation import Rules


class Signer(Protocol):
    """Port: the node's key."""

    @property
    def public_key(self) -> PublicKey:
        """The key that blocks are mined under."""

    def sign(self, message: bytes) -> Signature:
        """Return the key's signature of `message`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a trainer found on top of a head."""

    family: FamilyId
    """The family that the model belongs to."""
    proof: bytes
    """Encoded proof of learning."""
    model_hash: ModelHash
    """The model."""
    latent_root: Hash32
    """Latents after training; zeros for a child."""
    nonce: int
    """The founder's nonce; 0 for a child."""
    correct_count: int
    """Images of the evaluation split that it classifies correctly."""
    whole: Block | None = None
    """The block itself but for its signature, where it had to be fixed before the work."""


NOTHING_FOUND = Finding(
    family=FamilyId(ZERO_HASH),
    proof=FallbackProof().encode(),
    model_hash=ModelHash(ZERO_HASH),
    latent_root=ZERO_HASH,
    nonce=0,
    correct_count=0,
)
"""What a fallback block carries."""


def build_block(
    head: State,
    finding: Finding,
    *,
    transactions: Sequence[Transaction],
    have: Sequence[DatasetId],
    timestamp: TimestampMs,
    rules: Rules,
    signer: Signer,
) -> Block:
    """Return a signed block on top of `head`.

    Parameters
    ----------
    head : State
    finding : Finding
    transactions : sequence of Transaction
        To be confirmed, in order; those that an earlier one rules out are left out.
    have : sequence of DatasetId
        Datasets that this node holds; a block has room for MAX_HAVE.
    timestamp : TimestampMs
        The block's time.
    rules : Rules
    signer : Signer
    """
    if finding.whole is not None:
        header, body = finding.whole.header, finding.whole.body
    else:
        body = body_of(head, transactions, have, finding.proof, rules)
        header = _header(head, finding, body, timestamp, rules, signer.public_key)
    return Block(header=replace(header, signature=signer.sign(header.block_hash())), body=body)


def body_of(
    head: State,
    transactions: Sequence[Transaction],
    have: Sequence[DatasetId],
    proof: bytes,
    rules: Rules,
) -> Body:
    """Return a body on top of `head`, of what of all this may be in one."""
    return Body(
        transactions=ledger.applicable(head, transactions, rules.parameters),
        have=tuple(sorted(set(have))[:MAX_HAVE]),
        proof=proof,
    )


def core_of(head: State, family: Family, body: Body, rules: Rules, miner: PublicKey) -> Header:
    """Return the header of a block that is yet to be found, as far as it is known before the work.

    Parameters
    ----------
    head : State
    family : Family
        That the block goes on with, or is to found.
    body : Body
        Its proof may be missing.
    rules : Rules
    miner : PublicKey
    """
    nothing = Finding(
        family=family.family_id,
        proof=b"",
        model_hash=ModelHash(ZERO_HASH),
        latent_root=ZERO_HASH,
        nonce=0,
        correct_count=0,
    )
    header = _header(head, nothing, body, head.timestamp, rules, miner)
    return replace(
        header,
        proof_root=ZERO_HASH,
        generation=1 + len(family.records),
    )


def _header(
    head: State,
    finding: Finding,
    body: Body,
    timestamp: TimestampMs,
    rules: Rules,
    miner: PublicKey,
) -> Header:
    family = head.families.get(finding.family)
    return Header(
        version=rules.parameters.version_at(Height(head.height + 1)),
        network=rules.network,
        height=Height(head.height + 1),
        previous_hash=head.head,
        previous_model_hash=family.head if family else BlockHash(ZERO_HASH),
        timestamp=timestamp,
        family=finding.family,
        generation=_generation(head, finding),
        rung=scheduling.rung_at(rules.parameters, head.timestamp, timestamp),
        target=head.target,
        history_root=head.history.root(),
        state_root=head.root(),
        tx_root=body.tx_root(),
        miner=miner,
        nonce=finding.nonce,
        proof_root=body.proof_root(),
        latent_root=finding.latent_root,
        model_hash=finding.model_hash,
        correct_count=finding.correct_count,
        signature=Signature(bytes(SIGNATURE_BYTES)),
    )


def _generation(head: State, finding: Finding) -> int:
    if finding.model_hash == ZERO_HASH:
        return 0
    family = head.families.get(finding.family)
    return 1 + (len(family.records) if family else 0)
