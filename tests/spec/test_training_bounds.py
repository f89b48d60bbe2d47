# SPDX-License-Identifier: Apache-2.0
"""What may be trained, up to its very edge, and the constants of each layer against the design."""

from dataclasses import replace

import pytest

from edge_node.spec import constants
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    Layer,
    conv,
    dense,
)
from edge_node.spec.training import initial_state, train
from edge_node.spec.training_bounds import NotTrainable, check_trainable, layer_constants

CONV = Architecture(
    height=9,
    width=8,
    input_channels=2,
    input_bits=1,
    layers=(conv(5, pool=True), conv(4, kernel=2), dense(3), dense(3)),
)
BYTES = replace(CONV, input_bits=8)
DENSE = Architecture(height=3, width=4, input_channels=1, input_bits=1, layers=(dense(9), dense(4)))
WIDE = Architecture(
    height=7, width=7, input_channels=1, input_bits=1, layers=(conv(3), conv(30), dense(3))
)
"""Signals into its first layer are divided by four."""


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, UINT8_94K, UINT8_1M, DENSE_256])
def test_r_9_reference_families_can_be_trained(architecture: Architecture) -> None:
    check_trainable(architecture, constants.MAX_BATCH)


def first_layer(height: int, width: int, first: Layer, *, bits: int = 1) -> Architecture:
    return Architecture(
        height=height, width=width, input_channels=1, input_bits=bits, layers=(first, dense(2))
    )


@pytest.mark.parametrize("batch", [0, -1, 65, 1 << 40])
def test_r_9_batch_beyond_the_proof_is_refused(batch: int) -> None:
    with pytest.raises(NotTrainable, match=r"R-9: training must be a batch of 1\.\.64"):
        check_trainable(BINARY_4K, batch)


def test_r_9_padding_is_refused() -> None:
    architecture = first_layer(9, 9, conv(2, same=True))
    with pytest.raises(NotTrainable, match="VALID padding"):
        check_trainable(architecture, 1)
    with pytest.raises(NotTrainable):
        train(architecture, initial_state(architecture, b""), bytes(81), b"\0", [0], 1, [(1, 6)])


@pytest.mark.parametrize(
    ("allowed", "refused", "what"),
    [
        # 64 * 256 places * 1,023 * 128 fits int32, 272 places do not.
        (
            first_layer(18, 18, conv(2), bits=8),
            first_layer(19, 18, conv(2), bits=8),
            "gradients up to",
        ),
        # 64 * 1,024 * 32,767 fits, 33 * 32 places do not.
        (first_layer(34, 34, conv(2)), first_layer(35, 34, conv(2)), "gradients up to"),
        # 16 * 16 * 256 * 32,767 fits, 257 channels do not.
        (
            first_layer(18, 18, conv(256, kernel=16)),
            first_layer(18, 18, conv(257, kernel=16)),
            "signals up to",
        ),
    ],
)
def test_r_9_sum_that_could_leave_int32_is_refused(
    allowed: Architecture, refused: Architecture, what: str
) -> None:
    check_trainable(allowed, constants.MAX_BATCH)
    with pytest.raises(NotTrainable, match=what):
        check_trainable(refused, constants.MAX_BATCH)


def test_r_9_constants_of_the_tuned_families() -> None:
    def rows(architecture: Architecture) -> list[tuple[int, int]]:
        return [(c.window, c.signal_shift) for c in layer_constants(architecture)[:-1]]

    assert rows(BINARY_4K) == [(4, 2), (12, 2), (14, 0)]
    assert rows(UINT8_94K) == [(128, 3), (25, 3), (36, 3), (36, 2)]
    assert rows(DENSE_256) == [(42, 0)]
    assert [c.clamp for c in layer_constants(UINT8_94K)[:-1]] == [1_023, 32_767, 32_767, 32_767]
    assert [c.threshold_slowdown for c in layer_constants(UINT8_94K)] == [0, 4, 4, 4, 4]
    # Others: r = max(0, (bitlength(k * k * cout of the next layer) - 4) // 2).
    assert rows(UINT8_1M) == [(128, 4), (50, 4), (72, 3), (72, 0)]
