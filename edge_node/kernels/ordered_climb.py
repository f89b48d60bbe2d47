# SPDX-License-Identifier: Apache-2.0
"""A climb that looks at the most doubtful images first.

A candidate is dropped as soon as it lies too far behind (csrc/climb.h). Its changes show in few
images: those whose label wins or loses by little. When they come first, most candidates are dropped
after a few hundred images, and good ones are dropped less often, because what comes later hardly
changes. As the model moves, other images become doubtful, so they are put in order again.
Law of the file: the order follows from models and numbers of candidates, equal on every machine.
Read next: compiled_climb.py; numpy_climb.py, for machines without a compiler.
"""

import copy

import numpy as np
import numpy.typing as npt

from edge_node.kernels.compiled_climb import CompiledWalker
from edge_node.kernels.evaluation import CompiledImages, NumpyImages, SlicedImages
from edge_node.kernels.numpy_climb import NumpyWalker
from edge_node.kernels.walker import Stretch, Walker
from edge_node.spec.model import Model
from edge_node.spec.recipe import MAX_NONCE, EvolutionRates, RecipeContext, Step

FIRST_SHARE = 32
"""The images are first put in order after a candidate for each 32nd of them. To order takes as long
as to try a candidate for each tenth image, which a short climb would not earn back."""
GROWTH = 4
"""Each interval until they are put in order again is so many times as long as the last one,"""
LAST_MULTIPLE = 2
"""up to so many candidates for each image."""


class OrderedWalker:
    """Holds a model and tries candidates on it; see walker.Walker."""

    def __init__(
        self,
        images: SlicedImages,
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
        self._walker = self._new_walker(model)
        self._first_interval()

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch:
        """Try candidates."""
        accepted: list[Step] = []
        tried = 0
        while tried < candidates and len(accepted) < most and nonce <= MAX_NONCE:
            if not self._until_order:
                self._next_interval()
            some = min(candidates - tried, self._until_order)
            part = self._walker.walk(index + len(accepted), nonce, some, most - len(accepted))
            accepted += part.accepted
            nonce = part.next_nonce
            tried += part.tried
            self._until_order -= part.tried
        return Stretch(accepted=tuple(accepted), next_nonce=nonce, tried=tried)

    def move(self, model: Model) -> None:
        """Go on from another model."""
        self._walker.move(model)
        self._first_interval()

    def model(self) -> Model:
        """Return the model."""
        return self._walker.model()

    def correct(self) -> int:
        """Return the model's correct images."""
        return self._walker.correct()

    def copy(self) -> "OrderedWalker":
        """Return a walker in the same place that goes on by itself."""
        twin = copy.copy(self)
        twin._walker = self._walker.copy()  # noqa: SLF001 - one of its own
        return twin

    def _first_interval(self) -> None:
        self._interval = self._until_order = max(1, self._images.count // FIRST_SHARE)

    def _next_interval(self) -> None:
        most = max(1, LAST_MULTIPLE * self._images.count)
        self._interval = self._until_order = min(GROWTH * self._interval, most)
        self._put_in_order(self.model())

    def _put_in_order(self, model: Model) -> None:
        order = doubtful_first(self._images.all_logits(model), self._labels)
        self._images = self._images.reordered(order)
        self._labels = np.frombuffer(self._labels, np.uint8)[order].tobytes()
        self._walker = self._new_walker(model)

    def _new_walker(self, model: Model) -> Walker:
        what = (self._labels, model, self._context, self._rates, self._margin)
        if isinstance(self._images, CompiledImages):
            return CompiledWalker(self._images, *what)
        assert isinstance(self._images, NumpyImages)
        return NumpyWalker(self._images, *what)


def doubtful_first(logits: npt.NDArray[np.int32], labels: bytes) -> npt.NDArray[np.int64]:
    """Return the order of images in which the label's logit is closest to the best other first.

    Parameters
    ----------
    logits : int32 array
        (N, classes).
    labels : bytes
        u8 (N,).

    Returns
    -------
    int64 array
        (N,): the indices of the images; equals stay as they were, and images whose label is no
        class, which are never right, come last.
    """
    truth = np.frombuffer(labels, np.uint8)
    images, column = np.arange(len(logits)), np.minimum(truth, logits.shape[1] - 1)
    others = np.array(logits.T, np.int64)  # class by class, which numpy compares faster
    own = others[column, images]
    others[column, images] = np.iinfo(np.int32).min
    lead = np.abs(own - others.max(axis=0))
    lead[truth != column] = np.iinfo(np.int64).max
    return np.argsort(lead, kind="stable")
