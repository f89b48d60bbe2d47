# SPDX-License-Identifier: Apache-2.0
"""The firmware's core compiled for this machine, as a device at the end of a line."""

import ctypes
from pathlib import Path

TAKE_BYTES = 16_384
ALIGNMENT = 16


def loaded(path: Path) -> ctypes.CDLL:
    """Return the core that `build --native` has made."""
    core = ctypes.CDLL(str(path))
    core.core_bytes.restype = ctypes.c_size_t
    core.core_take.restype = ctypes.c_size_t
    core.core_take.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    core.core_begin.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
    core.core_receive.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    core.core_poll.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    return core


class NativeDevice:
    """One device.

    Parameters
    ----------
    core : CDLL
        What `loaded` returns.
    sensor_side : int
        Rows and columns of its test pattern; 0 is a board without a sensor.
    """

    def __init__(self, core: ctypes.CDLL, sensor_side: int = 6) -> None:
        self._core = core
        self._memory = ctypes.create_string_buffer(self._core.core_bytes() + ALIGNMENT)
        self._at = -(-ctypes.addressof(self._memory) // ALIGNMENT) * ALIGNMENT
        self._taken = ctypes.create_string_buffer(TAKE_BYTES)
        self._sensor_side = sensor_side
        self._now_ms = 0
        self.start()

    def start(self) -> None:
        """Begin anew, as after a reset."""
        self._core.core_begin(self._at, self._sensor_side, self._now_ms)

    def receive(self, data: bytes, now_ms: int) -> None:
        self._now_ms = now_ms
        self._core.core_receive(self._at, data, len(data))

    def poll(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._core.core_poll(self._at, now_ms)

    def outgoing(self) -> bytes:
        size = self._core.core_take(self._at, self._taken, TAKE_BYTES)
        return self._taken.raw[:size]


BAR_PIXELS = 4
"""Width of a bar of the firmware's test pattern."""


def bars(side: int, number: int) -> bytes:
    """Return what the firmware's test pattern shows at a sample's number."""
    return bytes(
        255 if ((x if number % 2 == 0 else y) + number // 2) // BAR_PIXELS % 2 == 0 else 0
        for y in range(side)
        for x in range(side)
    )
