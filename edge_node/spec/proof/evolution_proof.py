# SPDX-License-Identifier: Apache-2.0
"""The five proofs of `evolution`, their encoding, and the seeds that they draw on.

Rule R-33 (design, section 6). The first number of a proof names its kind.
Law of the file: form only; what a proof must show is in evolution.py.
Read next: evolution.py.
"""

from dataclasses import dataclass

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, NetworkId, PublicKey
from edge_node.spec.architecture import Architecture, architecture_from_value
from edge_node.spec.constants import COMMIT_SALT_BYTES, MAX_PROOF_BYTES
from edge_node.spec.encoding import Value, decode, encode
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.founding import ShapeOrigin, origin_from_value, origin_value
from edge_node.spec.recipe import Step, step_from_value

FOUNDER, POPULATION, CHILD, FALLBACK, IMPORT = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FounderProof:
    """Integer training from the family's start founds a family."""

    architecture: Architecture
    """The new family's shape."""
    dataset: DatasetId
    """The dataset that it is for."""
    steps: int
    """Training steps, at most max_founder_steps."""
    origin: ShapeOrigin | None = None
    """Where the shape comes from; None if its miner chose it."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        origin = origin_value(self.origin)
        return encode([FOUNDER, self.dataset, self.architecture.value(), self.steps, origin])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProof:
    """A model that was made elsewhere, and that its miner has committed to, founds a family."""

    dataset: DatasetId
    """The dataset that it is for."""
    blob: bytes
    """The canonical model."""
    salt: bytes
    """COMMIT_SALT_BYTES that hid the model until now."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode([IMPORT, self.dataset, self.blob, self.salt])


Proof = FounderProof | PopulationProof | ChildProof | FallbackProof | ImportProof


def proof_from_bytes(data: bytes) -> Proof:
    """Return the proof that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, InvalidProof, InvalidModelData
        R-2, R-33, R-10, R-3, R-4.
    """
    # the kind tells the form, and nothing else fits it.
    match decode(data, max_bytes=MAX_PROOF_BYTES):
        case [kind, bytes(dataset), genome, int(steps), list(origin)] if (
            kind == FOUNDER and len(dataset) == 32
        ):
            return FounderProof(
                dataset=DatasetId(Hash32(dataset)),
                architecture=architecture_from_value(genome),
                steps=steps,
                origin=origin_from_value(origin),
            )
        case [kind, int(steps)] if kind == POPULATION:
            return PopulationProof(steps=steps)
        case [kind, int(base), list(steps)] if kind == CHILD:
            return ChildProof(base=base, steps=tuple(step_from_value(step) for step in steps))
        case [kind] if kind == FALLBACK:
            return FallbackProof()
        case [kind, bytes(dataset), bytes(blob), bytes(salt)] if (
            kind == IMPORT and len(dataset) == 32 and len(salt) == COMMIT_SALT_BYTES
        ):
            return ImportProof(dataset=DatasetId(Hash32(dataset)), blob=blob, salt=salt)
        case _:
            raise ProofMalformed(
                expected="a founder, population, child, fallback or import", actual="another form"
            )


def batch_seed(network: NetworkId, parent: BlockHash, miner: PublicKey, nonce: int) -> bytes:
    """Return the seed of the batches that a founder or population block trains on."""
    return tagged_hash("founder-batches", network, parent, miner, nonce.to_bytes(8, "little"))
