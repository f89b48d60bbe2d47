# SPDX-License-Identifier: Apache-2.0
"""A microcontroller behind a socket: the firmware's core on this machine, unplugged as one likes.

For tests of what uses a device by its port; the host opens `socket://...` as any user does.
"""

import ctypes
import functools
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node_bridge.firmware.build import build_native
from tests.firmware_bridge.native import NativeDevice, loaded

SENSOR_SIDE = 28
POLL_S = 0.01
TAKE_BYTES = 4_096


@functools.cache
def built_core() -> ctypes.CDLL:
    """Return the core, built once for all tests of a run."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "libedge_core.so"
        build_native(path)
        return loaded(path)


class PluggedBoard:
    """A device that whoever connects talks to, one at a time."""

    def __init__(self, sensor_side: int = SENSOR_SIDE) -> None:
        self.device = NativeDevice(built_core(), sensor_side)
        self._place = socket.socket()  # keeps the port while the cable is out; nobody listens
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        self._address = self._place.getsockname()
        self._server: socket.socket | None = self._listening()
        self._ended = threading.Event()
        self._pulled = threading.Event()
        self._reset = threading.Event()
        self._lock = threading.Lock()
        self.sessions = 0
        """Connections so far."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> str:
        return "socket://{}:{}".format(*self._address)

    def reset(self) -> None:
        """Press the board's button: all that it knew is gone, the line stays."""
        self._reset.set()

    def pull(self) -> None:
        """Pull the cable: the port is gone, and the board without power."""
        with self._lock:
            assert self._server is not None
            # Closed alone it would listen on, as long as the thread waits for it.
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None
            self._pulled.set()

    def plug(self) -> None:
        """Plug the cable in again; the board starts anew."""
        with self._lock:
            self._server = self._listening()
            self._reset.set()
            self._pulled.clear()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        if self._server is not None:
            self._server.close()
        self._place.close()

    def _listening(self) -> socket.socket:
        server = socket.create_server(self._address)
        server.settimeout(POLL_S)  # before anybody waits for it
        return server

    def _run(self) -> None:
        while not self._ended.is_set():
            server = self._server
            try:
                connection = server.accept()[0] if server is not None else None
            except OSError:  # nobody came, or the cable was pulled
                connection = None
            if connection is None:
                time.sleep(POLL_S)
                continue
            self.sessions += 1
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(POLL_S / 5)
        while not self._ended.is_set():
            try:
                data = connection.recv(TAKE_BYTES)
                if not data:
                    return
            except TimeoutError:
                data = b""
            except OSError:
                return
            # Only now: what a host sends after the cable or the button finds it so.
            if self._pulled.is_set():
                return
            if self._reset.is_set():
                self._reset.clear()
                self.device.start()
            now_ms = time.monotonic_ns() // 1_000_000
            self.device.receive(data, now_ms)
            self.device.poll(now_ms)
            try:
                connection.sendall(self.device.outgoing())
            except OSError:
                return


@contextmanager
def plugged(sensor_side: int = SENSOR_SIDE) -> Iterator[PluggedBoard]:
    """Plug a board in, and out at the end."""
    board = PluggedBoard(sensor_side)
    try:
        yield board
    finally:
        board.stop()
