# SPDX-License-Identifier: Apache-2.0
"""A simulated board: the library of build.py behind a Python object.

Time passes only while registers are accessed, so a board that nobody asks stands still.
Law of the file: ctypes stay here; addresses are offsets within the engine or within the DMA.
Read next: device.py, simulation.cpp.
"""

import ctypes
from pathlib import Path

MEMORY_BASE = 0x1000_0000
"""Physical address of the first byte."""
MEMORY_BYTES = 128 << 20
"""As much contiguous memory as a board's image sets aside."""
POLL_CLOCKS = 4096
"""At most so many clocks pass while a status is read."""

_HANDLE, _WORD, _LONG = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
_SIGNATURES = {
    "board_new": (_HANDLE, [_LONG, _WORD]),
    "board_free": (None, [_HANDLE]),
    "board_memory": (ctypes.c_void_p, [_HANDLE]),
    "board_clocks": (_LONG, [_HANDLE]),
    "board_stalls": (None, [_HANDLE, _WORD]),
    "board_freeze": (None, [_HANDLE, ctypes.c_int]),
    "board_irq": (ctypes.c_int, [_HANDLE]),
    "board_run": (None, [_HANDLE, _LONG]),
    "engine_write": (None, [_HANDLE, _WORD, _WORD]),
    "engine_read": (_WORD, [_HANDLE, _WORD]),
    "dma_write": (None, [_HANDLE, _WORD, _WORD]),
    "dma_read": (_WORD, [_HANDLE, _WORD, _LONG]),
}


class Board:
    """Engine, DMA and memory.

    Parameters
    ----------
    library : Path
        From `build.built_library`.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._board: int | None = self._library.board_new(MEMORY_BYTES, MEMORY_BASE)
        address = self._library.board_memory(self._board)
        self.memory = (ctypes.c_uint8 * MEMORY_BYTES).from_address(address)
        """All of its memory; not to be touched after `close`."""

    @property
    def clocks(self) -> int:
        """Clocks since the reset."""
        return int(self._library.board_clocks(self._board))

    @property
    def interrupt(self) -> bool:
        """The engine's interrupt line."""
        return bool(self._library.board_irq(self._board))

    def stall(self, seed: int) -> None:
        """Stall both streams at random from now on, or never with seed 0."""
        self._library.board_stalls(self._board, seed)

    def freeze(self, *, to_engine: bool = False, from_engine: bool = False) -> None:
        """Stop streams for good, as when an engine never answers; without arguments none is."""
        self._library.board_freeze(self._board, to_engine | from_engine << 1)

    def run(self, clocks: int) -> None:
        """Let time pass."""
        self._library.board_run(self._board, clocks)

    def read_engine(self, offset: int) -> int:
        """Read a register by AXI-Lite."""
        return int(self._library.engine_read(self._board, offset))

    def write_engine(self, offset: int, value: int) -> None:
        """Write a register by AXI-Lite."""
        self._library.engine_write(self._board, offset, value)

    def read_dma(self, offset: int) -> int:
        """Read a register of the DMA; a status takes up to POLL_CLOCKS while data are moved."""
        return int(self._library.dma_read(self._board, offset, POLL_CLOCKS))

    def write_dma(self, offset: int, value: int) -> None:
        """Write a register of the DMA."""
        self._library.dma_write(self._board, offset, value)

    def close(self) -> None:
        """Give the memory back; may be called more than once."""
        if self._board is not None:
            self._library.board_free(self._board)
            self._board = None
