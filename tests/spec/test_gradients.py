# SPDX-License-Identifier: Apache-2.0
"""The parts of a training step alone: softmax by hand, forward against inference, the window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec import bnn, gradients
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.gradients import output_errors
from edge_node.spec.training import initial_state, model_from_state, train
from tests.spec.samples import random_images, random_labels

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


@pytest.mark.parametrize(
    ("scores", "label", "errors"),
    [
        ([0, 0], 0, [128, -128]),
        ([0, 0], 1, [-128, 128]),
        ([0, -8], 0, [85, -85]),  # 2/3 and 1/3: 256 - 171, -85
        ([1_000, -1_000], 0, [0, 0]),
        ([1_000, -1_000], 1, [-256, 256]),
        ([0, -127], 1, [-256, 256]),  # 17867 >> 15 is 0
        ([5, 5, 5], 2, [-85, -85, 171]),
    ],
)
def test_r_9_errors_of_the_classes(scores: list[int], label: int, errors: list[int]) -> None:
    assert output_errors(scores, label) == errors


@given(st.lists(st.integers(-(1 << 16), 1 << 16), min_size=2, max_size=256), st.data())
def test_r_9_errors_are_bounded_as_the_overflow_proof_says(
    scores: list[int], data: st.DataObject
) -> None:
    label = data.draw(st.integers(0, len(scores) - 1))
    errors = output_errors(scores, label)
    assert all(-256 <= error <= 256 for error in errors)
    assert errors[label] >= 0
    assert all(error <= 0 for c, error in enumerate(errors) if c != label)


@pytest.mark.parametrize("architecture", [CONV, BYTES, DENSE])
def test_r_9_model_computes_what_training_saw(architecture: Architecture) -> None:
    images = random_images(architecture, 12, "model")
    labels = random_labels(architecture, 12, "model")
    state = initial_state(architecture, b"model")
    state = train(architecture, state, images, labels, list(range(12)) * 4, 6, [(1, 9)])
    biased = replace(
        state, biases=tuple(tuple(b + 37 * i for i, b in enumerate(row)) for row in state.biases)
    )
    model = model_from_state(architecture, biased)
    layers = gradients._prepare(architecture, biased.latents, biased.biases)
    size = architecture.image_bytes
    for i in range(12):
        image = images[i * size : (i + 1) * size]
        assert gradients._forward(layers, image)[-1].pre_activations[0] == bnn.logits(model, image)


def test_r_9_signal_is_rounded_half_up_clamped_and_stopped_by_the_window() -> None:
    start = initial_state(WIDE, b"gate")
    layer = gradients._prepare(WIDE, start.latents, start.biases)[0]
    assert (layer.constants.signal_shift, layer.constants.window) == (2, 4)
    for arriving, signal in ((1, 0), (2, 1), (-2, 0), (-3, -1), (-6, -1), (-7, -2)):
        trace = gradients._Trace(pre_activations=[[4, -4, 5]])
        assert gradients._gate(layer, trace, [arriving] * 3) == [[signal, signal, 0]]
    trace = gradients._Trace(pre_activations=[[0, 0, -5]])
    assert gradients._gate(layer, trace, [1 << 20, -(1 << 20), 8]) == [[32_767, -32_767, 0]]
