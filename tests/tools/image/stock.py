# SPDX-License-Identifier: Apache-2.0
"""A system like Raspberry Pi OS (Trixie) as it comes: cloud-init, NetworkManager, and no node.

Debian 13 for 64-bit ARM, made as the card's image is made. What Raspberry Pi adds to Debian's
cloud-init is here as its image builder (pi-gen) has it: the seed lies on the first partition, which
is mounted at /boot/firmware, and netplan hands the network to NetworkManager. That cloud-init waits
for the mount is our own line. Two things stand in for the internet, which no guest reaches:
python3-venv is installed already, and pip finds wheels in a folder instead of an index.
Law of the file: nothing in it knows what `edge-node make-user-data` writes.
Read next: test_user_data_boot.py, tools/image/root.py.
"""

import lzma
import re
import shutil
from contextlib import suppress
from pathlib import Path

from tools.debian_tree import Debian, fetch, host_mirror, unpack
from tools.dist import epoch_of
from tools.image.disk import MIB, clamp_times, make_disk
from tools.image.initrd import make_initrd, prune_modules
from tools.image.root import (
    FILES,
    PythonMissing,
    compile_python,
    complete_packages,
    copy_files,
    enable_units,
    leave_out,
)
from tools.wheels import run_pip

ROOT = Path(__file__).parents[3]
RELEASE, PYTHON = "trixie", "3.13"
WHEELS = Path("opt/wheels")
SPARE_BYTES = 1024 * MIB
PACKAGES = (
    "base-files",
    "base-passwd",
    "bash",
    "busybox-static",
    "ca-certificates",
    "cloud-init",
    "coreutils",
    "dash",
    "dbus",
    "diffutils",
    "e2fsprogs",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "iproute2",
    "kmod",
    "libnss-systemd",
    "libpam-systemd",
    "libsodium23",
    "linux-image-arm64",
    "locales",
    "login",
    "mount",
    "netbase",
    "netplan.io",
    "network-manager",
    "openssh-server",
    "passwd",
    "polkitd",
    "procps",
    "python3",
    "python3-venv",
    "sed",
    "sudo",
    "systemd-resolved",
    "systemd-sysv",
    "systemd-timesyncd",
    "tar",
    "tzdata",
    "udev",
    "util-linux",
)
ROOT_MODULES = ("crc32c_generic", "ext4", "virtio_blk", "virtio_mmio")
MODULES = (*ROOT_MODULES, "nls_ascii", "nls_cp437", "vfat", "virtio_net", "virtio_rng")
LEFT_OUT = (
    "usr/lib/linux-image-*",
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
)
UNITS = (
    "NetworkManager.service",
    "NetworkManager-wait-online.service",
    "cloud-config.service",
    "cloud-final.service",
    "cloud-init-local.service",
    "cloud-init-main.service",
    "cloud-init-network.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
)
"""Not ssh: on Raspberry Pi OS it is off until somebody wants it."""
SHARED = ("default", "environment", "pam.d", "sysusers.d", "tmpfiles.d")
"""Of the card's own image, below etc: what maintainer scripts would make there too."""
TEXTS = {
    "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg": (
        "datasource_list: [NoCloud, None]\n"
        "datasource: {NoCloud: {seedfrom: 'file:///boot/firmware'}}\n"
    ),
    "etc/fstab": (
        "LABEL=edge-root / ext4 defaults,noatime 0 1\n"
        "LABEL=EDGE-BOOT /boot/firmware vfat defaults 0 2\n"
    ),
    "etc/hostname": "raspberrypi\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 raspberrypi\n",
    "etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\nhosts: files dns\n",
    "etc/pip.conf": f"[global]\nno-index = true\nfind-links = /{WHEELS}\n",
    "etc/systemd/system/cloud-init-local.service.d/seed.conf": (
        "[Unit]\nRequiresMountsFor=/boot/firmware\n"
    ),
    "etc/systemd/system.conf.d/emulated.conf": (
        "[Manager]\nDefaultDeviceTimeoutSec=15min\nDefaultTimeoutStartSec=15min\n"
    ),
    "usr/lib/netplan/00-network-manager-all.yaml": (
        "network: {version: 2, renderer: NetworkManager}\n"
    ),
}

FOLDERS = ("usr/local/bin", "usr/local/sbin")
CHOSEN = {
    "usr/bin/awk": "mawk",
    "usr/bin/nc": "nc.openbsd",
    "usr/bin/which": "which.debianutils",
}
"""Links of alternatives, which maintainer scripts make; cloud-init's units call `nc`."""


def make_stock(wheel: Path, folder: Path) -> Path:
    """Return a card image with the system, made anew; a guest's pip finds what a wheel needs."""
    root, boot, image = folder / "root", folder / "boot", folder / "stock.img"
    debian = Debian(release=RELEASE, architecture="arm64", mirror=host_mirror())
    unpack(fetch(debian, PACKAGES, folder / "packages"), root)
    shutil.rmtree(boot, ignore_errors=True)
    boot.mkdir()
    modules = next(root.glob("usr/lib/modules/*"))
    _decompress(modules)
    prune_modules(modules, MODULES)
    shutil.move(next(root.glob("boot/vmlinuz-*")), boot / "vmlinuz")
    make_initrd(root, modules, boot / "initrd.img", ROOT_MODULES)
    leave_out(root, LEFT_OUT)
    for name in SHARED:
        source, target = FILES / "root/etc" / name, root / "etc" / name
        if source.is_dir():
            copy_files(source, target)
        else:
            shutil.copyfile(source, target)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, target_name in CHOSEN.items():
        (root / name).symlink_to(target_name)
    for name, text in TEXTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/lib/netplan/00-network-manager-all.yaml").chmod(0o600)
    _know_locked_accounts(root)
    complete_packages(root)
    enable_units(root, UNITS, ())
    _download(wheel, root / WHEELS)
    with suppress(PythonMissing):  # the guest compiles for itself then, which takes it minutes
        compile_python(root, PYTHON)
    epoch = epoch_of(ROOT)
    for each in (root, boot):
        clamp_times(each, epoch)
    make_disk(boot, root, image, epoch, spare_bytes=SPARE_BYTES)
    return image


def _decompress(modules: Path) -> None:
    """Unpack the kernel's modules, which the first program takes as they are."""
    for path in sorted(modules.glob("kernel/**/*.ko.xz")):
        path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        path.unlink()


def _know_locked_accounts(root: Path) -> None:
    """Write the accounts of systemd 257 as 252 reads them: `u!` locks one that none can enter."""
    for path in root.glob("usr/lib/sysusers.d/*.conf"):
        path.write_text(re.sub("^u!", "u", path.read_text(), flags=re.MULTILINE))


def _download(wheel: Path, folder: Path) -> None:
    """Fetch the wheels that a wheel names, for the guest's Python."""
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 28, 31, 34, 35, 36)]
    words = ["--quiet", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    locked = ROOT / f"tools/constraints/python{PYTHON}.txt"
    run_pip("download", *words, *platforms, "-c", locked, "-d", folder, f"{wheel}[serial]")
    (folder / wheel.name).unlink()
