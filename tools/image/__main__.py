# SPDX-License-Identifier: Apache-2.0
"""`python -m tools.image build|personalise`: a card image, and a network's settings on it.

Law of the file: the order of the steps; every step is a function of another file.
Read next: root.py, boot.py, disk.py.
"""

import argparse
import getpass
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_node.gossip.errors import JoinLineInvalid
from edge_node.kernels.libsodium import load_ed25519
from edge_node.spec.signature import SEED_BYTES
from edge_node.spec.transaction import address_of
from tools.debian_tree import Debian, DebianMissing, fetch, host_mirror, link_alternatives, unpack
from tools.dist import DistFailed, epoch_of
from tools.image.boot import BoardWouldNotStart, check_boot, fill_boot
from tools.image.disk import DiskDamaged, clamp_times, make_disk
from tools.image.initrd import ModuleMissing, make_initrd, prune_modules
from tools.image.packages import MODULES, PACKAGES
from tools.image.personalise import SettingRefused, Settings, Wifi, files_of, write_settings
from tools.image.root import (
    PythonMissing,
    compile_python,
    finish_system,
    install_node,
    install_service,
)

ROOT = Path(__file__).resolve().parents[2]
RELEASE, PYTHON = "bookworm", "3.11"
PROGRAMS = {
    "debugfs": "e2fsprogs",
    "depmod": "kmod",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "sfdisk": "fdisk",
    "systemctl": "systemd",
    "systemd-sysusers": "systemd",
    "unshare": "util-linux",
    "zstd": "zstd",
}
WIFI_VARIABLE = "EDGE_IMAGE_WIFI_PASSPHRASE"
FAILURES = (
    BoardWouldNotStart,
    DebianMissing,
    DiskDamaged,
    DistFailed,
    JoinLineInvalid,
    ModuleMissing,
    PythonMissing,
    SettingRefused,
)


def build(wheel: Path, folder: Path, mirror: str) -> Path:
    """Build the image `edge-node.img` in a folder and return its path."""
    os.umask(0o022)  # files of this machine become files of the card
    root, boot, image = folder / "root", folder / "boot", folder / "edge-node.img"
    debian = Debian(release=RELEASE, architecture="arm64", mirror=mirror)
    unpack(fetch(debian, PACKAGES, folder / "packages"), root)
    link_alternatives(root, debian)
    modules = next(root.glob("usr/lib/modules/*"))
    prune_modules(modules, MODULES)
    shutil.rmtree(boot, ignore_errors=True)
    fill_boot(root, boot)
    make_initrd(root, modules, boot / "initrd.img")
    finish_system(root)
    install_node(root, wheel, ROOT / f"tools/constraints/python{PYTHON}.txt", PYTHON)
    compile_python(root, PYTHON)
    install_service(root, (sys.executable, "-m", "edge_node"))
    check_boot(boot)
    epoch = epoch_of(ROOT)
    for each in (root, boot):
        clamp_times(each, epoch)
    make_disk(boot, root, image, epoch)
    return image


def personalise(options: argparse.Namespace) -> None:
    """Write the settings of a command line onto an image, and say what its node's key is."""
    seed = secrets.token_bytes(SEED_BYTES) if options.fresh_key else b""
    settings = Settings(
        join_line=options.join_token,
        hostname=options.hostname,
        ssh_keys=_text_of(options.ssh_key),
        wifi=_wifi(options),
        seed=seed,
    )
    files = files_of(settings)
    write_settings(options.image, files)
    print(f"{options.image}: wrote {', '.join(file.name for file in files)}")
    if seed:
        public = load_ed25519().public_key(seed)
        print(f"public key {public.hex()}\naddress    {address_of(public).hex()}")


def _text_of(path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise SettingRefused(f"{path} can not be read as text: {error}") from error


def _wifi(options: argparse.Namespace) -> Wifi | None:
    if options.wifi is None:
        return None
    passphrase = os.environ.get(WIFI_VARIABLE) or getpass.getpass("Wi-Fi password: ")
    return Wifi(ssid=options.wifi, passphrase=passphrase, country=options.country)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.image")
    commands = parser.add_subparsers(required=True, dest="command")
    making = commands.add_parser("build", help="make build/image/edge-node.img")
    making.add_argument("--wheel", type=Path, required=True, help="edge-node's, for aarch64")
    making.add_argument("--folder", type=Path, default=ROOT / "build/image")
    making.add_argument("--mirror", help="archive of Debian's; this machine's own unless told")
    telling = commands.add_parser("personalise", help="write a card's own settings onto it")
    telling.add_argument("image", type=Path, help="an image, or the device of a written card")
    telling.add_argument("--join-token", default="", metavar="LINE", help="the network's join line")
    telling.add_argument("--hostname", default="", help="its name in the local network")
    telling.add_argument("--ssh-key", type=Path, metavar="FILE", help="public keys of its root")
    telling.add_argument(
        "--wifi", metavar="SSID", help=f"its password is asked for, or in {WIFI_VARIABLE}"
    )
    telling.add_argument("--country", default="", metavar="CC", help="of the Wi-Fi, such as DE")
    telling.add_argument("--fresh-key", action="store_true", help="make the node's key now")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line."""
    options = _parser().parse_args(arguments)
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    programs = PROGRAMS if options.command == "build" else {"mcopy": "mtools"}
    missing = sorted({p for name, p in programs.items() if shutil.which(name, path=path) is None})
    if missing:
        print(f"image: `sudo apt install {' '.join(missing)}` first", file=sys.stderr)
        return 1
    os.environ["PATH"] = path
    try:
        if options.command == "personalise":
            personalise(options)
        else:
            folder = options.folder.resolve()
            if not options.wheel.is_file():  # told before all the work, not after
                raise DistFailed(f"there is no wheel {options.wheel}; `make dist` makes it")
            print(build(options.wheel.resolve(), folder, options.mirror or host_mirror()))
    except FAILURES as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:  # which has said why
        told = f"{error.cmd[0]} ended with status {error.returncode}"
        print(f"image: {told}; see what it said above, and the room on the disk", file=sys.stderr)
        return 1
    except OSError as error:
        why = f"{error.filename or 'the system'}: {error.strerror or error}"
        print(f"image: {why}; make room, or name another --folder", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
