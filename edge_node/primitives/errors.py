# SPDX-License-Identifier: Apache-2.0
"""The root of every error that is expected in normal operation.

A subclass names one broken rule and carries the numbers that disagree; `reason` is the rule's
stable number, `peer_fault` says whether whoever sent the input is to blame.
Law of the file: no error here is raised for our own bugs; those are assertions.
Read next: edge_node/spec/errors.py.
"""

from typing import ClassVar


class EdgeNodeError(Exception):
    """Something outside this program is not as it must be; the message says what to do."""

    reason: ClassVar[str] = ""
    """Stable rule number such as `R-14`, or a short name where no rule of the law is concerned."""

    peer_fault: ClassVar[bool] = False
    """True if the sender of the input broke the rule on purpose or by a defect."""


class Mismatch(EdgeNodeError):
    """A value is not what a rule wants.

    Parameters
    ----------
    expected, actual : object
        What the rule wants and what the input has.
    """

    wants: ClassVar[str] = "value"
    """What is compared, in words, for the message."""

    most_shown: ClassVar[int] = 200
    """Characters of a value in the message; two hashes and a few words."""

    def __init__(self, *, expected: object, actual: object) -> None:
        super().__init__(
            f"{self.reason}: {self.wants} must be {self._shown(expected)}, "
            f"not {self._shown(actual)}"
        )
        self.expected = expected
        self.actual = actual

    def _shown(self, value: object) -> str:
        text = value.hex() if isinstance(value, bytes) else str(value)
        # What a stranger sent may be a megabyte; a log line is not.
        return text if len(text) <= self.most_shown else f"{text[: self.most_shown]}..."
