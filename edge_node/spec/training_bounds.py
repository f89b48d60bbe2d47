# SPDX-License-Identifier: Apache-2.0
"""Constants of integer training for each layer, and what may be trained at all.

Rule R-9 (design, section 7). Everything that is summed is bounded here before anything is trained.
Law of the file: what is not proven to stay in int32 is not trained.
Read next: training.py.
"""

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

from edge_node.spec import constants as limits
from edge_node.spec.architecture import BINARY_4K, UINT8_94K, Architecture, LayerKind, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.errors import InvalidModelData

ERROR_ONE = 256
"""The error of a class is 256 * (wanted probability - probability)."""
_EIGHT_BIT_WINDOW = 128
_EIGHT_BIT_CLAMP = 1_023
_CLAMP = 32_767
_THRESHOLD_SLOWDOWN = 4
"""Thresholds of binary layers move 2**4 times slower than weights."""
_TUNED_SIGNAL_SHIFTS = {BINARY_4K: (2, 2, 0, 0), UINT8_94K: (3, 3, 3, 2, 0)}
"""Signal shifts of the families on which the law was tuned; others follow the formula."""


class NotTrainable(InvalidModelData):
    """The training law does not cover this architecture or batch size (R-9)."""

    reason: ClassVar[str] = "R-9"
    wants: ClassVar[str] = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerConstants:
    """Constants of the law for one layer."""

    window: int
    """A: the straight-through gradient passes where |pre-activation| <= A."""
    signal_shift: int
    """r: the signal that arrives at this layer's output is divided by 2**r, rounding half up."""
    clamp: int
    """D: signals saturate at +-D."""
    threshold_slowdown: int
    """st: the bias latent moves by 2**(u - st)."""


def layer_constants(architecture: Architecture) -> tuple[LayerConstants, ...]:
    """Return the law's constants for each layer; window and clamp of the last are unused."""
    shapes = architecture.shapes
    shifts = _TUNED_SIGNAL_SHIFTS.get(architecture) or tuple(
        _signal_shift(following) for following in (*shapes[1:], None)
    )
    return tuple(
        LayerConstants(
            window=_EIGHT_BIT_WINDOW if shape.eight_bit else isqrt(9 * shape.fan_in // 4),
            signal_shift=shift,
            clamp=_EIGHT_BIT_CLAMP if shape.eight_bit else _CLAMP,
            threshold_slowdown=0 if shape.eight_bit else _THRESHOLD_SLOWDOWN,
        )
        for shape, shift in zip(shapes, shifts, strict=True)
    )


def _signal_shift(following: LayerShape | None) -> int:
    if following is None:
        return 0
    windows = following.kernel_height * following.kernel_width
    return max(0, ((windows * following.channels).bit_length() - 4) // 2)


def check_trainable(architecture: Architecture, batch: int) -> None:
    """Check that no sum of R-9 can leave int32, whatever the data.

    Raises
    ------
    NotTrainable
        Batch size, padding, or a bound.
    """
    # what is not proven to stay in int32 is not trained.
    if not 1 <= batch <= limits.MAX_BATCH:
        raise NotTrainable(expected=f"a batch of 1..{limits.MAX_BATCH}", actual=batch)
    constants = layer_constants(architecture)
    for shape, constant in zip(architecture.shapes, constants, strict=True):
        if shape.layer.same_padding:
            raise NotTrainable(expected="VALID padding", actual="SAME")
        places = shape.out_height * shape.out_width
        signal = ERROR_ONE if shape.last else constant.clamp
        gradient = batch * places * signal * (PIXEL_ZERO if shape.eight_bit else 1)
        if gradient > limits.MAX_GRADIENT:
            raise NotTrainable(expected=f"gradients up to {limits.MAX_GRADIENT}", actual=gradient)
        windows = 1 if shape.layer.kind is LayerKind.DENSE else shape.layer.kernel**2
        backward = windows * shape.channels * signal
        if backward > limits.MAX_GRADIENT:
            raise NotTrainable(expected=f"signals up to {limits.MAX_GRADIENT}", actual=backward)
