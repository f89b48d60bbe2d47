# SPDX-License-Identifier: Apache-2.0
"""The chain's sqlite file: schema, format number, and transactions that survive a power cut.

WAL with synchronous=FULL: what a commit acknowledged is there after kill -9 or a cut, and nothing
is ever half there.
Law of the file: the only place with SQL that creates, and the only one that sees sqlite's errors;
the stores own their tables' rows.
Read next: block_store.py, ledger_store.py.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from edge_node.chain.errors import (
    StoreCorrupt,
    StoreFormatNewer,
    StoreUnavailable,
    WrongNetwork,
)
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
CREATE INDEX child ON block (previous_hash);
CREATE INDEX heavy ON block (work);
CREATE TABLE main_chain (height INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE model (hash BLOB PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE state_row (key BLOB PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE other_side (hash BLOB PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE latents (
    block BLOB PRIMARY KEY,
    family BLOB NOT NULL,
    model_count INTEGER NOT NULL,
    packed BLOB NOT NULL
);
CREATE TABLE signed (
    previous_hash BLOB NOT NULL,
    model_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (previous_hash, model_hash)
);
CREATE TABLE checkpoint (
    member BLOB NOT NULL,
    height INTEGER NOT NULL,
    hash BLOB NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (member, height, hash)
)
"""
_NO_DAMAGE = (
    "attempt to write a readonly database",
    "database is locked",
    "database or disk is full",
    "database table is locked",
    "disk I/O error",
    "locking protocol",
    "unable to open database file",
)
"""What sqlite says when it is not the file's content that is wrong."""

Row: TypeAlias = tuple[Any, ...]
Arguments: TypeAlias = tuple[object, ...] | dict[str, object]
"""By place or by name."""


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
    StoreCorrupt, StoreUnavailable, StoreFormatNewer, WrongNetwork
    """

    def __init__(self, path: Path, network: NetworkId) -> None:
        with _named_errors():
            _check_not_cut_off(path)
            self.connection = sqlite3.connect(path, isolation_level=None)
            try:
                self._open(network)
            except BaseException:
                self.connection.close()
                raise

    def _open(self, network: NetworkId) -> None:
        run = self.connection.execute
        run(f"PRAGMA page_size = {_PAGE_BYTES}")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA cell_size_check = ON")
        if run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            run("PRAGMA journal_mode = WAL")
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    run(statement)
                run("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
                run("INSERT INTO meta VALUES ('network', ?)", (network,))
        number, owner = self.meta("format"), self.meta("network")
        if not isinstance(number, int) or number < 1:
            raise StoreCorrupt(f"format number {number!r}")
        if number > FORMAT:
            raise StoreFormatNewer(expected=FORMAT, actual=number)
        if not isinstance(owner, bytes):
            raise StoreCorrupt(f"network {owner!r}")
        if owner != network:
            raise WrongNetwork(expected=network, actual=owner)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block whose changes are durable when it ends, or undone if it raises.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        with _named_errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # A full disk, for one, has made sqlite roll back already.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def shrink(self, *, always: bool) -> bool:
        """Give free pages back to the disk by writing the file anew; a crash leaves the old one.

        Parameters
        ----------
        always : bool
            If False, only where that makes the file half as large or smaller.

        Returns
        -------
        bool
            Whether it was done.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
            There is no room for the new file beside the old one, for one.
        """
        with _named_errors():
            run = self.connection.execute
            free, pages = (
                run(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_count")
            )
            if not always and 2 * free < pages:
                return False
            run("VACUUM")
            run("PRAGMA wal_checkpoint(TRUNCATE)")
        return True

    def rows(self, query: str, arguments: Arguments = ()) -> list[Row]:
        """Return all rows of a query.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        with _named_errors():
            return self.connection.execute(query, arguments).fetchall()

    def row(self, query: str, arguments: Arguments = ()) -> Row | None:
        """Return the first row of a query, or None.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        with _named_errors():
            found: Row | None = self.connection.execute(query, arguments).fetchone()
            return found

    def meta(self, key: str) -> object:
        """Return a value that is kept once, or None."""
        found = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if found is None else found[0]

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.connection.close()


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) in _NO_DAMAGE:
            raise StoreUnavailable(str(error)) from error
        raise StoreCorrupt(str(error)) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The latter where sqlite's own message quotes a damaged name.
        raise StoreCorrupt(str(error)) from error


def _check_not_cut_off(path: Path) -> None:
    # sqlite would take these for new files, write over them, and delete the log of the first.
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size if path.exists() else 0
    if size == 0 and log.exists() and log.stat().st_size > 0:
        raise StoreCorrupt("the file is empty, its log is not")
    if 0 < size < _PAGE_BYTES:
        raise StoreCorrupt(f"{size} bytes are left of the file")
