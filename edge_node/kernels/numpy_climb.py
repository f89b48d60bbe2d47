# SPDX-License-Identifier: Apache-2.0
"""The climb in numpy: the same as csrc/climb.h, for machines without a compiler.

Every candidate is made by the law's own code and evaluated whole; racing only decides, and saves
nothing.
Law of the file: it keeps exactly the candidates that csrc/climb.c keeps.
Read next: climb.py.
"""

import numpy as np

from edge_node.kernels.evaluation import NumpyImages
from edge_node.kernels.recipe import apply_by_law
from edge_node.kernels.walker import Stretch
from edge_node.spec.model import Model
from edge_node.spec.recipe import MAX_NONCE, EvolutionRates, RecipeContext, Step, StepKind

RACE_IMAGES = 256
"""Racing compares after so many images."""
KINDS = 8
"""One in so many nonces, the last, moves a threshold; the others flip weights."""


class NumpyWalker:
    """Holds a model and tries candidates on it; see walker.Walker."""

    def __init__(
        self,
        images: NumpyImages,
        labels: bytes,
        model: Model,
        context: RecipeContext,
        rates: EvolutionRates,
        margin: int,
    ) -> None:
        self._images = images
        self._labels = labels
        self._context = context
        self._rates = rates
        self._margin = margin
        self.move(model)

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch:
        """Try candidates."""
        accepted: list[Step] = []
        tried = 0
        while tried < candidates and len(accepted) < most and nonce <= MAX_NONCE:
            kind = StepKind.THRESHOLD if nonce % KINDS == KINDS - 1 else StepKind.FLIP
            step = Step(kind=kind, nonce=nonce)
            tried += 1
            nonce += 1
            if self._try(step, index):
                accepted.append(step)
                index += 1
                nonce = 0
        return Stretch(accepted=tuple(accepted), next_nonce=nonce, tried=tried)

    def move(self, model: Model) -> None:
        """Go on from another model."""
        self._model = model
        self._correct = self._images.correct(model, self._labels)

    def model(self) -> Model:
        """Return the model."""
        return self._model

    def correct(self) -> int:
        """Return the model's correct images."""
        return int(np.count_nonzero(self._correct))

    def _try(self, step: Step, index: int) -> bool:
        child = apply_by_law(
            self._model, (), (step,), self._rates, self._context, first_index=index
        )
        if child == self._model:
            return False
        correct = self._images.correct(child, self._labels)
        ahead = np.cumsum(correct.astype(np.int64) - self._correct)
        stages = ahead[RACE_IMAGES - 1 :: RACE_IMAGES]
        worse = correct.sum() < self._correct.sum()
        if worse or (stages < -self._margin).any():
            return False
        self._model = child
        self._correct = correct
        return True
