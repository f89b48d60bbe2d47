# SPDX-License-Identifier: Apache-2.0
"""The five proofs of evolution: round trips, every malformed form, and seeds that share nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    NetworkId,
    PublicKey,
)
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_94K,
    ArchitectureMalformed,
    ArchitectureOutOfRange,
)
from edge_node.spec.constants import MAX_PROOF_BYTES
from edge_node.spec.encoding import Decoded, InvalidEncoding, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    ImportProof,
    PopulationProof,
    Proof,
    batch_seed,
    proof_from_bytes,
)
from edge_node.spec.proof.founding import ShapeOrigin, family_id, start_seed
from edge_node.spec.recipe import MAX_NONCE, Step, StepKind, StepMalformed
from tests.spec.samples import random_architecture

DATASET = DatasetId(tagged_hash("test", b"dataset"))
OTHER = Hash32(tagged_hash("test", b"other"))
STEPS = tuple(
    Step(
        kind=StepKind(number % 3), nonce=number * 999_999, partner=number if number % 3 == 2 else 0
    )
    for number in range(9)
)
PROOFS: tuple[Proof, ...] = (
    FounderProof(architecture=BINARY_4K, dataset=DATASET, steps=512),
    FounderProof(architecture=UINT8_94K, dataset=DATASET, steps=0),
    FounderProof(
        architecture=BINARY_4K,
        dataset=DATASET,
        steps=1,
        origin=ShapeOrigin(first=FamilyId(OTHER), second=FamilyId(OTHER), nonce=MAX_NONCE),
    ),
    PopulationProof(steps=(1 << 64) - 1),
    ChildProof(base=7, steps=STEPS),
    ChildProof(base=0, steps=()),
    FallbackProof(),
    ImportProof(dataset=DATASET, blob=b"a model", salt=bytes(32)),
)


@pytest.mark.parametrize("proof", PROOFS)
def test_r_33_proof_survives(proof: Proof) -> None:
    assert proof_from_bytes(proof.encode()) == proof


@pytest.mark.parametrize("seed", range(10))
def test_r_33_founder_of_any_shape_survives(seed: int) -> None:
    proof = FounderProof(
        architecture=random_architecture(f"proof {seed}"), dataset=DATASET, steps=seed
    )
    assert proof_from_bytes(proof.encode()) == proof


def test_r_33_recipe_of_4000_steps_takes_about_16_kilobytes() -> None:
    steps = tuple(Step(kind=StepKind.FLIP, nonce=number % 16_384) for number in range(4_000))
    assert len(ChildProof(base=1, steps=steps).encode()) < 16_000
    dear = tuple(Step(kind=StepKind.FLIP, nonce=MAX_NONCE) for _ in range(4_000))
    assert len(ChildProof(base=1, steps=dear).encode()) < MAX_PROOF_BYTES


GENOME = BINARY_4K.value()


@pytest.mark.parametrize(
    "value",
    [
        0,
        b"",
        {},
        [],
        [4],
        [4, DATASET, b"blob", bytes(31)],
        [4, DATASET, b"blob", bytes(33)],
        [4, DATASET[:31], b"blob", bytes(32)],
        [4, DATASET, 0, bytes(32)],
        [4, DATASET, b"blob", bytes(32), 0],
        [5],
        [-1],
        [b""],
        [[]],
        [0],
        [0, DATASET, GENOME],
        [0, DATASET, GENOME, 5, 0],
        [0, DATASET, GENOME, 5],
        [0, DATASET[:31], GENOME, 5, []],
        [0, DATASET + b"\0", GENOME, 5, []],
        [0, 0, GENOME, 5, []],
        [0, DATASET, GENOME, b"5", []],
        [0, DATASET, GENOME, 5, [OTHER]],
        [0, DATASET, GENOME, 5, [OTHER, OTHER]],
        [0, DATASET, GENOME, 5, [OTHER, OTHER[:31], 0]],
        [0, DATASET, GENOME, 5, [OTHER, 0, 0]],
        [0, DATASET, GENOME, 5, [OTHER, OTHER, -1]],
        [0, DATASET, GENOME, 5, [OTHER, OTHER, MAX_NONCE + 1]],
        [1],
        [1, 5, 0],
        [1, b"5"],
        [1, [5]],
        [2],
        [2, 0],
        [2, 0, 0],
        [2, b"", []],
        [2, 0, {}],
        [2, 0, [], 0],
        [3, 0],
        [3, []],
    ],
)
def test_r_33_proof_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(ProofMalformed, match="R-33: the proof must be"):
        proof_from_bytes(encode(value))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([0, DATASET, 0, 5, []], ArchitectureMalformed),
        ([0, DATASET, [28, 28, 1, 1, [[0, 8]]], 5, []], ArchitectureMalformed),
        ([0, DATASET, [0, 28, 1, 1, [[1, 10]]], 5, []], ArchitectureOutOfRange),
        ([2, 0, [2]], StepMalformed),
        ([2, 0, [0, [2, -1]]], StepMalformed),
    ],
)
def test_part_of_a_proof_is_refused_by_its_own_rule(
    value: "Decoded", error: type[InvalidInput]
) -> None:
    with pytest.raises(error):
        proof_from_bytes(encode(value))


def test_proof_above_its_limits_is_not_built() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        proof_from_bytes(bytes(MAX_PROOF_BYTES + 1))
    with pytest.raises(InvalidEncoding, match="too many items"):
        proof_from_bytes(encode([2, 0, [0] * 20_000]))


@given(st.binary(max_size=60))
def test_r_33_any_bytes_are_a_proof_or_a_named_error(data: bytes) -> None:
    try:
        proof = proof_from_bytes(data)
    except InvalidInput:
        return
    assert proof.encode() == data


def test_family_is_its_dataset_and_its_genome() -> None:
    ids = {
        family_id(DATASET, BINARY_4K),
        family_id(DatasetId(OTHER), BINARY_4K),
        family_id(DATASET, UINT8_94K),
        family_id(DATASET, replace(BINARY_4K, input_bits=8)),
    }
    assert len(ids) == 4


def test_start_of_a_family_belongs_to_one_network_dataset_and_shape() -> None:
    network = NetworkId(OTHER)
    seeds = {
        start_seed(network, DATASET, BINARY_4K),
        start_seed(NetworkId(Hash32(bytes(32))), DATASET, BINARY_4K),
        start_seed(network, DatasetId(OTHER), BINARY_4K),
        start_seed(network, DATASET, UINT8_94K),
    }
    assert len(seeds) == 4


def test_batches_of_a_founder_belong_to_one_parent_miner_and_nonce() -> None:
    network, parent, key = NetworkId(OTHER), BlockHash(OTHER), PublicKey(OTHER)
    zero = Hash32(bytes(32))
    seeds = {
        batch_seed(network, parent, key, 5),
        batch_seed(NetworkId(zero), parent, key, 5),
        batch_seed(network, BlockHash(zero), key, 5),
        batch_seed(network, parent, PublicKey(zero), 5),
        batch_seed(network, parent, key, 5 << 32),
        batch_seed(network, parent, key, (1 << 64) - 1),
    }
    assert len(seeds) == 6
