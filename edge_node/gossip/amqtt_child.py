# SPDX-License-Identifier: Apache-2.0
"""The embedded broker's own process, where no mosquitto is installed: the only module with amqtt.

Run as `python -m edge_node.gossip.amqtt_child HOST PORT PASSWORD_FILE`; it ends when its standard
input does, so it never outlives who started it. A process and not a thread, because amqtt in the
node's own interpreter would wait for every busy Python thread (evidence, section 1).
Law of the file: what amqtt has no setting for is done here: message size, connections, passwords.
Read next: embedded_broker.py.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import sys
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from pathlib import Path

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker, BrokerContext
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from edge_node.gossip.limits import MAX_PACKET_BYTES

MAX_CONNECTIONS = 128
FIRST_BYTE_TIMEOUT_S = 10
"""Who connects and says nothing is thrown out."""
_LISTENER = "default"
_HASH_SCHEME = "7"
"""mosquitto's mark for PBKDF2 with SHA-512."""


class PacketTooLarge(Exception):
    """A client announced more bytes than `limits.MAX_PACKET_BYTES`; its connection is closed."""


class BoundedReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt brings no types
    """A client's stream, read in steps of at most `limits.MAX_PACKET_BYTES`.

    amqtt asks for a message's whole rest at once, after its length: here is where it is bounded,
    before any of it is read.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._begun = False

    async def read(self, n: int = -1) -> bytes:
        """Return exactly `n` bytes."""
        if n < 0 or n > MAX_PACKET_BYTES:
            raise PacketTooLarge(n)
        if self._begun:
            data: bytes = await super().read(n)
        else:
            data = await asyncio.wait_for(super().read(n), FIRST_BYTE_TIMEOUT_S)
            self._begun = True
        return data


class PasswordAuth(BaseAuthPlugin):  # type: ignore[misc]  # amqtt brings no types
    """Lets in who is in the password file, which has mosquitto's form."""

    @dataclass
    class Config:
        """Settings; amqtt builds it from a dictionary."""

        password_file: str = ""
        """Path."""

    def __init__(self, context: BrokerContext) -> None:
        super().__init__(context)
        text = Path(self.config.password_file).read_text(encoding="utf-8")
        self._lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    async def authenticate(self, *, session: Session) -> bool:
        """Say whether user and password fit."""
        stored = self._lines.get(session.username or "")
        return stored is not None and password_fits(session.password or "", stored)


def password_fits(password: str, stored: str) -> bool:
    """Say whether a password fits a stored `$7$ROUNDS$SALT$HASH`."""
    try:
        _, scheme, rounds, salt, digest = stored.split("$")
        expected = b64decode(digest, validate=True)
        actual = hashlib.pbkdf2_hmac(
            "sha512", password.encode(), b64decode(salt, validate=True), int(rounds)
        )
    except (ValueError, Base64Error):
        return False
    return scheme == _HASH_SCHEME and hmac.compare_digest(actual, expected)


async def serve(host: str, port: int, password_file: str) -> None:
    """Run a broker until standard input ends.

    Parameters
    ----------
    host, port
        Where to listen.
    password_file : str
        Users, in mosquitto's form.
    """
    broker = Broker(
        {
            # We accept connections ourselves, to bound them.
            "listeners": {_LISTENER: {"type": "external"}},
            "plugins": {
                f"{PasswordAuth.__module__}.{PasswordAuth.__qualname__}": {
                    "password_file": password_file
                }
            },
        }
    )
    await broker.start()
    open_connections = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_connections
        if open_connections >= MAX_CONNECTIONS:
            writer.close()
            return
        open_connections += 1
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.TimeoutError):
                await broker.external_connected(
                    BoundedReader(reader), StreamWriterAdapter(writer), _LISTENER
                )
        except PacketTooLarge:
            logging.getLogger(__name__).warning("a client announced a packet that is too large")
        finally:
            open_connections -= 1
            writer.close()

    server = await asyncio.start_server(accept, host, port)
    await _end_of_input()
    server.close()
    await broker.shutdown()


async def _end_of_input() -> None:
    """Return when whoever holds the other end of standard input is gone."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1):
        pass


def main() -> None:
    """Read the arguments and serve."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    host, port, password_file = sys.argv[1:]
    asyncio.run(serve(host, int(port), password_file))


if __name__ == "__main__":
    main()
