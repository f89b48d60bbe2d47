# SPDX-License-Identifier: Apache-2.0
"""A session for one question: the port is closed after it, and failures are sentences."""

import socket

import pytest

from edge_node.node.bridge.errors import BridgeFailed
from edge_node.node.bridge.session import LineClock, draw_session, greeted
from edge_node.node.system import SystemClock
from edge_node_bridge.link import LinkLimits
from tests.firmware_bridge.plugged import plugged

CLOCK = SystemClock()


def test_device_is_greeted_and_its_port_is_free_again() -> None:
    with plugged() as board:
        for number in (1, 2):
            with greeted(board.port, CLOCK) as device:
                assert device.greeted.sensor_shape == (28, 28, 1)
                assert device.self_test().passed
            assert board.sessions == number


def test_port_that_is_not_there_is_named_once() -> None:
    with pytest.raises(BridgeFailed) as failed, greeted("/dev/none", CLOCK):
        raise AssertionError
    assert str(failed.value).count("/dev/none") == 1
    assert str(failed.value).endswith("plug the board in")


def test_something_silent_is_told_with_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = "socket://{}:{}".format(*server.getsockname())
        limits = LinkLimits(attempts=1)
        with pytest.raises(BridgeFailed) as failed, greeted(port, CLOCK, limits=limits):
            raise AssertionError
    assert str(failed.value).startswith(f"{port}: no answer to 1 x")
    assert "check the cable" in str(failed.value)


def test_error_in_the_middle_is_the_bridges_too() -> None:
    with plugged() as board:
        with pytest.raises(BridgeFailed, match="push one first"), greeted(board.port, CLOCK) as it:
            it.infer(b"\0" * 784)
        with pytest.raises(KeyError), greeted(board.port, CLOCK):
            raise KeyError


def test_sessions_have_numbers_of_32_bits_that_differ() -> None:
    drawn = {draw_session() for _ in range(16)}
    assert len(drawn) == 16
    assert max(drawn) < 1 << 32
    clock = LineClock(CLOCK)
    assert clock.now_ms() <= clock.now_ms()
