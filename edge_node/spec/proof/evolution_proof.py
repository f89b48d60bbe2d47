# SPDX-License-Identifier: Apache-2.0
"""The four proofs of `evolution`, their encoding, and the seeds that they draw on.

Rule R-33 (design, section 6). The first number of a proof names its kind.
Law of the file: form only; what a proof must show is in evolution.py.
Read next: evolution.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId, FamilyId, Hash32, NetworkId, PublicKey
from edge_node.spec.architecture import Architecture, architecture_from_value
from edge_node.spec.constants import MAX_PROOF_BYTES
from edge_node.spec.encoding import Value, decode, encode
from edge_node.spec.errors import InvalidProof
from edge_node.spec.recipe import Step, step_from_value

FOUNDER, POPULATION, CHILD, FALLBACK = range(4)


class ProofMalformed(InvalidProof):
    """A proof does not have the form of R-33."""

    reason: ClassVar[str] = "R-33"
    wants: ClassVar[str] = "the proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class FounderProof:
    """Integer training from the family's start founds a family."""

    architecture: Architecture
    """The new family's shape."""
    dataset: DatasetId
    """The dataset that it is for."""
    steps: int
    """Training steps, at most max_founder_steps."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([FOUNDER, self.dataset, self.architecture.value(), self.steps])


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationProof:
    """Integer training from the family's start adds a model to its population."""

    steps: int
    """Training steps, at most max_founder_steps."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([POPULATION, self.steps])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProof:
    """A recipe evolves a record of the family into a better one."""

    base: int
    """Index of the record among the family's models."""
    steps: tuple[Step, ...]
    """What was done, at most max_recipe_steps."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        steps: list[Value] = [step.value() for step in self.steps]
        return encode([CHILD, self.base, steps])


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackProof:
    """Nothing was learned in time; transactions confirm all the same."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([FALLBACK])


Proof = FounderProof | PopulationProof | ChildProof | FallbackProof


def proof_from_bytes(data: bytes) -> Proof:
    """Return the proof that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, InvalidProof, InvalidModelData
        R-2, R-33, R-10, R-3, R-4.
    """
    # the kind tells the form, and nothing else fits it.
    match decode(data, max_bytes=MAX_PROOF_BYTES):
        case [kind, bytes(dataset), genome, int(steps)] if kind == FOUNDER and len(dataset) == 32:
            return FounderProof(
                dataset=DatasetId(Hash32(dataset)),
                architecture=architecture_from_value(genome),
                steps=steps,
            )
        case [kind, int(steps)] if kind == POPULATION:
            return PopulationProof(steps=steps)
        case [kind, int(base), list(steps)] if kind == CHILD:
            return ChildProof(base=base, steps=tuple(step_from_value(step) for step in steps))
        case [kind] if kind == FALLBACK:
            return FallbackProof()
        case _:
            raise ProofMalformed(
                expected="a founder, population, child or fallback", actual="another form"
            )


def family_id(dataset: DatasetId, architecture: Architecture) -> FamilyId:
    """Return the hash that names a family."""
    return FamilyId(tagged_hash("family", dataset, encode(architecture.value())))


def start_seed(network: NetworkId, dataset: DatasetId, architecture: Architecture) -> bytes:
    """Return the seed of the latents from which every founder of a family starts."""
    return tagged_hash("family-start", network, dataset, encode(architecture.value()))


def batch_seed(network: NetworkId, parent: BlockHash, miner: PublicKey, nonce: int) -> bytes:
    """Return the seed of the batches that a founder or population block trains on."""
    return tagged_hash("founder-batches", network, parent, miner, nonce.to_bytes(8, "little"))
