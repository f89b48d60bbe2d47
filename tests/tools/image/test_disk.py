# SPDX-License-Identifier: Apache-2.0
"""The disk: two file systems that their own tools read, and the same bytes whenever it is made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.image.boot import BOOT_LABEL, ROOT_LABEL
from tools.image.disk import (
    BOOT_BYTES,
    BOOT_FIRST,
    DiskDamaged,
    check_file_systems,
    clamp_times,
    content_bytes,
    make_disk,
)
from tools.image.personalise import boot_offset_bytes

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
EPOCH = 1_700_000_000
PROGRAMS = ("mke2fs", "debugfs", "e2fsck", "sfdisk", "mkfs.vfat", "fsck.vfat", "mcopy")
MISSING = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)}: no card is made")


@pytest.fixture(autouse=True)
def programs_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", PATH)


def made(folder: Path) -> Path:
    """Return the disk of a small boot partition and root file system, made anew."""
    boot, root, disk = folder / "boot", folder / "root", folder / "disk.img"
    (boot / "edge-node").mkdir(parents=True)
    (boot / "config.txt").write_text("arm_64bit=1\n")
    (boot / "edge-node/boards.txt").write_text("a board\n")
    (root / "etc").mkdir(parents=True)
    (root / "etc/hostname").write_text("card\n")
    (root / "etc/with space").symlink_to("hostname")
    (root / "usr").mkdir(mode=0o755)
    (root / "usr/program").write_bytes(bytes(100_000))
    (root / "usr/program").chmod(0o4755)
    for each in (boot, root):
        clamp_times(each, EPOCH)
    make_disk(boot, root, disk, EPOCH)
    return disk


def part(disk: Path, offset_bytes: int, size_bytes: int | None = None) -> Path:
    target = disk.with_suffix(f".{offset_bytes}")
    data = disk.read_bytes()[offset_bytes:]
    target.write_bytes(data[:size_bytes])
    return target


def test_table_leads_to_both_file_systems(tmp_path: Path) -> None:
    disk = made(tmp_path)
    assert boot_offset_bytes(disk) == BOOT_FIRST
    drive = f"{disk}@@{BOOT_FIRST}"
    read = subprocess.run(
        ["mtype", "-i", drive, "::edge-node/boards.txt"], check=True, stdout=subprocess.PIPE
    )
    assert read.stdout == b"a board\n"
    label = subprocess.run(
        ["mlabel", "-s", "-i", drive, "::"], check=True, stdout=subprocess.PIPE, text=True
    )
    assert BOOT_LABEL in label.stdout
    table = subprocess.run(
        ["sfdisk", "--dump", disk], check=True, stdout=subprocess.PIPE, text=True
    )
    second = BOOT_FIRST + BOOT_BYTES
    assert f"start={second // 512:>12}" in table.stdout
    root = part(disk, second)
    said = subprocess.run(
        ["dumpe2fs", "-h", root], check=True, capture_output=True, text=True
    ).stdout
    assert f"{ROOT_LABEL}\n" in said
    assert "Block size:               4096\n" in said
    check_file_systems(part(disk, BOOT_FIRST, BOOT_BYTES), root)


def test_files_are_roots_with_their_modes_and_the_epochs_time(tmp_path: Path) -> None:
    root = part(made(tmp_path), BOOT_FIRST + BOOT_BYTES)
    said = subprocess.run(
        ["debugfs", "-R", "stat /usr/program", root], check=True, capture_output=True, text=True
    ).stdout
    assert "Mode:  04755" in said
    assert "User:     0   Group:     0" in said
    for name in ("ctime", "atime", "mtime", "crtime"):
        assert f"{name}: 0x{EPOCH:08x}:00000000" in said


def test_same_content_made_at_another_time_and_place_is_the_same_disk(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "elsewhere/second"
    first.mkdir()
    second.mkdir(parents=True)
    assert made(first).read_bytes() == made(second).read_bytes()


def test_older_files_keep_their_time(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    os.utime(file, (5, 5))
    clamp_times(tmp_path, EPOCH)
    assert file.stat().st_mtime == 5
    assert tmp_path.stat().st_mtime == EPOCH


def test_damage_is_found_by_the_checkers(tmp_path: Path) -> None:
    disk = made(tmp_path)
    fat, ext4 = part(disk, BOOT_FIRST, BOOT_BYTES), part(disk, BOOT_FIRST + BOOT_BYTES)
    healthy = ext4.read_bytes()
    ext4.write_bytes(healthy[:5_000] + bytes(60_000) + healthy[65_000:])
    with pytest.raises(DiskDamaged, match="e2fsck says"):
        check_file_systems(fat, ext4)
    fat.write_bytes(bytes(64) + fat.read_bytes()[64:])
    with pytest.raises(DiskDamaged, match=r"fsck\.vfat says"):
        check_file_systems(fat, ext4)


def test_content_counts_in_whole_blocks_whatever_the_disk_below(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(bytes(4_097))
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("one")
    assert content_bytes(tmp_path) == 4_096 * (1 + 1 + 2 + 1 + 1)
