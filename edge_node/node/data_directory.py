# SPDX-License-Identifier: Apache-2.0
"""The data directory: a node's key, genesis, chain and datasets, and the lock that guards them.

Law of the file: one node at a time; the key is readable by its owner alone; a directory of a newer
format is left alone.
Read next: node.py.
"""

import fcntl
import logging
import os
import shutil
import stat
from pathlib import Path
from typing import IO

from edge_node.node.errors import (
    AlreadyInitialised,
    DirectoryDamaged,
    DirectoryFormatNewer,
    DirectoryInUse,
    GenesisDiffers,
    GenesisUnknown,
    KeyExists,
    KeyExposed,
    NotInitialised,
)
from edge_node.node.key_backup import KeyBackup
from edge_node.node.whole_file import naming
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import Checkpoint, checkpoint_from_bytes
from edge_node.spec.genesis import Genesis, genesis_from_bytes
from edge_node.spec.signature import SEED_BYTES

_LOG = logging.getLogger(__name__)

FORMAT = 1
RESTORED_SESSIONS = 1 << 20
"""By how much sessions rise on a restore: more starts than a node has between two backups."""
_PRIVATE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DataDirectory:
    """Paths and small files of one node.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: IO[str] | None = None

    @property
    def chain(self) -> Path:
        """The chain's sqlite file."""
        return self.root / "chain.sqlite3"

    @property
    def datasets(self) -> Path:
        """Folder of the dataset store."""
        return self.root / "datasets"

    @property
    def imports(self) -> Path:
        """Models that wait to found a family."""
        return self._path("imports")

    @property
    def broker(self) -> Path:
        """Folder of the embedded broker."""
        return self.root / "broker"

    @property
    def control(self) -> Path:
        """Socket on which the running node answers."""
        return self.root / "control"

    @property
    def settings(self) -> Path:
        """The user's configuration of this node."""
        return self.root / "config.toml"

    @property
    def overlay(self) -> Path:
        """The adopted overlay, as settings; see overlay_adoption.py."""
        return self.root / "overlay.toml"

    @property
    def join_line(self) -> Path:
        """The join line of a node that is made when it first runs."""
        return self._path("join")

    def is_initialised(self) -> bool:
        """Return True if a node was made here."""
        return self._path("genesis").exists()

    def check_new(self) -> None:
        """Check that a node can be made here.

        Raises
        ------
        AlreadyInitialised
            There is one.
        """
        if self.is_initialised():
            raise AlreadyInitialised(self.root)

    def has_key(self) -> bool:
        """Return True if there is a key, of a node or of one that is still to be made."""
        return self._path("key").exists()

    def make_key(self, seed: bytes) -> None:
        """Make the key of a node that is still to be made.

        Raises
        ------
        KeyExists
        """
        if self.has_key():
            raise KeyExists(self._path("key"))
        self.root.mkdir(parents=True, exist_ok=True)
        self._write_new("key", seed)

    def restore_key(self, backup: KeyBackup, *, replace: bool = False) -> Path | None:
        """Go on under the key of a backup; the caller holds the lock of a node that is there.

        Sessions go on far above those of the backup, and the higher of two words of the key stays.

        Parameters
        ----------
        backup : KeyBackup
        replace : bool
            A key that is here gives way, and stays beside it under another name.

        Returns
        -------
        Path or None
            Where the other key is now.

        Raises
        ------
        KeyExists
            Another key is here.
        """
        aside: Path | None = None
        self.root.mkdir(parents=True, exist_ok=True)
        session, word = self.last_session(), self.word()
        if self.has_key() and self.seed() != backup.seed:
            if not replace:
                raise KeyExists(self._path("key"))
            aside = self._name_aside()
            if word is not None:
                self._path("checkpoint").rename(aside.with_name(f"{aside.name}.checkpoint"))
            self._path("key").rename(aside)
            word = None
        # The word first: a key without it might sign against it.
        if backup.word is not None and (word is None or word.height < backup.word.height):
            self.keep_word(backup.word)
        self.raise_session(max(session, backup.session) + RESTORED_SESSIONS)
        if not self.has_key():
            self._write_new("key", backup.seed)
        return aside

    def last_session(self) -> int:
        """Return the last session number that was used; 0 before there is a node."""
        return self._number("session") if self._path("session").exists() else 0

    def initialise(self, genesis: Genesis, seed: bytes, *, settings: str = "") -> None:
        """Make the directory of a new node.

        Parameters
        ----------
        genesis : Genesis
        seed : bytes
            32 secret bytes.
        settings : str
            The node's configuration file; none is written if empty.

        Raises
        ------
        AlreadyInitialised
        """
        self.check_new()
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.has_key() or self.seed() != seed:
            self._write_new("key", seed)
        self._write_new("format", f"{FORMAT}\n".encode())
        if not self._path("session").exists():
            self._write_new("session", b"0\n")
        if settings:
            self._write_new(self.settings.name, settings.encode())
        # Last: a directory without a genesis counts as none.
        self._write_new("genesis", genesis.encode())

    def open(self) -> None:
        """Take the lock and check the format.

        Raises
        ------
        NotInitialised, DirectoryDamaged, DirectoryFormatNewer, DirectoryInUse
        """
        if not self.is_initialised():
            raise NotInitialised(self.root)
        found = self._number("format")
        if found > FORMAT:
            raise DirectoryFormatNewer(expected=FORMAT, actual=found)
        self._lock = self._path("lock").open("w", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise DirectoryInUse(self.root) from None

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def genesis(self) -> Genesis:
        """Return the network's genesis.

        Raises
        ------
        NotInitialised, GenesisUnknown
        """
        try:
            return genesis_from_bytes(self._path("genesis").read_bytes())
        except FileNotFoundError:
            raise NotInitialised(self.root) from None
        except InvalidInput as error:
            raise GenesisUnknown(self._path("genesis"), str(error)) from error

    def check_network(self, genesis: Genesis) -> None:
        """Check that the directory belongs to a network.

        Raises
        ------
        GenesisDiffers
        """
        mine, theirs = self.genesis().network_id(), genesis.network_id()
        if mine != theirs:
            raise GenesisDiffers(expected=mine, actual=theirs)

    def seed(self) -> bytes:
        """Return the node's secret seed; a key that others may read is taken from them.

        Raises
        ------
        NotInitialised, DirectoryDamaged, KeyExposed
        """
        try:
            seed = self._path("key").read_bytes()
        except FileNotFoundError:
            raise NotInitialised(self.root) from None
        if len(seed) != SEED_BYTES:
            raise DirectoryDamaged(self._path("key"))
        self._keep_private(self._path("key"))
        return seed

    def next_session(self) -> int:
        """Return a number greater than every earlier one, remembered before it is used."""
        number = self._number("session") + 1
        self.raise_session(number)
        return number

    def raise_session(self, number: int) -> None:
        """Make `number` the last session."""
        self._replace("session", f"{number}\n".encode())

    def word(self) -> Checkpoint | None:
        """Return the last checkpoint that the key has signed; None for none.

        Raises
        ------
        DirectoryDamaged
        """
        try:
            return checkpoint_from_bytes(self._path("checkpoint").read_bytes())
        except FileNotFoundError:
            return None
        except InvalidInput as error:
            raise DirectoryDamaged(self._path("checkpoint")) from error

    def keep_word(self, word: Checkpoint) -> None:
        """Keep the last checkpoint that the key has signed, before anyone sees it."""
        self._replace("checkpoint", word.encode())

    def keep_overlay(self, settings: str) -> None:
        """Keep which overlay was adopted, in the place of an earlier one."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._replace(self.overlay.name, settings.encode())

    def backup(self) -> Path:
        """Copy the directory beside itself and return the copy's path."""
        number = 1
        while (target := self.root.with_name(f"{self.root.name}.backup-{number}")).exists():
            number += 1
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("control", "lock"))
        return target

    @staticmethod
    def _keep_private(path: Path) -> None:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & _OTHERS:
            return
        try:
            path.chmod(_PRIVATE)
        except OSError as error:
            raise KeyExposed(path, mode) from error
        _LOG.warning(
            "%s had mode %04o and is for its owner alone now (%04o); if others use this machine,"
            " begin a new --data-dir with a new key",
            path,
            mode,
            _PRIVATE,
        )

    def _path(self, name: str) -> Path:
        return self.root / name

    def _number(self, name: str) -> int:
        try:
            return int(self._path(name).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            raise DirectoryDamaged(self._path(name)) from None

    def _name_aside(self) -> Path:
        number = 1
        while (path := self._path(f"key.replaced-{number}")).exists():
            number += 1
        return path

    def _replace(self, name: str, data: bytes) -> None:
        """Put a file in the place of another; after a power cut it is the one or the other."""
        temporary = self._path(f"{name}.new")
        with naming(temporary), temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path(name))
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write_new(self, name: str, data: bytes) -> None:
        path = self._path(name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with naming(path), os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _PRIVATE)  # one that was there keeps its mode otherwise
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
