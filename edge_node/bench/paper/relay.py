# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of a broker that counts what passes: bytes on the broker's own socket.

It sees what the broker reads and writes, MQTT headers and acknowledgements included, and nothing
of TCP and IP below.
Law of the file: it counts and passes on; it never looks inside.
Read next: wire_bytes.py.
"""

import contextlib
import socket
import threading
from dataclasses import dataclass

BUFFER_BYTES = 65_536
MAX_CONNECTIONS = 16
"""A client that reconnects gets another; more would be an error of ours."""
CONNECT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Bytes that have passed so far."""

    to_broker_bytes: int
    """What the clients sent."""
    from_broker_bytes: int
    """What the broker sent."""

    def since(self, before: "Passed") -> "Passed":
        """Return what has passed since an earlier count."""
        return Passed(
            to_broker_bytes=self.to_broker_bytes - before.to_broker_bytes,
            from_broker_bytes=self.from_broker_bytes - before.from_broker_bytes,
        )


class Relay:
    """Listens on loopback and passes every connection on to a broker.

    Parameters
    ----------
    host : str
        The broker's.
    port : int
        The broker's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._to_broker = self._from_broker = 0
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.getsockname()[1]
        return port

    def passed(self) -> Passed:
        """Return what has passed until now."""
        with self._lock:
            return Passed(to_broker_bytes=self._to_broker, from_broker_bytes=self._from_broker)

    def close(self) -> None:
        """Stop listening and cut all connections."""
        with self._lock:
            sockets = [self._server, *self._sockets]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(CONNECT_TIMEOUT_S)

    def _accept(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            try:
                client, _ = self._server.accept()
            except OSError:
                return  # closed
            try:
                broker = socket.create_connection(self._target, CONNECT_TIMEOUT_S)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            for each in (client, broker):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets += [client, broker]
            for source, sink, up in ((client, broker, True), (broker, client, False)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink), kwargs={"up": up}, daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BUFFER_BYTES):
                with self._lock:
                    if up:
                        self._to_broker += len(data)
                    else:
                        self._from_broker += len(data)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
