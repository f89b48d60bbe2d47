# SPDX-License-Identifier: Apache-2.0
"""What a session needs of the world: a line to the device, and a clock.

The serial port, a test's line with faults, and the firmware compiled for this machine are lines.
Law of the file: nothing runs here.
Read next: device.py, serial_port.py.
"""

from typing import Protocol


class Line(Protocol):
    """Bytes to and from a device; errors are PortError."""

    def read(self, timeout_ms: int) -> bytes:
        """Return what has come, at most some thousand bytes; empty if nothing came in time."""

    def write(self, data: bytes) -> None:
        """Send all of the data."""


class Clock(Protocol):
    """Time that only goes forward."""

    def now_ms(self) -> int:
        """Return milliseconds since some moment."""
