# SPDX-License-Identifier: Apache-2.0
"""Hill climbing by recipe: the miner's inner loop (paper A, section 4.2; rule R-10).

A climber tries one nonce after another as the next step of a recipe and keeps each step that does
not make the model worse on its images. What it keeps does not depend on the machine.
Law of the file: spec.recipe.apply_recipe makes of the base and the steps exactly the climber's
model, and spec.evaluation.count_correct counts for it exactly what the climber says.
Read next: ordered_climb.py.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_node.kernels.evaluation import SlicedImages
from edge_node.kernels.ordered_climb import OrderedWalker
from edge_node.kernels.recipe import apply_recipe
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step

RACING_MARGIN = 4
"""Images that a candidate may lie behind while it is evaluated: on 10,000 images of the 4,440
family, 2 and 4 gain more for their work than 8 and 12, and 4 loses fewer good candidates than 2."""


class RecipeFull(EdgeNodeError):
    """A recipe has as many steps as the network allows."""

    reason = "climb"

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"The recipe has its {limit} steps: make a block of it, or start anew.")
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ClimbResult:
    """Where a climb stands."""

    steps: tuple[Step, ...]
    """All steps so far."""
    correct: int
    """Images that the model classifies correctly."""
    tried: int
    """Candidates that this call tried: fewer than asked for at the end of steps or nonces."""


class Climber:
    """A climb: a model and the recipe that made it. One thread at a time may use it.

    It keeps the images in an order of its own, and their activations: for each image 0.43 KB in
    the 4,440 family, 2.1 KB in the 93.6K family. Copies share the images.

    Parameters
    ----------
    images : SlicedImages
        What candidates are selected on.
    labels : bytes
        u8 (N,).
    model : Model
        The base of the recipe.
    context : RecipeContext
    rates : EvolutionRates
    max_steps : int
        Most steps of the recipe.
    margin : int
        A candidate is dropped when it lies more than so many images behind.

    Raises
    ------
    ImagesDoNotFit
        Images, labels and model do not belong together.
    EvaluatorUnavailable
        No memory; also in climb, apply, try_cross and copy.
    """

    def __init__(
        self,
        images: SlicedImages,
        labels: bytes,
        model: Model,
        context: RecipeContext,
        rates: EvolutionRates,
        *,
        max_steps: int,
        margin: int = RACING_MARGIN,
    ) -> None:
        images.check(model.architecture, labels)
        self._images = images
        self._labels = bytes(labels)
        self._context = context
        self._rates = rates
        self._max_steps = max_steps
        self._steps: tuple[Step, ...] = ()
        self._nonce = 0
        self._walker = OrderedWalker(images, self._labels, model, context, rates, margin)

    @property
    def images(self) -> int:
        """Number of images that candidates are selected on."""
        return self._images.count

    @property
    def correct(self) -> int:
        """Images that the model classifies correctly."""
        return self._walker.correct()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The recipe so far."""
        return self._steps

    def model(self) -> Model:
        """Return the model that the recipe makes of the base."""
        return self._walker.model()

    def start_at(self, nonce: int) -> None:
        """Let the next step's candidates begin at a nonce; later steps begin at 0 again."""
        self._nonce = nonce

    def climb(self, candidates: int, most_steps: int | None = None) -> ClimbResult:
        """Try up to `candidates` nonces and keep every step that does no harm.

        Parameters
        ----------
        candidates : int
        most_steps : int, optional
            Most steps to keep now; by default as many as the recipe has room for.
        """
        room = self._max_steps - len(self._steps)
        stretch = self._walker.walk(
            len(self._steps),
            self._nonce,
            candidates,
            room if most_steps is None else min(room, most_steps),
        )
        self._steps += stretch.accepted
        self._nonce = stretch.next_nonce
        return ClimbResult(steps=self._steps, correct=self.correct, tried=stretch.tried)

    def apply(self, step: Step, partner: Model | None = None) -> None:
        """Make a step whether it helps or not, as in replaying a recipe.

        Parameters
        ----------
        step : Step
        partner : Model, optional
            For a crossover: the model that step.partner stands for.

        Raises
        ------
        RecipeFull
            The recipe has its steps.
        """
        if len(self._steps) >= self._max_steps:
            raise RecipeFull(limit=self._max_steps)
        self._take(step, self._child(step, partner))

    def try_cross(self, step: Step, partner: Model) -> bool:
        """Make a crossover if it does no harm and the recipe has room; return whether it did."""
        if len(self._steps) >= self._max_steps:
            return False
        child = self._child(step, partner)
        correct = self._images.count_correct(child, self._labels)
        if correct < self.correct or child == self.model():
            return False
        self._take(step, child)
        return True

    def copy(self) -> "Climber":
        """Return a climber in the same place that goes on by itself."""
        twin = copy.copy(self)
        twin._walker = self._walker.copy()  # noqa: SLF001 - one of its own
        return twin

    def _child(self, step: Step, partner: Model | None) -> Model:
        # A partner's index is no part of the draw, so here the only partner has index 0.
        partners: Sequence[Model] = () if partner is None else (partner,)
        return apply_recipe(
            self.model(),
            partners,
            [replace(step, partner=0)],
            self._rates,
            self._context,
            first_index=len(self._steps),
        )

    def _take(self, step: Step, child: Model) -> None:
        self._walker.move(child)
        self._steps += (step,)
        self._nonce = 0
