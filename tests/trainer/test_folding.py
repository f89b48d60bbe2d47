# SPDX-License-Identifier: Apache-2.0
"""Folding against dense float64 networks: random kernels and batch norms, ties hit exactly.

The reference here computes layer by layer in floats, as a user of numpy would; folded models run on
the kernels. Not one image may be decided otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.kernels.evaluation import all_logits, slice_images
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    LayerShape,
    conv,
    dense,
    mnist_architecture,
)
from edge_node.spec.model import ThresholdOutOfRange
from edge_node.trainer.folding import (
    BatchNorm,
    DecisionsDiffer,
    FloatLayer,
    FloatLogits,
    KernelNotBinary,
    KernelShapeWrong,
    LayersDoNotFit,
    LogitOffsetsTooFine,
    LogitScalesDiffer,
    NormalizationNotFinite,
    Normalize,
    PoolBeforeDecrease,
    check_decisions,
    fold,
)

Floats = npt.NDArray[np.float64]
PADDED = mnist_architecture(
    (conv(5, kernel=5, same=True, pool=True), conv(7, same=True), dense(6), dense(10)), input_bits=1
)
TINY = Architecture(
    height=6, width=6, input_channels=1, input_bits=1, layers=(conv(3, pool=True), dense(4))
)
TINY_8 = replace(TINY, input_bits=8)


def convolved(shape: LayerShape, values: Floats, kernel: Floats) -> Floats:
    """Return the sums (N, rows, columns, channels) of a float convolution."""
    pad = (shape.pad, shape.pad)
    padded = np.pad(values, ((0, 0), pad, pad, (0, 0)), constant_values=1.0)
    sums = np.zeros((len(values), shape.conv_height, shape.conv_width, shape.channels))
    weights = kernel.reshape(shape.kernel_height, shape.kernel_width, shape.in_channels, -1)
    for y in range(shape.kernel_height):
        for x in range(shape.kernel_width):
            seen = padded[:, y : y + shape.conv_height, x : x + shape.conv_width]
            sums += seen @ weights[y, x]
    return sums


def pooled(values: Floats) -> Floats:
    rows, columns = values.shape[1] // 2 * 2, values.shape[2] // 2 * 2
    v = values[:, :rows, :columns]
    return np.maximum(
        np.maximum(v[:, ::2, ::2], v[:, 1::2, ::2]), np.maximum(v[:, ::2, 1::2], v[:, 1::2, 1::2])
    )


def float_logits(
    architecture: Architecture,
    hidden: Sequence[FloatLayer],
    last: FloatLogits,
    images: npt.NDArray[np.uint8],
) -> Floats:
    shape = (-1, architecture.height, architecture.width, architecture.input_channels)
    values: Floats = images.reshape(shape).astype(np.float64) - 128.0
    if architecture.input_bits == 1:
        values = np.where(values >= 0, 1.0, -1.0)
    *inner, end = architecture.shapes
    for place, layer in zip(inner, hidden, strict=True):
        values = convolved(place, values, np.asarray(layer.kernel, np.float64))
        if place.layer.pool and layer.pool_first:
            values = pooled(values)
        values = layer.normalize(values)
        if place.layer.pool and not layer.pool_first:
            values = pooled(values)
        values = np.where(values >= 0, 1.0, -1.0)
    sums = convolved(end, values, np.asarray(last.kernel, np.float64))[:, 0, 0]
    return np.asarray(sums * last.scale + last.offset, np.float64)


def random_network(
    architecture: Architecture, seed: int, *, pool_first: bool = False, rising: bool = False
) -> tuple[list[FloatLayer], FloatLogits]:
    """Return a network with slopes of both signs and 0, and means that sums hit exactly."""
    rng = np.random.default_rng(seed)
    hidden = []
    for shape in architecture.shapes[:-1]:
        size = (shape.kernel_height, shape.kernel_width, shape.in_channels, shape.channels)
        spread = np.sqrt(shape.fan_in) * (70 if shape.eight_bit else 1)
        gamma = rng.normal(size=shape.channels)
        if rising:
            gamma = np.abs(gamma)
        gamma[:: 7 if shape.channels > 7 else 100] = 0.0
        beta = rng.normal(size=shape.channels) / 2
        mean = rng.normal(size=shape.channels) * spread / 2
        exact = rng.random(shape.channels) < 0.5  # the sign turns at a sum that occurs
        parity = 0 if shape.eight_bit else shape.fan_in % 2
        mean[exact] = 2 * np.round(mean[exact] / 2) + parity
        beta[exact] = 0.0
        norm = BatchNorm(
            gamma=gamma,
            beta=beta,
            mean=mean,
            variance=rng.random(shape.channels) * spread**2,
            epsilon=0.001,
        )
        kernel = rng.choice([-1.0, 1.0], size)
        hidden.append(FloatLayer(kernel=kernel, normalize=norm, pool_first=pool_first))
    end = architecture.shapes[-1]
    last = FloatLogits(
        kernel=rng.choice([-1, 1], (end.fan_in, end.channels)),
        scale=np.where(rng.random(end.channels) < 0.3, -0.25, 0.25),
        offset=rng.integers(-5, 6, end.channels) / 4,
    )
    return hidden, last


def random_images(architecture: Architecture, count: int, seed: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng([seed, 1])
    return rng.integers(0, 256, (count, architecture.image_bytes), dtype=np.uint8)


def differing(
    architecture: Architecture, hidden: Sequence[FloatLayer], last: FloatLogits, count: int
) -> int:
    images = random_images(architecture, count, 5)
    wanted = float_logits(architecture, hidden, last, images)
    model = fold(architecture, hidden, last)
    logits = all_logits(model, slice_images(architecture, images))
    assert len(np.unique(logits, axis=0)) > 1, "nothing to compare"
    # All is whole but the scale, 1/4: so the very logits are equal, not only who wins.
    return int(np.count_nonzero(logits / 4 != wanted))


@pytest.mark.parametrize(
    ("architecture", "images"),
    [
        (BINARY_4K, 200),
        (UINT8_4K, 200),
        (UINT8_94K, 24),
        (DENSE_256, 200),
        (PADDED, 40),
        (TINY, 300),
        (TINY_8, 300),
    ],
)
@pytest.mark.parametrize("seed", [1, 3])
def test_folded_network_gives_the_float_networks_logits(
    architecture: Architecture, images: int, seed: int
) -> None:
    hidden, last = random_network(architecture, seed)
    assert differing(architecture, hidden, last, images) == 0


@pytest.mark.slow
def test_largest_family_folds_too() -> None:
    assert differing(UINT8_1M, *random_network(UINT8_1M, 3), 4) == 0


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, PADDED])
def test_pool_before_a_rising_batch_norm_folds(architecture: Architecture) -> None:
    hidden, last = random_network(architecture, 4, pool_first=True, rising=True)
    assert differing(architecture, hidden, last, 60) == 0


def test_pool_before_a_falling_batch_norm_is_refused_by_channel() -> None:
    (layer,), last = random_network(TINY, 1, pool_first=True, rising=True)
    assert isinstance(layer.normalize, BatchNorm)
    norm = replace(layer.normalize, gamma=np.array([1.0, -1.0, 1.0]), mean=np.zeros(3))
    with pytest.raises(PoolBeforeDecrease, match=r"pool after batch norm.*none, not \[1\]"):
        fold(TINY, [replace(layer, normalize=norm)], last)


@pytest.mark.parametrize("architecture", [TINY, TINY_8])
@pytest.mark.parametrize("gamma", [1.0, -1.0])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_sign_turns_at_the_very_sum(architecture: Architecture, gamma: float, shift: int) -> None:
    # Every sum is the tie of some channel; just beside it the sign is the other one.
    hidden, last = random_network(architecture, 9)
    turn = np.array([3.0, -5.0, 9.0]) + shift * 1e-9
    norm = BatchNorm(
        gamma=np.full(3, gamma), beta=np.zeros(3), mean=turn, variance=np.ones(3), epsilon=0.0
    )
    assert differing(architecture, [replace(hidden[0], normalize=norm)], last, 300) == 0


@pytest.mark.parametrize("beta", [2.0, -2.0])
def test_channel_whose_sign_never_turns_stays_so(beta: float) -> None:
    for architecture in (TINY, TINY_8):
        hidden, last = random_network(architecture, 9)
        norm = BatchNorm(
            gamma=np.array([0.0, 1e-9, -1e-9]),
            beta=np.full(3, beta),
            mean=np.zeros(3),
            variance=np.ones(3),
            epsilon=0.0,
        )
        model = fold(architecture, [replace(hidden[0], normalize=norm)], last)
        least, most = architecture.shapes[0].threshold_range
        always = least if (beta > 0) == (architecture.input_bits == 8) else most
        assert model.thresholds[0] == (always,) * 3


def test_normalisation_is_asked_in_its_own_arithmetic() -> None:
    # From 2048 up float16 has even numbers only: the sign turns at 251, and the model follows.
    hidden, last = random_network(TINY_8, 9)

    def half(sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray((sums + 2000).astype(np.float16) - np.float16(2253))

    layer = replace(hidden[0], normalize=half)
    assert differing(TINY_8, [layer], last, 300) == 0
    assert fold(TINY_8, [layer], last).thresholds[0] == (251,) * 3


def test_offsets_finer_than_whole_fold_where_the_order_of_ties_allows() -> None:
    rng = np.random.default_rng(3)
    folded = refused = 0
    while min(folded, refused) < 30:
        hidden, last = random_network(TINY, int(rng.integers(1 << 30)))
        last = replace(last, offset=rng.normal(size=4))
        images = random_images(TINY, 200, 7)
        wanted = float_logits(TINY, hidden, last, images).argmax(axis=1)
        try:
            model = fold(TINY, hidden, last)
        except LogitOffsetsTooFine:
            refused += 1
            continue
        folded += 1
        check_decisions(model, images, wanted, split="random")


def test_other_decisions_are_counted() -> None:
    hidden, last = random_network(TINY, 1)
    images = random_images(TINY, 50, 1)
    decisions = float_logits(TINY, hidden, last, images).argmax(axis=1)
    model = fold(TINY, hidden, last)
    check_decisions(model, images, decisions, split="train")
    decisions[[3, 8]] ^= 1
    with pytest.raises(DecisionsDiffer, match=r"2 of 50 images of the train split.*and 0 may"):
        check_decisions(model, images, decisions, split="train")


def always(output: Floats) -> Normalize:
    return lambda _: output


def test_what_the_format_lacks_is_refused_for_its_own_reason() -> None:
    (layer,), last = random_network(TINY, 1)
    with pytest.raises(LayersDoNotFit, match="must be 2, not 3"):
        fold(TINY, [layer, layer], last)
    with pytest.raises(KernelShapeWrong, match=r"\(9, 3\), not \(8, 3\)"):
        fold(TINY, [replace(layer, kernel=np.ones((8, 3)))], last)
    for value in (0.5, 0.0, np.nan):
        kernel = np.asarray(layer.kernel).copy()
        kernel[1, 1, 0, 2] = value
        with pytest.raises(KernelNotBinary, match=rf"\+1 or -1, not {value}"):
            fold(TINY, [replace(layer, kernel=kernel)], last)
    for output in (np.full(3, np.nan), np.full(3, np.inf), np.ones(2)):
        with pytest.raises(NormalizationNotFinite, match="3 finite numbers"):
            fold(TINY, [replace(layer, normalize=always(output))], last)
    for scale in ([1.0, 1.0, 2.0, 1.0], [0.0] * 4, [np.nan] * 4):
        with pytest.raises(LogitScalesDiffer, match="leave scale out"):
            fold(TINY, [layer], replace(last, scale=np.array(scale)))
    with pytest.raises(LogitOffsetsTooFine, match="finite"):
        fold(TINY, [layer], replace(last, offset=np.array([0, 0, np.inf, 0])))
    with pytest.raises(ThresholdOutOfRange):
        fold(TINY, [layer], replace(last, offset=np.full(4, 1e6)))
