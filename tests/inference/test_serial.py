# SPDX-License-Identifier: Apache-2.0
"""A microcontroller as a back end: exact, opened anew after a failure, missing in one sentence.

The firmware's core on this machine is the device, behind a socket.
"""

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from edge_node.inference.backend import (
    BackendFailed,
    BackendUnavailable,
    UnsupportedArchitecture,
)
from edge_node.inference.known_answer import check_known_answers
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.select import available_backends, open_backend, select_backends
from edge_node.inference.serial import SerialBoard, open_serial, why_no_serial
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, dense, mnist_architecture
from tests.firmware_bridge.plugged import PluggedBoard, plugged
from tests.inference.models import random_images, random_labels, random_model

MODEL, OTHER = random_model(UINT8_4K, 1), random_model(BINARY_4K, 2)
IMAGES, LABELS = random_images(UINT8_4K, 9, 3), random_labels(UINT8_4K, 9, 4)
HUGE = mnist_architecture((dense(1_024), dense(1_024), dense(1_024), dense(10)), input_bits=1)
"""More bytes than this device has."""
LAW = ReferenceBackend()
EXPECTED = LAW.logits(MODEL, IMAGES)


@pytest.fixture
def device() -> Iterator[PluggedBoard]:
    with plugged() as board:
        yield board


def board_of(device: PluggedBoard) -> SerialBoard:
    return SerialBoard(port=device.port)


def test_known_answers_and_what_it_says_of_itself(device: PluggedBoard) -> None:
    backend = open_backend("serial", board=board_of(device))
    check_known_answers(backend)
    assert backend.name == "serial"
    assert device.port in backend.describe()
    backend.close()


def test_models_take_turns_on_one_device(device: PluggedBoard) -> None:
    backend = open_serial(board_of(device))
    others = random_images(BINARY_4K, 5, 5)
    for _ in range(2):
        assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
        assert np.array_equal(backend.logits(OTHER, others), LAW.logits(OTHER, others))
    expected = LAW.count_correct(MODEL, IMAGES, LABELS)
    assert backend.count_correct(MODEL, IMAGES, LABELS) == expected
    assert backend.logits(MODEL, IMAGES[:0]).shape == (0, 10)
    assert device.sessions == 1
    backend.close()
    backend.close()


def test_model_that_the_board_can_not_hold_leaves_the_session_open(device: PluggedBoard) -> None:
    backend = open_serial(board_of(device))
    large = random_model(HUGE, 1)
    images = random_images(HUGE, 1, 1)
    with pytest.raises(UnsupportedArchitecture, match="serial does not take this model"):
        backend.logits(large, images)
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    assert device.sessions == 1
    backend.close()


@pytest.mark.parametrize("what", ["reset", "pull"])
def test_device_that_was_reset_or_unplugged_is_opened_anew(device: PluggedBoard, what: str) -> None:
    backend = open_serial(board_of(device))
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    if what == "reset":
        device.reset()
    else:
        device.pull()
    with pytest.raises(BackendFailed, match="back end serial failed"):
        backend.logits(MODEL, IMAGES)
    if what == "pull":
        device.plug()
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    backend.close()


def test_others_step_in_behind_it_as_they_do_behind_the_overlay(
    device: PluggedBoard, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        backends = select_backends("serial", board=board_of(device))
    assert (backends[0].name, backends[-1].name) == ("serial", "reference")
    assert "back end serial, as asked for: a microcontroller at" in caplog.text
    for backend in backends:
        backend.close()


def test_what_is_missing_is_told_before_anything_is_opened() -> None:
    assert "set bridge.port" in (why_no_serial(None) or "")
    with pytest.raises(BackendUnavailable, match="edge-node bridge list"):
        open_backend("serial")
    (status,) = [each for each in available_backends() if each.name == "serial"]
    assert not status.available
    assert why_no_serial(SerialBoard(port="socket://127.0.0.1:1")) is None


def test_port_that_is_not_there_is_named() -> None:
    with pytest.raises(BackendFailed, match=r"/dev/none.*plug the board in"):
        open_backend("serial", board=SerialBoard(port="/dev/none"))
