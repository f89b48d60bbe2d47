# SPDX-License-Identifier: Apache-2.0
"""Bit-sliced evaluation in numpy: the same as csrc/bitslice.h, for machines without a compiler.

As in spec/evaluation.py a plane holds one bit of one number for all images, here in uint64 words,
and for a whole map at once: maps are (channels, bits, rows, columns, words). 1 means -1. All that a
layer's channels add up is stacked, and full adders take a third of the stack at a time, so that
numpy has few but large things to do.
Law of the file: equal to spec/evaluation.py in every logit; arrays in, arrays out.
Read next: evaluation.py.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.model import Model

Planes = npt.NDArray[np.uint64]

_WORD_BITS = 64
_STACK_WORDS = 1 << 18
"""A stack of 2 MiB stays in a level-2 cache while it is added up."""
_MAX_WORDS = 64
_UNPACKED_PLANES = 64
"""With a byte for each bit all planes of a dataset would not fit into a small board."""
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlanes:
    """Some channels of a layer of a model."""

    shape: LayerShape
    """The layer's place in its architecture."""
    masks: Planes
    """(channels, fan_in): all ones where the weight is -1."""
    thresholds: npt.NDArray[np.int64]
    """(channels,)."""

    def channel(self, channel: int) -> "LayerPlanes":
        """Return one of the channels."""
        return self._part(slice(channel, channel + 1))

    def with_channel(self, channel: int, weights: int, threshold: int) -> "LayerPlanes":
        """Return the same with another channel in the place of one."""
        masks, thresholds = self.masks.copy(), self.thresholds.copy()
        masks[channel] = _masks(self.shape, weights)
        thresholds[channel] = threshold
        return LayerPlanes(shape=self.shape, masks=masks, thresholds=thresholds)

    def signs(self, maps: Planes) -> Planes:
        """Return the layer's output maps (channels, 1, rows, columns, words)."""
        return np.concatenate([_signs(part, maps) for part in self._parts(maps)])

    def logits(self, maps: Planes) -> npt.NDArray[np.int32]:
        """Return int32 (64 * words, channels): the last layer's output."""
        sums = [_numbers(_sums(part, maps)) for part in self._parts(maps)]
        logits = self.shape.fan_in - 2 * np.concatenate(sums) + self.thresholds[:, np.newaxis]
        return np.ascontiguousarray(logits.T, np.int32)

    def _parts(self, maps: Planes) -> "list[LayerPlanes]":
        """Return as many channels at a time as keep a stack small."""
        channel_words = _stack_words(self.shape) * maps.shape[-1]
        most = max(1, _STACK_WORDS // channel_words)
        starts = range(0, len(self.masks), most)
        return [self._part(slice(start, start + most)) for start in starts]

    def _part(self, channels: slice) -> "LayerPlanes":
        return LayerPlanes(
            shape=self.shape, masks=self.masks[channels], thresholds=self.thresholds[channels]
        )


def layer_planes(model: Model) -> list[LayerPlanes]:
    """Return the layers of a model."""
    return [
        LayerPlanes(
            shape=shape,
            masks=np.stack([_masks(shape, channel) for channel in weights]),
            thresholds=np.array(thresholds, np.int64),
        )
        for shape, weights, thresholds in zip(
            model.architecture.shapes, model.weights, model.thresholds, strict=True
        )
    ]


def slice_planes(architecture: Architecture, images: npt.NDArray[np.uint8]) -> Planes:
    """Return input maps from images, uint8 (N, image_bytes)."""
    count = len(images)
    words = -(-count // _WORD_BITS)
    bits = np.zeros((architecture.image_bytes, words * _WORD_BITS), bool)
    packed = np.empty((architecture.image_bytes, architecture.input_bits, words), np.uint64)
    for k in range(architecture.input_bits):
        plane = images < PIXEL_ZERO if architecture.input_bits == 1 else images >> k & 1
        bits[:, :count] = plane.T
        packed[:, k] = np.packbits(bits, axis=-1, bitorder="little").view(np.uint64)
    size = (architecture.height, architecture.width, architecture.input_channels)
    maps = packed.reshape(*size, architecture.input_bits, words)
    return np.ascontiguousarray(maps.transpose(2, 3, 0, 1, 4))


def reorder_planes(planes: Planes, order: npt.NDArray[np.int64]) -> Planes:
    """Return planes (..., words) of the images order[0], order[1], ... of these."""
    rows = planes.reshape(math.prod(planes.shape[:-1]), planes.shape[-1])
    reordered = np.empty(rows.shape, np.uint64)
    for start in range(0, len(rows), _UNPACKED_PLANES):
        some = slice(start, start + _UNPACKED_PLANES)
        bits = np.unpackbits(rows[some].view(np.uint8), axis=-1, bitorder="little")
        taken = np.zeros_like(bits)
        taken[:, : len(order)] = bits[:, order]
        reordered[some] = np.packbits(taken, axis=-1, bitorder="little").view(np.uint64)
    return reordered.reshape(planes.shape)


def plane_logits(model: Model, planes: Planes, count: int) -> npt.NDArray[np.int32]:
    """Return logits int32 (N, classes) of N = `count` sliced images."""
    layers = layer_planes(model)
    words = _words_at_once(model.architecture)
    logits = [np.zeros((0, model.architecture.classes), np.int32)]
    for start in range(0, planes.shape[-1], words):
        maps = planes[..., start : start + words]
        for layer in layers[:-1]:
            maps = layer.signs(maps)
        logits.append(layers[-1].logits(maps))
    return np.concatenate(logits)[:count]


def _words_at_once(architecture: Architecture) -> int:
    """Return how many words go through a network together."""
    largest = max(_stack_words(shape) for shape in architecture.shapes)
    return min(max(1, _STACK_WORDS // largest), _MAX_WORDS)


def _stack_words(shape: LayerShape) -> int:
    """Return the size of what one channel adds up, for each word of images."""
    bits = 8 if shape.eight_bit else 1
    return bits * shape.fan_in * shape.conv_height * shape.conv_width


def _signs(layer: LayerPlanes, maps: Planes) -> Planes:
    shape, sums = layer.shape, _sums(layer, maps)
    if shape.eight_bit:
        # As in spec/evaluation.py: sum over + of v and over - of 255 - v.
        negatives = np.count_nonzero(layer.masks, axis=1)
        limits = layer.thresholds + 128 * (shape.fan_in - negatives) + 127 * negatives
        signs = ~_at_least(sums, limits)
    else:
        signs = _at_least(sums, layer.thresholds + 1)
    if shape.layer.pool:
        even = signs[:, : 2 * shape.out_height, : 2 * shape.out_width]
        rows = even[:, ::2] & even[:, 1::2]
        signs = rows[:, :, ::2] & rows[:, :, 1::2]
    return signs[:, np.newaxis]


def _sums(layer: LayerPlanes, maps: Planes) -> list[Planes]:
    """Return the planes of what each channel adds up, least significant first."""
    patches = _patches(layer.shape, maps)
    masks = layer.masks.T[:, :, np.newaxis, np.newaxis, np.newaxis]
    return _add_up([patches[:, np.newaxis, k] ^ masks for k in range(maps.shape[1])])


def _patches(shape: LayerShape, maps: Planes) -> Planes:
    """Return what each place of a channel sees, (fan_in, bits, rows, columns, words)."""
    border = (shape.pad, shape.pad)
    if shape.pad:  # a bit of 0 is +1
        maps = np.pad(maps, ((0, 0), (0, 0), border, border, (0, 0)))
    channels, bits, _, _, words = maps.shape
    size = (shape.conv_height, shape.conv_width, words)
    kernel = (shape.kernel_height, shape.kernel_width)
    patches = np.empty((*kernel, channels, bits, *size), np.uint64)
    for y in range(shape.kernel_height):
        for x in range(shape.kernel_width):
            patches[y, x] = maps[:, :, y : y + shape.conv_height, x : x + shape.conv_width]
    return patches.reshape(shape.fan_in, bits, *size)


def _add_up(columns: list[Planes]) -> list[Planes]:
    """Return the planes of a sum, least significant first.

    Parameters
    ----------
    columns : list of uint64 array
        columns[k] is a stack of addends of weight 2**k.
    """
    sums: list[Planes] = []
    carries: list[Planes] = []
    while columns or carries:
        stack = np.concatenate(carries + ([columns.pop(0)] if columns else []))
        carries = []
        while len(stack) > 2:
            third = len(stack) // 3
            a, b, c = stack[:third], stack[third : 2 * third], stack[2 * third : 3 * third]
            half = a ^ b
            carries.append(a & b | half & c)
            stack = np.concatenate((half ^ c, stack[3 * third :]))
        if len(stack) == 2:
            carries.append(stack[:1] & stack[1:])
            stack = stack[:1] ^ stack[1:]
        sums.append(stack[0])
    return sums


def _at_least(sums: list[Planes], limits: npt.NDArray[np.int64]) -> Planes:
    """Return a plane with the images whose number is `limits[channel]` or more."""
    most = (1 << len(sums)) - 1
    reached = np.full_like(sums[0], _FULL)
    for k, plane in enumerate(sums):  # from the lowest plane: a higher one overrules
        wanted = _spread(limits >> k & 1 == 1)
        reached = plane & reached | (plane | reached) & ~wanted
    reached &= _spread(limits <= most)
    reached |= _spread(limits <= 0)
    return reached


def _masks(shape: LayerShape, weights: int) -> Planes:
    """Return (fan_in,): all ones where a channel's weight is -1."""
    octets = np.frombuffer(weights.to_bytes(-(-shape.fan_in // 8), "little"), np.uint8)
    bits = np.unpackbits(octets, bitorder="little")[: shape.fan_in]
    return np.where(bits, _FULL, np.uint64(0))


def _spread(flags: npt.NDArray[np.bool_]) -> Planes:
    """Return (channels, 1, 1, 1): all ones where a flag is set."""
    masks = np.where(flags, _FULL, np.uint64(0))
    return np.asarray(masks[:, np.newaxis, np.newaxis, np.newaxis])


def _numbers(sums: list[Planes]) -> npt.NDArray[np.int32]:
    """Return the numbers of maps of one place, int32 (channels, 64 * words)."""
    channels, words = len(sums[0]), sums[0].shape[-1]
    total = np.zeros((channels, words * _WORD_BITS), np.int32)
    for k, plane in enumerate(sums):
        octets = np.ascontiguousarray(plane).reshape(channels, words).view(np.uint8)
        total += np.unpackbits(octets, axis=1, bitorder="little").astype(np.int32) << k
    return total
