# SPDX-License-Identifier: Apache-2.0
"""The head's state on disk, and for each block a record that leads across it.

A block of the main chain has the record of the state before it, a side branch's block that of the
state after it. So from the head one can step to the state at any stored block without judging any
block again, and moving the head there reads and writes no more than the blocks on the way changed.
Law of the file: the rows are always the state after the main chain's last block, and their check
fits them; whoever calls writes block, rows and records in one transaction.
Read next: importer.py.
"""

from collections.abc import Iterable, Sequence

from edge_node.chain.database import Database
from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.state_rows import (
    Change,
    Crossing,
    Rows,
    changes_between,
    record_of,
    row_hash,
    rows_of,
    state_from_rows,
)
from edge_node.primitives.types import BlockHash
from edge_node.spec.state import State

_CHECK = "state_check"
_CHECK_BYTES = 32


class LedgerStore:
    """Tables state_row and other_side.

    Parameters
    ----------
    database : Database
    genesis : State
        The state before the first block, stored if the tables are empty.

    Raises
    ------
    StoreCorrupt, StoreUnavailable
    """

    def __init__(self, database: Database, genesis: State) -> None:
        self._database = database
        if database.row("SELECT 1 FROM state_row LIMIT 1") is None:
            with database.transaction() as connection:
                connection.execute("INSERT INTO meta VALUES (?, ?)", (_CHECK, bytes(_CHECK_BYTES)))
                self._write(Change(key, None, value) for key, value in rows_of(genesis).items())

    def load(self) -> State:
        """Return the state of the head.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        return state_from_rows(self._rows())

    def advance(self, before: State, after: State) -> None:
        """Store the state after the head's child; the caller holds a transaction."""
        changes = changes_between(before, after)
        self._write(changes)
        back = [(each.key, each.before) for each in changes]
        self._put_record(after.head, record_of(after.head, after.head, before.head, back))

    def add_side(self, before: State, after: State) -> None:
        """Store what a side branch's block changes; the caller holds a transaction."""
        changes = changes_between(before, after)
        forth = [(each.key, each.after) for each in changes]
        self._put_record(after.head, record_of(after.head, before.head, after.head, forth))

    def state_across(self, head: State, way: Sequence[BlockHash]) -> State:
        """Return the state at the end of a way from the head; nothing is written.

        Parameters
        ----------
        head : State
            After the main chain's last block, as stored.
        way : sequence of BlockHash
            Blocks to cross: back down the main chain, newest first, then up a side branch.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        crossing = Crossing(head)
        for block_hash in way:
            crossing.cross(block_hash, self._record(block_hash))
        return crossing.state()

    def move(self, head: State, way: Sequence[BlockHash]) -> State:
        """Make the state at the end of a way the head's; the caller holds a transaction.

        Parameters
        ----------
        head : State
        way : sequence of BlockHash
            As for `state_across`; these blocks change sides.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        crossing = Crossing(head)
        for block_hash in way:
            self._put_record(block_hash, crossing.cross(block_hash, self._record(block_hash)))
        self._write(crossing.changes())
        return crossing.state()

    def _write(self, changes: Iterable[Change]) -> None:
        run = self._database.connection.execute
        check = self._check()
        for key, before, after in changes:
            check ^= row_hash(key, before) ^ row_hash(key, after)
            if after is None:
                run("DELETE FROM state_row WHERE key = ?", (key,))
            else:
                run("INSERT OR REPLACE INTO state_row VALUES (?, ?)", (key, after))
        run(
            "UPDATE meta SET value = ? WHERE key = ?", (check.to_bytes(_CHECK_BYTES, "big"), _CHECK)
        )

    def _rows(self) -> Rows:
        rows: Rows = {}
        check = self._check()
        for key, value in self._database.rows("SELECT key, value FROM state_row"):
            if not isinstance(key, bytes) or not isinstance(value, bytes):
                raise StoreCorrupt(f"the row {key!r} of the state")
            rows[key] = value
            check ^= row_hash(key, value)
        if check:
            raise StoreCorrupt("the rows of the state do not fit their check")
        return rows

    def _check(self) -> int:
        check = self._database.meta(_CHECK)
        if not isinstance(check, bytes):
            raise StoreCorrupt("the check over the state's rows")
        return int.from_bytes(check, "big")

    def _put_record(self, block_hash: BlockHash, record: bytes) -> None:
        self._database.connection.execute(
            "INSERT OR REPLACE INTO other_side VALUES (?, ?)", (block_hash, record)
        )

    def _record(self, block_hash: BlockHash) -> bytes:
        found = self._database.row("SELECT record FROM other_side WHERE hash = ?", (block_hash,))
        if found is None or not isinstance(found[0], bytes):
            raise StoreCorrupt(f"the record of block {block_hash.hex()}")
        return found[0]
