# SPDX-License-Identifier: Apache-2.0
"""Which back ends the nodes of a demonstration use: as many different ones as are installed.

Blocks that native C, LCE and TFLite find equal are what the demonstration is to show.
Law of the file: one back end for each node; nothing is started here.
Read next: edge_node/inference/select.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from edge_node.inference.select import BackendStatus

NODES = 3
WISHED = ("native", "lce", "tflite", "reference", "numpy")
"""What others also use, then our own."""

MISSED = ("native", "lce", "tflite")
"""Whose absence is told: who runs the demonstration may want to install them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendChoice:
    """One back end for each node, and what could have been."""

    chosen: tuple[str, ...]
    """Names, one for each node; one comes twice only if there are fewer than nodes."""
    missing: tuple[str, ...]
    """Sentences on back ends that are not installed, and what to do about it."""


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
