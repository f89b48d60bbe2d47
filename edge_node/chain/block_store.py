# SPDX-License-Identifier: Apache-2.0
"""Blocks and models on disk, and which blocks are the main chain.

Only valid blocks are stored. A model is stored once, as its canonical blob, by its hash; transports
are kept as they came, to be passed on.
Law of the file: rows in, dataclasses out; nothing is judged here.
Read next: ledger_store.py.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_node.chain.database import Database
from edge_node.chain.errors import AlreadySigned, StoreCorrupt
from edge_node.primitives.types import BlockHash, Hash32, Height, ModelHash, TimestampMs
from edge_node.spec.block import Header
from edge_node.spec.fork_choice import Candidate, Checkpoint, checkpoint_from_bytes
from edge_node.spec.model import Model, model_from_blob

MODEL_CACHE = 96
"""Decoded models kept in memory: a family's records and population."""


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
    """Canonical body."""
    transport: bytes
    """The transport that it came with; empty for none."""
    backend: str
    """What evaluated it here."""
    arrived_ms: TimestampMs
    """When it was imported, by the local clock."""


_COLUMNS = "hash, height, previous_hash, work, header, body, transport, backend, arrived_ms"


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
            f"INSERT INTO block ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (
                block.block_hash,
                block.height,
                block.previous_hash,
                block.work.to_bytes(32, "big"),
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
        return self._one("SELECT 1 FROM block WHERE hash = ?", (block_hash,)) is not None

    def get(self, block_hash: BlockHash) -> StoredBlock | None:
        """Return a block, or None."""
        row = self._one(f"SELECT {_COLUMNS} FROM block WHERE hash = ?", (block_hash,))  # noqa: S608 - a constant
        return None if row is None else _stored_block(row)

    def main_hash(self, height: int) -> BlockHash | None:
        """Return the main chain's block at a height, or None."""
        row = self._one("SELECT hash FROM main_chain WHERE height = ?", (height,))
        return None if row is None else BlockHash(Hash32(row[0]))

    def main_blocks(self, start: int, count: int) -> list[StoredBlock]:
        """Return up to `count` blocks of the main chain from height `start` on."""
        columns = ", ".join(f"block.{name.strip()}" for name in _COLUMNS.split(","))
        rows = self._database.connection.execute(
            f"SELECT {columns} FROM main_chain JOIN block USING (hash)"  # noqa: S608 - constants
            " WHERE main_chain.height >= ? ORDER BY main_chain.height LIMIT ?",
            (start, count),
        )
        return [_stored_block(row) for row in rows]

    def candidate(self, block_hash: BlockHash) -> Candidate | None:
        """Return a stored block as a tip for fork choice."""
        row = self._one("SELECT height, work, arrival FROM block WHERE hash = ?", (block_hash,))
        if row is None:
            return None
        height, work, arrival = row
        return Candidate(
            head=block_hash,
            height=Height(height),
            work=int.from_bytes(work, "big"),
            arrival=arrival,
        )

    def tips(self) -> list[BlockHash]:
        """Return every stored block that has no child."""
        rows = self._database.connection.execute(
            "SELECT hash FROM block WHERE hash NOT IN (SELECT previous_hash FROM block)"
        )
        return [BlockHash(Hash32(row[0])) for row in rows]

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
        model = model_from_blob(blob)
        if model.model_hash() != model_hash:
            raise StoreCorrupt(f"model {model_hash.hex()} has other bytes")
        self._remember(model_hash, model)
        return model

    def model_blob(self, model_hash: ModelHash) -> bytes | None:
        """Return the canonical blob of a stored model, or None."""
        row = self._one("SELECT blob FROM model WHERE hash = ?", (model_hash,))
        return None if row is None else bytes(row[0])

    def note_signed(self, header: Header) -> None:
        """Remember durably that this node signs a header, before anyone sees it.

        Raises
        ------
        AlreadySigned
            Another header with the same parent and model was signed: publishing both is the one
            offence that burns rewards.
        """
        block_hash = header.block_hash()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO signed VALUES (?, ?, ?)",
                (header.previous_hash, header.model_hash, block_hash),
            )
            (signed,) = connection.execute(
                "SELECT hash FROM signed WHERE previous_hash = ? AND model_hash = ?",
                (header.previous_hash, header.model_hash),
            ).fetchone()
        if signed != block_hash:
            raise AlreadySigned(expected=BlockHash(Hash32(signed)), actual=block_hash)

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a member's checkpoint, the last one of each."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (?, ?)",
                (checkpoint.member, checkpoint.encode()),
            )

    def checkpoints(self) -> list[Checkpoint]:
        """Return the last checkpoint of each member."""
        rows = self._database.connection.execute("SELECT record FROM checkpoint ORDER BY member")
        return [checkpoint_from_bytes(row[0]) for row in rows]

    def _remember(self, model_hash: ModelHash, model: Model) -> None:
        self._models[model_hash] = model
        self._models.move_to_end(model_hash)
        while len(self._models) > MODEL_CACHE:
            self._models.popitem(last=False)

    def _one(self, query: str, arguments: Sequence[object]) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._database.connection.execute(
                query, tuple(arguments)
            ).fetchone()
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(str(error)) from error
        return row


def _stored_block(row: Sequence[Any]) -> StoredBlock:
    block_hash, height, previous, work, header, body, transport, backend, arrived_ms = row
    return StoredBlock(
        block_hash=BlockHash(Hash32(bytes(block_hash))),
        height=Height(height),
        previous_hash=BlockHash(Hash32(bytes(previous))),
        work=int.from_bytes(work, "big"),
        header=bytes(header),
        body=bytes(body),
        transport=bytes(transport),
        backend=str(backend),
        arrived_ms=TimestampMs(arrived_ms),
    )
