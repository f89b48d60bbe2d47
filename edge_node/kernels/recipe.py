# SPDX-License-Identifier: Apache-2.0
"""Recipes replayed in C: the fast twin of spec/recipe.py (rule R-10).

Law of the file: it prepares and calls, csrc/prf_recipe.h applies; equal to the law in every bit.
Without the compiled kernels the law itself does the work.
Read next: climb.py.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import model_from_arrays
from edge_node.kernels.evaluation import model_numbers, out_of_memory
from edge_node.kernels.shared_object import load_library
from edge_node.spec import recipe as law
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind


def apply_recipe(
    base: Model,
    partners: Sequence[Model],
    steps: Sequence[Step],
    rates: EvolutionRates,
    context: RecipeContext,
    *,
    first_index: int = 0,
) -> Model:
    """Return the child that a recipe, or a part of one, makes of its base.

    Parameters
    ----------
    base : Model
        The record that the child starts from, or what the earlier steps made of it.
    partners : sequence of Model
        Models of the family, oldest first, as crossover's `partner` indexes them.
    steps : sequence of Step
        Applied in order.
    rates : EvolutionRates
    context : RecipeContext
    first_index : int
        Index of the first step in its recipe.
    """
    library = load_library()
    if library is None:
        return apply_by_law(base, partners, steps, rates, context, first_index=first_index)
    _declare(library)
    shape, weights, thresholds = model_numbers(base)
    crossed = sorted({step.partner for step in steps if step.kind is StepKind.CROSS})
    partner_weights = np.concatenate(
        [np.zeros(0, np.uint8), *(model_numbers(partners[index])[1] for index in crossed)]
    )
    places = {partner: place for place, partner in enumerate(crossed)}
    kinds = np.array([step.kind for step in steps], np.uint8)
    nonces = np.array([step.nonce for step in steps], np.uint32)
    partner_places = np.array([places.get(step.partner, 0) for step in steps], np.uint32)
    status = library.edge_apply_recipe(
        shape.ctypes.data,
        weights.ctypes.data,
        thresholds.ctypes.data,
        partner_weights.ctypes.data,
        recipe_seed(context),
        first_index,
        len(steps),
        kinds.ctypes.data,
        nonces.ctypes.data,
        partner_places.ctypes.data,
        rates.mutate_ppm,
        rates.cross_ppm,
    )
    if status != 0:
        raise out_of_memory()
    return model_from_numbers(base.architecture, weights, thresholds)


def apply_by_law(
    base: Model,
    partners: Sequence[Model],
    steps: Sequence[Step],
    rates: EvolutionRates,
    context: RecipeContext,
    *,
    first_index: int,
) -> Model:
    """Do the same by the law's own code."""
    shifted = _ShiftedContext(
        network=context.network, base=context.base, miner=context.miner, first_index=first_index
    )
    return law.apply_recipe(base, partners, steps, rates, shifted)


def recipe_seed(context: RecipeContext) -> bytes:
    """Return the part of a step's seed that all steps share, 96 bytes."""
    seed = context.network + context.base + context.miner
    assert len(seed) == 96
    return seed


def model_from_numbers(
    architecture: Architecture,
    weights: npt.NDArray[np.uint8],
    thresholds: npt.NDArray[np.int32],
) -> Model:
    """Return the model whose model_numbers these are."""
    shapes = architecture.shapes
    ends = np.cumsum([shape.weight_count for shape in shapes])[:-1]
    channel_ends = np.cumsum([shape.channels for shape in shapes])[:-1]
    return model_from_arrays(
        architecture, np.split(weights, ends), np.split(thresholds, channel_ends)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShiftedContext(RecipeContext):
    """Makes the law count steps from elsewhere than 0."""

    first_index: int
    """Index of the first step in its recipe."""

    def seed(self, index: int, step: Step) -> bytes:
        """Return the PRF seed of a step."""
        return RecipeContext.seed(self, self.first_index + index, step)


def _declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the types of csrc/prf_recipe.h."""
    pointer = ctypes.c_void_p
    library.edge_apply_recipe.argtypes = (
        pointer,
        pointer,
        pointer,
        pointer,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.c_int64,
        pointer,
        pointer,
        pointer,
        ctypes.c_uint32,
        ctypes.c_uint32,
    )
    library.edge_apply_recipe.restype = ctypes.c_int
