# SPDX-License-Identifier: Apache-2.0
"""The chain's sqlite file: schema, format number, and transactions that survive a power cut.

WAL with synchronous=FULL: what a commit acknowledged is there after kill -9 or a cut, and nothing
is ever half there.
Law of the file: the only place with SQL that creates; the stores own their tables' rows.
Read next: block_store.py, ledger_store.py.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_node.chain.errors import StoreCorrupt, StoreFormatNewer, WrongNetwork
from edge_node.primitives.types import NetworkId

FORMAT = 1
_PAGE_BYTES = 4_096
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE block (
    arrival INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    height INTEGER NOT NULL,
    previous_hash BLOB NOT NULL,
    work BLOB NOT NULL,
    header BLOB NOT NULL,
    body BLOB NOT NULL,
    transport BLOB NOT NULL,
    backend TEXT NOT NULL,
    arrived_ms INTEGER NOT NULL
);
CREATE TABLE main_chain (height INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE model (hash BLOB PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE state_row (key BLOB PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE undo (hash BLOB PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE signed (
    previous_hash BLOB NOT NULL,
    model_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (previous_hash, model_hash)
);
CREATE TABLE checkpoint (member BLOB PRIMARY KEY, record BLOB NOT NULL);
"""


class Database:
    """One connection to a chain's sqlite file.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.
    network : NetworkId
        The network that it must belong to.

    Raises
    ------
    StoreCorrupt, StoreFormatNewer, WrongNetwork
    """

    def __init__(self, path: Path, network: NetworkId) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._open(network)
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise StoreCorrupt(str(error)) from error
        except Exception:
            self.connection.close()
            raise

    def _open(self, network: NetworkId) -> None:
        run = self.connection.execute
        run(f"PRAGMA page_size = {_PAGE_BYTES}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        if run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    run(statement)
                run("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
                run("INSERT INTO meta VALUES ('network', ?)", (network,))
        found = dict(run("SELECT key, value FROM meta WHERE key IN ('format', 'network')"))
        if found.get("format", 0) > FORMAT:
            raise StoreFormatNewer(expected=FORMAT, actual=found["format"])
        if found.get("network") != network:
            raise WrongNetwork(expected=network, actual=found.get("network", b""))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block whose changes are durable when it ends, or undone if it raises.

        Raises
        ------
        StoreCorrupt
        """
        run = self.connection.execute
        try:
            run("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                run("ROLLBACK")
                raise
            run("COMMIT")
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(str(error)) from error

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.connection.close()
