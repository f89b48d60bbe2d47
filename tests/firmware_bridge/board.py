# SPDX-License-Identifier: Apache-2.0
"""A device at the far end of a real file descriptor, run by a thread."""

import os
import select
import threading

from tests.firmware_bridge.lines import DeviceEnd
from tools.firmware_instructions import WallClock

POLL_MS = 2


class Board:
    """Runs a device on a descriptor until it is stopped or the descriptor ends."""

    def __init__(self, device: DeviceEnd, descriptor: int) -> None:
        self.device = device
        self._descriptor = descriptor
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        clock = WallClock()
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not self._stopped.is_set():
            try:
                if any(event & select.POLLIN for _, event in poll.poll(POLL_MS)):
                    self.device.receive(os.read(self._descriptor, 4_096), clock.now_ms())
                else:  # at once if nobody has the other end open
                    self._stopped.wait(POLL_MS / 1_000)
                self.device.poll(clock.now_ms())
                out = self.device.outgoing()
                while out:
                    out = out[os.write(self._descriptor, out) :]
            except OSError:
                return
