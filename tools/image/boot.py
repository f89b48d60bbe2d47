# SPDX-License-Identifier: Apache-2.0
"""The boot partition: the boards' first programs, kernel, device trees, config.txt and cmdline.txt.

No emulator runs the VideoCore's stage, which reads config.txt; so it is checked here, statically:
every file that a line names is there, every board has its device tree and its firmware.
Law of the file: a check names the board that would not start, and why.
Read next: initrd.py.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.image.boards import BOARDS, MARK, mark_text

ROOT_LABEL = "edge-root"
BOOT_LABEL = "EDGE-BOOT"
SETTINGS = "edge-node"
"""Folder of what a card is told: personalise.py writes it, the first start reads it."""
FIRST_PROGRAM = "bootcode.bin"
"""Read by the ROM of the Zero 2 W and the 3; the 4 has it in a chip of its own."""
COMMAND_LINE_FILE = "cmdline.txt"

CONFIG = """\
# Read by the board's firmware before the kernel starts.
arm_64bit=1
# Device trees are the kernel's own: their names differ from Raspberry Pi OS's.
upstream_kernel=1
kernel=vmlinuz
initramfs initrd.img followkernel
enable_uart=1
# The node wants no picture; its memory is better used.
gpu_mem=16
"""
_MUST_BE = ("arm_64bit=1", "upstream_kernel=1", "enable_uart=1")

COMMAND_LINE = (
    "console=tty0 console=ttyS1,115200 "
    f"root=LABEL={ROOT_LABEL} rootfstype=ext4 rootwait fsck.repair=yes net.ifnames=0 quiet\n"
)
_MAX_COMMAND_LINE = 1024


class BoardWouldNotStart(Exception):
    """The boot partition lacks something that a board needs."""


def fill_boot(root: Path, boot: Path) -> None:
    """Gather the boot partition out of a tree: firmware, kernel, device trees, the texts."""
    (boot / SETTINGS).mkdir(parents=True, exist_ok=True)
    programs = {each for board in BOARDS for each in (board.program, board.fixup)}
    for name in sorted({FIRST_PROGRAM, *programs}):
        shutil.copyfile(root / "usr/lib/raspi-firmware" / name, boot / name)
    trees = next(root.glob("usr/lib/linux-image-*/broadcom"))
    for board in BOARDS:
        shutil.copyfile(trees / board.tree, boot / board.tree)
    kernel = next(root.glob("boot/vmlinuz-*"))
    shutil.move(kernel, boot / "vmlinuz")
    (boot / "config.txt").write_text(CONFIG)
    (boot / COMMAND_LINE_FILE).write_text(COMMAND_LINE)
    (boot / SETTINGS / MARK).write_text(mark_text())


def check_boot(boot: Path) -> None:
    """Check that every board finds what it starts with.

    Raises
    ------
    BoardWouldNotStart
        Names the file and the first board that wants it.
    """
    for who, name in _wanted(boot):
        file = boot / name
        if not name or not file.is_file() or not file.stat().st_size:
            raise BoardWouldNotStart(f"{who} would not start: {name or 'a file'} is missing")
    for board in BOARDS:
        if f"{board.compatible}\0".encode() not in (boot / board.tree).read_bytes():
            raise BoardWouldNotStart(
                f"{board.name} would not be known: {board.tree} does not say {board.compatible}"
            )
    lines = _lines(boot)
    for line in _MUST_BE:
        if line not in lines:
            raise BoardWouldNotStart(f"no board would start: config.txt lacks {line}")
    _check_command_line((boot / COMMAND_LINE_FILE).read_text())


def _wanted(boot: Path) -> Iterator[tuple[str, str]]:
    """Yield who wants which file, each once; an empty name is one that config.txt lacks."""
    every = "every board"
    yield every, "config.txt"
    yield every, COMMAND_LINE_FILE
    lines = _lines(boot)
    yield every, next((line[7:] for line in lines if line.startswith("kernel=")), "")
    loaded = [line.split() for line in lines if line.startswith("initramfs ")]
    yield every, next((words[1] for words in loaded if words[2:] == ["followkernel"]), "")
    yield "Raspberry Pi Zero 2 W", FIRST_PROGRAM
    for board in BOARDS:
        for name in (board.tree, board.program, board.fixup):
            yield board.name, name


def _lines(boot: Path) -> list[str]:
    return [line.split("#")[0].strip() for line in (boot / "config.txt").read_text().splitlines()]


def _check_command_line(text: str) -> None:
    if text.count("\n") != 1 or not text.endswith("\n") or len(text) > _MAX_COMMAND_LINE:
        raise BoardWouldNotStart(
            f"cmdline.txt has {text.count(chr(10))} lines and {len(text)} characters; the firmware"
            f" takes 1 line of up to {_MAX_COMMAND_LINE}"
        )
    if f"root=LABEL={ROOT_LABEL}" not in text.split():
        raise BoardWouldNotStart(f"cmdline.txt must say root=LABEL={ROOT_LABEL}")
