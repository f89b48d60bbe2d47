# SPDX-License-Identifier: Apache-2.0
"""Folding: a float network with +-1 weights becomes a canonical model that decides alike.

Design, section 3: batch norm becomes one integer threshold per channel, its sign is absorbed by
negating the filter, and the last layer keeps an integer bias. What a hidden channel computes from
its sum matters only by its sign at the whole numbers that the sum can be; so the normalisation
itself is asked there, in its own arithmetic, and nothing is approximated.
Law of the file: no framework; equal decisions or an error, never nearly.
Read next: backprop.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import Bits, model_from_arrays
from edge_node.kernels.evaluation import Pixels, all_logits, slice_images
from edge_node.primitives.errors import EdgeNodeError, Mismatch
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.model import Model, ThresholdOutOfRange

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Decisions = npt.NDArray[np.int64]
"""decisions[image]: the class that a network chose."""

Normalize = Callable[[Floats], npt.NDArray[Any]]
"""From one sum per channel, (channels,), to what the sign is taken of; monotone in each channel."""


class NotFoldable(Mismatch):
    """A float network has no equal in the format."""


class LayersDoNotFit(NotFoldable):
    """There are not as many layers as the architecture has."""

    reason: ClassVar[str] = "fold-layers"
    wants: ClassVar[str] = "the number of layers"


class KernelShapeWrong(NotFoldable):
    """A kernel is not of the size that the architecture gives it."""

    reason: ClassVar[str] = "fold-kernel-shape"
    wants: ClassVar[str] = "a kernel's (fan in, channels)"


class KernelNotBinary(NotFoldable):
    """A kernel has a weight that is neither +1 nor -1."""

    reason: ClassVar[str] = "fold-kernel"
    wants: ClassVar[str] = "every weight of a kernel"


class NormalizationNotFinite(NotFoldable):
    """A normalisation gives something that has no sign."""

    reason: ClassVar[str] = "fold-normalization"
    wants: ClassVar[str] = "the output of a normalisation, one per channel,"


class PoolBeforeDecrease(NotFoldable):
    """Pooling stands before a normalisation that decreases: that is a minimum, which is not here.

    Pooling after the normalisation folds whatever its signs.
    """

    reason: ClassVar[str] = "fold-pool-order"
    wants: ClassVar[str] = "channels that fall after pooling (pool after batch norm instead)"


class LogitScalesDiffer(NotFoldable):
    """The logits of a float network have scales of their own; integers have none."""

    reason: ClassVar[str] = "fold-logit-scale"
    wants: ClassVar[str] = "the scale of every logit (leave scale out of the last batch norm)"


class LogitOffsetsTooFine(NotFoldable):
    """The last layer's offsets break ties in an order that whole biases can not give."""

    reason: ClassVar[str] = "fold-logit-offset"
    wants: ClassVar[str] = "the last layer's offsets"


class DecisionsDiffer(EdgeNodeError):
    """A folded model does not decide as its float network."""

    reason: ClassVar[str] = "fold-decisions"

    def __init__(self, *, split: str, expected: int, actual: int, images: int) -> None:
        super().__init__(
            f"{actual} of {images} images of the {split} split are decided otherwise by the folded "
            f"model, and {expected} may be; train on with another seed"
        )
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchNorm:
    """Batch norm at inference, in float64: a Normalize."""

    gamma: Floats
    """(channels,), of any sign, or 0."""
    beta: Floats
    """(channels,)."""
    mean: Floats
    """(channels,): the moving mean."""
    variance: Floats
    """(channels,): the moving variance."""
    epsilon: float
    """Added to the variance."""

    def __call__(self, sums: Floats) -> Floats:
        """Return gamma * (sums - mean) / sqrt(variance + epsilon) + beta."""
        scaled = self.gamma * (sums - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.asarray(scaled + self.beta, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloatLayer:
    """A hidden layer: convolution, then in either order normalisation and pooling, then sign.

    sign(0) is +1.
    """

    kernel: npt.NDArray[Any]
    """(kernel rows, kernel columns, input channels, channels) or (fan in, channels), +-1."""
    normalize: Normalize
    """What stands between the sum and the sign."""
    pool_first: bool = False
    """Pooling, if the architecture has it here, comes before the normalisation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloatLogits:
    """The last layer: logit = scale * sum + offset, the greatest wins, the lowest on a tie."""

    kernel: npt.NDArray[Any]
    """As of FloatLayer, with a channel per class."""
    scale: Floats
    """(classes,): all of one size, of any sign."""
    offset: Floats
    """(classes,)."""


def fold(architecture: Architecture, hidden: Sequence[FloatLayer], last: FloatLogits) -> Model:
    """Return the model that decides as a float network.

    The network computes with exact sums: of inputs +-1, or of pixel - 128 in an 8-bit layer.

    Parameters
    ----------
    architecture : Architecture
    hidden : sequence of FloatLayer
        All layers but the last.
    last : FloatLogits

    Raises
    ------
    NotFoldable
        One of its classes says why the format has no such network.
    ThresholdOutOfRange
        R-6: a bias of the last layer is too large.
    """
    *inner, end = architecture.shapes
    if len(inner) != len(hidden):
        raise LayersDoNotFit(expected=len(inner) + 1, actual=len(hidden) + 1)
    bits: list[Bits] = []
    thresholds: list[npt.NDArray[np.int32]] = []
    for shape, layer in zip(inner, hidden, strict=True):
        falls, limits = _thresholds(shape, layer)
        bits.append(_bits(shape, layer.kernel, falls))
        thresholds.append(limits.astype(np.int32))
    bits.append(_bits(end, last.kernel, last.scale < 0))
    biases = _biases(last)
    least, most = end.threshold_range
    for bias in biases:
        if not least <= bias <= most:  # before an int32 has to hold it
            raise ThresholdOutOfRange(expected=f"in {least}..{most}", actual=bias)
    thresholds.append(np.array(biases, np.int32))
    return model_from_arrays(architecture, bits, thresholds)


def check_decisions(model: Model, images: Pixels, decisions: Decisions, *, split: str) -> None:
    """Check that a model decides every image as its float network did.

    Parameters
    ----------
    model : Model
    images : uint8 (N, image_bytes)
    decisions : int64 (N,)
        Classes by the float network.
    split : str
        Name of the images, for the message.

    Raises
    ------
    DecisionsDiffer
    """
    logits = all_logits(model, slice_images(model.architecture, images))
    differing = int(np.count_nonzero(logits.argmax(axis=1) != decisions))  # the first of equals
    if differing:
        raise DecisionsDiffer(split=split, expected=0, actual=differing, images=len(decisions))


def _bits(shape: LayerShape, kernel: npt.NDArray[Any], negated: npt.NDArray[np.bool_]) -> Bits:
    """Return uint8 (channels, fan_in): 1 where the weight, once absorbed the sign, is -1."""
    rows = np.asarray(kernel).reshape(-1, np.shape(kernel)[-1])
    if rows.shape != (shape.fan_in, shape.channels):
        raise KernelShapeWrong(expected=(shape.fan_in, shape.channels), actual=rows.shape)
    odd = rows[np.abs(rows) != 1]
    if odd.size:
        raise KernelNotBinary(expected="+1 or -1", actual=odd[0])
    return np.ascontiguousarray(((rows < 0) ^ negated).T, np.uint8)


def _thresholds(shape: LayerShape, layer: FloatLayer) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Return per channel whether its filter is to be negated, and its threshold."""
    if shape.eight_bit:
        lowest, stride, count = -PIXEL_ZERO * shape.fan_in, 1, 2 * PIXEL_ZERO * shape.fan_in + 1
    else:
        lowest, stride, count = -shape.fan_in, 2, shape.fan_in + 1

    def positive(index: Integers) -> npt.NDArray[np.bool_]:
        """Say for the index-th lowest sum of each channel whether its sign is +1."""
        values = np.asarray(layer.normalize((lowest + stride * index).astype(np.float64)))
        if values.shape != (shape.channels,) or not np.isfinite(values).all():
            raise NormalizationNotFinite(expected=f"{shape.channels} finite numbers", actual=values)
        return np.asarray(values >= 0)

    at_lowest = positive(np.zeros(shape.channels, np.int64))
    at_highest = positive(np.full(shape.channels, count - 1, np.int64))
    falls = at_lowest & ~at_highest
    if layer.pool_first and shape.layer.pool and falls.any():
        raise PoolBeforeDecrease(expected="none", actual=np.flatnonzero(falls).tolist())
    # The negated filter has the negated sum: the index-th lowest is the index-th highest.
    first = _first(lambda i: positive(np.where(falls, count - 1 - i, i)), shape.channels, count)
    if shape.eight_bit:
        return falls, lowest + first
    # sum = fan_in - 2 * mismatches >= -fan_in + 2 * first
    return falls, shape.fan_in - first


def _first(
    positive: Callable[[Integers], npt.NDArray[np.bool_]], channels: int, count: int
) -> Integers:
    """Return per channel the first index that is positive, `count` where none is; by bisection."""
    low, high = np.zeros(channels, np.int64), np.full(channels, count, np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        found = positive(np.minimum(middle, count - 1)) & (middle < count)
        open_ = low < high
        high = np.where(open_ & found, middle, high)
        low = np.where(open_ & ~found, middle + 1, low)
    return low


def _biases(last: FloatLogits) -> list[int]:
    """Return whole biases under which every comparison of two logits comes out the same.

    Sums of one layer are all even or all odd, so two of them differ by an even number. With
    offset / scale = 2 * n + f, 0 <= f < 2, classes with equal sum + 2 * n are told apart by f, and
    then by their index. Whole numbers have two levels for that, 0 and 1: so the classes by falling
    f must be two rows of rising indices at most. Where a period begins is free.
    """
    sizes = np.abs(last.scale)
    if not np.isfinite(sizes).all() or (sizes != sizes[0]).any() or not sizes[0]:
        raise LogitScalesDiffer(expected="one number above 0", actual=last.scale.tolist())
    if not np.isfinite(last.offset).all():
        raise LogitOffsetsTooFine(expected="finite", actual=last.offset.tolist())
    offsets = [Fraction(float(v)) / Fraction(float(sizes[0])) for v in last.offset]
    if all(offset.denominator == 1 for offset in offsets):
        return [int(offset) for offset in offsets]
    for begin in sorted({offset % 2 for offset in offsets}):
        parts = [(offset - begin) % 2 for offset in offsets]
        order = [c for _, c in sorted((-part, c) for c, part in enumerate(parts))]
        drops = [i for i in range(1, len(order)) if order[i] < order[i - 1]]
        if len(drops) <= 1:
            upper = set(order[: drops[0]]) if drops else set()
            periods = [floor((offset - begin) / 2) for offset in offsets]
            return [2 * n + int(c in upper) for c, n in enumerate(periods)]
    raise LogitOffsetsTooFine(
        expected="whole numbers of the scale, or in at most two rising rows",
        actual=last.offset.tolist(),
    )
