# SPDX-License-Identifier: Apache-2.0
"""The adopted bitstream: which files go into the fabric, and that they are still the same.

Whoever can change a bitstream can change verdicts, and a .hwh of another design makes the board
hang at the first register. So both files are known by their SHA-256, taken when they were adopted.
Law of the file: nothing is loaded into a fabric that differs from what was adopted, and one program
at a time has the fabric.
Read next: overlay.py, fpga/driver/hwh_check.py.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from edge_node.inference.backend import BackendFailed, BackendUnavailable

MAX_FILE_BYTES: Final = 1 << 26
"""A bitstream of the board's chip has 4 MB, of the largest of its family 17."""

OVERLAY: Final = "overlay"
"""The back end's name."""
ADOPT: Final = "`edge-node hw adopt-overlay FILE`"
"""What a user types to choose a bitstream."""
_CHUNK_BYTES: Final = 1 << 20


class BitstreamUnreadable(BackendUnavailable):
    """A file of the overlay is not there, empty, or too large for one."""

    reason: ClassVar[str] = "bitstream-unreadable"

    def __init__(self, *, path: Path, fault: str) -> None:
        super().__init__(
            backend=OVERLAY,
            why=f"{path} can not be read, {fault}; put the file there, or adopt another with"
            f" {ADOPT}",
        )
        self.path = path
        self.fault = fault


class BitstreamChanged(BackendUnavailable):
    """A file of the overlay is another one than the one that was adopted."""

    reason: ClassVar[str] = "bitstream-changed"

    def __init__(self, *, path: Path, expected: str, actual: str) -> None:
        super().__init__(
            backend=OVERLAY,
            why=f"{path} has SHA-256 {actual}, and {expected} was adopted; put the adopted file"
            f" back, or adopt this one with {ADOPT}",
        )
        self.path = path
        self.expected = expected
        self.actual = actual


class FabricInUse(BackendFailed):
    """Another program on this board uses the engine."""

    reason: ClassVar[str] = "fabric-in-use"

    def __init__(self) -> None:
        why = "another program on this board uses the engine, such as a node: stop that first"
        super().__init__(backend=OVERLAY, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedOverlay:
    """An overlay as it was adopted."""

    bitfile: Path
    """The .bit file; its .hwh stands beside it."""
    sha256: str
    """Of the .bit file, 64 hex digits."""
    hwh_sha256: str
    """Of the .hwh file, 64 hex digits."""

    @property
    def hwh(self) -> Path:
        """The description beside it."""
        return hwh_beside(self.bitfile)


def hwh_beside(path: Path) -> Path:
    """Return where the description of a bitstream stands."""
    return path.with_suffix(".hwh")


def read_bitstream(path: Path) -> AdoptedOverlay:
    """Return a bitstream as it is now.

    Raises
    ------
    BitstreamUnreadable
    """
    path = path.absolute()
    return AdoptedOverlay(bitfile=path, sha256=_sha256(path), hwh_sha256=_sha256(hwh_beside(path)))


def check_unchanged(adopted: AdoptedOverlay) -> None:
    """Check that both files are those that were adopted.

    Raises
    ------
    BitstreamUnreadable, BitstreamChanged
    """
    for path, expected in ((adopted.bitfile, adopted.sha256), (adopted.hwh, adopted.hwh_sha256)):
        actual = _sha256(path)
        if actual != expected.lower():
            raise BitstreamChanged(path=path, expected=expected, actual=actual)


@contextmanager
def sole_use(adopted: AdoptedOverlay) -> Iterator[None]:
    """Keep the fabric from other programs, as long as the context lasts.

    There is one: who loads it takes the engine away from whoever uses it.

    Raises
    ------
    FabricInUse
    """
    with adopted.bitfile.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FabricInUse from error
        yield


def _sha256(path: Path) -> str:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    fault = f"more than {MAX_FILE_BYTES} bytes"
                    raise BitstreamUnreadable(path=path, fault=fault)
                digest.update(chunk)
    except OSError as error:
        fault = (error.strerror or str(error)).lower()
        raise BitstreamUnreadable(path=path, fault=fault) from error
    if not size:
        raise BitstreamUnreadable(path=path, fault="it is empty")
    return digest.hexdigest()
