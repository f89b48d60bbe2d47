# SPDX-License-Identifier: Apache-2.0
"""What gossip may ask of chain, datasets and mempool: its ports, answered from the stores.

A block that is held (held_blocks.py) counts as known: it need not come again, and its children can
be judged right after it. One that waits for its replay is not known yet, but its children may come.
Law of the file: translation only; every call is quick and changes nothing.
Read next: edge_node/gossip/ports.py.
"""

from edge_node.chain.block_store import PRUNED
from edge_node.chain.errors import ParentPruned, ParentUnknown
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.chunk_table import chunk_table_from_bytes
from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.ports import BlockParts, ChainTip, FinalBlock, HeaderFacts, HeaderVerdict
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.replay_queue import ReplayQueue
from edge_node.node.reserves import is_sealed
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height, ModelHash
from edge_node.spec.block import header_from_bytes
from edge_node.spec.dataset import SplitName
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import model_from_blob


class ChainView:
    """Gossip's ChainPort over an importer and a dataset store.

    Parameters
    ----------
    importer : Importer
    datasets : DatasetStore
    held : HeldBlocks, optional
        The blocks that the node holds.
    replays : ReplayQueue or None
        The blocks that wait for their replay; None where none do.
    """

    def __init__(
        self,
        importer: Importer,
        datasets: DatasetStore,
        held: HeldBlocks | None = None,
        replays: ReplayQueue | None = None,
    ) -> None:
        self._importer = importer
        self._datasets = datasets
        self._held = HeldBlocks() if held is None else held
        self._replays = replays

    def header_facts(self, header: bytes) -> HeaderFacts | None:
        """See ChainPort."""
        try:
            decoded = header_from_bytes(header)
        except InvalidInput:
            return None
        return HeaderFacts(
            block_hash=decoded.block_hash(), parent=decoded.previous_hash, height=decoded.height
        )

    def precheck_header(self, header: bytes) -> HeaderVerdict:
        """See ChainPort."""
        replays = self._replays
        try:
            decoded = header_from_bytes(header)
            self._importer.check_header(decoded)
        except ParentPruned:
            # Whoever is on that branch has not heard of the final block yet: no fault of its own.
            return HeaderVerdict.ORPHAN
        except ParentUnknown as error:
            if error.parent not in self._held and error.parent not in (replays or ()):
                return HeaderVerdict.ORPHAN
        except InvalidInput:
            return HeaderVerdict.INVALID
        if replays is not None and replays.refuses(decoded.miner, decoded.previous_hash):
            return HeaderVerdict.ORPHAN
        return HeaderVerdict.PLAUSIBLE

    def known(self, block_hash: BlockHash) -> bool:
        """See ChainPort."""
        return block_hash in self._held or self._importer.is_known(block_hash)

    def tip(self) -> ChainTip:
        """See ChainPort."""
        head = self._importer.head
        headers = self._importer.blocks.main_headers(head.height, 1)
        return ChainTip(
            height=head.height,
            block_hash=head.head,
            work=head.work,
            header=headers[0] if headers else b"",
        )

    def final(self) -> FinalBlock | None:
        """See ChainPort."""
        final = self._importer.final
        if final is None:
            return None
        return FinalBlock(height=final.height, block_hash=final.block)

    def headers(self, start: Height, count: int) -> list[bytes]:
        """See ChainPort."""
        return self._importer.blocks.main_headers(start, count)

    def block(self, block_hash: BlockHash) -> BlockParts | None:
        """See ChainPort."""
        stored = self._importer.blocks.get(block_hash)
        if stored is None or stored.body == PRUNED:
            return None
        return BlockParts(header=stored.header, body=stored.body, transport=stored.transport)

    def model_blob(self, model_hash: ModelHash) -> bytes | None:
        """See ChainPort."""
        return self._importer.blocks.model_blob(model_hash)

    def manifest(self, dataset_id: DatasetId) -> bytes | None:
        """See ChainPort: the chunk table, which holds the manifest."""
        if not self._may_give(dataset_id) or not self._datasets.has(dataset_id, JUDGING):
            return None
        return self._datasets.table(dataset_id).encode()

    def chunk(self, dataset_id: DatasetId, index: int) -> bytes | None:
        """See ChainPort."""
        if not self._may_give(dataset_id):
            return None
        try:
            split, place = self._datasets.table(dataset_id).locate(index)
            if split is SplitName.RESERVE and is_sealed(self._importer.head, dataset_id):
                return None
            return self._datasets.chunk(dataset_id, split, place)
        except DatasetError:
            return None

    def _may_give(self, dataset_id: DatasetId) -> bool:
        """Say whether others may have anything of a dataset: an upload may be on its way."""
        known = dataset_id in self._importer.head.datasets
        return known or self._datasets.is_published(dataset_id)

    def content_hash(self, kind: ObjectKind, data: bytes) -> Hash32:
        """See ChainPort; zeros for what is not what it says to be."""
        try:
            if kind is ObjectKind.MODEL:
                return model_from_blob(data).model_hash()
            return chunk_table_from_bytes(data).dataset_id
        except InvalidInput:
            return ZERO_HASH


class SilentView(ChainView):
    """The view of a node that does not replay: it serves datasets, whose bytes show what they are.

    Nobody gets a header, a block or a model of it that only others have vouched for.
    """

    def headers(self, start: Height, count: int) -> list[bytes]:  # noqa: ARG002 - the port's
        """See ChainPort: none."""
        return []

    def block(self, block_hash: BlockHash) -> BlockParts | None:  # noqa: ARG002 - the port's
        """See ChainPort: none."""
        return None

    def model_blob(self, model_hash: ModelHash) -> bytes | None:  # noqa: ARG002 - the port's
        """See ChainPort: none."""
        return None


class PoolView:
    """Gossip's TransactionPool over a mempool.

    Parameters
    ----------
    mempool : Mempool
    """

    def __init__(self, mempool: Mempool) -> None:
        self._mempool = mempool
        self._generation: int | None = None
        self._waiting: tuple[bytes, ...] = ()

    def waiting(self) -> tuple[bytes, ...]:
        """See TransactionPool; encoded once for each change of the pool, for any peer may ask."""
        if self._generation != self._mempool.generation:
            chosen = self._mempool.select()
            self._waiting = tuple(transaction.encode() for transaction in chosen)
            self._generation = self._mempool.generation
        return self._waiting
