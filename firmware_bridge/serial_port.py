# SPDX-License-Identifier: Apache-2.0
"""Serial ports: by name under /dev/serial/by-id, a pty, `socket://HOST:PORT`, or `loop://`.

The only importer of pyserial, and only when it is needed: a socket is the standard library's, as
pyserial's is not closed when its other end was first. A by-id name outlives unplugging, and is
opened again after it (`reopen`).
Law of the file: every failure is a PortError that says what to do; nothing else leaves it.
Read next: ports.py, device.py.
"""

import errno
import grp
import importlib
import os
import select
import socket
import stat
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from edge_node_bridge.errors import (
    PORT_GROUP,
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

BAUD = 115_200
"""Bits a second, unless a board's file says otherwise."""
READ_BYTES_MAX = 65_536
"""Taken from a port in one go."""
WRITE_TIMEOUT_S = 5.0
"""For one frame at the least speed, several times over."""
_BY_ID = Path("/dev/serial/by-id")
_OTHERS = ("ttyACM*", "ttyUSB*", "ttyAMA*")
_URL = "://"
_SOCKET = "socket://"
_LOOP = "loop://"
_GROUP_MAY = stat.S_IRGRP | stat.S_IWGRP


class _Port(Protocol):
    """What is asked of pyserial, and of a socket in its place."""

    def fileno(self) -> int: ...

    def write(self, data: bytes) -> object: ...

    def close(self) -> None: ...


class _Socket:
    """A connection, with the names of pyserial."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), WRITE_TIMEOUT_S)
        self.fileno = self._socket.fileno
        self.write = self._socket.sendall
        self.close = self._socket.close


def ports_present(by_id: Path = _BY_ID) -> tuple[str, ...]:
    """Return the names of the serial ports that are here: those by id, else those of /dev."""
    if by_id.is_dir() and (names := sorted(str(each) for each in by_id.iterdir())):
        return tuple(names)
    return tuple(sorted(str(each) for kind in _OTHERS for each in Path("/dev").glob(kind)))


class SerialPort:
    """An open port; a Line of a Device.

    Parameters
    ----------
    name : str
        Path of a character device, or a URL that pyserial knows.
    baud : int
        Bits a second; ptys and sockets do not heed it.

    Raises
    ------
    PyserialMissing, PortMissing, NoSerialPort, SocketUnreachable, PortForbidden, PortBusy
    PortClosed, SpeedRefused
        It can not be opened.
    """

    def __init__(self, name: str, *, baud: int = BAUD) -> None:
        self.name = name
        self._baud = baud
        self._closed_by = "it was closed"
        self._port: _Port | None = _opened(name, baud)

    def reopen(self) -> None:
        """Close what is left, and open the port anew by its name.

        Raises
        ------
        PortMissing, NoSerialPort, SocketUnreachable, PortForbidden, PortBusy, PortClosed
            It is not there, yet; the port stays closed.
        """
        self.close()
        self._port = _opened(self.name, self._baud)

    def close(self) -> None:
        """Close the port; a second time does nothing."""
        port, self._port = self._port, None
        if port is not None:
            with suppress(OSError):  # of a device that is gone already
                port.close()

    def read(self, timeout_ms: int) -> bytes:
        """Return what has come; empty if nothing came in time.

        Raises
        ------
        PortClosed
            The device is gone.
        """
        port = self._open_port()
        if self.name.startswith(_LOOP):
            return _read_loop(port, timeout_ms)
        try:
            number = port.fileno()
            poll = select.poll()
            poll.register(number, select.POLLIN)
            readable = bool(poll.poll(timeout_ms))
            data = os.read(number, READ_BYTES_MAX) if readable else b""
        except BlockingIOError:
            return b""
        except (OSError, TypeError, ValueError) as error:
            raise self._gone(str(error)) from error
        if readable and not data:
            raise self._gone("end of file")
        return data

    def write(self, data: bytes) -> None:
        """Send all of the data.

        Raises
        ------
        PortClosed
            The device is gone, or takes nothing any more.
        """
        port = self._open_port()
        try:
            port.write(data)
        except (OSError, TypeError, ValueError) as error:
            raise self._gone(str(error)) from error

    def _open_port(self) -> _Port:
        if self._port is None:
            raise PortClosed(name=self.name, cause=self._closed_by)
        return self._port

    def _gone(self, cause: str) -> PortClosed:
        self.close()
        self._closed_by = cause  # for whoever tries once more
        return PortClosed(name=self.name, cause=cause)


def _opened(name: str, baud: int) -> _Port:
    settings: dict[str, object] = {"baudrate": baud, "write_timeout": WRITE_TIMEOUT_S}
    try:
        if _URL not in name:
            if not Path(name).exists():
                raise PortMissing(name=name, present=ports_present())
            if not Path(name).is_char_device():
                raise NoSerialPort(name=name)
            settings["exclusive"] = True
        if name.startswith(_SOCKET):
            return _Socket(name)
        port: _Port = _pyserial().serial_for_url(name, **settings)
    except ValueError as error:
        if _URL not in name:
            raise SpeedRefused(name=name, baud=baud) from error
        if name.startswith(_SOCKET):
            raise SocketUnreachable(name=name, why="it is not socket://HOST:PORT") from error
        raise PortMissing(name=name, present=ports_present()) from error
    except (OSError, termios.error) as error:  # SerialException is an OSError
        raise _why(name, error) from error
    return port


def _read_loop(port: Any, timeout_ms: int) -> bytes:  # noqa: ANN401 - pyserial has no types
    port.timeout = timeout_ms / 1000
    return bytes(port.read(max(1, min(port.in_waiting, READ_BYTES_MAX))))


def _why(name: str, error: OSError | termios.error) -> PortError:
    number = error.args[0] if error.args else None
    if isinstance(error.__context__, termios.error):  # pyserial keeps but its words
        number = error.__context__.args[0]
    if name.startswith(_SOCKET):
        return SocketUnreachable(name=name, why=getattr(error, "strerror", None) or str(error))
    if number in (errno.EACCES, errno.EPERM):
        group, is_open = _group(name)
        return PortForbidden(name=name, group=group, is_open=is_open)
    if number == errno.EBUSY or "exclusively lock" in str(error):
        return PortBusy(name=name)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return PortMissing(name=name, present=ports_present())
    if number == errno.ENOTTY:
        return NoSerialPort(name=name)
    return PortClosed(name=name, cause=str(error))


def _group(name: str) -> tuple[str, bool]:
    """Return whose a port is, and whether that helps."""
    try:
        status = Path(name).stat()
    except OSError:
        return PORT_GROUP, True
    is_open = status.st_mode & _GROUP_MAY == _GROUP_MAY and status.st_gid != 0
    try:
        return grp.getgrgid(status.st_gid).gr_name, is_open
    except KeyError:
        return str(status.st_gid), is_open


def _pyserial() -> Any:  # noqa: ANN401 - pyserial has no types
    try:
        return importlib.import_module("serial")
    except ImportError:
        raise PyserialMissing from None
