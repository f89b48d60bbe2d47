# SPDX-License-Identifier: Apache-2.0
"""Forms of paper B's proofs: each goes round, every other form is refused by its number."""

from dataclasses import replace

import pytest

from edge_node.primitives.types import DatasetId, FamilyId, Hash32
from edge_node.spec.architecture import dense
from edge_node.spec.constants import MAX_LAYERS
from edge_node.spec.encoding import Value, encode
from edge_node.spec.genesis import MAX_WALK_SAMPLES
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.guiding_gradient_proof import (
    BatchSizeWrong,
    GuidingProof,
    SampleOutOfRange,
    WalkFounderProof,
    WalkProof,
    WalkTooLong,
    check_batches,
    guiding_proof_from_bytes,
)
from tests.spec.toy_chain import ARCHITECTURE
from tests.spec.toy_walks import PAPER_B

DATASET = DatasetId(Hash32(b"d" * 32))
FIRST, SECOND = (FamilyId(Hash32(name * 32)) for name in (b"1", b"2"))
BATCHES = ((0, 1, 2, 3), (3, 3, 199, 60_000))
GENOME = ARCHITECTURE.value()


@pytest.mark.parametrize(
    "proof",
    [
        WalkProof(batches=BATCHES),
        WalkProof(batches=()),
        WalkFounderProof(batches=BATCHES, architecture=ARCHITECTURE, dataset=DATASET),
        WalkFounderProof(
            batches=BATCHES,
            architecture=ARCHITECTURE,
            dataset=DATASET,
            origin=ShapeOrigin(first=FIRST, second=SECOND, nonce=7),
        ),
        FallbackProof(),
    ],
    ids=["walk", "empty walk", "founder", "evolved founder", "fallback"],
)
def test_proof_goes_round(proof: GuidingProof) -> None:
    assert guiding_proof_from_bytes(proof.encode()) == proof


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_longest_walk_that_a_genesis_may_allow_can_be_proven(batch: int) -> None:
    steps = min(1 << 10, MAX_WALK_SAMPLES // batch)
    batches = (tuple(range((1 << 31) - batch, 1 << 31)),) * steps
    layers = (dense(2),) * (MAX_LAYERS - 1) + ARCHITECTURE.layers[-1:]
    proof = WalkFounderProof(
        batches=batches,
        architecture=replace(ARCHITECTURE, layers=layers),
        dataset=DATASET,
        origin=ShapeOrigin(first=FIRST, second=SECOND, nonce=7),
    )
    assert guiding_proof_from_bytes(proof.encode()) == proof


@pytest.mark.parametrize(
    "value",
    [
        [],
        7,
        [1],
        [1, 7],
        [1, [7]],
        [1, [[b"7"]]],
        [1, [["7"]]],
        [1, [[[7]]]],
        [1, [[7]], 0],
        [2, [[7]]],
        [3, []],
        [0, [[7]], b"d" * 31, GENOME, []],
        [0, [[7]], b"d" * 32, GENOME],
        [0, [[7]], b"d" * 32, GENOME, [b"1" * 32]],
    ],
)
def test_r_33_other_form_is_refused(value: Value) -> None:
    with pytest.raises(ProofMalformed):
        guiding_proof_from_bytes(encode(value))


def test_honest_batches_are_accepted_up_to_the_most() -> None:
    for count in (1, PAPER_B.burst_steps):
        check_batches(((0, 0, 199, 7),) * count, PAPER_B, 200)


def test_r_80_number_of_batches_is_bounded() -> None:
    for count in (0, PAPER_B.burst_steps + 1):
        with pytest.raises(WalkTooLong, match=f"not {count}"):
            check_batches(((0, 0, 199, 7),) * count, PAPER_B, 200)


def test_r_81_size_of_a_batch_is_not_the_miners_choice() -> None:
    for batch in ((), (1, 2, 3), (1, 2, 3, 4, 5)):
        with pytest.raises(BatchSizeWrong, match=f"not {len(batch)}"):
            check_batches(((0, 0, 0, 0), batch), PAPER_B, 200)


def test_r_82_every_index_names_an_image() -> None:
    for index in (-1, 200, -(1 << 40), 1 << 40):
        with pytest.raises(SampleOutOfRange, match=f"not {index}"):
            check_batches(((0, 0, 0, 0), (0, 0, index, 0)), PAPER_B, 200)
