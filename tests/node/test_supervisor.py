# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of a node, over the socket on which systemd would listen."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node.supervisor import Supervisor
from tests.node.rig import VirtualClock


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(4_096).decode())
        except BlockingIOError:
            return found


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(manager.getsockname()), **more}


def test_manager_hears_that_the_node_is_up_and_that_it_ends(manager: socket.socket) -> None:
    supervisor = Supervisor(environment(manager), VirtualClock())
    assert heard(manager) == []
    supervisor.ready("running; data in /x")
    supervisor.stopping()
    assert heard(manager) == ["READY=1\nSTATUS=running; data in /x", "STOPPING=1"]


def test_sign_of_life_comes_three_times_in_the_time_allowed(manager: socket.socket) -> None:
    clock = VirtualClock()
    supervisor = Supervisor(environment(manager, WATCHDOG_USEC="30000000"), clock)
    for _ in range(30):
        clock.ms += 1_000
        supervisor.tick()
        supervisor.tick()
    assert heard(manager) == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "said", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}]
)
def test_nobody_waits_for_signs_of_life(manager: socket.socket, said: dict[str, str]) -> None:
    clock = VirtualClock()
    supervisor = Supervisor(environment(manager, **said), clock)
    clock.ms += 10**9
    supervisor.tick()
    assert heard(manager) == []


def test_watchdog_that_is_meant_for_this_process_counts(manager: socket.socket) -> None:
    clock = VirtualClock()
    said = {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    supervisor = Supervisor(environment(manager, **said), clock)
    clock.ms += 1_000
    supervisor.tick()
    assert heard(manager) == ["WATCHDOG=1"]


def test_children_hear_nothing_of_the_manager(manager: socket.socket) -> None:
    variables = environment(manager, WATCHDOG_USEC="1", WATCHDOG_PID="2", HOME="/")
    Supervisor(variables, VirtualClock())
    assert variables == {"HOME": "/"}


def test_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"edge-node-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}, VirtualClock()).stopping()
        listener.settimeout(60)
        assert listener.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "nothing", "/nowhere/at/all", "vsock:2:1234"])
def test_without_a_manager_who_listens_the_node_goes_on(address: str) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": address}, VirtualClock())
    supervisor.ready("up")
    supervisor.stopping()
