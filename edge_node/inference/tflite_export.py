# SPDX-License-Identifier: Apache-2.0
"""Authors .tflite files of a model: one for any TensorFlow Lite, one for Larq Compute Engine.

Files are authored here, from the canonical blob, and never taken from the network: interpreters do
not check what they load. `int8_file` uses ordinary int8 operators and is also the user's export;
`lce_file` uses LCE's binary operators. Both take the pixels as they are and give exact integers.
Law of the file: every scale is 1, so all interpreters give the law's logits (design, section 3).
Read next: tflite_writer.py, lce.py, tflite.py.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.inference.tflite_writer import (
    ABSENT,
    Activation,
    ElementType,
    Padding,
    TfliteWriter,
)
from edge_node.kernels.arrays import Bits, weight_bits
from edge_node.spec.architecture import LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
from edge_node.spec.model import Model

_SIGN_ZERO_POINT = 127
"""r = 0 is stored as the greatest int8, so that saturation is the clamp from above."""
_WORD_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    shape: LayerShape
    bits: Bits
    """uint8 (channels, fan_in): 1 where the weight is -1."""
    thresholds: npt.NDArray[np.int32]
    """int32 (channels,)."""

    @property
    def signs(self) -> npt.NDArray[np.int8]:
        """Weights +-1, int8 (channels, rows, columns, input channels)."""
        return np.where(self.bits, np.int8(-1), np.int8(1)).reshape(self.kernel_shape)

    @property
    def negatives(self) -> npt.NDArray[np.int32]:
        """Weights of -1, int32 (channels,)."""
        counts: npt.NDArray[np.int32] = self.bits.sum(axis=1, dtype=np.int32)
        return counts

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        shape = self.shape
        return shape.channels, shape.kernel_height, shape.kernel_width, shape.in_channels

    @property
    def padding(self) -> Padding:
        return Padding.SAME if self.shape.layer.same_padding else Padding.VALID

    @property
    def conv_map(self) -> tuple[int, int]:
        return self.shape.conv_height, self.shape.conv_width

    @property
    def out_map(self) -> tuple[int, int]:
        return self.shape.out_height, self.shape.out_width


def int8_file(model: Model, *, batch: int = 1) -> bytes:
    """Return a .tflite file of ordinary int8 operators.

    Parameters
    ----------
    model : Model
    batch : int
        Images that it takes at once.

    Returns
    -------
    bytes
        Input `pixels`, uint8 (batch, rows, columns, channels), 0..255 as they are. Output
        `logits`, float32 (batch, classes), exact integers.

    Raises
    ------
    BackendUnavailable
        The package `flatbuffers` is not installed.
    """
    author = _Int8Author(model, batch)
    pixels, activations = author.write_input()
    if model.architecture.input_bits == 1:
        activations = author.write_signs_of_pixels(activations)
    *hidden, last = _layers(model)
    for index, layer in enumerate(hidden):
        activations = author.write_layer(f"layer{index}", layer, activations)
    logits = author.write_logits(last, activations)
    return author.finish(pixels, logits)


def lce_file(model: Model, *, batch: int = 1) -> bytes:
    """Return a .tflite file of Larq Compute Engine's binary operators.

    Parameters
    ----------
    model : Model
    batch : int
        Images that it takes at once.

    Returns
    -------
    bytes
        Input as of `int8_file`; output `logits`, float32 (batch, 1, 1, classes), exact integers.

    Raises
    ------
    BackendUnavailable
        The package `flatbuffers` is not installed.
    """
    author = _LceAuthor(model, batch)
    pixels, activations = author.write_input()
    *hidden, last = _layers(model)
    if model.architecture.input_bits == 1:
        activations = author.write_signs_of_pixels(activations)
    for index, layer in enumerate(hidden):
        write = author.write_first_layer if layer.shape.eight_bit else author.write_layer
        activations = write(f"layer{index}", layer, activations)
    logits = author.write_logits(last, activations)
    return author.finish(pixels, logits)


class _Author:
    """What both kinds of file have in common."""

    def __init__(self, model: Model, batch: int) -> None:
        self._model = model
        self._batch = batch
        self._writer = TfliteWriter()
        architecture = model.architecture
        self._input_map = (architecture.height, architecture.width)
        self._input_channels = architecture.input_channels

    def write_input(self) -> tuple[int, int]:
        """Add the pixels and pixel - 128; return the numbers of both tensors."""
        writer = self._writer
        shape = (self._batch, *self._input_map, self._input_channels)
        pixels = writer.tensor("pixels", shape, ElementType.UINT8, zero_point=PIXEL_ZERO)
        signed = writer.tensor("signed_pixels", shape, ElementType.INT8, zero_point=0)
        writer.quantize(pixels, signed)
        return pixels, signed

    def finish(self, pixels: int, logits: int) -> bytes:
        """Return the file."""
        architecture = self._model.architecture
        size = (architecture.height, architecture.width, architecture.input_channels)
        description = (
            f"Binary neural network {self._model.model_hash().hex()}. Input pixels: uint8"
            f" {(self._batch, *size)}, each 0..255 as in the image. Output logits: float32, exact"
            f" integers; the class is the greatest of {architecture.classes}, the first on a tie."
        )
        return self._writer.finish(sources=[pixels], targets=[logits], description=description)

    def _int8(self, name: str, size: tuple[int, int], channels: int, zero_point: int) -> int:
        shape = (self._batch, *size, channels)
        return self._writer.tensor(name, shape, ElementType.INT8, zero_point=zero_point)


# A binary layer in int8. An activation -1 is stored as r = -1, an activation +1 as r = 0, with zero
# point 127: SAME padding, which is r = 0, then pads +1 as the law does. With n weights of -1 in a
# channel, the products summed over r count mismatches: sum(w * r) = n - mismatches. So
#     +1 iff mismatches <= threshold iff sum(w * r) + threshold - n >= 0
# and that sum clamped to [-1, 0] is the next r: from below by RELU_N1_TO_1, from above by int8, of
# which 127 is the greatest. An 8-bit layer: +1 iff sum(w * (pixel - 128)) - threshold >= 0. Logits:
#     fan_in - 2 * mismatches + bias = fan_in - 2 * n + bias + sum(2 * w * r)
# in floats, where integers below 2**24 are exact.
class _Int8Author(_Author):
    def write_signs_of_pixels(self, signed: int) -> int:
        """Add what makes 1-bit pixels of pixel - 128."""
        channels = self._input_channels
        signs = self._int8("binary_pixels", self._input_map, channels, _SIGN_ZERO_POINT)
        ones = np.ones((1, 1, 1, channels), dtype=np.int8)
        self._writer.depthwise_conv(
            signed,
            signs,
            weights=self._writer.constant("one", ones, channel_axis=3),
            bias=self._writer.constant("none", np.zeros(channels, np.int32), channel_axis=0),
            activation=Activation.CLAMP_ONE,
        )
        return signs

    def write_layer(self, name: str, layer: _Layer, source: int) -> int:
        """Add a hidden layer: convolution, sign and pooling."""
        writer = self._writer
        bias = -layer.thresholds if layer.shape.eight_bit else layer.thresholds - layer.negatives
        signs = self._int8(name, layer.conv_map, layer.shape.channels, _SIGN_ZERO_POINT)
        writer.conv(
            source,
            signs,
            weights=writer.constant(f"{name}_weights", layer.signs, channel_axis=0),
            bias=writer.constant(f"{name}_bias", bias, channel_axis=0),
            padding=layer.padding,
            activation=Activation.CLAMP_ONE,
        )
        if not layer.shape.layer.pool:
            return signs
        pooled = self._int8(f"{name}_pooled", layer.out_map, layer.shape.channels, _SIGN_ZERO_POINT)
        writer.max_pool(signs, pooled)
        return pooled

    def write_logits(self, layer: _Layer, source: int) -> int:
        """Add the last layer."""
        writer, shape = self._writer, layer.shape
        size = (self._batch, shape.in_height, shape.in_width, shape.in_channels)
        floats = writer.tensor("last_activations", size, ElementType.FLOAT32)
        writer.dequantize(source, floats)
        weights = 2 * layer.signs.reshape(shape.channels, shape.fan_in).astype(np.float32)
        bias = shape.fan_in - 2 * layer.negatives + layer.thresholds
        logits = writer.tensor("logits", (self._batch, shape.channels), ElementType.FLOAT32)
        writer.fully_connected(
            floats,
            logits,
            weights=writer.constant("last_weights", weights),
            bias=writer.constant("last_bias", bias.astype(np.float32)),
        )
        return logits


class _LceAuthor(_Author):
    def write_signs_of_pixels(self, signed: int) -> int:
        """Add what makes 1-bit pixels of pixel - 128."""
        return self._pack("binary_pixels", self._input_map, self._input_channels, signed)

    def write_first_layer(self, name: str, layer: _Layer, source: int) -> int:
        """Add an 8-bit layer; int8 saturates, which keeps signs and so commutes with pooling."""
        writer, channels = self._writer, layer.shape.channels
        sums = self._int8(f"{name}_sums", layer.conv_map, channels, 0)
        writer.conv(
            source,
            sums,
            weights=writer.constant(f"{name}_weights", layer.signs, channel_axis=0),
            bias=writer.constant(f"{name}_bias", -layer.thresholds, channel_axis=0),
        )
        if layer.shape.layer.pool:
            pooled = self._int8(f"{name}_pooled", layer.out_map, channels, 0)
            writer.max_pool(sums, pooled)
            sums = pooled
        return self._pack(name, layer.out_map, channels, sums)

    def write_layer(self, name: str, layer: _Layer, source: int) -> int:
        """Add a hidden binary layer: convolution, sign and pooling."""
        writer, channels = self._writer, layer.shape.channels
        signs = self._packed(name, layer.conv_map, channels)
        thresholds = writer.constant(f"{name}_thresholds", layer.thresholds)
        self._bconv(name, layer, (source, ABSENT, ABSENT, thresholds), signs)
        if not layer.shape.layer.pool:
            return signs
        pooled = self._packed(f"{name}_pooled", layer.out_map, channels)
        window = {"filter_height": 2, "filter_width": 2, "stride_height": 2, "stride_width": 2}
        window["padding"] = Padding.VALID
        writer.custom("LceBMaxPool2d", [signs], pooled, window)
        return pooled

    def write_logits(self, layer: _Layer, source: int) -> int:
        """Add the last layer: floats, multiplied by 1."""
        writer, classes = self._writer, layer.shape.channels
        logits = writer.tensor("logits", (self._batch, 1, 1, classes), ElementType.FLOAT32)
        factor = writer.constant("last_factor", np.ones(classes, dtype=np.float32))
        bias = writer.constant("last_bias", layer.thresholds.astype(np.float32))
        self._bconv("last", layer, (source, factor, bias, ABSENT), logits)
        return logits

    def _bconv(
        self, name: str, layer: _Layer, inputs: tuple[int, int, int, int], target: int
    ) -> None:
        source, factor, bias, thresholds = inputs
        packed = _pack_channels(layer.bits.reshape(layer.kernel_shape))
        weights = self._writer.constant(f"{name}_weights", packed)
        options = {
            "channels_in": layer.shape.in_channels,
            "dilation_height_factor": 1,
            "dilation_width_factor": 1,
            "fused_activation_function": int(Activation.NONE),
            "pad_values": 1 if layer.padding is Padding.SAME else 0,  # +1
            "padding": int(layer.padding),
            "stride_height": 1,
            "stride_width": 1,
        }
        sources = [source, weights, factor, bias, thresholds]
        self._writer.custom("LceBconv2d", sources, target, options)

    def _pack(self, name: str, size: tuple[int, int], channels: int, source: int) -> int:
        packed = self._packed(name, size, channels)
        self._writer.custom("LceQuantize", [source], packed, {})
        return packed

    def _packed(self, name: str, size: tuple[int, int], channels: int) -> int:
        shape = (self._batch, *size, -(-channels // _WORD_BITS))
        return self._writer.tensor(name, shape, ElementType.INT32)


def _layers(model: Model) -> list[_Layer]:
    return [
        _Layer(shape=shape, bits=bits, thresholds=np.array(thresholds, dtype=np.int32))
        for shape, bits, thresholds in zip(
            model.architecture.shapes, weight_bits(model), model.thresholds, strict=True
        )
    ]


def _pack_channels(bits: Bits) -> npt.NDArray[np.int32]:
    """Return bits (..., channels) as int32 (..., words), the lowest bit first, filled with 0."""
    filled = np.zeros((*bits.shape[:-1], -(-bits.shape[-1] // _WORD_BITS) * _WORD_BITS), np.uint8)
    filled[..., : bits.shape[-1]] = bits
    return np.packbits(filled, axis=-1, bitorder="little").view("<i4")
