# SPDX-License-Identifier: Apache-2.0
"""What a network has done, read from the nodes' own chains after they have stopped.

Law of the file: every figure comes from a block, a model or an evaluation made here; the keys of
`as_json` are a contract.
Read next: generations.py, market.py, plot.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.chain.database import Database
from edge_node.demo.bridge import BridgeReport
from edge_node.demo.generations import Exports, GenerationReport
from edge_node.demo.market import MarketReport
from edge_node.primitives.types import Height, NetworkId, PublicKey
from edge_node.spec.block import header_from_bytes

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
    market: MarketReport | None = None
    """What several datasets and families did; None where there is one of each."""
    bridge: BridgeReport | None = None
    """What a microcontroller did; None where there was none."""
    named: tuple[str, ...] = ()
    """Back ends that were asked for by name, one for each node; empty if none was."""

    @property
    def best(self) -> GenerationReport:
        """The model that was exported: the best by evaluation, of those equally good the first.

        The last block may be the first of a new family.
        """
        return max(self.generations, key=lambda each: each.evaluation_ppm)

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
        found += [
            f"{node.id} was to judge by {name} alone, and used {node.backend}; its log says why"
            for node, name in zip(self.nodes, self.named, strict=False)
            if node.backend != name
        ]
        if self.bridge is not None:
            found += self.bridge.failures
        if self.market is not None:
            return (*found, *self.market.failures)
        first, best = self.generations[0], self.best
        if best.reserve_ppm <= first.reserve_ppm:
            found.append(
                "accuracy on untouched images did not rise: "
                f"{first.reserve_ppm} ppm at height {first.height}, "
                f"{best.reserve_ppm} ppm at height {best.height}"
            )
        return tuple(found)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        value = asdict(self)
        del value["market"], value["named"]
        if self.bridge is None:
            del value["bridge"]
        return value if self.market is None else {**value, **self.market.as_json()}


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
    used = dict.fromkeys(each for block in chain for each in block.backend.split("+"))
    return NodeReport(
        id=name,
        head=chain[-1].block_hash.hex(),
        backend="+".join(used),
        validated=len(chain),
        mined=mined_by.count(name),
    )
