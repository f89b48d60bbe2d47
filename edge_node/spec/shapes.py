# SPDX-License-Identifier: Apache-2.0
"""Shapes evolve too: a new family's layers come from those of two others, replayable by anyone.

Rule R-52 (paper A, section 4.2). The genome is the list of layers. A crossover joins the front of
one parent and the back of the other at a layer boundary; a mutation changes one field of one layer;
both are drawn anew until the network that they make is allowed.
Law of the file: the draws depend on the seed and the parents alone.
Read next: proof/evolution.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import Architecture, ArchitectureOutOfRange, Layer, LayerKind
from edge_node.spec.errors import InvalidProof

SHAPE_PRF_TAG = "shape-evolution"
MAX_SHAPE_DRAWS = 256
"""Draws after which parents are said to have no child under a seed."""
WIDTH_FACTORS = ((1, 2), (3, 4), (5, 4), (3, 2), (2, 1))
"""What a mutation may multiply the channels of a layer by: numerator, denominator."""
KERNELS = (1, 3, 5, 7)
"""Sides of a kernel that a mutation may choose."""


class ShapeNotEvolved(InvalidProof):
    """A shape is not the child of those that it is said to come from (R-52).

    Paper A, section 4.2.
    """

    reason: ClassVar[str] = "R-52"
    wants: ClassVar[str] = "the evolved shape"


def evolved_shape(
    first: Architecture,
    second: Architecture,
    seed: bytes,
    allowed: Callable[[Architecture], bool],
) -> Architecture:
    """Return the shape that two shapes for one dataset have as their child.

    Parameters
    ----------
    first, second : Architecture
        The parents, of one input form and one number of classes; they may be the same.
    seed : bytes
        What the draws depend on.
    allowed : callable
        Whether a network of this shape may be founded.

    Raises
    ------
    ShapeNotEvolved
        R-52: they have none.
    """
    stream = Prf(SHAPE_PRF_TAG, seed)
    for _ in range(MAX_SHAPE_DRAWS):
        genome = mutated_layers(crossed_layers(first.layers, second.layers, stream), stream)
        parent = (first, second)[stream.below(2)]
        try:
            child = replace(parent, layers=genome)
        except ArchitectureOutOfRange:
            continue
        if child.layers not in {first.layers, second.layers} and allowed(child):
            return child
    # a seed either gives a shape soon or gives none.
    raise ShapeNotEvolved(expected=f"found in {MAX_SHAPE_DRAWS} draws", actual="none allowed")


def crossed_layers(
    first: tuple[Layer, ...], second: tuple[Layer, ...], stream: Prf
) -> tuple[Layer, ...]:
    """Return the front of one genome and the back of another; the last layer is the second's."""
    front = first[: stream.below(len(first))]
    return front + second[stream.below(len(second)) :]


def mutated_layers(genome: tuple[Layer, ...], stream: Prf) -> tuple[Layer, ...]:
    """Return a genome with one field of one layer changed; the logits' layer stays as it is."""
    if len(genome) == 1:
        return genome
    place = stream.below(len(genome) - 1)
    layers = list(genome)
    layers[place] = _mutated(genome[place], stream)
    return tuple(layers)


def _mutated(layer: Layer, stream: Prf) -> Layer:
    if layer.kind is LayerKind.DENSE:
        return replace(layer, channels=_another_width(layer.channels, stream))
    match stream.below(3):
        case 0:
            return replace(layer, channels=_another_width(layer.channels, stream))
        case 1:
            others = [side for side in KERNELS if side != layer.kernel]
            return replace(layer, kernel=others[stream.below(len(others))])
        case _:
            return replace(layer, pool=not layer.pool)


def _another_width(channels: int, stream: Prf) -> int:
    factor, divisor = WIDTH_FACTORS[stream.below(len(WIDTH_FACTORS))]
    wider = max(1, channels * factor // divisor)
    return wider if wider != channels else channels + 1
