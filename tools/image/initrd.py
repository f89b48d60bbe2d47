# SPDX-License-Identifier: Apache-2.0
"""The first program and the modules that find the card: an initrd, made natively in a second.

An archive in cpio's "newc" form, compressed by zstd; times and numbers are all 0, so it is the same
whenever it is made.
Law of the file: what depmod says is needed goes in, in the order in which it is loaded.
Read next: files/init.
"""

import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.image.packages import ROOT_MODULES

INIT = Path(__file__).with_name("files") / "init"


class ModuleMissing(Exception):
    """The kernel lacks a module that a board needs."""


def load_order(modules: Path, names: Sequence[str]) -> list[str]:
    """Return paths of modules and of all that they need, each after what it needs.

    Parameters
    ----------
    modules : Path
        `lib/modules/VERSION`, in which depmod was run.
    names : sequence of str
        With `_` for `-`.

    Raises
    ------
    ModuleMissing
    """
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(": ")
        path = path.rstrip(":")
        needs[path] = rest.split()
        paths[Path(path).name.partition(".")[0].replace("-", "_")] = path
    order: list[str] = []
    for name in names:
        if name not in paths:
            raise ModuleMissing(f"the kernel in {modules} has no module {name}")
        for path in (*reversed(needs[paths[name]]), paths[name]):
            if path not in order:
                order.append(path)
    return order


def prune_modules(modules: Path, names: Sequence[str]) -> None:
    """Remove all modules but these and what they need."""
    subprocess.run(["depmod", "-b", modules.parents[2], modules.name], check=True)
    kept = set(load_order(modules, names))
    for path in sorted(modules.glob("kernel/**/*.ko")):
        if path.relative_to(modules).as_posix() not in kept:
            path.unlink()
    for folder in sorted((modules / "kernel").glob("**/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    subprocess.run(["depmod", "-b", modules.parents[2], modules.name], check=True)


def make_initrd(
    root: Path, modules: Path, target: Path, names: Sequence[str] = ROOT_MODULES
) -> None:
    """Write the initrd of a tree, with modules of these names; busybox leaves the tree for it."""
    order = load_order(modules, names)
    busybox = root / "usr/bin/busybox"
    members: list[tuple[str, int, bytes]] = [
        (name, stat.S_IFDIR | 0o755, b"")
        for name in ("bin", "card", "dev", "modules", "proc", "sys")
    ]
    members.append(("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()))
    members.append(("init", stat.S_IFREG | 0o755, INIT.read_bytes()))
    files = []
    for path in order:
        files.append(Path(path).name)
        content = (modules / path).read_bytes()
        members.append((f"modules/{files[-1]}", stat.S_IFREG | 0o644, content))
    members.append(("modules/order", stat.S_IFREG | 0o644, "\n".join([*files, ""]).encode()))
    archive = b"".join(_cpio(members))
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", target], input=archive, check=True)
    busybox.unlink()
    shutil.rmtree(root / "usr/share/doc/busybox-static", ignore_errors=True)


def _cpio(members: Sequence[tuple[str, int, bytes]]) -> Iterator[bytes]:
    for number, (name, mode, content) in enumerate((*members, ("TRAILER!!!", 0, b"")), start=1):
        # inode, mode, uid, gid, links, time, size, device and its own (2 each), name, check
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = "070701" + "".join(f"{field:08x}" for field in fields) + name + "\0"
        yield _padded(head.encode())
        yield _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
