# SPDX-License-Identifier: Apache-2.0
"""Fork choice: which of two chains is the chain.

Rules R-50 (work) and R-51 (checkpoints); paper A, section 4.6. The most cumulative work wins; ties
go to the greater height, then to the header that was seen first. In `evolution`, the highest block
that more than two thirds of the genesis' members have signed overrides work.
Law of the file: pure functions; when a header was seen is told by the caller.
Read next: validation.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, Hash32, Height, NetworkId, PublicKey, Signature
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES
from edge_node.spec.encoding import decode, encode
from edge_node.spec.errors import InvalidInput, RuleBroken

MAX_CHECKPOINT_HEIGHT = (1 << 63) - 1
"""What databases keep as an integer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The tip of a chain."""

    head: BlockHash
    """Its last block."""
    height: Height
    """That block's height."""
    work: int
    """Cumulative work."""
    arrival: int
    """Order in which this node saw the header."""


def better(left: Candidate, right: Candidate) -> bool:
    """Return True if `left` is to be followed rather than `right` (R-50)."""
    return (left.work, left.height, -left.arrival) > (right.work, right.height, -right.arrival)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A member's word that a block is final."""

    height: Height
    """Height of the block."""
    block: BlockHash
    """The block."""
    member: PublicKey
    """Who says so."""
    signature: Signature
    """By the member, over signing_hash."""

    def signing_hash(self, network: NetworkId) -> Hash32:
        """Return what the member signs."""
        return tagged_hash("checkpoint", network, encode([self.height, self.block]))

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([self.height, self.block, self.member, self.signature])


class CheckpointInvalid(RuleBroken, InvalidInput):
    """A checkpoint is not a member's (R-51)."""

    reason: ClassVar[str] = "R-51"
    wants: ClassVar[str] = "the checkpoint"


def checkpoint_from_bytes(data: bytes) -> Checkpoint:
    """Return the checkpoint that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, CheckpointInvalid
        R-2, R-51.
    """
    # a form of its own, short enough to be relayed at once.
    match decode(data, max_bytes=MAX_CHECKPOINT_BYTES):
        case [int(height), bytes(block), bytes(member), bytes(signature)] if height >= 0 and (
            len(block),
            len(member),
            len(signature),
        ) == (32, 32, 64):
            return Checkpoint(
                height=Height(height),
                block=BlockHash(Hash32(block)),
                member=PublicKey(member),
                signature=Signature(signature),
            )
        case _:
            raise CheckpointInvalid(
                expected="[height, block, member, signature]", actual="another form"
            )


def check_checkpoint(
    checkpoint: Checkpoint,
    members: Sequence[PublicKey],
    network: NetworkId,
    verify: Callable[[bytes, bytes, bytes], bool],
) -> None:
    """Check who signed a checkpoint.

    Parameters
    ----------
    checkpoint : Checkpoint
    members : sequence of PublicKey
        The genesis' members.
    network : NetworkId
    verify : callable
        `signature.verify` or a twin: key, message, signature.

    Raises
    ------
    CheckpointInvalid
        R-51.
    """
    # only members speak, and each with its own signature.
    if checkpoint.member not in members:
        raise CheckpointInvalid(expected="a member's", actual=checkpoint.member)
    if checkpoint.height > MAX_CHECKPOINT_HEIGHT:
        raise CheckpointInvalid(
            expected=f"of height {MAX_CHECKPOINT_HEIGHT} at most", actual=checkpoint.height
        )
    if not verify(checkpoint.member, checkpoint.signing_hash(network), checkpoint.signature):
        raise CheckpointInvalid(expected=f"signed by {checkpoint.member.hex()}", actual="not")


def quorum_checkpoint(
    members: Sequence[PublicKey], checkpoints: Iterable[Checkpoint]
) -> Checkpoint | None:
    """Return one checkpoint of the highest block that a quorum signed, or None.

    Parameters
    ----------
    members : sequence of PublicKey
        The genesis' members.
    checkpoints : iterable of Checkpoint
        With valid signatures; a member counts once per block.
    """
    signers: dict[tuple[Height, BlockHash], dict[PublicKey, Checkpoint]] = {}
    for checkpoint in checkpoints:
        if checkpoint.member in members:
            by_member = signers.setdefault((checkpoint.height, checkpoint.block), {})
            by_member[checkpoint.member] = checkpoint
    final = [key for key, by_member in signers.items() if 3 * len(by_member) > 2 * len(members)]
    if not final:
        return None
    highest = max(final)
    return next(iter(signers[highest].values()))
