# SPDX-License-Identifier: Apache-2.0
"""Blocks and models on disk, which blocks are the main chain, and what this node has signed.

Only valid blocks are stored. A model is stored once, as its canonical blob, by its hash; beside it
lies the transport that the importer has made of it, to be passed on.
Law of the file: rows in, dataclasses out; nothing is judged here. What a row must be and is not
is a damaged store, never a peer's fault.
Read next: ledger_store.py.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from edge_node.chain.database import Database, Row
from edge_node.chain.errors import AlreadySigned, StoreCorrupt
from edge_node.primitives.types import BlockHash, Hash32, Height, ModelHash, PublicKey, TimestampMs
from edge_node.spec.block import Header
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import Candidate, Checkpoint, checkpoint_from_bytes
from edge_node.spec.model import Model, hash_of_blob, model_from_blob

MODEL_CACHE = 96
"""Decoded models kept in memory: a family's records and population."""
CHECKPOINTS_PER_MEMBER = 64
"""Checkpoints kept of each member above the last one that a quorum agreed on."""
PRUNED = b""
"""Stands where a body was; no real body is empty."""
_PRUNED_KEY = "pruned"
_UNREPLAYED_KEY = "unreplayed"
_HASH_BYTES = 32
_WORK_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlock:
    """A block as its canonical bytes, with how it came."""

    block_hash: BlockHash
    """Its name."""
    height: Height
    """Its height."""
    previous_hash: BlockHash
    """Its parent."""
    work: int
    """Cumulative work up to it."""
    header: bytes
    """Canonical header."""
    body: bytes
    """Canonical body; PRUNED if it went."""
    transport: bytes
    """The shortest transport of its model, made here; empty for none."""
    backend: str
    """What evaluated it here."""
    arrived_ms: TimestampMs
    """When it was imported, by the local clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a stored block hangs."""

    height: Height
    """Its height."""
    previous_hash: BlockHash
    """Its parent."""


_COLUMNS = (
    "block.hash, block.height, block.previous_hash, block.work, block.header, block.body,"
    " block.transport, block.backend, block.arrived_ms"
)


class BlockStore:
    """Tables block, main_chain, model, signed and checkpoint.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._models: OrderedDict[ModelHash, Model] = OrderedDict()

    def add(self, block: StoredBlock, model: Model | None) -> None:
        """Store a block and its model; the caller holds a transaction."""
        run = self._database.connection.execute
        run(
            "INSERT INTO block (hash, height, previous_hash, work, header, body, transport,"
            " backend, arrived_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                block.block_hash,
                block.height,
                block.previous_hash,
                _work_row(block.work),
                block.header,
                block.body,
                block.transport,
                block.backend,
                block.arrived_ms,
            ),
        )
        if model is not None:
            model_hash = model.model_hash()
            run("INSERT OR IGNORE INTO model VALUES (?, ?)", (model_hash, model.blob()))
            self._remember(model_hash, model)

    def set_main(self, height: Height, block_hash: BlockHash) -> None:
        """Make a block the main chain's at its height; the caller holds a transaction."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO main_chain VALUES (?, ?)", (height, block_hash)
        )

    def cut_main(self, height: Height) -> None:
        """Take all heights above `height` off the main chain; the caller holds a transaction."""
        self._database.connection.execute("DELETE FROM main_chain WHERE height > ?", (height,))

    def has(self, block_hash: BlockHash) -> bool:
        """Return True if the block is stored."""
        return self._database.row("SELECT 1 FROM block WHERE hash = ?", (block_hash,)) is not None

    def get(self, block_hash: BlockHash) -> StoredBlock | None:
        """Return a block, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM block WHERE hash = ?",  # noqa: S608 - a constant
            (block_hash,),
        )
        return None if row is None else _stored_block(row)

    def link(self, block_hash: BlockHash) -> Link | None:
        """Return a block's height and parent, or None."""
        row = self._database.row(
            "SELECT height, previous_hash FROM block WHERE hash = ?", (block_hash,)
        )
        if row is None:
            return None
        return Link(height=Height(_number(row[0])), previous_hash=BlockHash(_hash(row[1])))

    def main_hash(self, height: int) -> BlockHash | None:
        """Return the main chain's block at a height, or None."""
        row = self._database.row("SELECT hash FROM main_chain WHERE height = ?", (height,))
        return None if row is None else BlockHash(_hash(row[0]))

    def main_height(self) -> Height:
        """Return the height of the main chain's last block; 0 for none."""
        row = self._database.row("SELECT max(height) FROM main_chain")
        return Height(_number(row[0] or 0) if row else 0)

    def main_blocks(self, start: int, count: int) -> list[StoredBlock]:
        """Return up to `count` blocks of the main chain from height `start` on."""
        return [_stored_block(row) for row in self._main_rows(_COLUMNS, start, count)]

    def main_headers(self, start: int, count: int) -> list[bytes]:
        """Return up to `count` headers of the main chain from height `start` on."""
        # Bodies and transports stay on the disk: together they may be a hundred megabytes.
        return [_bytes(row[0]) for row in self._main_rows("block.header", start, count)]

    def _main_rows(self, columns: str, start: int, count: int) -> list[Row]:
        # Strangers ask for any height, and sqlite has no integer above 2**63 - 1.
        if start > self.main_height():
            return []
        return self._database.rows(
            f"SELECT {columns} FROM main_chain JOIN block USING (hash)"  # noqa: S608 - constants
            " WHERE main_chain.height >= ? ORDER BY main_chain.height LIMIT ?",
            (start, count),
        )

    def main_hashes(self, start: Height) -> list[BlockHash]:
        """Return the main chain's blocks from a height on, lowest first."""
        rows = self._database.rows(
            "SELECT hash FROM main_chain WHERE height >= ? ORDER BY height", (start,)
        )
        return [BlockHash(_hash(row[0])) for row in rows]

    def headers_above(self, height: Height) -> list[bytes]:
        """Return the headers of all stored blocks above a height, on whatever branch."""
        rows = self._database.rows("SELECT header FROM block WHERE height > ?", (height,))
        return [_bytes(row[0]) for row in rows]

    def pruned_height(self) -> Height:
        """Return the height up to which the main chain has headers only; 0 for none."""
        return Height(_number(self._database.meta(_PRUNED_KEY) or 0))

    def note_pruned(self, height: Height) -> None:
        """Remember up to where the chain was pruned; the caller holds the transaction."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_PRUNED_KEY, height)
        )

    def unreplayed(self) -> bool:
        """Return True if blocks were stored whose bursts nobody replayed here."""
        return bool(self._database.meta(_UNREPLAYED_KEY))

    def note_unreplayed(self) -> None:
        """Remember that a block was not replayed; the caller holds the transaction."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_UNREPLAYED_KEY, 1)
        )

    def keep_models(self, needed: Collection[ModelHash]) -> int:
        """Forget all models but these; return how many went. The caller holds a transaction."""
        here = [ModelHash(_hash(row[0])) for row in self._database.rows("SELECT hash FROM model")]
        gone = [each for each in here if each not in needed]
        for model_hash in gone:
            self._database.connection.execute("DELETE FROM model WHERE hash = ?", (model_hash,))
            self._models.pop(model_hash, None)
        return len(gone)

    def candidate(self, block_hash: BlockHash) -> Candidate | None:
        """Return a stored block as a tip for fork choice."""
        row = self._database.row(
            "SELECT height, work, arrival FROM block WHERE hash = ?", (block_hash,)
        )
        if row is None:
            return None
        height, work, arrival = row
        return Candidate(
            head=block_hash,
            height=Height(_number(height)),
            work=int.from_bytes(_bytes(work), "big"),
            arrival=_number(arrival),
        )

    def at_least(self, work: int) -> list[BlockHash]:
        """Return every stored block with this cumulative work or more."""
        rows = self._database.rows("SELECT hash FROM block WHERE work >= ?", (_work_row(work),))
        return [BlockHash(_hash(row[0])) for row in rows]

    def children(self, parent: BlockHash, most: int) -> list[bytes]:
        """Return headers of stored blocks on a parent, at most so many, the first seen first."""
        rows = self._database.rows(
            "SELECT header FROM block WHERE previous_hash = ? ORDER BY arrival LIMIT ?",
            (parent, most),
        )
        return [_bytes(row[0]) for row in rows]

    def tips(self) -> list[BlockHash]:
        """Return every stored block that has no child."""
        rows = self._database.rows(
            "SELECT hash FROM block WHERE NOT EXISTS"
            " (SELECT 1 FROM block AS child WHERE child.previous_hash = block.hash)"
        )
        return [BlockHash(_hash(row[0])) for row in rows]

    def model(self, model_hash: ModelHash) -> Model:
        """Return a stored model (the law's ModelSource).

        Raises
        ------
        StoreCorrupt
            No such model, or its bytes are not its hash's.
        """
        if model_hash in self._models:
            self._models.move_to_end(model_hash)
            return self._models[model_hash]
        blob = self.model_blob(model_hash)
        if blob is None:
            raise StoreCorrupt(f"model {model_hash.hex()} is missing")
        # Bytes of this hash are those that were stored, so they decode; to encode the model anew
        # would take longer than to read it, and a block may want 64 records.
        if hash_of_blob(blob) != model_hash:
            raise StoreCorrupt(f"model {model_hash.hex()} has other bytes")
        model = model_from_blob(blob)
        self._remember(model_hash, model)
        return model

    def model_blob(self, model_hash: ModelHash) -> bytes | None:
        """Return the canonical blob of a stored model, or None."""
        row = self._database.row("SELECT blob FROM model WHERE hash = ?", (model_hash,))
        return None if row is None else _bytes(row[0])

    def note_signed(self, header: Header) -> None:
        """Remember that this node signs a header; the caller holds the block's transaction.

        Raises
        ------
        AlreadySigned
            Another header with the same parent and model was signed: publishing both is the one
            offence that burns rewards.
        """
        block_hash = header.block_hash()
        place = (header.previous_hash, header.model_hash)
        self._database.connection.execute(
            "INSERT OR IGNORE INTO signed VALUES (?, ?, ?)", (*place, block_hash)
        )
        row = self._database.row(
            "SELECT hash FROM signed WHERE previous_hash = ? AND model_hash = ?", place
        )
        if row is None or row[0] != block_hash:
            signed = BlockHash(_hash(row[0] if row else None))
            raise AlreadySigned(expected=signed, actual=block_hash)

    def put_checkpoint(self, checkpoint: Checkpoint, above: Height) -> None:
        """Keep a member's checkpoint, and of its checkpoints above a height the highest only."""
        member = checkpoint.member
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)",
                (member, checkpoint.height, checkpoint.block, checkpoint.encode()),
            )
            connection.execute(
                "DELETE FROM checkpoint WHERE rowid IN (SELECT rowid FROM checkpoint"
                " WHERE member = ? AND height > ? ORDER BY height DESC LIMIT -1 OFFSET ?)",
                (member, above, CHECKPOINTS_PER_MEMBER),
            )

    def has_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Return True if this very checkpoint is kept."""
        row = self._database.row(
            "SELECT record FROM checkpoint WHERE member = ? AND height = ? AND hash = ?",
            (checkpoint.member, checkpoint.height, checkpoint.block),
        )
        return row is not None and row[0] == checkpoint.encode()

    def last_checkpoint(self, member: PublicKey) -> Checkpoint | None:
        """Return the highest checkpoint of a member that is kept, or None."""
        row = self._database.row(
            "SELECT record FROM checkpoint WHERE member = ? ORDER BY height DESC LIMIT 1", (member,)
        )
        return None if row is None else _checkpoint(row[0])

    def drop_checkpoints(self, below: Height) -> None:
        """Forget all checkpoints of blocks below a height."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM checkpoint WHERE height < ?", (below,))

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints that are kept."""
        rows = self._database.rows("SELECT record FROM checkpoint ORDER BY height, member")
        return [_checkpoint(row[0]) for row in rows]

    def _remember(self, model_hash: ModelHash, model: Model) -> None:
        self._models[model_hash] = model
        self._models.move_to_end(model_hash)
        while len(self._models) > MODEL_CACHE:
            self._models.popitem(last=False)


def _checkpoint(record: object) -> Checkpoint:
    try:
        return checkpoint_from_bytes(_bytes(record))
    except InvalidInput as error:
        raise StoreCorrupt(f"a checkpoint: {error}") from error


def _work_row(work: int) -> bytes:
    return work.to_bytes(_WORK_BYTES, "big")  # sorts like the number


def _stored_block(row: Row) -> StoredBlock:
    block_hash, height, previous, work, header, body, transport, backend, arrived_ms = row
    return StoredBlock(
        block_hash=BlockHash(_hash(block_hash)),
        height=Height(_number(height)),
        previous_hash=BlockHash(_hash(previous)),
        work=int.from_bytes(_bytes(work), "big"),
        header=_bytes(header),
        body=_bytes(body),
        transport=_bytes(transport),
        backend=str(backend),
        arrived_ms=TimestampMs(_number(arrived_ms)),
    )


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise StoreCorrupt(f"{value!r} where a number belongs")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise StoreCorrupt(f"{value!r} where bytes belong")
    return value


def _hash(value: object) -> Hash32:
    if not isinstance(value, bytes) or len(value) != _HASH_BYTES:
        raise StoreCorrupt(f"{value!r} where a hash belongs")
    return Hash32(value)
