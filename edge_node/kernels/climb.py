# SPDX-License-Identifier: Apache-2.0
"""Hill climbing by recipe: the miner's inner loop (paper A, section 4.2; rule R-10).

A climber tries one nonce after another as the next step of a recipe and keeps each step that does
not make the model worse on its images. What it keeps does not depend on the machine.
Law of the file: spec.recipe.apply_recipe makes of the base and the steps exactly the climber's
model, and spec.evaluation.count_correct counts for it exactly what the climber says.
Read next: csrc/climb.h; numpy_climb.py, for machines without a compiler.
"""

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from edge_node.kernels.evaluation import (
    CompiledImages,
    NumpyImages,
    SlicedImages,
    model_numbers,
    out_of_memory,
)
from edge_node.kernels.numpy_climb import NumpyWalker, Stretch
from edge_node.kernels.recipe import apply_recipe, model_from_numbers, recipe_seed
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind

RACING_MARGIN = 4
"""Images that a candidate may lie behind while it is evaluated: 4 is best on 10,000 images of the
4,440 family; on 50,000, 8 climbs further in the same time."""


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


class _Walker(Protocol):
    """Holds a model and tries candidates on it."""

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch: ...
    def move(self, model: Model) -> None: ...
    def model(self) -> Model: ...
    def correct(self) -> int: ...


class Climber:
    """A climb: a model and the recipe that made it. One thread at a time may use it.

    It keeps the activations of all images: for each image 0.33 KB in the 4,440 family, 1.3 KB in
    the 93.6K family.

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
        self._margin = margin
        self._steps: tuple[Step, ...] = ()
        self._nonce = 0
        self._walker = self._new_walker(model)

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

    def climb(self, candidates: int) -> ClimbResult:
        """Try up to `candidates` nonces and keep every step that does no harm."""
        stretch = self._walker.walk(
            len(self._steps), self._nonce, candidates, self._max_steps - len(self._steps)
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
        twin = Climber(
            self._images,
            self._labels,
            self.model(),
            self._context,
            self._rates,
            max_steps=self._max_steps,
            margin=self._margin,
        )
        twin._steps = self._steps
        twin._nonce = self._nonce
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

    def _new_walker(self, model: Model) -> _Walker:
        if isinstance(self._images, CompiledImages):
            return _CompiledWalker(
                self._images, self._labels, model, self._context, self._rates, self._margin
            )
        assert isinstance(self._images, NumpyImages)
        return NumpyWalker(
            self._images, self._labels, model, self._context, self._rates, self._margin
        )


class _Report(ctypes.Structure):
    """struct edge_climb_report of csrc/climb.h."""

    _fields_ = (
        ("tried", ctypes.c_int64),
        ("accepted", ctypes.c_int64),
        ("nonce", ctypes.c_int64),
        ("correct", ctypes.c_int64),
    )
    tried: int
    accepted: int
    nonce: int
    correct: int


class _CompiledWalker:
    """The climb of csrc/climb.h."""

    def __init__(
        self,
        images: CompiledImages,
        labels: bytes,
        model: Model,
        context: RecipeContext,
        rates: EvolutionRates,
        margin: int,
    ) -> None:
        self._images = images  # the climber in C reads them
        self._architecture = model.architecture
        self._library = _declare(images.library)
        shape, weights, thresholds = model_numbers(model)
        handle = self._library.edge_climber_new(
            images.handle,
            labels,
            shape.ctypes.data,
            weights.ctypes.data,
            thresholds.ctypes.data,
            recipe_seed(context),
            rates.mutate_ppm,
            margin,
        )
        if not handle:
            raise out_of_memory()
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.edge_climber_free, self._handle)

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch:
        """Try candidates."""
        most = min(most, candidates)
        kinds = np.empty(most, np.uint8)
        nonces = np.empty(most, np.uint32)
        report = _Report()
        status = self._library.edge_climber_try(
            self._handle,
            index,
            nonce,
            candidates,
            most,
            kinds.ctypes.data,
            nonces.ctypes.data,
            ctypes.byref(report),
        )
        if status != 0:
            raise out_of_memory()
        accepted = zip(
            kinds[: report.accepted].tolist(), nonces[: report.accepted].tolist(), strict=True
        )
        return Stretch(
            accepted=tuple(Step(kind=StepKind(kind), nonce=drawn) for kind, drawn in accepted),
            next_nonce=report.nonce,
            tried=report.tried,
        )

    def move(self, model: Model) -> None:
        """Go on from another model."""
        _, weights, thresholds = model_numbers(model)
        status = self._library.edge_climber_move(
            self._handle, weights.ctypes.data, thresholds.ctypes.data
        )
        if status != 0:
            raise out_of_memory()

    def model(self) -> Model:
        """Return the model."""
        weights = np.empty(self._architecture.weight_count, np.uint8)
        thresholds = np.empty(self._architecture.channel_count, np.int32)
        self._library.edge_climber_model(self._handle, weights.ctypes.data, thresholds.ctypes.data)
        return model_from_numbers(self._architecture, weights, thresholds)

    def correct(self) -> int:
        """Return the model's correct images."""
        return int(self._library.edge_climber_correct(self._handle))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the types of csrc/climb.h."""
    pointer = ctypes.c_void_p
    library.edge_climber_new.argtypes = (
        pointer,
        ctypes.c_char_p,
        pointer,
        pointer,
        pointer,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.c_int64,
    )
    library.edge_climber_new.restype = pointer
    library.edge_climber_free.argtypes = (pointer,)
    library.edge_climber_free.restype = None
    library.edge_climber_try.argtypes = (
        pointer,
        ctypes.c_uint32,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_int64,
        pointer,
        pointer,
        pointer,
    )
    library.edge_climber_try.restype = ctypes.c_int
    library.edge_climber_model.argtypes = (pointer, pointer, pointer)
    library.edge_climber_model.restype = None
    library.edge_climber_move.argtypes = (pointer, pointer, pointer)
    library.edge_climber_move.restype = ctypes.c_int
    library.edge_climber_correct.argtypes = (pointer,)
    library.edge_climber_correct.restype = ctypes.c_int64
    return library
