# SPDX-License-Identifier: Apache-2.0
"""A session with the device at a port, for commands that ask it once.

Law of the file: the port is closed at the end, and whatever goes wrong between here and the device
is one sentence with the port's name.
Read next: worker.py, firmware_bridge/device.py.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from edge_node.node.bridge.errors import BridgeFailed
from edge_node.primitives.clock import Clock
from edge_node_bridge.device import Device
from edge_node_bridge.errors import BridgeError
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.serial_port import BAUD, SerialPort

SESSION_BITS = 32


class LineClock:
    """A node's clock as the bridge wants it.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        """Return milliseconds since some moment; they only go forward."""
        return self._clock.monotonic_ms()


def draw_session() -> int:
    """Return a number of 32 bits that differs from one session to the next."""
    return secrets.randbits(SESSION_BITS)


@contextmanager
def greeted(
    port: str, clock: Clock, *, baud: int = BAUD, limits: LinkLimits | None = None
) -> Iterator[Device]:
    """Open a port, greet its device, and close the port at the end.

    Parameters
    ----------
    port : str
        /dev/serial/by-id/..., a pty, or socket://HOST:PORT.
    clock : Clock
    baud : int
        Bits a second of the line.
    limits : LinkLimits, optional
        Less patience than usual.

    Raises
    ------
    BridgeFailed
        At any time until the end: the port is not there or forbidden, the device silent, of
        another version, reset in the middle, or not capable of what it is asked for.
    """
    try:
        line = SerialPort(port, baud=baud)
        try:
            chosen = limits or LinkLimits(line_bits_per_s=baud)
            device = Device(line, LineClock(clock), draw_session, chosen)
            device.greet()
            yield device
        finally:
            line.close()
    except BridgeError as error:
        raise BridgeFailed(port, error) from error
