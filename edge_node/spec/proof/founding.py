# SPDX-License-Identifier: Apache-2.0
"""What may be founded: shapes that fit their dataset, their network and their siblings.

Rules R-37 (fit), R-38 (difference) and R-52 (a shape that is said to be evolved is replayed); paper
A, sections 4.1 and 4.2.
Law of the file: a shape is judged before anything is trained.
Read next: evolution.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId, FamilyId, Hash32, NetworkId, PublicKey
from edge_node.spec import shapes
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.difference import shape_distance_ppm
from edge_node.spec.encoding import Decoded, Value, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof.errors import ArchitectureNotAllowed, FamilyTooSimilar, ProofMalformed
from edge_node.spec.recipe import MAX_NONCE
from edge_node.spec.training_bounds import check_trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeOrigin:
    """How a shape came from those of two families (R-52)."""

    first: FamilyId
    """The family whose layers are at the front."""
    second: FamilyId
    """The family whose layers are at the back; it may be the first."""
    nonce: int
    """The miner's choice, 0..MAX_NONCE."""


def origin_value(origin: ShapeOrigin | None) -> list[Value]:
    """Return an origin as an encodable value; an empty list for none."""
    return [] if origin is None else [origin.first, origin.second, origin.nonce]


def origin_from_value(value: list[Decoded]) -> ShapeOrigin | None:
    """Return the origin that a decoded value names; None for an empty list.

    Raises
    ------
    ProofMalformed
        R-33.
    """
    match value:
        case []:
            return None
        case [bytes(first), bytes(second), int(nonce)] if (
            len(first) == len(second) == 32 and 0 <= nonce <= MAX_NONCE
        ):
            return ShapeOrigin(
                first=FamilyId(Hash32(first)), second=FamilyId(Hash32(second)), nonce=nonce
            )
        case _:
            raise ProofMalformed(expected="[] or [family, family, nonce]", actual=value)


def family_id(dataset: DatasetId, architecture: Architecture) -> FamilyId:
    """Return the hash that names a family."""
    return FamilyId(tagged_hash("family", dataset, encode(architecture.value())))


def start_seed(network: NetworkId, dataset: DatasetId, architecture: Architecture) -> bytes:
    """Return the seed of the latents from which every founder of a family starts."""
    return tagged_hash("family-start", network, dataset, encode(architecture.value()))


def shape_seed(network: NetworkId, previous_hash: BlockHash, miner: PublicKey, nonce: int) -> bytes:
    """Return the seed of the draws by which a founder's shape evolves."""
    return tagged_hash("founder-shape", network, previous_hash, miner, nonce.to_bytes(8, "little"))


def evolved_shape(
    first: Architecture,
    second: Architecture,
    seed: bytes,
    *,
    manifest: Manifest,
    siblings: Iterable[Architecture],
    parameters: Parameters,
) -> Architecture:
    """Return the shape that two families' shapes have as their child on a dataset (R-52).

    Parameters
    ----------
    first, second : Architecture
        Shapes of two families; they may be one.
    seed : bytes
        By `shape_seed`.
    manifest : Manifest
        The dataset that a family is to be founded for.
    siblings : iterable of Architecture
        Shapes of that dataset's families.
    parameters : Parameters

    Raises
    ------
    ShapeNotEvolved
    """
    others = tuple(siblings)

    def allowed(shape: Architecture) -> bool:
        try:
            check_shape(shape, manifest, others, parameters)
        except InvalidInput:
            return False
        return True

    return shapes.evolved_shape(first, second, seed, allowed)


def check_shape(
    shape: Architecture,
    manifest: Manifest,
    siblings: Iterable[Architecture],
    parameters: Parameters,
) -> None:
    """Check that a family of a shape may be founded.

    Raises
    ------
    ArchitectureNotAllowed, NotTrainable, FamilyTooSimilar
        R-37, R-9, R-38.
    """
    # the network takes the dataset's images and names its classes.
    wanted = (manifest.height, manifest.width, manifest.channels, manifest.classes)
    actual = (shape.height, shape.width, shape.input_channels, shape.classes)
    if actual != wanted:
        raise ArchitectureNotAllowed(
            expected=f"{wanted} rows, columns, channels and classes", actual=actual
        )
    if shape.weight_count > parameters.max_connection_count:
        raise ArchitectureNotAllowed(
            expected=f"at most {parameters.max_connection_count} connections",
            actual=shape.weight_count,
        )
    macs = shape.macs * manifest.splits[SplitName.EVALUATION].count
    if macs > parameters.max_evaluation_macs:
        raise ArchitectureNotAllowed(
            expected=f"at most {parameters.max_evaluation_macs} multiplications to count with",
            actual=macs,
        )
    check_trainable(shape, max(parameters.founder_batch, parameters.burst_batch))
    # a family that differs by one neuron would collect the rewards of another.
    needed = max(1, parameters.min_family_diff_ppm)
    for sibling in siblings:
        distance = shape_distance_ppm(sibling, shape)
        if distance < needed:
            raise FamilyTooSimilar(expected=f"at least {needed}", actual=distance)
