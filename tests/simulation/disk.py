# SPDX-License-Identifier: Apache-2.0
"""A disk that survives its process: the chain's file as kill -9, or a cut, leaves it.

A death is planned for a moment of one database transaction. At that moment the data directory is
copied as it is, so that nothing that a living process would still put in order gets into the copy.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from edge_node.chain.database import Database
from edge_node.node.data_directory import DataDirectory
from tests.gossip.simulation import SeededRandom


class Killed(Exception):
    """The process is no more."""


class Moment(Enum):
    """When a process dies."""

    IDLE = "between two turns"
    BEFORE_COMMIT = "before a commit"
    TORN_COMMIT = "while a commit is written"
    AFTER_COMMIT = "after a commit"


@dataclass(kw_only=True)
class Death:
    """A process's end."""

    moment: Moment
    """When, of the next transaction."""
    image: Path
    """Where its directory is copied to."""
    random: SeededRandom
    """Where a torn commit ends."""
    after: int = 0
    """Transactions that it survives first."""


class MortalDatabase(Database):
    """A chain's file whose process can be killed inside a transaction."""

    death: Death | None = None
    root: Path = Path()
    """The data directory."""

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """See Database."""
        death = self.death
        if death is not None and death.after > 0:
            death.after -= 1
            death = None
        before = self._log_bytes()
        with super().transaction(durable=durable) as connection:
            yield connection
            if death is not None and death.moment is Moment.BEFORE_COMMIT:
                copy_directory(self.root, death.image)
                raise Killed
        if death is not None and death.moment is not Moment.IDLE:
            copy_directory(self.root, death.image)
            written = self._log_bytes() - before
            if death.moment is Moment.TORN_COMMIT and written > 0:
                log = death.image / f"{DataDirectory(self.root).chain.name}-wal"
                with log.open("r+b") as file:
                    file.truncate(before + death.random.below(written))
            raise Killed

    def _log_bytes(self) -> int:
        log = DataDirectory(self.root).chain
        log = log.with_name(f"{log.name}-wal")
        return log.stat().st_size if log.exists() else 0


def copy_directory(root: Path, image: Path) -> None:
    """Copy what is on the disk; shared memory and locks are not."""
    shutil.copytree(root, image, ignore=shutil.ignore_patterns("*-shm", "lock"))
