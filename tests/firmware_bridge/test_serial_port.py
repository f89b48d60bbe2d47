# SPDX-License-Identifier: Apache-2.0
"""Ports that are real to the kernel: ptys, sockets, and what goes wrong with them, by pyserial.

A board's cable is pulled by closing the other end of its pty; by-id names are links, as udev's are.
"""

import errno
import grp
import os
import socket
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_node_bridge.device import Device
from edge_node_bridge.errors import (
    NoSerialPort,
    PortBusy,
    PortClosed,
    PortError,
    PortForbidden,
    PortMissing,
    PyserialMissing,
    SocketUnreachable,
    SpeedRefused,
)
from edge_node_bridge.messages import Hello, Status
from edge_node_bridge.serial_port import SerialPort, ports_present
from tests.firmware_bridge.board import Board
from tests.firmware_bridge.reference_device import ReferenceDevice
from tools.firmware_instructions import WallClock

WAIT_MS = 10_000
NOBODY = 65_534
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Cable:
    """A pty: the board's end, and what the host opens."""

    board_end: int
    name: str

    def pull(self) -> None:
        os.close(self.board_end)
        self.board_end = -1


def plug(link: Path | None = None) -> Cable:
    board_end, host_end = os.openpty()
    tty.setraw(board_end)
    name = os.ttyname(host_end)
    os.close(host_end)
    if link is not None:
        link.unlink(missing_ok=True)
        link.symlink_to(name)
    return Cable(board_end=board_end, name=str(link or name))


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = plug()
    yield made
    if made.board_end >= 0:
        made.pull()


def read_all(port: SerialPort, size: int) -> bytes:
    come = b""
    while len(come) < size:
        part = port.read(WAIT_MS)
        assert part, "nothing came"
        come += part
    return come


def test_bytes_go_both_ways(cable: Cable) -> None:
    port = SerialPort(cable.name)
    sent = bytes(range(256)) * 4
    port.write(sent)
    assert os.read(cable.board_end, 4_096)[:16] == sent[:16]
    os.write(cable.board_end, sent)
    assert read_all(port, len(sent)) == sent
    assert port.read(1) == b""
    port.close()
    port.close()


def test_pulled_cable_is_named_and_the_port_stays_closed(cable: Cable) -> None:
    port = SerialPort(cable.name)
    cable.pull()
    with pytest.raises(PortClosed, match="plug the board in again"):
        port.read(WAIT_MS)
    with pytest.raises(PortClosed):
        port.read(0)
    with pytest.raises(PortClosed):
        port.write(b"x")


def test_board_that_is_plugged_in_again_is_found_by_its_id(tmp_path: Path) -> None:
    link = tmp_path / "usb-board_1234-if00"
    first = plug(link)
    port = SerialPort(first.name)
    first.pull()
    link.unlink()
    with pytest.raises(PortClosed):
        port.read(WAIT_MS)
    with pytest.raises(PortMissing):
        port.reopen()
    second = plug(link)
    port.reopen()
    os.write(second.board_end, b"again")
    assert read_all(port, 5) == b"again"
    port.close()
    second.pull()


def test_session_goes_on_after_the_cable_was_pulled(tmp_path: Path) -> None:
    link = tmp_path / "usb-board_1234-if00"
    cable = plug(link)
    board = Board(ReferenceDevice(), cable.board_end)
    port = SerialPort(cable.name)
    host = Device(port, WallClock(), lambda: 77)
    assert host.greet().board == "reference"
    board.stop()
    cable.pull()
    with pytest.raises(PortClosed):
        host.status()
    again, device = plug(link), ReferenceDevice()
    board = Board(device, again.board_end)
    port.reopen()
    assert host.greet().board == "reference"
    host.status()
    assert [type(each) for each in device.executed] == [Hello, Status]
    port.close()
    board.stop()
    again.pull()


def test_session_over_a_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_number = server.getsockname()[1]
        port = SerialPort(f"socket://127.0.0.1:{port_number}")
        accepted, _ = server.accept()
    board = Board(ReferenceDevice(), accepted.fileno())
    host = Device(port, WallClock(), lambda: 78)
    assert host.greet().board == "reference"
    samples = list(host.samples(5, interval_ms=1))
    assert [each.index for each in samples] == list(range(5))
    board.stop()
    accepted.close()
    with pytest.raises(PortClosed):
        host.status()


def test_several_boards_at_once() -> None:
    cables = [plug() for _ in range(3)]
    boards = [Board(ReferenceDevice(), cable.board_end) for cable in cables]
    ports = [SerialPort(cable.name) for cable in cables]
    counts: list[int] = []

    def sample(port: SerialPort, number: int) -> None:
        host = Device(port, WallClock(), lambda: number)
        host.greet()
        counts.append(len(list(host.samples(10, interval_ms=1))))

    threads = [
        threading.Thread(target=sample, args=(port, number)) for number, port in enumerate(ports)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert counts == [10, 10, 10]
    for port, board, cable in zip(ports, boards, cables, strict=True):
        port.close()
        board.stop()
        cable.pull()


def test_loop_gives_back_what_it_takes() -> None:
    port = SerialPort("loop://")
    port.write(b"round")
    assert read_all(port, 5) == b"round"
    assert port.read(1) == b""


def test_port_that_another_program_uses_is_named(cable: Cable) -> None:
    first = SerialPort(cable.name)
    with pytest.raises(PortBusy, match="another program uses"):
        SerialPort(cable.name)
    first.close()
    SerialPort(cable.name).close()


def test_speed_that_no_port_has_is_named(cable: Cable) -> None:
    with pytest.raises(SpeedRefused, match="-1 bits a second"):
        SerialPort(cable.name, baud=-1)


def test_missing_port_is_told_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match="there is no port /dev/ttyNONE") as caught:
        SerialPort("/dev/ttyNONE")
    assert caught.value.present == ports_present()
    (tmp_path / "usb-b").touch()
    (tmp_path / "usb-a").touch()
    assert ports_present(tmp_path) == (str(tmp_path / "usb-a"), str(tmp_path / "usb-b"))


def test_url_of_no_known_kind_is_named() -> None:
    with pytest.raises(PortMissing, match="there is no port nonsense://here"):
        SerialPort("nonsense://here")


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_socket_that_nobody_listens_at_is_named(host: str) -> None:
    with pytest.raises(SocketUnreachable, match="start what listens there") as caught:
        SerialPort(f"socket://{host}:1")
    assert "Errno" not in str(caught.value)


@pytest.mark.parametrize("rest", ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "[::1:5555"])
def test_socket_without_host_and_port_is_told_what_it_lacks(rest: str) -> None:
    with pytest.raises(SocketUnreachable, match="it is not socket://HOST:PORT"):
        SerialPort(f"socket://{rest}")


@pytest.mark.parametrize("name", ["/dev/null", "/etc/hostname", "/dev"])
def test_what_is_no_serial_port_is_named(name: str) -> None:
    with pytest.raises(NoSerialPort, match=f"{name} is no serial port: name another one"):
        SerialPort(name)
    if not Path(name).is_char_device():  # nobody shall be told to open a file of the system's
        with as_nobody(), pytest.raises(NoSerialPort):
            SerialPort(name)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may open anything: for a while, be somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def forbidden(name: str) -> PortForbidden:
    """Open a port as somebody who may not."""
    SerialPort("loop://").close()  # nobody may not read where pyserial lies
    with as_nobody(), pytest.raises(PortForbidden) as caught:
        SerialPort(name)
    return caught.value


def test_forbidden_port_names_the_group_to_join(
    cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Path(cable.name)
    node.chmod(0o000)
    status = node.stat()
    shut = SimpleNamespace(st_mode=status.st_mode | 0o660, st_gid=grp.getgrnam("tty").gr_gid)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: shut)  # as udev leaves a port to a group
    assert str(forbidden(cable.name)) == (
        f"{cable.name} belongs to the group tty: run `sudo usermod -aG tty $USER`, then log in anew"
    )


@pytest.mark.parametrize("mode", [0o000, 0o600, 0o640])
def test_port_that_its_group_may_not_open_is_no_reason_to_join_it(mode: int, cable: Cable) -> None:
    node = Path(cable.name)
    node.chmod(mode)
    told = forbidden(cable.name)
    assert (told.group, told.is_open) == (grp.getgrgid(node.stat().st_gid).gr_name, False)
    assert f"sudo chgrp dialout {cable.name} && sudo chmod g+rw {cable.name}" in str(told)
    assert "usermod" not in str(told)


def test_session_that_ends_by_an_unplugged_board_keeps_the_first_cause(cable: Cable) -> None:
    port = SerialPort(cable.name)
    cable.pull()
    with pytest.raises(PortClosed) as first:
        port.read(WAIT_MS)
    with pytest.raises(PortClosed) as second:
        port.write(b"one more request")
    assert str(second.value) == str(first.value)


def test_port_in_a_folder_that_is_forbidden_is_named(tmp_path: Path) -> None:
    SerialPort("loop://").close()  # nobody may not read where pyserial lies
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o000)
    with as_nobody(), pytest.raises(PortForbidden):
        SerialPort(str(folder / "tty"))
    folder.chmod(0o700)


@pytest.mark.parametrize(("number", "kind"), [(errno.EIO, PortClosed), (errno.ENODEV, PortMissing)])
def test_board_unplugged_while_its_port_is_opened_is_named(
    number: int, kind: type[PortError], cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise termios.error(number, os.strerror(number))

    monkeypatch.setattr(termios, "tcflush", gone)  # what pyserial asks last
    with pytest.raises(kind):
        SerialPort(cable.name)
    monkeypatch.undo()
    SerialPort(cable.name).close()


def test_complaint_at_closing_is_no_reason_not_to_open_anew(
    cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = SerialPort(cable.name)
    opened = port._port
    assert opened is not None
    close = opened.close

    def complain() -> None:
        close()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(opened, "close", complain)
    port.reopen()
    os.write(cable.board_end, b"again")
    assert read_all(port, 5) == b"again"
    port.close()


def test_pyserial_is_asked_for_only_where_a_port_is_opened() -> None:
    code = (
        "import sys, edge_node_bridge.device, edge_node_bridge.serial_port as s\n"
        "assert 'serial' not in sys.modules\n"
        "sys.modules['serial'] = None\n"
        "try:\n    s.SerialPort('loop://')\nexcept s.PyserialMissing as e:\n    print(e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(PyserialMissing())
    assert f"`{sys.executable} -m pip install pyserial`" in done.stdout
