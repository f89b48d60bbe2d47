# SPDX-License-Identifier: Apache-2.0
"""Which back ends the nodes of a demonstration use: as many different ones as are installed.

Blocks that native C, LCE and TFLite find equal are what the demonstration is to show.
Law of the file: one back end for each node; nothing is started here.
Read next: edge_node/inference/select.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import ClassVar

from edge_node.inference.backend import BackendUnavailable
from edge_node.inference.select import BackendStatus, UnknownBackend
from edge_node.node.errors import NodeError

NODES = 3
MIN_NODES, MAX_NODES = 2, 8
"""Of those that a user names."""
WISHED = ("native", "lce", "tflite", "reference", "numpy")
"""What others also use, then our own."""

MISSED = ("native", "lce", "tflite")
"""Whose absence is told: who runs the demonstration may want to install them."""


class NodesOutOfRange(NodeError):
    """Nodes of a demonstration are too few to agree, or too many for one machine."""

    reason: ClassVar[str] = "demo-nodes"

    def __init__(self, *, actual: int) -> None:
        super().__init__(
            f"name {MIN_NODES} to {MAX_NODES} back ends, one for each node and joined by commas, "
            f"not {actual}"
        )
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendChoice:
    """One back end for each node, and what could have been."""

    chosen: tuple[str, ...]
    """Names, one for each node; one comes twice only if there are fewer than nodes."""
    missing: tuple[str, ...]
    """Sentences on back ends that are not installed, and what to do about it."""


def named_backends(names: str, statuses: Sequence[BackendStatus]) -> tuple[str, ...]:
    """Return what the nodes use, given what the user says.

    Parameters
    ----------
    names : str
        One for each node, joined by commas.
    statuses : sequence of BackendStatus
        Of all back ends.

    Raises
    ------
    NodesOutOfRange
        Too few names, or too many.
    UnknownBackend, BackendUnavailable
    """
    chosen = tuple(name.strip() for name in names.split(","))
    if not MIN_NODES <= len(chosen) <= MAX_NODES:
        raise NodesOutOfRange(actual=len(chosen))
    why_not = {status.name: status.why_unavailable for status in statuses}
    for name in chosen:
        if name not in why_not:
            raise UnknownBackend(actual=name)
        if (why := why_not[name]) is not None:
            raise BackendUnavailable(backend=name, why=why)
    return chosen


def choose_backends(statuses: Sequence[BackendStatus]) -> BackendChoice:
    """Return what the nodes use, given what is installed.

    Parameters
    ----------
    statuses : sequence of BackendStatus
        Of all back ends; at least one is available.
    """
    why_not = {status.name: status.why_unavailable for status in statuses}
    installed = [name for name in WISHED if name in why_not and why_not[name] is None]
    return BackendChoice(
        chosen=tuple(islice(cycle(installed), NODES)),
        missing=tuple(
            f"back end {name} is missing: {why_not[name]}"
            for name in MISSED
            if why_not.get(name) is not None
        ),
    )
