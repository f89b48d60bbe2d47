# SPDX-License-Identifier: Apache-2.0
"""Architectures: the shape of a binary neural network, and what follows from it.

Rules R-3 (form) and R-4 (limits). Every layer is a stride-1 convolution with weights +-1; a dense
layer is a convolution whose kernel covers its whole map. The genome of a family is this list of
layers (paper A, section 4.2).
Law of the file: shapes only; weights live in model.py.
Read next: model.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import ClassVar

from edge_node.spec import constants as limits
from edge_node.spec.encoding import Decoded, Value
from edge_node.spec.errors import InvalidModelData


class ArchitectureMalformed(InvalidModelData):
    """A genome does not have the form of R-3."""

    reason: ClassVar[str] = "R-3"
    wants: ClassVar[str] = "the genome"


class ArchitectureOutOfRange(InvalidModelData):
    """A size of an architecture is zero, too large or does not fit its map (R-4)."""

    reason: ClassVar[str] = "R-4"
    wants: ClassVar[str] = "the architecture"


class LayerKind(IntEnum):
    """The first number of an encoded layer."""

    CONV = 0
    DENSE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One gene: a layer as a family's genome names it."""

    kind: LayerKind
    """Convolution, or dense over the whole map."""
    channels: int
    """Output channels."""
    kernel: int = 0
    """Side of the square kernel; 0 for dense, whose kernel is the whole map."""
    same_padding: bool = False
    """Pad the map with +1 so that it keeps its size; otherwise VALID."""
    pool: bool = False
    """2x2 maximum pooling, stride 2, an odd last row or column dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape:
    """What a layer's place in its architecture makes of it. Sizes in pixels and channels."""

    layer: Layer
    """The gene."""
    eight_bit: bool
    """Input is pixel - 128 (only ever the first layer); otherwise +-1."""
    last: bool
    """Output is logits, not activations."""
    in_height: int
    """Rows of the input map."""
    in_width: int
    """Columns of the input map."""
    in_channels: int
    """Channels of the input map."""
    kernel_height: int
    """Rows of the kernel."""
    kernel_width: int
    """Columns of the kernel."""
    pad: int
    """Rows and columns of +1 put before the map (and after it) by SAME padding."""
    conv_height: int
    """Rows of the convolution's output, before pooling."""
    conv_width: int
    """Columns of the convolution's output, before pooling."""
    out_height: int
    """Rows of the output map."""
    out_width: int
    """Columns of the output map."""

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.layer.channels

    @property
    def fan_in(self) -> int:
        """Weights of one output channel."""
        return self.kernel_height * self.kernel_width * self.in_channels

    @property
    def weight_count(self) -> int:
        """Weights of the layer."""
        return self.fan_in * self.channels

    @property
    def macs(self) -> int:
        """Multiplications for one image."""
        return self.conv_height * self.conv_width * self.weight_count

    @property
    def threshold_range(self) -> tuple[int, int]:
        """Least and greatest threshold that a channel may have (R-6)."""
        if self.last:
            return -limits.MAX_LOGIT_BIAS, limits.MAX_LOGIT_BIAS
        if self.eight_bit:
            return -128 * self.fan_in, 128 * self.fan_in + 1
        return -1, self.fan_in


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Input form and layers of a network.

    Raises
    ------
    ArchitectureOutOfRange
        R-4, at construction.
    """

    height: int
    """Input rows."""
    width: int
    """Input columns."""
    input_channels: int
    """Input channels (1 for grey)."""
    input_bits: int
    """1: a pixel is +1 from 128 up, else -1. 8: a pixel counts as its value - 128."""
    layers: tuple[Layer, ...]
    """From input to logits; the last is dense and has one channel per class."""

    def __post_init__(self) -> None:
        """Check R-4 by deriving every shape."""
        _check("input rows", self.height, 1, limits.MAX_SIDE)
        _check("input columns", self.width, 1, limits.MAX_SIDE)
        _check("input channels", self.input_channels, 1, limits.MAX_CHANNELS)
        if self.input_bits not in {1, 8}:
            raise ArchitectureOutOfRange(expected="1 or 8 input bits", actual=self.input_bits)
        # An 8-bit first layer feeds thresholds, so it can not be the one that gives logits.
        _check("layers", len(self.layers), 2 if self.input_bits != 1 else 1, limits.MAX_LAYERS)
        _check("weights", self.weight_count, 1, limits.MAX_CONNECTIONS)
        _check("multiplications per image", self.macs, 1, limits.MAX_MACS_PER_IMAGE)
        _check("classes", self.classes, 2, limits.MAX_CLASSES)

    @cached_property
    def shapes(self) -> tuple[LayerShape, ...]:
        """One shape per layer."""
        shapes: list[LayerShape] = []
        height, width, channels = self.height, self.width, self.input_channels
        for index, layer in enumerate(self.layers):
            shape = _layer_shape(
                layer,
                size=(height, width, channels),
                eight_bit=self.input_bits != 1 and index == 0,
                last=index == len(self.layers) - 1,
            )
            shapes.append(shape)
            height, width, channels = shape.out_height, shape.out_width, layer.channels
        return tuple(shapes)

    @cached_property
    def weight_count(self) -> int:
        """Weights of the whole network: paper A's connections, and the bits of its distance."""
        return sum(shape.weight_count for shape in self.shapes)

    @cached_property
    def channel_count(self) -> int:
        """Output channels of all layers; each has one threshold."""
        return sum(shape.channels for shape in self.shapes)

    @cached_property
    def macs(self) -> int:
        """Multiplications for one image."""
        return sum(shape.macs for shape in self.shapes)

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.layers[-1].channels

    @property
    def image_bytes(self) -> int:
        """Bytes of one uint8 input image."""
        return self.height * self.width * self.input_channels

    def value(self) -> Value:
        """Return the genome as an encodable value (R-3)."""
        layers: list[Value] = []
        for layer in self.layers:
            if layer.kind is LayerKind.DENSE:
                layers.append([int(layer.kind), layer.channels])
            else:
                flags = int(layer.same_padding) | int(layer.pool) << 1
                layers.append([int(layer.kind), layer.channels, layer.kernel, flags])
        return [self.height, self.width, self.input_channels, self.input_bits, layers]


def architecture_from_value(value: Decoded) -> Architecture:
    """Return the architecture that a decoded genome names.

    Raises
    ------
    ArchitectureMalformed
        R-3.
    ArchitectureOutOfRange
        R-4.
    """
    # positions, no names; whatever else is there makes it another form.
    match value:
        case [int(height), int(width), int(channels), int(bits), list(genes)]:
            _check("layers", len(genes), 1, limits.MAX_LAYERS)
            return Architecture(
                height=height,
                width=width,
                input_channels=channels,
                input_bits=bits,
                layers=tuple(_layer_from_value(gene) for gene in genes),
            )
        case _:
            raise ArchitectureMalformed(
                expected="[height, width, channels, bits, layers]", actual=type(value).__name__
            )


def _layer_from_value(value: Decoded) -> Layer:
    match value:
        case [LayerKind.DENSE, int(channels)]:
            return Layer(kind=LayerKind.DENSE, channels=channels)
        case [LayerKind.CONV, int(channels), int(kernel), int(flags)] if 0 <= flags <= 3:
            return Layer(
                kind=LayerKind.CONV,
                channels=channels,
                kernel=kernel,
                same_padding=bool(flags & 1),
                pool=bool(flags & 2),
            )
        case _:
            raise ArchitectureMalformed(
                expected="[0, channels, kernel, flags] or [1, channels] per layer", actual=value
            )


def _layer_shape(
    layer: Layer, *, size: tuple[int, int, int], eight_bit: bool, last: bool
) -> LayerShape:
    # every size at least 1, and small enough that no engine's counters overflow.
    height, width, channels = size
    _check("channels", layer.channels, 1, limits.MAX_CHANNELS)
    dense = layer.kind is LayerKind.DENSE
    if last and not dense:
        raise ArchitectureOutOfRange(expected="a dense last layer", actual=layer.kind.name)
    if layer.same_padding and (eight_bit or layer.kernel % 2 == 0):
        # +1 is a weightless half-tone to an 8-bit layer, and an even kernel has no middle.
        raise ArchitectureOutOfRange(
            expected="SAME padding only on 1-bit maps with odd kernels", actual=layer.kernel
        )
    kernel_height, kernel_width = (height, width) if dense else (layer.kernel, layer.kernel)
    pad = layer.kernel // 2 if layer.same_padding else 0
    _check("kernel", kernel_height, 1, min(limits.MAX_KERNEL, height + 2 * pad))
    _check("kernel", kernel_width, 1, min(limits.MAX_KERNEL, width + 2 * pad))
    _check("weights per channel", kernel_height * kernel_width * channels, 1, limits.MAX_FAN_IN)
    conv_height = height + 2 * pad - kernel_height + 1
    conv_width = width + 2 * pad - kernel_width + 1
    out_height, out_width = conv_height, conv_width
    if layer.pool:
        out_height, out_width = conv_height // 2, conv_width // 2
        _check("pooled rows", out_height, 1, limits.MAX_SIDE)
        _check("pooled columns", out_width, 1, limits.MAX_SIDE)
    return LayerShape(
        layer=layer,
        eight_bit=eight_bit,
        last=last,
        in_height=height,
        in_width=width,
        in_channels=channels,
        kernel_height=kernel_height,
        kernel_width=kernel_width,
        pad=pad,
        conv_height=conv_height,
        conv_width=conv_width,
        out_height=out_height,
        out_width=out_width,
    )


def _check(what: str, actual: int, least: int, most: int) -> None:
    if not least <= actual <= most:
        raise ArchitectureOutOfRange(expected=f"{what} in {least}..{most}", actual=actual)


def conv(channels: int, *, kernel: int = 3, pool: bool = False, same: bool = False) -> Layer:
    """Return a convolution gene."""
    return Layer(
        kind=LayerKind.CONV, channels=channels, kernel=kernel, same_padding=same, pool=pool
    )


def dense(channels: int) -> Layer:
    """Return a dense gene."""
    return Layer(kind=LayerKind.DENSE, channels=channels)


def mnist_architecture(layers: Sequence[Layer], *, input_bits: int) -> Architecture:
    """Return an architecture for 28x28 grey images."""
    return Architecture(
        height=28, width=28, input_channels=1, input_bits=input_bits, layers=tuple(layers)
    )


def _paper_a_shape(a: int, b: int, c: int, d: int) -> Architecture:
    return mnist_architecture(
        (conv(a, pool=True), conv(b, pool=True), conv(c), dense(d), dense(10)), input_bits=8
    )


# The reference families (design, section 3), named by their parameters as paper A's Table 1 does.
BINARY_4K = mnist_architecture(
    (conv(8, pool=True), conv(10, pool=True), conv(20), dense(10)), input_bits=1
)
"""4,392 weights + 48 thresholds = 4,440 parameters, 1-bit input: the fastest to mine."""
UINT8_4K = _paper_a_shape(8, 14, 16, 8)
"""4,440 parameters by the paper's count, 8-bit input."""
UINT8_94K = _paper_a_shape(32, 64, 64, 64)
"""93,556 parameters: the Larq MNIST tutorial's network."""
UINT8_1M = _paper_a_shape(128, 256, 256, 120)
"""1,165,108 parameters."""
DENSE_256 = mnist_architecture((dense(256), dense(10)), input_bits=1)
"""784-256-10, 1-bit input."""
