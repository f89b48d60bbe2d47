# SPDX-License-Identifier: Apache-2.0
"""fpga/CONVENTIONS.md, rule by rule: the driver's folding is the law's, and LCE's.

Starts of sums are read back out of the packet and asked at every sum that there can be. Then layers
with batch norm run in Larq Compute Engine, once with floats and once folded to its thresholds, and
the engine's starts say the same sign at every place.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.inference.lce import LceInterpreter
from edge_node.inference.overlay import layers_of
from edge_node.inference.tflite_writer import (
    ABSENT,
    Activation,
    ElementType,
    Padding,
    TfliteWriter,
)
from edge_node.kernels.arrays import model_from_arrays, weight_bits
from edge_node.spec import bnn
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.model import Model
from edge_node.trainer.folding import FloatLayer, FloatLogits, fold
from edge_node_fpga.driver.folding import Layer
from tests.fpga.exactness.folded import CAPS, Start, starts, tails, unit_starts
from tests.inference.interpreters import need_lce

Floats: TypeAlias = npt.NDArray[np.float32]
SIDE, PLANES, CHANNELS = 6, 5, 8
IMAGES = 3
BYTE_BITS = 8


def model_of(architecture: Architecture, thresholds: list[npt.NDArray[np.int32]]) -> Model:
    rng = np.random.default_rng(1)
    bits = [
        rng.integers(0, 2, (shape.channels, shape.fan_in), dtype=np.uint8)
        for shape in architecture.shapes
    ]
    return model_from_arrays(architecture, bits, thresholds)


def one_layer(*, input_bits: int, planes: int, kernel: int, pool: bool) -> Architecture:
    return Architecture(
        height=SIDE,
        width=SIDE,
        input_channels=planes,
        input_bits=input_bits,
        layers=(conv(CHANNELS, kernel=kernel, pool=pool), dense(2)),
    )


def every_threshold(least: int, most: int) -> list[npt.NDArray[np.int32]]:
    """Return every threshold between two, CHANNELS at a time."""
    values = np.arange(least, most + 1)
    filled = np.pad(values, (0, -len(values) % CHANNELS), mode="edge").astype(np.int32)
    return list(filled.reshape(-1, CHANNELS))


def test_a_one_bit_channel_is_minus_one_above_its_threshold() -> None:
    architecture = one_layer(input_bits=1, planes=PLANES, kernel=2, pool=False)
    fan_in = architecture.shapes[0].fan_in
    for thresholds in every_threshold(*architecture.shapes[0].threshold_range):
        model = model_of(architecture, [thresholds, np.zeros(2, np.int32)])
        for start, threshold in zip(starts(layers_of(model), CHANNELS), thresholds, strict=True):
            for mismatches in range(fan_in + 1):
                assert (start.value + mismatches >= 0) == (mismatches > threshold)


@pytest.mark.parametrize("input_bits", [1, 8])
def test_the_first_layers_unit_has_the_same_signs(input_bits: int) -> None:
    architecture = one_layer(input_bits=input_bits, planes=1, kernel=3, pool=True)
    least, most = architecture.shapes[0].threshold_range
    for thresholds in every_threshold(least, most)[:: 1 if input_bits == 1 else 40]:
        model = model_of(architecture, [thresholds, np.zeros(2, np.int32)])
        for channel, start in enumerate(unit_starts(layers_of(model), CHANNELS)):
            if input_bits == 1:
                for mismatches in range(10):
                    minus = mismatches > thresholds[channel]
                    assert (start.value + mismatches >= 0) == minus
            else:
                assert_bytes_agree(start.value, model, channel)


def test_an_eight_bit_channel_is_minus_one_below_its_threshold() -> None:
    architecture = one_layer(input_bits=8, planes=2, kernel=3, pool=False)
    shape = architecture.shapes[0]
    words = -(-shape.fan_in * BYTE_BITS // 64)
    for thresholds in every_threshold(*shape.threshold_range)[::40]:
        model = model_of(architecture, [thresholds, np.zeros(2, np.int32)])
        layers = layers_of(model)
        ones = tails(layers, CHANNELS, words)
        for channel, start in enumerate(starts(layers, CHANNELS)):
            # Seven doublings, plane after plane; then the tail's words.
            assert_bytes_agree(start.value * 128 + ones[channel], model, channel)


def assert_bytes_agree(start: int, model: Model, channel: int) -> None:
    """Check start + (mismatches of planes, weighed) < 0 against sum < threshold."""
    fan_in = model.architecture.shapes[0].fan_in
    rng = np.random.default_rng(channel)
    negative = weight_bits(model)[0][channel].astype(bool)
    threshold = model.thresholds[0][channel]
    extremes = np.array(
        [np.where(negative, 255, 0), np.where(negative, 0, 255), np.full(fan_in, 128)]
    )
    for pixels in [*extremes, *rng.integers(0, 256, (20, fan_in))]:
        weighed = int(np.where(negative, 255 - pixels, pixels).sum())
        total = int(np.where(negative, -1, 1) @ (pixels - 128))
        assert (start + weighed < 0) == (total < threshold)


def test_logits_are_raw_and_keep_their_bias() -> None:
    architecture = Architecture(
        height=3, width=3, input_channels=PLANES, input_bits=1, layers=(dense(CHANNELS),)
    )
    shape = architecture.shapes[0]
    least, most = shape.threshold_range
    biases = np.array([least, most, -1, 0, 1, -2, 2, 77], np.int32)
    model = model_of(architecture, [biases])
    for start, bias in zip(starts(layers_of(model), CHANNELS), biases, strict=True):
        for mismatches in range(shape.fan_in + 1):
            logit = int(start.odd) - 2 * (start.value + mismatches)
            assert logit == shape.fan_in - 2 * mismatches + bias


# In LCE: a layer with batch norm (multiplier x sum + bias) whose sums hit 0, with all slopes.
MULTIPLIERS = np.array([1, -1, 0.5, -0.5, 2, -2, 0, 0], np.float32)
BIASES = np.array([1, 1, -1.5, 0.5, 3, -6, 0, -1], np.float32)


@pytest.mark.parametrize("pool", [False, True], ids=["no pool", "pool"])
@pytest.mark.parametrize("same", [False, True], ids=["VALID", "SAME"])
def test_signs_are_those_of_lce_before_and_after_its_folding(same: bool, pool: bool) -> None:
    need_lce()
    rng = np.random.default_rng(3)
    architecture = Architecture(
        height=SIDE,
        width=SIDE,
        input_channels=PLANES,
        input_bits=1,
        layers=(conv(CHANNELS, kernel=3, same=same, pool=pool), dense(2)),
    )
    shape = architecture.shapes[0]
    kernel = rng.choice([-1, 1], (shape.fan_in, CHANNELS))
    last = rng.choice([-1, 1], (architecture.shapes[1].fan_in, 2))
    model = fold(
        architecture,
        [FloatLayer(kernel=kernel, normalize=lambda sums: MULTIPLIERS * sums + BIASES)],
        FloatLogits(kernel=last, scale=np.ones(2), offset=np.zeros(2)),
    )
    images = rng.integers(0, 256, (IMAGES, architecture.image_bytes), dtype=np.uint8)
    sums_hit_zero = 0
    (layer, _) = layers_of(model)
    begins = starts(layers_of(model), CHANNELS)
    in_floats = LceInterpreter(normalized_file(architecture, kernel))
    in_bits = LceInterpreter(thresholds_file(model))
    for image in images:
        expected = in_floats.run(image[np.newaxis]).reshape(-1)
        assert np.array_equal(in_bits.run(image[np.newaxis]).reshape(-1), expected)
        counted = mismatches(layer, image)
        sums_hit_zero += int(
            np.count_nonzero(MULTIPLIERS * unfolded(kernel, layer, image) == -BIASES)
        )
        assert np.array_equal(engine_signs(counted, begins, pool=pool).reshape(-1), expected)
    assert sums_hit_zero > IMAGES, "sign(0) was asked"


def unfolded(kernel: npt.NDArray[np.int64], layer: Layer, image: npt.NDArray[np.uint8]) -> Floats:
    """Return the sums of the filters as they were before folding negated some."""
    return np.asarray(patches(layer, image) @ kernel, np.float32)


def mismatches(layer: Layer, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return how many products are -1, (rows, columns, channels)."""
    weights = np.array(
        [[-1 if row >> i & 1 else 1 for i in range(layer.fan_in)] for row in layer.weights]
    )
    counted: npt.NDArray[np.int64] = (layer.fan_in - patches(layer, image) @ weights.T) // 2
    return counted


def patches(layer: Layer, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    values = np.where(image < bnn.PIXEL_ZERO, -1, 1).reshape(SIDE, SIDE, PLANES)
    pad = (layer.pad, layer.pad)
    padded = np.pad(values, (pad, pad, (0, 0)), constant_values=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3, PLANES))
    flat: npt.NDArray[np.int64] = windows.reshape(*windows.shape[:2], -1)
    return flat


def engine_signs(
    counted: npt.NDArray[np.int64], begins: list[Start], *, pool: bool
) -> npt.NDArray[np.int64]:
    """Return +1 or -1 at each place, as threshold unit and pool make them: AND of four bits."""
    bits = counted + np.array([start.value for start in begins]) >= 0
    if pool:
        rows, columns = bits.shape[0] // 2, bits.shape[1] // 2
        bits = bits[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1).all(axis=(1, 3))
    return np.where(bits, -1, 1)


class LayerFile:
    """One binary layer as a file for LCE; its output are signs as floats."""

    def __init__(self, architecture: Architecture) -> None:
        self.writer = TfliteWriter()
        self.shape = architecture.shapes[0]
        size = (1, SIDE, SIDE, PLANES)
        self.pixels = self.writer.tensor("pixels", size, ElementType.UINT8, zero_point=128)
        signed = self.writer.tensor("signed", size, ElementType.INT8, zero_point=0)
        self.writer.quantize(self.pixels, signed)
        self.packed = self.writer.tensor("packed", (1, SIDE, SIDE, 1), ElementType.INT32)
        self.writer.custom("LceQuantize", [signed], self.packed, {})

    def bconv(self, bits: npt.NDArray[np.uint8], inputs: tuple[int, int, int], target: int) -> None:
        shape = (CHANNELS, 3, 3, 32)
        filled = np.zeros(shape, np.uint8)
        filled[..., :PLANES] = bits.reshape(CHANNELS, 3, 3, PLANES)
        packed = np.packbits(filled, axis=-1, bitorder="little").view("<i4")
        same = self.shape.layer.same_padding
        options = {
            "channels_in": PLANES,
            "dilation_height_factor": 1,
            "dilation_width_factor": 1,
            "fused_activation_function": int(Activation.NONE),
            "pad_values": int(same),
            "padding": int(Padding.SAME if same else Padding.VALID),
            "stride_height": 1,
            "stride_width": 1,
        }
        weights = self.writer.constant("weights", packed)
        self.writer.custom("LceBconv2d", [self.packed, weights, *inputs], target, options)

    def finish(self, packed: int) -> bytes:
        shape = self.shape
        size = (1, shape.out_height, shape.out_width, CHANNELS)
        signs = self.writer.tensor("signs", size, ElementType.FLOAT32)
        self.writer.custom("LceDequantize", [packed], signs, {})
        return self.writer.finish(sources=[self.pixels], targets=[signs], description="a layer")

    def packed_map(self, name: str, rows: int, columns: int) -> int:
        return self.writer.tensor(name, (1, rows, columns, 1), ElementType.INT32)


def normalized_file(architecture: Architecture, kernel: npt.NDArray[np.int64]) -> bytes:
    """Return the layer as trained: floats, batch norm, maximum, sign."""
    file = LayerFile(architecture)
    writer, shape = file.writer, file.shape
    inputs = (
        writer.constant("multiplier", MULTIPLIERS),
        writer.constant("bias", BIASES),
        ABSENT,
    )
    values = writer.tensor(
        "values", (1, shape.conv_height, shape.conv_width, CHANNELS), ElementType.FLOAT32
    )
    file.bconv((kernel.T < 0).astype(np.uint8), inputs, values)
    if shape.layer.pool:
        size = (1, shape.out_height, shape.out_width, CHANNELS)
        pooled = writer.tensor("pooled", size, ElementType.FLOAT32)
        writer.max_pool(values, pooled)
        values = pooled
    packed = file.packed_map("bits", shape.out_height, shape.out_width)
    writer.custom("LceQuantize", [values], packed, {})
    return file.finish(packed)


def thresholds_file(model: Model) -> bytes:
    """Return the layer as folded: LCE writes bits, a 1 above its output threshold."""
    file = LayerFile(model.architecture)
    writer, shape = file.writer, file.shape
    thresholds = writer.constant("thresholds", np.array(model.thresholds[0], np.int32))
    bits = file.packed_map("bits", shape.conv_height, shape.conv_width)
    file.bconv(weight_bits(model)[0], (ABSENT, ABSENT, thresholds), bits)
    if shape.layer.pool:
        pooled = file.packed_map("pooled", shape.out_height, shape.out_width)
        window = {"filter_height": 2, "filter_width": 2, "stride_height": 2, "stride_width": 2}
        window["padding"] = int(Padding.VALID)
        writer.custom("LceBMaxPool2d", [bits], pooled, window)
        bits = pooled
    return file.finish(bits)


def test_the_caps_of_these_tests_are_an_engine() -> None:
    assert (CAPS.elements, CAPS.trees) == (CHANNELS, CHANNELS)
