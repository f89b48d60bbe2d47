# SPDX-License-Identifier: Apache-2.0
"""What a network has done, read from the nodes' own chains after they have stopped.

Law of the file: every figure comes from a block, a model or an evaluation made here; the keys of
`as_json` are a contract.
Read next: plot.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.chain.database import Database
from edge_node.node.engine import NodeEngine
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import PublicKey
from edge_node.spec.block import body_from_bytes, header_from_bytes
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Genesis
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    proof_from_bytes,
)
from edge_node.spec.transport import TransportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """One node."""

    id: str
    """Its name."""
    head: str
    """Hash of its head."""
    backend: str
    """What evaluated models there."""
    validated: int
    """Blocks of the main chain that it has judged valid."""
    mined: int
    """Its own among them."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The whole demonstration."""

    height: int
    """Height of the common head."""
    duration_ms: int
    """From the start of the nodes to their common head."""
    nodes: tuple[NodeReport, ...]
    """All nodes."""
    generations: tuple[GenerationReport, ...]
    """Blocks with a model, lowest first."""
    exports: Exports
    """Files."""

    @property
    def agreed(self) -> bool:
        """True if all nodes have one head and each has judged every block."""
        heads = {node.head for node in self.nodes}
        return len(heads) == 1 and all(node.validated == self.height for node in self.nodes)

    @property
    def reserve_gain_ppm(self) -> int:
        """Gain on untouched images, from the founder to the last record."""
        return self.generations[-1].reserve_ppm - self.generations[0].reserve_ppm

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return asdict(self)


def main_chain(chain: Path, genesis: Genesis) -> tuple[list[StoredBlock], BlockStore, Database]:
    """Return a stopped node's main chain, and the store to read models from."""
    database = Database(chain, genesis.network_id())
    blocks = BlockStore(database)
    found: list[StoredBlock] = []
    while page := blocks.main_blocks(len(found) + 1, 500):
        found += page
    return found, blocks, database


def generation_reports(
    chain: Sequence[StoredBlock],
    blocks: BlockStore,
    genesis: Genesis,
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
    engine : NodeEngine
        Evaluates.
    miners : dict
        Node name of each public key.
    """
    manifest = genesis.datasets[0]
    reports: list[GenerationReport] = []
    before = genesis.timestamp
    for stored in chain:
        header = header_from_bytes(stored.header)
        if header.model_hash != ZERO_HASH:
            model = blocks.model(header.model_hash)
            body = body_from_bytes(stored.body)
            train, evaluation, reserve = (
                engine.count_on(model, manifest.dataset_id(), name)
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
                    payload=_payload(body.proof, stored.transport),
                    interval_ms=header.timestamp - before,
                )
            )
        before = header.timestamp
    return reports


def _payload(proof: bytes, transport: bytes) -> str:
    parsed = proof_from_bytes(proof)
    if isinstance(parsed, FallbackProof):
        return "fallback"
    kind = "population"
    if isinstance(parsed, FounderProof):
        kind = "founder"
    elif isinstance(parsed, ChildProof):
        kind = f"{len(parsed.steps)} steps"
    # The second byte of a transport is its kind: an array's head, then a small integer.
    return f"{kind} + {TransportKind(transport[1]).name.lower()}" if transport else kind
