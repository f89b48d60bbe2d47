# SPDX-License-Identifier: Apache-2.0
"""What a network has done, read from the nodes' own chains after they have stopped.

Law of the file: every figure comes from a block, a model or an evaluation made here; the keys of
`as_json` are a contract.
Read next: plot.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.chain.database import Database
from edge_node.node.engine import NodeEngine
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Height, NetworkId, PublicKey
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

PAGE_BLOCKS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """One node."""

    id: str
    """Its name."""
    head: str
    """Hash of its head."""
    backend: str
    """What evaluated models there; several, joined by `+` as they came, where one stepped in."""
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
    def failures(self) -> tuple[str, ...]:
        """What the demonstration was to show and did not, in sentences; empty if all is well."""
        found: list[str] = []
        if len({node.head for node in self.nodes}) > 1:
            heads = ", ".join(f"{node.id} is at {node.head[:16]}" for node in self.nodes)
            found.append(f"the nodes do not agree on the head: {heads}")
        found += [
            f"{node.id} has judged {node.validated} of {self.height} blocks"
            for node in self.nodes
            if node.validated != self.height
        ]
        first, last = self.generations[0], self.generations[-1]
        if last.reserve_ppm <= first.reserve_ppm:
            found.append(
                "accuracy on untouched images did not rise: "
                f"{first.reserve_ppm} ppm at height {first.height}, "
                f"{last.reserve_ppm} ppm at height {last.height}"
            )
        return tuple(found)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return asdict(self)


@contextmanager
def stopped_chain(path: Path, network: NetworkId) -> Iterator[tuple[list[StoredBlock], BlockStore]]:
    """Open the database of a node that has stopped; give its main chain and its store."""
    database = Database(path, network)
    try:
        blocks = BlockStore(database)
        chain: list[StoredBlock] = []
        while page := blocks.main_blocks(Height(len(chain) + 1), PAGE_BLOCKS):
            chain += page
        yield chain, blocks
    finally:
        database.close()


def node_report(
    name: str, chain: Sequence[StoredBlock], miners: Mapping[PublicKey, str]
) -> NodeReport:
    """Return the line of a node, whose main chain has at least one block."""
    mined_by = [miners.get(header_from_bytes(block.header).miner) for block in chain]
    return NodeReport(
        id=name,
        head=chain[-1].block_hash.hex(),
        backend="+".join(dict.fromkeys(block.backend for block in chain)),
        validated=len(chain),
        mined=mined_by.count(name),
    )


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
