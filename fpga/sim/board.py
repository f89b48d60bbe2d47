# SPDX-License-Identifier: Apache-2.0
"""A simulated board: the library of build.py behind a Python object.

Time passes only while registers are accessed, so a board that nobody asks stands still.
Law of the file: ctypes stay here; addresses are offsets within the engine or within the DMA.
Read next: device.py, simulation.cpp.
"""

import ctypes
from pathlib import Path

from edge_node_fpga.sim.errors import BoardClosed

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
    "board_reset": (None, [_HANDLE]),
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

    Raises
    ------
    BoardClosed
        By all methods but `close`, after it.
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
        return self._call("board_clocks")

    @property
    def interrupt(self) -> bool:
        """The engine's interrupt line."""
        return bool(self._call("board_irq"))

    def reset(self) -> None:
        """Leave engine and DMA as after a bitstream; memory stays, and so do stalls."""
        self._call("board_reset")

    def stall(self, seed: int) -> None:
        """Stall both streams at random from now on, or never with seed 0."""
        self._call("board_stalls", seed)

    def freeze(self, *, to_engine: bool = False, from_engine: bool = False) -> None:
        """Stop streams for good, as when an engine never answers; without arguments none is."""
        self._call("board_freeze", to_engine | from_engine << 1)

    def run(self, clocks: int) -> None:
        """Let time pass."""
        self._call("board_run", clocks)

    def read_engine(self, offset: int) -> int:
        """Read a register by AXI-Lite."""
        return self._call("engine_read", offset)

    def write_engine(self, offset: int, value: int) -> None:
        """Write a register by AXI-Lite."""
        self._call("engine_write", offset, value)

    def read_dma(self, offset: int) -> int:
        """Read a register of the DMA; a status takes up to POLL_CLOCKS while data are moved."""
        return self._call("dma_read", offset, POLL_CLOCKS)

    def write_dma(self, offset: int, value: int) -> None:
        """Write a register of the DMA."""
        self._call("dma_write", offset, value)

    def close(self) -> None:
        """Give the memory back; may be called more than once."""
        if self._board is not None:
            self._library.board_free(self._board)
            self._board = None

    def _call(self, name: str, *values: int) -> int:
        """Return what a function of the library returns; 0 if that is nothing."""
        if self._board is None:  # the library would end the process
            raise BoardClosed
        return int(getattr(self._library, name)(self._board, *values) or 0)
