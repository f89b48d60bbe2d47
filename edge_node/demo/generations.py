# SPDX-License-Identifier: Apache-2.0
"""The models of a chain, one line for each: their accuracies on all three splits, and their sizes.

Law of the file: every figure comes from a block, a model or an evaluation made here; the names of
the fields are a contract.
Read next: report.py, market.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.node.engine import NodeEngine
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, FamilyId, PublicKey
from edge_node.spec.block import body_from_bytes, header_from_bytes
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER, LOTTERIES, Genesis
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
    LotteryFounderProof,
    LotteryProof,
    StepProof,
    lottery_proof_from_bytes,
)
from edge_node.spec.transport import TransportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationReport:
    """One block with a model."""

    height: int
    """Height of the block."""
    family: str
    """Family id."""
    generation: int
    """1 + records before."""
    miner: str
    """Name of the node that mined it."""
    train_ppm: int
    """Accuracy on the train split."""
    evaluation_ppm: int
    """Accuracy on the evaluation split, by which the block was judged."""
    reserve_ppm: int
    """Accuracy on images that no miner has used."""
    block_bytes: int
    """Header, body and transport."""
    model_bytes: int
    """Proof and transport."""
    payload: str
    """Kind of proof and transport."""
    interval_ms: int
    """Time since the block before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """Files of the best model."""

    tflite: str
    """For TensorFlow Lite."""
    c_header: str
    """For a microcontroller."""
    blob: str
    """The canonical blob."""
    plot: str
    """Accuracy and block interval over height."""


def generation_reports(
    chain: Sequence[StoredBlock],
    blocks: BlockStore,
    genesis: Genesis,
    datasets: Mapping[DatasetId, Manifest],
    engine: NodeEngine,
    miners: Mapping[PublicKey, str],
) -> list[GenerationReport]:
    """Return a line for each block with a model, its model evaluated on all three splits.

    Parameters
    ----------
    chain : sequence of StoredBlock
        The main chain.
    blocks : BlockStore
    genesis : Genesis
    datasets : dict
        Manifest of each dataset of the chain.
    engine : NodeEngine
        Evaluates.
    miners : dict
        Node name of each public key.
    """
    learned: dict[FamilyId, Manifest] = {}
    reports: list[GenerationReport] = []
    before = genesis.timestamp
    for stored in chain:
        header = header_from_bytes(stored.header)
        if header.model_hash != ZERO_HASH:
            model = blocks.model(header.model_hash)
            body = body_from_bytes(stored.body)
            proof = _proof(body.proof, genesis)
            if isinstance(proof, (FounderProof, LotteryFounderProof, WalkFounderProof)):
                learned[header.family] = datasets[proof.dataset]
            manifest = learned[header.family]
            train, evaluation, reserve = (
                engine.count_correct(model, manifest.dataset_id(), name)
                * PPM
                // manifest.splits[name].count
                for name in SplitName
            )
            reports.append(
                GenerationReport(
                    height=header.height,
                    family=header.family.hex(),
                    generation=header.generation,
                    miner=miners.get(header.miner, header.miner.hex()[:8]),
                    train_ppm=train,
                    evaluation_ppm=evaluation,
                    reserve_ppm=reserve,
                    block_bytes=len(stored.header) + len(stored.body) + len(stored.transport),
                    model_bytes=len(body.proof) + len(stored.transport),
                    payload=_payload(proof, stored.transport),
                    interval_ms=header.timestamp - before,
                )
            )
        before = header.timestamp
    return reports


def _proof(data: bytes, genesis: Genesis) -> Proof | LotteryProof | GuidingProof:
    if genesis.proof == GUIDING_GRADIENT_PAPER:
        return guiding_proof_from_bytes(data)
    if genesis.proof in LOTTERIES:
        return lottery_proof_from_bytes(data)
    return proof_from_bytes(data)


def _payload(proof: Proof | LotteryProof | GuidingProof, transport: bytes) -> str:
    if isinstance(proof, (WalkFounderProof, WalkProof)):
        founds = "founder, " if isinstance(proof, WalkFounderProof) else ""
        return f"{founds}{len(proof.batches)} batches"
    if isinstance(proof, (LotteryFounderProof, StepProof)):
        founds = "founder, " if isinstance(proof, LotteryFounderProof) else ""
        return f"{founds}{proof.recipe.drawn.operator.name.lower()}"
    if isinstance(proof, FallbackProof):
        return "fallback"
    kind = "population"
    if isinstance(proof, FounderProof):
        kind = "founder"
    elif isinstance(proof, ImportProof):
        kind = "import"
    elif isinstance(proof, ChildProof):
        kind = f"{len(proof.steps)} steps"
    # The second byte of a transport is its kind: an array's head, then a small integer.
    return f"{kind} + {TransportKind(transport[1]).name.lower()}" if transport else kind
