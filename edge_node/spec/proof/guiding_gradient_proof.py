# SPDX-License-Identifier: Apache-2.0
"""The proofs of `guiding_gradient` as published: the batches of a walk, and whose it is.

Rules R-33 (form) and R-80 to R-82 (batches); paper B, section "Proposed Mechanism": a mini-batch
is denoted by a set of ordinal numbers P of the training set.
Law of the file: what a proof shows by itself; what it must show is in guiding_gradient.py.
Read next: guiding_gradient.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.architecture import Architecture, architecture_from_value
from edge_node.spec.constants import MAX_PROOF_BYTES
from edge_node.spec.encoding import Decoded, Value, decode, encode
from edge_node.spec.errors import InvalidProof
from edge_node.spec.genesis import Parameters
from edge_node.spec.guiding import Batch
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.evolution_proof import FALLBACK, FallbackProof
from edge_node.spec.proof.founding import ShapeOrigin, origin_from_value, origin_value

FOUNDER, STEP = 0, 1


class WalkTooLong(InvalidProof):
    """A proof has more batches than the network's burst_steps, or none (R-80).

    Paper B, Algorithm 2.
    """

    reason: ClassVar[str] = "R-80"
    wants: ClassVar[str] = "the batches"


class BatchSizeWrong(InvalidProof):
    """A batch has another size than the network's S (R-81).

    Paper B, Algorithm 2.
    """

    reason: ClassVar[str] = "R-81"
    wants: ClassVar[str] = "the batch"


class SampleOutOfRange(InvalidProof):
    """A batch names an image that the train split does not have (R-82).

    Paper B, Algorithm 1.
    """

    reason: ClassVar[str] = "R-82"
    wants: ClassVar[str] = "the image"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkFounderProof:
    """A walk from the family's start founds a family."""

    batches: tuple[Batch, ...]
    """One for each step; the last is the paper's P."""
    architecture: Architecture
    """The new family's shape."""
    dataset: DatasetId
    """The dataset that it is for."""
    origin: ShapeOrigin | None = None
    """Where the shape comes from; None if its miner chose it."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        origin = origin_value(self.origin)
        genome = self.architecture.value()
        return encode([FOUNDER, _value(self.batches), self.dataset, genome, origin])


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkProof:
    """A walk takes a family further from its head."""

    batches: tuple[Batch, ...]
    """One for each step; the last is the paper's P."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([STEP, _value(self.batches)])


GuidingProof = WalkFounderProof | WalkProof | FallbackProof


def guiding_proof_from_bytes(data: bytes) -> GuidingProof:
    """Return the proof that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, ProofMalformed, InvalidModelData
        R-2, R-33, R-3, R-4.
    """
    # the kind tells the form, and nothing else fits it.
    match decode(data, max_bytes=MAX_PROOF_BYTES):
        case [kind, list(batches), bytes(dataset), genome, list(origin)] if (
            kind == FOUNDER and len(dataset) == 32
        ):
            return WalkFounderProof(
                batches=_from_value(batches),
                dataset=DatasetId(Hash32(dataset)),
                architecture=architecture_from_value(genome),
                origin=origin_from_value(origin),
            )
        case [kind, list(batches)] if kind == STEP:
            return WalkProof(batches=_from_value(batches))
        case [kind] if kind == FALLBACK:
            return FallbackProof()
        case _:
            raise ProofMalformed(expected="a founder, walk or fallback", actual="another form")


def check_batches(batches: tuple[Batch, ...], parameters: Parameters, images: int) -> None:
    """Check the batches of a walk against what the network allows.

    Parameters
    ----------
    batches : tuple of Batch
    parameters : Parameters
    images : int
        Size of the train split.

    Raises
    ------
    WalkTooLong, BatchSizeWrong, SampleOutOfRange
        R-80, R-81, R-82.
    """
    # a bound on what a block can make others compute.
    if not 1 <= len(batches) <= parameters.burst_steps:
        raise WalkTooLong(expected=f"1..{parameters.burst_steps}", actual=len(batches))
    for batch in batches:
        # as in the paper all batches have one size, which is not the miner's choice.
        if len(batch) != parameters.burst_batch:
            raise BatchSizeWrong(expected=parameters.burst_batch, actual=len(batch))
        for index in batch:
            # any image may be chosen, however often.
            if not 0 <= index < images:
                raise SampleOutOfRange(expected=f"in 0..{images - 1}", actual=index)


def _value(batches: tuple[Batch, ...]) -> Value:
    return [list(batch) for batch in batches]


def _from_value(value: list[Decoded]) -> tuple[Batch, ...]:
    return tuple(_batch_from_value(batch) for batch in value)


def _batch_from_value(value: Decoded) -> Batch:
    match value:
        case list(items):
            return tuple(_index_from_value(item) for item in items)
        case _:
            raise ProofMalformed(expected="batches, each a list", actual=value)


def _index_from_value(value: Decoded) -> int:
    if not isinstance(value, int):
        raise ProofMalformed(expected="batches of whole numbers", actual=value)
    return value
