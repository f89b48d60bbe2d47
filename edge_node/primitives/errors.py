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
