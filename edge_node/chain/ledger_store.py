# SPDX-License-Identifier: Apache-2.0
"""The head's state on disk, and undo records that lead back from it.

Law of the file: the rows are always the state after the main chain's last block; a block, its rows
and its undo record are written in one transaction.
Read next: importer.py.
"""

from edge_node.chain.database import Database
from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.state_rows import (
    Rows,
    changes_between,
    encode_undo,
    rows_of,
    state_from_rows,
    undone,
)
from edge_node.primitives.types import BlockHash
from edge_node.spec.state import State


class LedgerStore:
    """Tables state_row and undo.

    Parameters
    ----------
    database : Database
    genesis : State
        The state before the first block, stored if the tables are empty.
    """

    def __init__(self, database: Database, genesis: State) -> None:
        self._database = database
        with database.transaction() as connection:
            if connection.execute("SELECT count(*) FROM state_row").fetchone()[0] == 0:
                connection.executemany(
                    "INSERT INTO state_row VALUES (?, ?)", rows_of(genesis).items()
                )

    def load(self) -> State:
        """Return the state of the head.

        Raises
        ------
        StoreCorrupt
        """
        return state_from_rows(self._rows())

    def advance(self, before: State, after: State) -> None:
        """Store the state after the head's child; the caller holds a transaction."""
        changes = changes_between(before, after)
        run = self._database.connection.execute
        for key, _, value in changes:
            if value is None:
                run("DELETE FROM state_row WHERE key = ?", (key,))
            else:
                run("INSERT OR REPLACE INTO state_row VALUES (?, ?)", (key, value))
        run("INSERT OR REPLACE INTO undo VALUES (?, ?)", (after.head, encode_undo(changes)))

    def replace(self, state: State) -> None:
        """Store a state that is not the head's child; the caller holds a transaction."""
        connection = self._database.connection
        connection.execute("DELETE FROM state_row")
        connection.executemany("INSERT INTO state_row VALUES (?, ?)", rows_of(state).items())

    def put_undo(self, before: State, after: State) -> None:
        """Store the undo record of a block; the caller holds a transaction."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO undo VALUES (?, ?)",
            (after.head, encode_undo(changes_between(before, after))),
        )

    def rewound(self, blocks: list[BlockHash]) -> State:
        """Return the state before `blocks`, the last blocks of the main chain, newest first.

        Raises
        ------
        StoreCorrupt
        """
        rows = self._rows()
        for block_hash in blocks:
            found = self._database.connection.execute(
                "SELECT record FROM undo WHERE hash = ?", (block_hash,)
            ).fetchone()
            if found is None:
                raise StoreCorrupt(f"no undo record of block {block_hash.hex()}")
            undone(rows, found[0])
        return state_from_rows(rows)

    def _rows(self) -> Rows:
        return dict(self._database.connection.execute("SELECT key, value FROM state_row"))
