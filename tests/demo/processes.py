# SPDX-License-Identifier: Apache-2.0
"""Which processes a demonstration has left behind."""

from pathlib import Path


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that name a folder, or work below one that does."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended
        if str(folder) in line:
            found.append(line)
    return found
