# SPDX-License-Identifier: Apache-2.0
"""What can be missing when a board is simulated.

Law of the file: one class per cause; a message is one sentence that says what to do.
Read next: build.py, device.py.
"""


class SimulationError(Exception):
    """The simulated board can not be made or used."""


class ToolMissing(SimulationError):
    """A program or package that the build needs is not installed."""

    def __init__(self, *, tool: str, install: str) -> None:
        super().__init__(f"{tool} was not found: install {install}")


class BuildFailed(SimulationError):
    """A tool refused the sources."""

    def __init__(self, *, tool: str, status: int, output: str) -> None:
        super().__init__(f"{tool} ended with status {status}; read what it says:\n{output}")


class OutOfMemory(SimulationError, MemoryError):
    """The simulated memory has no room for a buffer."""

    def __init__(self, *, wanted_bytes: int, memory_bytes: int) -> None:
        super().__init__(
            f"no {wanted_bytes} bytes in a row are free of the simulated {memory_bytes}: "
            "free buffers, or send smaller batches"
        )


class NothingThere(SimulationError):
    """A register was accessed at an address where the design has nothing."""

    def __init__(self, *, address: int) -> None:
        super().__init__(f"nothing answers at {address:#x}: a board would hang, so mend the .hwh")


class BoardClosed(SimulationError):
    """A board was used after its memory was given back."""

    def __init__(self) -> None:
        super().__init__("the simulated board is closed: make another one")
