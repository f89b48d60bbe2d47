# SPDX-License-Identifier: Apache-2.0
"""The models of a chain, one line for each: their accuracies on all three splits, and their sizes.

Law of the file: every figure comes from a block, a model or an evaluation made here; the names of
the fields are a contract.
Read next: report.py, market.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.demo.proofs import AnyFounder, AnyProof, proof_of, way_of
from edge_node.node.engine import NodeEngine
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, FamilyId, PublicKey
from edge_node.spec.block import body_from_bytes, header_from_bytes
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.genesis import Genesis
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
            proof = proof_of(body.proof, genesis.proof)
            if isinstance(proof, AnyFounder):
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


def _payload(proof: AnyProof, transport: bytes) -> str:
    way = way_of(proof)
    # The second byte of a transport is its kind: an array's head, then a small integer.
    return f"{way} + {TransportKind(transport[1]).name.lower()}" if transport else way
