# SPDX-License-Identifier: Apache-2.0
"""Lines between a host and a device in one process, on a clock that only waiting moves.

A fault is a function of one frame's bytes: what arrives in its place, and how much later. The order
of bytes is kept, as on a wire.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from edge_node.primitives.hashing import Prf

Fault = Callable[[bytes, Prf], list[tuple[int, bytes]]]
"""Of a frame: pieces that arrive, each so many milliseconds after the frame was sent, in order."""

STEP_MS = 5
"""How often the device looks at its clock."""


class DeviceEnd(Protocol):
    """Any device: in Python, or the firmware compiled for this machine."""

    def receive(self, data: bytes, now_ms: int) -> None: ...

    def poll(self, now_ms: int) -> None: ...

    def outgoing(self) -> bytes: ...


class VirtualLine:
    """A Line and a Clock for the host, with a device at the other end.

    Parameters
    ----------
    device : DeviceEnd
    fault : Fault
        Of both directions.
    seed : str
        Of the faults.
    """

    def __init__(self, device: DeviceEnd, fault: Fault | None = None, seed: str = "") -> None:
        self.device = device
        self.fault = clean if fault is None else fault
        self.prf = Prf("test", f"line {seed}".encode())
        self.time_ms = 1_000
        self.to_device: deque[tuple[int, bytes]] = deque()
        self.to_host: deque[tuple[int, bytes]] = deque()
        self.sent: list[bytes] = []
        self.bytes_carried = 0

    def now_ms(self) -> int:
        return self.time_ms

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        self._put(self.to_device, data)

    def read(self, timeout_ms: int) -> bytes:
        until_ms = self.time_ms + timeout_ms
        while True:
            self._run_device()
            come = self._arrived(self.to_host)
            if come or self.time_ms >= until_ms:
                return come
            self.time_ms = min(until_ms, self.time_ms + STEP_MS)

    def _run_device(self) -> None:
        come = self._arrived(self.to_device)
        if come:
            self.device.receive(come, self.time_ms)
        self.device.poll(self.time_ms)
        out = self.device.outgoing()
        if out:
            self._put(self.to_host, out)

    def _put(self, way: deque[tuple[int, bytes]], data: bytes) -> None:
        self.bytes_carried += len(data)
        arrives_ms = way[-1][0] if way else 0
        *frames, rest = data.split(b"\x00")
        for frame in [*(frame + b"\x00" for frame in frames), rest]:
            for after_ms, piece in self.fault(frame, self.prf) if frame else ():
                arrives_ms = max(arrives_ms, self.time_ms + after_ms)
                way.append((arrives_ms, piece))

    def _arrived(self, way: deque[tuple[int, bytes]]) -> bytes:
        come = b""
        while way and way[0][0] <= self.time_ms:
            come += way.popleft()[1]
        return come


def clean(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [(0, frame)]


def byte_at_a_time(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [(place // 2, frame[place : place + 1]) for place in range(len(frame))]


def delayed(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [(prf.below(900), frame)]


def lost(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [] if prf.below(5) == 0 else [(0, frame)]


def byte_lost(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    if prf.below(5):
        return [(0, frame)]
    place = prf.below(len(frame))
    return [(0, frame[:place] + frame[place + 1 :])]


def bit_changed(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    if prf.below(5):
        return [(0, frame)]
    changed = bytearray(frame)
    changed[prf.below(len(frame))] ^= 1 << prf.below(8)
    return [(0, bytes(changed))]


def truncated(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [(0, frame)] if prf.below(5) else [(0, frame[: prf.below(len(frame))])]


def duplicated(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    return [(0, frame)] if prf.below(3) else [(0, frame), (prf.below(30), frame)]


def noisy(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    """Garbage between frames, zeros in it."""
    if prf.below(5):
        return [(0, frame)]
    noise = bytes(prf.below(256) * (prf.below(3) > 0) for _ in range(prf.below(40)))
    return [(0, noise), (0, frame)]


def all_at_once(frame: bytes, prf: Prf) -> list[tuple[int, bytes]]:
    """Every fault, each now and then."""
    faults = (clean, clean, clean, lost, byte_lost, bit_changed, truncated, duplicated, delayed)
    return faults[prf.below(len(faults))](frame, prf)


FAULTS = (
    clean, byte_at_a_time, delayed, lost, byte_lost, bit_changed, truncated, duplicated, noisy,
    all_at_once,
)  # fmt: skip
