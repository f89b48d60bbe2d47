# SPDX-License-Identifier: Apache-2.0
"""The error tree of the law: one class for each rule that an input can break.

The classes stand beside their guards (encoding.py, model.py, validation.py, ...); this file holds
the branches they grow from and the form of their message.
Law of the file: every error carries what the rule expected and what the input had.
Read next: encoding.py.
"""

from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError

_MOST_SHOWN = 200
"""Characters of a value in a message; two hashes and a few words."""


class InvalidInput(EdgeNodeError):
    """An input breaks a rule of the law; nothing was changed."""

    peer_fault: ClassVar[bool] = True


class RuleBroken(InvalidInput):
    """A rule that compares two values.

    Parameters
    ----------
    expected, actual : object
        What the rule wants and what the input has.
    """

    wants: ClassVar[str] = "value"
    """What is compared, in words, for the message."""

    def __init__(self, *, expected: object, actual: object) -> None:
        super().__init__(
            f"{self.reason}: {self.wants} must be {_show(expected)}, not {_show(actual)}"
        )
        self.expected = expected
        self.actual = actual


def _show(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    # What a stranger sent may be a megabyte; a log line is not.
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


class InvalidModelData(RuleBroken):
    """A model blob, architecture or transport breaks a rule."""


class InvalidTransaction(RuleBroken):
    """A transaction breaks a rule."""


class InvalidHeader(RuleBroken):
    """A block header breaks a rule."""


class InvalidBody(RuleBroken):
    """A block's body breaks a rule."""


class InvalidProof(RuleBroken):
    """A proof of learning breaks a rule."""


class InvalidGenesis(RuleBroken):
    """A genesis breaks a rule."""


class InvalidDataset(RuleBroken):
    """A dataset or its manifest breaks a rule."""
