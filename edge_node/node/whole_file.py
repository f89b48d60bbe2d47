# SPDX-License-Identifier: Apache-2.0
"""Files that a user asked for: there whole, or as they were before, and errors with their name.

A full disk's error names no file, and half a model would look like one. What is no regular file
(`/dev/stdout`, a pipe) is written where it is.
Law of the file: bytes in; nothing is known here of what they mean.
Read next: data_directory.py, edge_node/cli/app.py:sentence_of.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ANYBODY, OWNER = 0o666, 0o600
"""Who may read a file, but for what the umask forbids."""


def write_whole(path: Path, data: bytes, *, mode: int = ANYBODY) -> None:
    """Put a file in the place of an earlier one, if any.

    Parameters
    ----------
    path : Path
    data : bytes
    mode : int
        ANYBODY or OWNER.

    Raises
    ------
    OSError
        With the file's name; what was there is there still.
    """
    if path.exists() and not path.is_file():
        with naming(path):
            path.write_bytes(data)
        return
    place = path.resolve()  # what a link leads to, so that it stays one
    draft = place.with_name(f".{place.name}.new")
    with naming(path):
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the system tell the file that they are about, in the words of its user."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
