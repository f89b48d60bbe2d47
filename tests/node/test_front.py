# SPDX-License-Identifier: Apache-2.0
"""The front of a node: it answers while it waits for the time, and tells its supervisor so."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from edge_node.node.control import ControlServer, ask
from edge_node.node.front import Front
from edge_node.node.health import HealthReports
from edge_node.node.supervisor import SOCKET_VARIABLE, Supervisor
from edge_node.primitives.types import TimestampMs
from tests.node.rig import Rig, VirtualClock, World, world

PATIENCE_S = 60


class Forgetful(VirtualClock):
    """A clock that tells 1970 until it is set; what it measures goes on all the while."""

    is_set = False

    def now_ms(self) -> TimestampMs:
        return super().now_ms() if self.is_set else TimestampMs(0)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        made.clock = Forgetful()
        yield made


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """Give what a supervisor hears on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(PATIENCE_S)
        yield channel


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlServer]:
    server = ControlServer(tmp_path / "control")
    yield server
    server.stop()


def front_of(rig: Rig, control: ControlServer, heard: socket.socket) -> Front:
    clock = rig.world.clock
    supervisor = Supervisor({SOCKET_VARIABLE: heard.getsockname()}, clock)
    return Front(control=control, health=HealthReports(clock), supervisor=supervisor)


def test_node_answers_and_says_that_it_is_up_while_it_waits_for_the_time(
    room: World, control: ControlServer, heard: socket.socket, tmp_path: Path
) -> None:
    rig, stop, ended = room.add("ann"), threading.Event(), list[bool]()
    front = front_of(rig, control, heard)
    waits = threading.Thread(
        target=lambda: ended.append(front.await_time(rig.node, stop)), daemon=True
    )
    waits.start()
    assert b"READY=1\nSTATUS=waiting for the time: the clock says 1970" in heard.recv(4_096)
    status = ask(tmp_path / "control", "status", {})
    (why,) = cast(list[str], status["reasons"])
    assert why.startswith("waiting for the time")
    assert isinstance(room.clock, Forgetful)
    room.clock.is_set = True
    waits.join(PATIENCE_S)
    assert ended == [True]


def test_order_to_stop_ends_the_wait(
    room: World, control: ControlServer, heard: socket.socket
) -> None:
    stop = threading.Event()
    stop.set()
    rig = room.add("ann")
    assert not front_of(rig, control, heard).await_time(rig.node, stop)


def test_node_whose_clock_is_right_does_not_wait(
    room: World, control: ControlServer, heard: socket.socket
) -> None:
    assert isinstance(room.clock, Forgetful)
    room.clock.is_set = True
    rig = room.add("ann")
    assert front_of(rig, control, heard).await_time(rig.node, threading.Event())
    heard.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard.recv(1)
