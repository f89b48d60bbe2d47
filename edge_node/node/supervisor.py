# SPDX-License-Identifier: Apache-2.0
"""What a node tells the service manager that started it: it is up, it is alive, it ends.

The protocol of systemd's sd_notify(3): datagrams of `NAME=value` lines to the AF_UNIX socket that
NOTIFY_SOCKET names; `@` in front means the abstract namespace. WATCHDOG_USEC says how long a
process may be silent before it is taken for hung.
Law of the file: standard library only; a manager that is gone or mute never stops the node.
Read next: service.py, edge_node/deployment/edge-node.service.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

from edge_node.primitives.clock import Clock

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
_SIGNS_PER_WATCHDOG = 3
"""A sign of life may be late or lost twice."""


class Supervisor:
    """The service manager, or nobody.

    Parameters
    ----------
    environment : mutable mapping
        Of the process. The variables are taken out of it: a child would speak for the node.
    clock : Clock
    """

    def __init__(self, environment: MutableMapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._address = environment.pop(SOCKET_VARIABLE, "")
        period_us = environment.pop(WATCHDOG_VARIABLE, "")
        meant_for = environment.pop(WATCHDOG_PID_VARIABLE, str(os.getpid()))
        counts = period_us.isdecimal() and meant_for == str(os.getpid())
        self._period_ms = int(period_us) // 1_000 // _SIGNS_PER_WATCHDOG if counts else 0
        self._last_sign_ms = clock.monotonic_ms()

    def ready(self, status: str) -> None:
        """Say that the node is up, and what it does."""
        self._tell(f"READY=1\nSTATUS={status}")

    def tick(self) -> None:
        """Give a sign of life when one is due; the node's loop calls this every turn."""
        now_ms = self._clock.monotonic_ms()
        if self._period_ms and now_ms - self._last_sign_ms >= self._period_ms:
            self._last_sign_ms = now_ms
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the node ends."""
        self._tell("STOPPING=1")

    def _tell(self, lines: str) -> None:
        if self._address[:1] not in {"/", "@"}:
            return
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as channel:
            channel.sendto(lines.encode(), address)
