# SPDX-License-Identifier: Apache-2.0
"""How deep a board's stack gets: the emulator's memory begins as zeros and tells what was written.

Below the stack lies the model, so one that is too small would change it and say nothing.
"""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from edge_node.spec.architecture import BINARY_4K, UINT8_4K
from edge_node.spec.model import hash_of_blob
from edge_node_bridge.device import Device
from edge_node_bridge.emulator import qemu_command
from edge_node_bridge.errors import ModelRefused
from edge_node_bridge.firmware.build import BOARDS, Board, board_sizes, build_board
from tests.firmware_bridge.sessions import images
from tests.spec.samples import random_model
from tools.firmware_instructions import session

pytestmark = [pytest.mark.firmware, pytest.mark.timeout(900)]

INTERRUPT_BYTES = 100
"""That one may take on top, as sections.ld has it."""
PROMPT = b"(qemu) "


def stack_of(elf: Path) -> tuple[int, int]:
    """Return the address of a program's stack, and its length."""
    words = ["arm-none-eabi-nm", str(elf)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (end,) = (int(line.split()[0], 16) for line in told.splitlines() if line.endswith(" stack_end"))
    size = board_sizes(elf).stack
    return end - size, size


def memory(monitor: Path, address: int, size: int) -> bytes:
    """Return a part of an emulated board's memory."""
    target = monitor.with_suffix(".memory")
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(monitor))
        for order in (b"", f'memsave {address} {size} "{target}"\n'.encode()):
            asked.sendall(order)
            told = b""
            while not told.endswith(PROMPT):
                told += asked.recv(4_096)
    return target.read_bytes()


def ask_for_all(host: Device) -> None:
    """Let a device go down every way that is deep."""
    host.self_test()
    for architecture in (BINARY_4K, UINT8_4K):
        blob = random_model(architecture, "stack").blob()
        with pytest.raises(ModelRefused):
            host.push_model(blob[:-1], hash_of_blob(blob[:-1]))
        host.push_model(blob, hash_of_blob(blob))
        for image in images(architecture, 2):
            host.infer(image)
    list(host.samples(2, interval_ms=1))
    host.status()


@pytest.mark.parametrize("board", [each for each in BOARDS if each.machine], ids=lambda it: it.name)
def test_stack_has_room_for_the_deepest_way_and_an_interrupt(board: Board, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no qemu-system-arm")
    build_board(board, tmp_path)
    elf, monitor = tmp_path / f"{board.name}.elf", tmp_path / "monitor"
    command = qemu_command(board, elf)
    command[command.index("-monitor") + 1] = f"unix:{monitor},server=on,wait=off"
    with session(command) as host:
        ask_for_all(host)
        address, size = stack_of(elf)
        stack = memory(monitor, address, size)
    untouched = size - len(stack.lstrip(b"\x00"))
    assert size // 2 > untouched, "this is no stack"
    assert untouched >= INTERRUPT_BYTES
