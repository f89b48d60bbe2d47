# SPDX-License-Identifier: Apache-2.0
"""A board that is none: its firmware in an emulator, the line on the emulator's standard streams.

QEMU runs the ports of mps2_an385, stm32f405 and microbit, rp2040js (npm) that of rp2040; a device
built for this machine runs by itself. It is emulated time and no electricity: speeds say nothing.
Law of the file: an emulator is one more line to a device; it ends when the line is closed.
Read next: firmware/build.py.
"""

import json
import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from edge_node_bridge.errors import EmulatorMissing, PortClosed
from edge_node_bridge.firmware.build import BOARDS, Board

RP2040JS = "rp2040js@1.4.1"
"""The npm package, in the version whose insides emulate.mjs knows."""
READ_BYTES_MAX = 65_536
"""Taken in one go."""
_EMULATE = Path(__file__).parent / "firmware" / "ports" / "rp2040" / "emulate.mjs"
_QEMU = "qemu-system-arm"
_QUIET = ("-display", "none", "-monitor", "none", "-serial", "stdio")
_COUNTED = ("-icount", "shift=0")
_END_S = 10


def qemu_command(board: Board, firmware: Path, *, counted: bool = False) -> list[str]:
    """Return what runs a board's ELF file.

    Parameters
    ----------
    board : Board
        One that QEMU knows.
    firmware : Path
    counted : bool
        Let a nanosecond of its time be one instruction, so that its clock counts them.

    Raises
    ------
    EmulatorMissing
    """
    _want(_QEMU, f"`sudo apt install {_QEMU}` cures it")
    machine = [_QEMU, "-M", board.machine, "-kernel", str(firmware)]
    return [*machine, *_QUIET, *(_COUNTED if counted else ())]


def rp2040js_command(firmware: Path, package: Path) -> list[str]:
    """Return what runs a UF2 file for the Pico, given the folder of the npm package.

    Raises
    ------
    EmulatorMissing
    """
    _want("node", "`sudo apt install nodejs` cures it")
    if f"rp2040js@{_version(package)}" != RP2040JS:
        raise EmulatorMissing(name=RP2040JS, advice=f"`npm install {RP2040JS}` cures it")
    return ["node", str(_EMULATE), str(package), str(firmware)]


def board_named(name: str) -> Board:
    """Return the board of a name; KeyError without one."""
    return {board.name: board for board in BOARDS}[name]


class EmulatedBoard:
    """A running emulator, as a Line to its device.

    Parameters
    ----------
    command : sequence of str
        Of qemu_command or rp2040js_command, or a program that build_native made.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._name = Path(command[0]).name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to_device = self._process.stdin
        self._from_device = self._process.stdout

    def read(self, timeout_ms: int) -> bytes:
        """Return what has come; empty if nothing came in time.

        Raises
        ------
        PortClosed
            The emulator has ended.
        """
        ready, _, _ = select.select([self._from_device], [], [], timeout_ms / 1000)
        if not ready:
            return b""
        data = os.read(self._from_device.fileno(), READ_BYTES_MAX)
        if not data:
            raise self._ended()
        return data

    def write(self, data: bytes) -> None:
        """Send all of the data.

        Raises
        ------
        PortClosed
            The emulator has ended.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[self._to_device.write(left) or 0 :]
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> PortClosed:
        try:
            cause = f"the emulator ended with status {self._process.wait(_END_S)}"
        except subprocess.TimeoutExpired:
            cause = "the emulator has closed its line"
        return PortClosed(name=self._name, cause=cause)

    def close(self) -> None:
        """End the emulator."""
        self._process.kill()
        self._process.wait(_END_S)
        self._to_device.close()
        self._from_device.close()

    def __enter__(self) -> "EmulatedBoard":  # noqa: PYI034 - Python 3.10 has no Self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _version(package: Path) -> str:
    """Return the version of an npm package; empty if the folder is none."""
    try:
        told = json.loads((package / "package.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(told.get("version", "")) if isinstance(told, dict) else ""


def _want(program: str, advice: str) -> None:
    if shutil.which(program) is None:
        raise EmulatorMissing(name=program, advice=advice)
