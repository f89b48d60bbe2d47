# SPDX-License-Identifier: Apache-2.0
"""The simulated board as a device of pynq, so that Overlay, allocate and DMA run as they are.

Registers of the engine and of the DMA go to the RTL, those of the processor's clocks into a
dictionary, buffers lie in the simulated memory. The download of a bitstream resets the fabric.
Law of the file: whatever pynq asks of a device is answered; an address where nothing is, never.
Read next: board.py, hwh.py, driver/overlay.py.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.pynq_library import FromPynq, load_pynq
from edge_node_fpga.sim.board import MEMORY_BASE, MEMORY_BYTES, Board
from edge_node_fpga.sim.build import built_library
from edge_node_fpga.sim.errors import NothingThere, OutOfMemory
from edge_node_fpga.sim.hwh import write_hwh
from edge_node_fpga.vivado.design import CLOCK_HZ, DESIGN, DMA_RANGE, ENGINE_RANGE, Build

Device: Any = load_pynq().Device
PynqBuffer: Any = load_pynq().buffer.PynqBuffer

PATIENCE_S = 0.25
"""Of the board's own time, for a driver's time-outs: more than the engine's watchdog has."""
PAGE_BYTES = 4096
WORD_BYTES = 4
_ENGINE_REGISTERS = range(ENGINE_RANGE.base, ENGINE_RANGE.base + ENGINE_RANGE.bytes)
_DMA_REGISTERS = range(DMA_RANGE.base, DMA_RANGE.base + DMA_RANGE.bytes)
_CLOCK_REGISTERS = range(0xF800_0000, 0xF800_1000)
_CLOCK_DEFAULT = 0x0011_A400
"""Of registers that were not written: dividers that are not zero."""


class SimulatedDevice(Device):  # type: ignore[misc] # pynq brings no types
    """A PYNQ-Z2 whose fabric is verilated RTL.

    Parameters
    ----------
    build : Build
        Parameters of the engine; built when it is not in the cache.

    Raises
    ------
    ToolMissing, BuildFailed
    """

    def __init__(self, build: Build) -> None:
        super().__init__(f"simulated {build.name}")
        self.capabilities = {"REGISTER_RW": True}
        self.name = "simulated"
        self.arch = "armv7l"
        self.timestamp = ""
        self.board = Board(built_library(build))
        """What the device is made of; tests stall and freeze it."""
        self._clock_registers: dict[int, int] = {}
        self._free: list[tuple[int, int]] = [(0, MEMORY_BYTES)]  # offset, bytes; ascending
        self._taken: dict[int, int] = {}

    def seconds(self) -> float:
        """Return the board's own time, for time-outs: the simulation may take its own.

        A look at it takes a clock, as any other access, so whoever waits comes to an end.
        """
        self.board.run(1)
        return self.board.clocks / CLOCK_HZ

    def read_registers(self, address: int, length: int) -> bytes:
        """Return the bytes of registers; time passes."""
        return b"".join(
            self._read(at).to_bytes(WORD_BYTES, "little")
            for at in range(address, address + length, WORD_BYTES)
        )

    def write_registers(self, address: int, data: bytes) -> None:
        """Write registers; time passes."""
        for i in range(0, len(data), WORD_BYTES):
            self._write(address + i, int.from_bytes(data[i : i + WORD_BYTES], "little"))

    def allocate(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike, **_: object) -> FromPynq:
        """Return a buffer that the DMA can reach.

        Raises
        ------
        OutOfMemory
        """
        items = math.prod(shape) if isinstance(shape, tuple) else int(shape)
        wanted = max(1, items * np.dtype(dtype).itemsize)
        offset = self._take(-(-wanted // PAGE_BYTES) * PAGE_BYTES)
        buffer = PynqBuffer(
            shape,
            dtype,
            buffer=self.board.memory,
            offset=offset,
            device=self,
            device_address=MEMORY_BASE + offset,
            coherent=False,
        )
        buffer.memory, buffer.pointer, buffer.return_to = self, MEMORY_BASE + offset, self
        buffer.freed = True  # it has no mapping of its own to take away
        return buffer

    def return_pointer(self, pointer: int) -> None:
        """Take a buffer's memory back; pynq calls it."""
        offset = pointer - MEMORY_BASE
        spans = sorted([*self._free, (offset, self._taken.pop(offset))])
        merged = spans[:1]
        for start, length in spans[1:]:
            before, size = merged[-1]
            if before + size == start:
                merged[-1] = (before, size + length)
            else:
                merged.append((start, length))
        self._free = merged

    @property
    def taken_bytes(self) -> int:
        """Bytes of buffers that were not given back."""
        return sum(self._taken.values())

    def flush(self, *_: object) -> None:
        """Do nothing: memory has no cache."""

    def invalidate(self, *_: object) -> None:
        """Do nothing: memory has no cache."""

    def get_bitfile_metadata(
        self,
        bitfile_name: str,
        partial: bool = False,  # noqa: ARG002, FBT001, FBT002 - pynq's signature
    ) -> FromPynq:
        """Return what pynq makes of the .hwh beside the bitstream."""
        from pynqmetadata.frontends import Metadata  # noqa: PLC0415 - it takes a second
        from pynqmetadata.views.runtime import (  # noqa: PLC0415 - it takes another
            RuntimeMetadataParser,
        )

        hwh = Path(bitfile_name).with_suffix(".hwh")
        parser = RuntimeMetadataParser(Metadata(input=str(hwh)))
        parser.refresh_hierarchy_dict()
        return parser

    def gen_cache(self, *_: object) -> None:
        """Do nothing: there is no server that would read it."""

    def download(self, bitstream: FromPynq, parser: FromPynq = None) -> None:
        """Reset the fabric, and tell pynq that the bitstream is in."""
        self.board.reset()
        self.post_download(bitstream, parser)

    def _read(self, address: int) -> int:
        if address in _ENGINE_REGISTERS:
            return self.board.read_engine(address - ENGINE_RANGE.base)
        if address in _DMA_REGISTERS:
            return self.board.read_dma(address - DMA_RANGE.base)
        if address in _CLOCK_REGISTERS:
            return self._clock_registers.get(address, _CLOCK_DEFAULT)
        raise NothingThere(address=address)

    def _write(self, address: int, value: int) -> None:
        if address in _ENGINE_REGISTERS:
            self.board.write_engine(address - ENGINE_RANGE.base, value)
        elif address in _DMA_REGISTERS:
            self.board.write_dma(address - DMA_RANGE.base, value)
        elif address in _CLOCK_REGISTERS:
            self._clock_registers[address] = value
        else:
            raise NothingThere(address=address)

    def _take(self, wanted: int) -> int:
        for i, (offset, length) in enumerate(self._free):
            if length >= wanted:
                rest = [(offset + wanted, length - wanted)] if length > wanted else []
                self._free[i : i + 1] = rest
                self._taken[offset] = wanted
                return offset
        raise OutOfMemory(wanted_bytes=wanted, memory_bytes=MEMORY_BYTES)


def make_device(build: Build, folder: Path) -> tuple[SimulatedDevice, Path]:
    """Make a simulated board; pynq's active device stays the one that it is.

    Parameters
    ----------
    build : Build
    folder : Path
        Where bnn.bit, which names the build, and bnn.hwh are written.

    Returns
    -------
    tuple
        The device and the bitfile, both for `driver.overlay.Overlay`.

    Raises
    ------
    ToolMissing, BuildFailed
    """
    device = SimulatedDevice(build)
    bitfile = folder / f"{DESIGN}.bit"
    bitfile.write_text(f"{build.name}, simulated\n")
    write_hwh(bitfile.with_suffix(".hwh"))
    return device, bitfile
