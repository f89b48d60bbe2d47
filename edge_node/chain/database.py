# SPDX-License-Identifier: Apache-2.0
"""The chain's sqlite file: schema, format number, and transactions that survive a power cut.

WAL with synchronous=FULL: what a commit acknowledged is there after kill -9 or a cut, and nothing
is ever half there. To spare a card, what peers can give again may be synced now and then only.
Law of the file: the only place with SQL that creates, and the only one that sees sqlite's errors;
the stores own their tables' rows.
Read next: block_store.py, ledger_store.py.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
_SYNCED, _LATER = "FULL", "NORMAL"
"""With a write-ahead log: the disk has it when a transaction ends, or when a later one is synced;
in both cases what is there after a power cut is a state that was."""
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
_BEING_MADE = ("no such table", "database is locked", "database table is locked")
"""How that begins which it says of a file without tables yet, or while somebody is at it."""

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
    sync_every : int, optional
        Of transactions that can be had again after a power cut, every so-manieth makes the disk
        write; all others always do, and what came before is then on the disk too.

    Raises
    ------
    StoreCorrupt, StoreUnavailable, StoreFormatNewer, WrongNetwork
    """

    def __init__(self, path: Path, network: NetworkId, sync_every: int = 1) -> None:
        self._sync_every = sync_every
        self._unsynced = 0
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
        run(f"PRAGMA synchronous = {_SYNCED}")
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
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run a block whose changes are durable when it ends, or undone if it raises.

        Parameters
        ----------
        durable : bool, optional
            False for what peers give again: a power cut may undo it, with all that came after it,
            until the next transaction that makes the disk write. A killed process loses nothing.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        with _named_errors():
            self._choose_sync(durable=durable)
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # A full disk, for one, has made sqlite roll back already.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _choose_sync(self, *, durable: bool) -> None:
        self._unsynced += 1
        synced = durable or self._unsynced >= self._sync_every
        if synced:
            self._unsynced = 0
        self.connection.execute(f"PRAGMA synchronous = {_SYNCED if synced else _LATER}")

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

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read in a block as of one moment, whatever another process writes meanwhile.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        with _named_errors():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")  # nothing was written

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


def is_made(path: Path) -> bool:
    """Say whether a chain's file has its first state; nothing is made or changed.

    Who only reads asks first: to open a file that its node is just making would be to make it too.
    """
    try:
        _check_not_cut_off(path)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
            return found.execute("SELECT 1 FROM state_row LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError as error:
        return path.exists() and not str(error).startswith(_BEING_MADE)
    except (sqlite3.DatabaseError, StoreCorrupt):
        return True  # damage: for whoever opens it to tell


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
