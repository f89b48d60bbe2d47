# SPDX-License-Identifier: Apache-2.0
"""The lottery's three proofs: round trips, every malformed form, and operators that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, FamilyId, Hash32
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_94K,
    ArchitectureMalformed,
    ArchitectureOutOfRange,
)
from edge_node.spec.burst import Drawn, Operator
from edge_node.spec.constants import MAX_PROOF_BYTES
from edge_node.spec.encoding import Decoded, InvalidEncoding, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    LotteryProof,
    OperatorOutOfRange,
    Recipe,
    StepProof,
    lottery_proof_from_bytes,
)
from edge_node.spec.recipe import MAX_NONCE
from tests.spec.samples import random_architecture

DATASET = DatasetId(tagged_hash("test", b"dataset"))
OTHER = Hash32(tagged_hash("test", b"other"))
GENOME = BINARY_4K.value()
CONTINUED = Recipe(drawn=Drawn(operator=Operator.CONTINUE), steps=16, batch=32)
MUTATED = Recipe(drawn=Drawn(operator=Operator.MUTATE), steps=0, batch=(1 << 64) - 1)
CROSSED = Recipe(drawn=Drawn(operator=Operator.CROSS, partner=15), steps=1, batch=64)
ORIGIN = ShapeOrigin(first=FamilyId(OTHER), second=FamilyId(OTHER), nonce=MAX_NONCE)

PROOFS: tuple[LotteryProof, ...] = (
    LotteryFounderProof(recipe=CONTINUED, architecture=BINARY_4K, dataset=DATASET),
    LotteryFounderProof(recipe=CROSSED, architecture=UINT8_94K, dataset=DATASET, origin=ORIGIN),
    *(proof(recipe=each) for proof in (StepProof, BurntProof) for each in (CONTINUED, MUTATED)),
    StepProof(recipe=CROSSED),
)


@pytest.mark.parametrize("proof", PROOFS)
def test_r_33_proof_survives(proof: LotteryProof) -> None:
    assert lottery_proof_from_bytes(proof.encode()) == proof


@pytest.mark.parametrize("seed", range(10))
def test_r_33_founder_of_any_shape_survives(seed: int) -> None:
    shape = random_architecture(f"lottery {seed}")
    proof = LotteryFounderProof(recipe=CONTINUED, architecture=shape, dataset=DATASET)
    assert lottery_proof_from_bytes(proof.encode()) == proof


def test_r_33_recipe_of_a_step_takes_ten_bytes() -> None:
    assert len(StepProof(recipe=CONTINUED).encode()) <= 10


RECIPE = [0, 0, 16, 32]


@pytest.mark.parametrize(
    "value",
    [
        0,
        b"",
        {},
        [],
        [1],
        [3, RECIPE],
        [-1, RECIPE],
        [b"", RECIPE],
        [1, RECIPE, 0],
        [1, 0],
        [1, b""],
        [2],
        [2, RECIPE, []],
        [0, RECIPE],
        [0, RECIPE, DATASET, GENOME],
        [0, RECIPE, DATASET, GENOME, [], 0],
        [0, RECIPE, DATASET, GENOME, 0],
        [0, RECIPE, DATASET[:31], GENOME, []],
        [0, RECIPE, DATASET + b"\0", GENOME, []],
        [0, RECIPE, 0, GENOME, []],
        [0, RECIPE, DATASET, GENOME, [OTHER]],
        [0, RECIPE, DATASET, GENOME, [OTHER, OTHER[:31], 0]],
        [0, RECIPE, DATASET, GENOME, [OTHER, OTHER, -1]],
        [0, RECIPE, DATASET, GENOME, [OTHER, OTHER, MAX_NONCE + 1]],
        [1, []],
        [1, [0, 0, 16]],
        [1, [0, 0, 16, 32, 0]],
        [1, [b"", 0, 16, 32]],
        [1, [0, [], 16, 32]],
        [1, [0, -1, 16, 32]],
        [1, [0, 0, -16, 32]],
        [1, [0, 0, 16, -32]],
        [1, [0, 0, b"16", 32]],
        [1, [0, 0, 16, {}]],
    ],
)
def test_r_33_proof_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(ProofMalformed, match="R-33: the proof must be"):
        lottery_proof_from_bytes(encode(value))


@pytest.mark.parametrize("operator", [-1, 3, 255, (1 << 64) - 1])
@pytest.mark.parametrize("kind", [1, 2])
def test_r_76_operator_that_there_is_not_is_refused(kind: int, operator: int) -> None:
    with pytest.raises(OperatorOutOfRange, match=r"R-76: the operator must be 0\.\.2, not"):
        lottery_proof_from_bytes(encode([kind, [operator, 0, 16, 32]]))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([0, RECIPE, DATASET, 0, []], ArchitectureMalformed),
        ([0, RECIPE, DATASET, [0, 28, 1, 1, [[1, 10]]], []], ArchitectureOutOfRange),
        ([0, [9, 0, 16, 32], DATASET, GENOME, []], OperatorOutOfRange),
    ],
)
def test_part_of_a_proof_is_refused_by_its_own_rule(
    value: "Decoded", error: type[InvalidInput]
) -> None:
    with pytest.raises(error):
        lottery_proof_from_bytes(encode(value))


def test_proof_above_its_limits_is_not_built() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        lottery_proof_from_bytes(bytes(MAX_PROOF_BYTES + 1))


@given(st.binary(max_size=60))
def test_r_33_any_bytes_are_a_proof_or_a_named_error(data: bytes) -> None:
    try:
        proof = lottery_proof_from_bytes(data)
    except InvalidInput:
        return
    assert proof.encode() == data


NATURALS = st.integers(0, (1 << 64) - 1)


@given(st.sampled_from(Operator), NATURALS, NATURALS, NATURALS)
def test_r_33_recipe_of_any_numbers_survives(
    operator: Operator, partner: int, steps: int, batch: int
) -> None:
    drawn = Drawn(operator=operator, partner=partner)
    proof = StepProof(recipe=Recipe(drawn=drawn, steps=steps, batch=batch))
    assert lottery_proof_from_bytes(proof.encode()) == proof
