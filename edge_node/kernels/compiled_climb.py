# SPDX-License-Identifier: Apache-2.0
"""The climb in C: candidates without a way through Python for each of them.

Law of the file: it prepares and calls, csrc/climb.h walks.
Read next: csrc/climb.h; climb.py.
"""

import ctypes
import weakref

import numpy as np

from edge_node.kernels.evaluation import CompiledImages, model_numbers, out_of_memory
from edge_node.kernels.recipe import model_from_numbers, recipe_seed
from edge_node.kernels.walker import Stretch
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind


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


class CompiledWalker:
    """Holds a model and tries candidates on it; see walker.Walker."""

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
        self._labels = labels
        self._context = context
        self._rates = rates
        self._margin = margin
        self._architecture = model.architecture
        self._library = _declare(images.compiled)
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

    def copy(self) -> "CompiledWalker":
        """Return a walker in the same place that goes on by itself."""
        return CompiledWalker(
            self._images, self._labels, self.model(), self._context, self._rates, self._margin
        )

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
