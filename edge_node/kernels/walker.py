# SPDX-License-Identifier: Apache-2.0
"""What walks for a climber: the port that the climb in C and the climb in numpy implement.

Law of the file: which candidates a walker keeps depends on what it is given, not on the machine.
Read next: ordered_climb.py, compiled_climb.py, numpy_climb.py.
"""

from dataclasses import dataclass
from typing import Protocol

from edge_node.spec.model import Model
from edge_node.spec.recipe import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What some candidates in a row came to."""

    accepted: tuple[Step, ...]
    """Steps that were kept, in order."""
    next_nonce: int
    """Where the next step's candidates go on; beyond MAX_NONCE there are none left."""
    tried: int
    """Candidates that were tried."""


class Walker(Protocol):
    """Holds a model and tries candidates on it."""

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch:
        """Try candidates as step `index` and those after it; stop when `most` were accepted."""

    def move(self, model: Model) -> None:
        """Go on from another model."""

    def copy(self) -> "Walker":
        """Return a walker in the same place that goes on by itself."""

    def model(self) -> Model:
        """Return the model."""

    def correct(self) -> int:
        """Return the images that the model classifies correctly."""
