# SPDX-License-Identifier: Apache-2.0
"""A population of climbs: each individual is a record of the family with a recipe growing on it.

Law of the file: an individual's recipe replays from its base under the miner's key; nothing of it
depends on the head, so a foreign block voids no climb.
Read next: evolve.py.
"""

from dataclasses import dataclass

from edge_node.kernels.climb import Climber
from edge_node.primitives.types import BlockHash
from edge_node.spec.model import Model
from edge_node.spec.recipe import Step

POPULATION_SIZE = 10
"""Paper A, section 5.2."""


@dataclass(slots=True, kw_only=True, eq=False)
class Individual:
    """One climb."""

    base: BlockHash
    """Block of the record that it started from."""
    climber: Climber
    """Holds the model and its activations on the train split."""
    offered: int = 0
    """Images of the evaluation split that it classified correctly when last counted."""
    counted_at: int = 0
    """Train count at which the evaluation split was last counted."""
    stale: int = 0
    """Slices in a row without an accepted step."""

    @property
    def correct(self) -> int:
        """Correct images of the train split, as far as selection looks."""
        return self.climber.correct

    @property
    def steps(self) -> tuple[Step, ...]:
        """The recipe so far."""
        return self.climber.steps

    def model(self) -> Model:
        """Return the model that the recipe makes of the base."""
        return self.climber.model()
