# SPDX-License-Identifier: Apache-2.0
"""The error tree of the law: one class for each rule that an input can break.

The classes stand beside their guards (encoding.py, model.py, validation.py, ...); this file holds
the branches they grow from and the form of their message.
Law of the file: every error carries what the rule expected and what the input had.
Read next: encoding.py.
"""

from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError, Mismatch


class InvalidInput(EdgeNodeError):
    """An input breaks a rule of the law; nothing was changed."""

    peer_fault: ClassVar[bool] = True


class RuleBroken(InvalidInput, Mismatch):
    """A rule that compares two values."""


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
