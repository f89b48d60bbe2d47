# SPDX-License-Identifier: Apache-2.0
"""The boot partition: gathered whole, and every file that a board would miss is missed here."""

from pathlib import Path

import pytest

from tools.image.boards import BOARDS, EMULATOR, MARK
from tools.image.boot import (
    COMMAND_LINE_FILE,
    FIRST_PROGRAM,
    SETTINGS,
    BoardWouldNotStart,
    check_boot,
    fill_boot,
)

FILES = sorted(
    {"config.txt", COMMAND_LINE_FILE, FIRST_PROGRAM, "vmlinuz", "initrd.img"}
    | {name for board in BOARDS for name in (board.tree, board.program, board.fixup)}
)


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    """Return a boot partition of a tree that has what Debian's packages have."""
    root, boot = tmp_path / "root", tmp_path / "boot"
    firmware, trees = root / "usr/lib/raspi-firmware", root / "usr/lib/linux-image-6.1/broadcom"
    for folder in (firmware, trees, root / "boot"):
        folder.mkdir(parents=True)
    (root / "boot/vmlinuz-6.1").write_bytes(b"kernel")
    for board in BOARDS:
        (trees / board.tree).write_bytes(f"tree\0{board.compatible}\0brcm,chip\0".encode())
        for name in (FIRST_PROGRAM, board.program, board.fixup):
            (firmware / name).write_bytes(b"program")
    fill_boot(root, boot)
    (boot / "initrd.img").write_bytes(b"initrd")
    return boot


def test_gathered_partition_starts_every_board_and_says_which_they_are(boot: Path) -> None:
    check_boot(boot)
    mark = (boot / SETTINGS / MARK).read_text().splitlines()
    assert [line.partition(" ")[0] for line in mark] == [
        *(board.compatible for board in BOARDS),
        EMULATOR,
    ]


@pytest.mark.parametrize("name", FILES)
def test_missing_or_empty_file_is_named(boot: Path, name: str) -> None:
    (boot / name).write_bytes(b"")
    with pytest.raises(BoardWouldNotStart, match=f" would not start: {name} is missing"):
        check_boot(boot)
    (boot / name).unlink()
    with pytest.raises(BoardWouldNotStart, match=f" would not start: {name} is missing"):
        check_boot(boot)


def test_tree_of_another_board_is_refused(boot: Path) -> None:
    (boot / "bcm2711-rpi-4-b.dtb").write_bytes(b"tree\0raspberrypi,4-model-bb\0")
    with pytest.raises(BoardWouldNotStart, match="Raspberry Pi 4B would not be known"):
        check_boot(boot)


@pytest.mark.parametrize("line", ["arm_64bit=1", "upstream_kernel=1", "kernel=", "initramfs"])
def test_line_without_which_no_board_starts_is_missed(boot: Path, line: str) -> None:
    config = boot / "config.txt"
    config.write_text(config.read_text().replace(line, f"# {line}"))
    with pytest.raises(BoardWouldNotStart, match=r"board would start|board would not start"):
        check_boot(boot)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("root=LABEL=edge-root\nquiet\n", "has 2 lines"),
        ("root=LABEL=edge-root", "has 0 lines"),
        ("root=LABEL=edge-root " + "x" * 1004 + "\n", "and 1026 characters"),
        ("root=/dev/mmcblk0p2 rootwait\n", "must say root=LABEL=edge-root"),
        ("root=LABEL=edge-rooted\n", "must say root=LABEL=edge-root"),
    ],
)
def test_command_line_that_the_firmware_or_the_initrd_misreads_is_refused(
    boot: Path, text: str, words: str
) -> None:
    (boot / COMMAND_LINE_FILE).write_text(text)
    with pytest.raises(BoardWouldNotStart, match=words):
        check_boot(boot)
