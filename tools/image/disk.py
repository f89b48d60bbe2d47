# SPDX-License-Identifier: Apache-2.0
"""Two file systems and a partition table in one file, with nothing mounted and no root.

Law of the file: sizes, numbers and times are functions of the content, so the same content gives
the same bytes.
Read next: boot.py for what lies on the first partition, root.py for the second.
"""

import hashlib
import os
import subprocess
import uuid
from pathlib import Path

from tools.image.boot import BOOT_LABEL, ROOT_LABEL

MIB = 1 << 20
BOOT_FIRST = 4 * MIB
BOOT_BYTES = 128 * MIB
ROOT_SPARE = 64 * MIB
"""Until the first start makes the partition as large as the card."""
_SECTOR = 512
_BLOCK_BYTES = 4096
_ROOM = 1.12
"""Of blocks of tables, over those of files."""


class DiskDamaged(Exception):
    """A file system that was just made is not whole."""


def make_disk(
    boot: Path, root: Path, target: Path, epoch: int, *, spare_bytes: int = ROOT_SPARE
) -> None:
    """Write the image of a card.

    Parameters
    ----------
    boot, root : Path
        What lies on its partitions.
    target : Path
    epoch : int
        Seconds since 1970 that every file will have at most.
    spare_bytes : int
        Room on the second partition beside its files.
    """
    seed = hashlib.sha256(f"{epoch}".encode()).digest()
    identity = uuid.UUID(bytes=seed[:16])
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "E2FSPROGS_FAKE_TIME": str(epoch),
        "TZ": "UTC",
    }
    first, second = target.with_suffix(".boot"), target.with_suffix(".root")
    _make_fat(boot, first, seed, environment)
    _make_ext4(root, second, identity, environment, spare_bytes)
    _date_changes(root, second, epoch, environment)
    check_file_systems(first, second)
    second_first = BOOT_FIRST + BOOT_BYTES
    root_bytes = second.stat().st_size
    table = (
        f"label: dos\nlabel-id: 0x{seed[16:20].hex()}\nunit: sectors\n"
        f"start={BOOT_FIRST // _SECTOR}, size={BOOT_BYTES // _SECTOR}, type=c, bootable\n"
        f"start={second_first // _SECTOR}, size={root_bytes // _SECTOR}, type=83\n"
    )
    target.unlink(missing_ok=True)
    with target.open("wb") as disk:
        disk.truncate(second_first + root_bytes)
    subprocess.run(["sfdisk", "--quiet", target], input=table, text=True, check=True)
    for part, offset in ((first, BOOT_FIRST), (second, second_first)):
        words = [f"if={part}", f"of={target}", f"seek={offset // MIB}", f"bs={MIB}"]
        subprocess.run(["dd", *words, "conv=notrunc,sparse", "status=none"], check=True)
        part.unlink()


def clamp_times(folder: Path, epoch: int) -> None:
    """Give every file that is newer than `epoch` that time."""
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.lstat().st_mtime > epoch:
            os.utime(path, (epoch, epoch), follow_symlinks=False)


def _make_fat(content: Path, target: Path, seed: bytes, environment: dict[str, str]) -> None:
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(BOOT_BYTES)
    label = ["-F", "32", "-n", BOOT_LABEL, "-i", seed[20:24].hex(), "--invariant"]
    subprocess.run(["mkfs.vfat", *label, target], check=True, stdout=subprocess.DEVNULL)
    for path in sorted(content.iterdir()):
        words = ["mcopy", "-s", "-m", "-Q", "-i", str(target), str(path), "::"]
        subprocess.run(words, check=True, env=environment)


def check_file_systems(fat: Path, ext4: Path) -> None:
    """Let the checkers of both file systems read them.

    Raises
    ------
    DiskDamaged
        In the checker's words.
    """
    for command in (("fsck.vfat", "-n", str(fat)), ("e2fsck", "-fn", str(ext4))):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DiskDamaged(f"{command[0]} says: {(done.stdout + done.stderr).strip()[-300:]}")


def content_bytes(folder: Path) -> int:
    """Return what the files and folders take in whole blocks, whatever disk they lie on."""
    total = _BLOCK_BYTES
    for path in folder.rglob("*"):
        size = path.lstat().st_size if path.is_file() and not path.is_symlink() else 1
        total += -(-size // _BLOCK_BYTES) * _BLOCK_BYTES
    return total


def _make_ext4(
    content: Path,
    target: Path,
    identity: uuid.UUID,
    environment: dict[str, str],
    spare_bytes: int,
) -> None:
    size = int(content_bytes(content) * _ROOM) + spare_bytes
    target.unlink(missing_ok=True)
    options = f"hash_seed={identity},root_owner=0:0,lazy_itable_init=0"
    words = [
        "-q",
        "-t",
        "ext4",
        "-b",
        str(_BLOCK_BYTES),
        "-L",
        ROOT_LABEL,
        "-U",
        str(identity),
        "-E",
        options,
    ]
    # metadata_csum_seed lets the file system keep its sums when it is given another number.
    words += ["-O", "^metadata_csum_seed,^orphan_file", "-d", str(content), str(target)]
    # Files belong to who makes the image; seen from a namespace where that is root, to root.
    as_root = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    command = [*as_root, "mke2fs", *words, f"{size // MIB + 1}M"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _date_changes(content: Path, target: Path, epoch: int, environment: dict[str, str]) -> None:
    """Date the changes of inodes, which mke2fs takes from this machine and nobody can set there."""
    lines = []
    for path in (content, *sorted(content.rglob("*"))):
        name = "/" + path.relative_to(content).as_posix().removeprefix(".")
        lines += [f'set_inode_field "{name}" {field} @{epoch}' for field in ("atime", "ctime")]
    subprocess.run(
        ["debugfs", "-w", "-f", "-", target],
        input="\n".join([*lines, ""]),
        text=True,
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
