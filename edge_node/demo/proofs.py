# SPDX-License-Identifier: Apache-2.0
"""Proofs of blocks by whatever rule their network runs, and what people read of them.

Law of the file: the blocks were judged before; nothing is judged here.
Read next: generations.py, market.py.
"""

from edge_node.primitives.counting import counted
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER, LOTTERIES
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    ImportProof,
    Proof,
    proof_from_bytes,
)
from edge_node.spec.proof.guiding_gradient_proof import (
    GuidingProof,
    WalkFounderProof,
    WalkProof,
    guiding_proof_from_bytes,
)
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    LotteryProof,
    StepProof,
    lottery_proof_from_bytes,
)

AnyProof = Proof | LotteryProof | GuidingProof
AnyFounder = FounderProof | LotteryFounderProof | WalkFounderProof


def proof_of(data: bytes, rule: str) -> AnyProof:
    """Return the proof that canonical bytes encode in a network by a proof rule.

    Raises
    ------
    InvalidEncoding, InvalidProof, InvalidModelData
        It is none of that rule.
    """
    if rule == GUIDING_GRADIENT_PAPER:
        return guiding_proof_from_bytes(data)
    if rule in LOTTERIES:
        return lottery_proof_from_bytes(data)
    return proof_from_bytes(data)


def way_of(proof: AnyProof) -> str:
    """Return how a block's model came about, in a few words."""
    if isinstance(proof, (WalkFounderProof, WalkProof)):
        way = counted(len(proof.batches), "batch", "batches")
    elif isinstance(proof, (LotteryFounderProof, StepProof)):
        way = proof.recipe.drawn.operator.name.lower()
    elif isinstance(proof, (FallbackProof, BurntProof)):
        return "fallback"
    elif isinstance(proof, ChildProof):
        return counted(len(proof.steps), "step")
    elif isinstance(proof, ImportProof):
        return "import"
    else:
        return "founder" if isinstance(proof, FounderProof) else "population"
    return f"founder, {way}" if isinstance(proof, (LotteryFounderProof, WalkFounderProof)) else way
