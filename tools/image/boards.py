# SPDX-License-Identifier: Apache-2.0
"""The boards for which the image is made: what each starts with, and how it names itself.

The first start compares the names with those of the board on which the card lies.
Law of the file: lists only; boot.py holds them against the boot partition.
Read next: boot.py, and first-start among the files.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One kind of board."""

    name: str
    """As people call it."""
    compatible: str
    """Its device tree's first name for it."""
    tree: str
    """File of its device tree, of the kernel's package."""
    program: str
    """What the VideoCore runs."""

    @property
    def fixup(self) -> str:
        """The program's settings of memory, which it does not start without."""
        return self.program.replace("start", "fixup").replace(".elf", ".dat")


_OF_THREE, _OF_FOUR = "start.elf", "start4.elf"

BOARDS = (
    Board(
        name="Raspberry Pi Zero 2 W",
        compatible="raspberrypi,model-zero-2-w",
        tree="bcm2837-rpi-zero-2-w.dtb",
        program=_OF_THREE,
    ),
    Board(
        name="Raspberry Pi 3A+",
        compatible="raspberrypi,3-model-a-plus",
        tree="bcm2837-rpi-3-a-plus.dtb",
        program=_OF_THREE,
    ),
    Board(
        name="Raspberry Pi 3B",
        compatible="raspberrypi,3-model-b",
        tree="bcm2837-rpi-3-b.dtb",
        program=_OF_THREE,
    ),
    Board(
        name="Raspberry Pi 3B+",
        compatible="raspberrypi,3-model-b-plus",
        tree="bcm2837-rpi-3-b-plus.dtb",
        program=_OF_THREE,
    ),
    Board(
        name="Compute Module 3",
        compatible="raspberrypi,3-compute-module",
        tree="bcm2837-rpi-cm3-io3.dtb",
        program=_OF_THREE,
    ),
    Board(
        name="Raspberry Pi 4B",
        compatible="raspberrypi,4-model-b",
        tree="bcm2711-rpi-4-b.dtb",
        program=_OF_FOUR,
    ),
    Board(
        name="Raspberry Pi 400",
        compatible="raspberrypi,400",
        tree="bcm2711-rpi-400.dtb",
        program=_OF_FOUR,
    ),
    Board(
        name="Compute Module 4",
        compatible="raspberrypi,4-compute-module",
        tree="bcm2711-rpi-cm4-io.dtb",
        program=_OF_FOUR,
    ),
)
EMULATOR = "linux,dummy-virt"
"""What QEMU's machine `virt` calls itself."""
MARK = "boards.txt"
"""File beside the settings that says for which boards the image is; also how one is known."""


def mark_text() -> str:
    """Return the file that says so: a compatible name and the board's, one a line."""
    lines = [f"{board.compatible} {board.name}" for board in BOARDS]
    return "\n".join([*lines, f"{EMULATOR} an emulator", ""])
