# SPDX-License-Identifier: Apache-2.0
"""What the command's exit status means: a table for scripts, printed by `edge-node --help`.

Law of the file: a number never changes its meaning.
Read next: failures.py.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses, each with its meaning in words."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":  # noqa: PYI034 - Self came with 3.11
        """Make a member of a number and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done"
    FAILED = 1, "done, and the answer is no: something checked did not hold"
    USAGE = 2, "the command line was not understood"
    NODE = 3, "data directory, file or configuration do not allow it"
    STORE = 4, "the chain database can not be used"
    NOT_RUNNING = 5, "no node runs in the data directory"
    INVALID = 6, "an input breaks a rule; the message begins with its number"
    DATASET = 7, "a dataset can not be had or read"
    NETWORK = 8, "the broker can not be started or reached"
    BACKEND = 9, "no back end can do it"
    INTERRUPTED = 130, "stopped by Ctrl-C"
