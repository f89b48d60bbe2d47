# SPDX-License-Identifier: Apache-2.0
"""Latents of family heads: kept in memory, now and then on disk, and rebuilt by replay otherwise.

A block goes on from the latents of its family's head, which never travel: whoever has judged a
block has them, and blocks and models are enough to come to them again (design, section 7). A row
is written every SNAPSHOT_BLOCKS blocks of a family, so a restart replays fewer than that.
Law of the file: what is given out has the root that the family's head commits to; how latents come
of a block is the proof rule's to say.
Read next: importer.py, edge_node/spec/proof/rule.py.
"""

from collections import OrderedDict

from edge_node.chain.block_store import BlockStore
from edge_node.chain.database import Database
from edge_node.chain.errors import StoreCorrupt
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Hash32
from edge_node.spec import training
from edge_node.spec.block import Block, Header, body_from_bytes, header_from_bytes
from edge_node.spec.constants import MAX_RELATIVES
from edge_node.spec.engine import Engine
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.rule import FamilyBefore, ReplaySources
from edge_node.spec.proof.trained import first_latents
from edge_node.spec.state import Family
from edge_node.spec.validation import Rules

SNAPSHOT_BLOCKS = 16
"""Blocks of a family from one row to the next: a row is up to 0.5 MB, and cards wear out."""
KEPT_BLOCKS = 4 * SNAPSHOT_BLOCKS
"""Rows of a family that are further back than so many blocks go."""
CACHE_BYTES = 1 << 25
"""Latents kept in memory."""


class LatentStore:
    """Table latents; the law's LatentSource.

    Parameters
    ----------
    database : Database
    blocks : BlockStore
    rules : Rules
    engine : Engine
        Replays.
    """

    def __init__(
        self, database: Database, blocks: BlockStore, rules: Rules, engine: Engine
    ) -> None:
        self._database = database
        self._blocks = blocks
        self._rules = rules
        self._engine = engine
        self._cache: OrderedDict[BlockHash, bytes] = OrderedDict()
        self._cached_bytes = 0

    def add(self, family: Family, packed: bytes) -> None:
        """Keep the latents after a family's head; the caller holds a transaction."""
        self.remember(family, packed)
        if family.model_count % SNAPSHOT_BLOCKS == 0:
            self.write(family, packed)

    def remember(self, family: Family, packed: bytes) -> None:
        """Keep the latents after a family's head in memory."""
        self._cached_bytes += len(packed) - len(self._cache.pop(family.head, b""))
        self._cache[family.head] = packed
        while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
            _, gone = self._cache.popitem(last=False)
            self._cached_bytes -= len(gone)

    def write(self, family: Family, packed: bytes) -> None:
        """Write a row for a family's head; the caller holds a transaction."""
        run = self._database.connection.execute
        run(
            "INSERT OR REPLACE INTO latents VALUES (?, ?, ?, ?)",
            (family.head, family.family_id, family.model_count, packed),
        )
        run(
            "DELETE FROM latents WHERE family = ? AND model_count < ?",
            (family.family_id, family.model_count - KEPT_BLOCKS),
        )

    def latents(self, family: Family) -> bytes:
        """Return the packed latents after a family's head.

        Raises
        ------
        DatasetMissing
            It has to be replayed, and there is nothing to replay it on.
        StoreCorrupt
            What is stored does not lead to what the head commits to.
        """
        head, root = family.head, family.models[-1].latent_root
        packed = self._cache.get(head)
        if packed is not None:
            self._cache.move_to_end(head)
            _check_root(head, packed, root)
            return packed
        packed = self._rebuilt(family)
        _check_root(head, packed, root)
        self.remember(family, packed)
        return packed

    def _rebuilt(self, family: Family) -> bytes:
        """Replay a family's last blocks, from the newest row or from its start."""
        blocks: list[Block] = []  # the newest first; all those to replay
        place, row = family.head, self._row(family.head)
        while row is None and place != ZERO_HASH:
            blocks.append(self._block(place))
            place = blocks[-1].header.previous_model_hash
            row = self._row(place)
        if row is None:
            count = 0
            packed = first_latents(self._rules.network, family.dataset, family.architecture)
        else:
            count, packed = row
        earlier = self._headers_up_to(place)
        for block in reversed(blocks):
            packed = self._replayed(block, family, packed, earlier, count)
            earlier.append(block.header)
            count += 1
        return packed

    def _replayed(
        self, block: Block, family: Family, packed: bytes, earlier: list[Header], count: int
    ) -> bytes:
        before = FamilyBefore(
            architecture=family.architecture,
            dataset=family.dataset,
            latents=packed,
            model_count=count,
            relatives=tuple(header.model_hash for header in earlier[-MAX_RELATIVES:]),
        )
        sources = ReplaySources(
            parameters=self._rules.parameters, engine=self._engine, models=self._blocks
        )
        return self._rules.proof_rule.replay(block, before, sources)

    def _headers_up_to(self, block: BlockHash) -> list[Header]:
        """Return the headers of the family's blocks up to one, at most MAX_RELATIVES."""
        found: list[Header] = []
        while block != ZERO_HASH and len(found) < MAX_RELATIVES:
            found.append(self._header(block))
            block = found[-1].previous_model_hash
        return found[::-1]

    def _header(self, block: BlockHash) -> Header:
        return self._block(block).header

    def _block(self, block: BlockHash) -> Block:
        stored = self._blocks.get(block)
        if stored is None:
            raise StoreCorrupt(f"block {block.hex()} of a family is missing")
        try:
            header, body = header_from_bytes(stored.header), body_from_bytes(stored.body)
        except InvalidInput as error:
            raise StoreCorrupt(f"block {block.hex()}: {error}") from error
        if body.proof_root() != header.proof_root:
            raise StoreCorrupt(f"the proof of block {block.hex()} is not the one it commits to")
        return Block(header=header, body=body)

    def _row(self, block: BlockHash) -> tuple[int, bytes] | None:
        row = self._database.row(
            "SELECT model_count, packed FROM latents WHERE block = ?", (block,)
        )
        if row is None:
            return None
        match row:
            case (int(count), bytes(packed)):
                # Damage shows here, before an engine is given what no architecture has.
                _check_root(block, packed, self._header(block).latent_root)
                return count, packed
            case _:
                raise StoreCorrupt(f"the latents of block {block.hex()}: {row!r:.80}")


def _check_root(block: BlockHash, packed: bytes, root: Hash32) -> None:
    """Check that latents are those that a block commits to.

    Raises
    ------
    StoreCorrupt
    """
    if training.root_of(packed) != root:
        raise StoreCorrupt(f"the latents of block {block.hex()} have another root")
