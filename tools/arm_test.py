# SPDX-License-Identifier: Apache-2.0
"""Run the tests marked `arm` on emulated 64-bit and 32-bit ARM: `python -m tools.arm_test`.

Debian's own Python, numpy and mosquitto for that machine run under qemu-user, each process of them,
in a private mount namespace: nothing of this machine changes, and root is not needed. On 32 bits
nothing is installed that has no wheel there: libsodium by ctypes, cbor2 5, no embedded broker.
Law of the file: what ran is said with its versions; emulated, so never a word on speed.
Read next: debian_tree.py.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.debian_tree import (
    Debian,
    DebianMissing,
    fetch,
    host_mirror,
    link_alternatives,
    unpack,
)
from tools.wheels import run_pip

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dash", "libsodium23", "mosquitto", "python3", "python3-numpy", "tzdata")
WHEELS = (
    "click",
    "execnet",
    "flatbuffers",
    "hypothesis",
    "iniconfig",
    "markdown-it-py",
    "marshmallow",
    "mdurl",
    "packaging",
    "paho-mqtt",
    "pluggy",
    "pygments",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "rich",
    "sortedcontainers",
)
"""For every machine."""

MARKED = "arm and (acceptance or not slow)"

INSIDE = """\
set -e
mount -t tmpfs none {root}/tmp
mkdir {root}/tmp/binfmt
mount -t binfmt_misc none {root}/tmp/binfmt
cat {root}/etc/binfmt > {root}/tmp/binfmt/register
mount --rbind /dev {root}/dev
mount --rbind /proc {root}/proc
mount --rbind /sys {root}/sys
exec env -i "$@"
"""
"""A shell's part in the namespace. Flag F of binfmt_misc opens the emulator outside of the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A kind of ARM machine."""

    architecture: str
    """Debian's name of it."""
    compiler: str
    """Makes the kernels for it."""
    emulator: str
    """Runs its programs."""
    cpu: str
    """The processor that it plays."""
    platforms: tuple[str, ...]
    """Wheels that pip may take for it."""
    debian_packages: tuple[str, ...]
    """Beside those for every machine."""
    wheels: tuple[str, ...]
    """Beside those for every machine."""
    elf: bytes
    """The first 20 bytes of its programs, as binfmt_misc compares them."""


def _platforms(machine: str) -> tuple[str, ...]:
    glibc = ("2_17", "2_28", "2_31", "2_34")
    return (f"linux_{machine}", *(f"manylinux_{version}_{machine}" for version in glibc))


MACHINES = {
    "arm64": Machine(
        architecture="arm64",
        compiler="aarch64-linux-gnu-gcc",
        emulator="qemu-aarch64-static",
        # Debian 13's programs sign their pointers, which takes QEMU most of its time.
        cpu="max,pauth=off",
        platforms=_platforms("aarch64"),
        debian_packages=(),
        wheels=("cbor2", "cffi", "pynacl"),
        elf=b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00",
    ),
    "armhf": Machine(
        architecture="armhf",
        compiler="arm-linux-gnueabihf-gcc",
        emulator="qemu-arm-static",
        cpu="max",
        platforms=_platforms("armv7l"),
        debian_packages=("python3-cbor2",),
        wheels=(),
        elf=b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x28\x00",
    ),
}
MASK = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"


def binfmt_line(machine: Machine) -> str:
    """Return what makes the kernel start the emulator for this machine's programs."""
    magic, mask = ("".join(f"\\x{byte:02x}" for byte in each) for each in (machine.elf, MASK))
    emulator = shutil.which(machine.emulator)
    return f":{machine.emulator}:M::{magic}:{mask}:{emulator}:OCF"


def make_machine(machine: Machine, debian: Debian, folder: Path) -> Path:
    """Return the root of a file tree with Python and what the tests need; quick if it is there.

    Raises
    ------
    DebianMissing, subprocess.CalledProcessError
    """
    root, stamp = folder / "root", folder / "stamp"
    constraints = _constraints(debian)
    wanted = repr((debian, machine, PACKAGES, WHEELS, constraints.read_text()))
    state = hashlib.sha256(wanted.encode() + Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return root
    stamp.unlink(missing_ok=True)
    files = fetch(debian, [*PACKAGES, *machine.debian_packages], folder)
    unpack(files, root)
    link_alternatives(root, debian)
    for name in ("dev", "proc", "sys", "tmp", "root", "run", "checkout"):
        (root / name).mkdir(exist_ok=True)
    accounts = ("root:x:0:0::/root:/bin/sh", "mosquitto:x:0:0::/:/bin/false")  # one id is mapped
    (root / "etc/passwd").write_text("\n".join(accounts) + "\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/binfmt").write_text(binfmt_line(machine))
    where = ["--target", str(root / "opt/site"), "--no-deps", "--only-binary=:all:"]
    version = ["--implementation", "cp", "--python-version", _python(debian)]
    platforms = [f"--platform={each}" for each in machine.platforms]
    named = [*WHEELS, *machine.wheels]
    run_pip("install", "--quiet", *where, *version, *platforms, "-c", constraints, *named)
    stamp.write_text(state)
    return root


def copy_checkout(machine: Machine, root: Path) -> None:
    """Copy this checkout into the tree, with kernels for its machine."""
    checkout = root / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    shutil.rmtree(checkout, ignore_errors=True)  # it may have been left half copied
    checkout.mkdir()
    for name in filter(None, listed.decode().split("\0")):
        source, target = ROOT / name, checkout / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    environment = {**os.environ, "CC": machine.compiler}
    build = [sys.executable, "edge_node/kernels/build.py"]
    subprocess.run(build, cwd=checkout, check=True, env=environment)


def marked() -> list[str]:
    """Return the files with tests for ARM; an emulator would look for minutes into all others."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(each.relative_to(ROOT)) for each in files if "mark.arm" in each.read_text()]


def run_inside(machine: Machine, root: Path, *command: str) -> int:
    """Run a command of a machine's tree under its emulator; return its exit status."""
    variables = {
        "PATH": "/usr/sbin:/usr/bin",
        "HOME": "/tmp",  # noqa: S108 # a tmpfs of the namespace's own
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/opt/site",
        "QEMU_CPU": machine.cpu,
        "CI": os.environ.get("CI", ""),
    }
    inside = ["/usr/bin/unshare", f"--root={root}", "--wd=/checkout", *command]
    words = [*(f"{name}={value}" for name, value in variables.items()), *inside]
    script = INSIDE.format(root=root)
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    return subprocess.run([*namespace, *words], check=False).returncode


def _constraints(debian: Debian) -> Path:
    return ROOT / f"tools/constraints/python{_python(debian)}.txt"


def _python(debian: Debian) -> str:
    return {"bookworm": "3.11", "trixie": "3.13"}[debian.release]


def _missing(machine: Machine) -> list[str]:
    return [
        each
        for each in (machine.compiler, machine.emulator, "unshare")
        if shutil.which(each) is None
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the machines, run the tests on each; return the first exit status that is not 0."""
    parser = argparse.ArgumentParser(description="tests marked `arm`, on emulated ARM machines")
    parser.add_argument("--release", choices=("bookworm", "trixie"), default="bookworm")
    parser.add_argument("--mirror", help="archive of Debian's; this machine's own unless told")
    parser.add_argument("--jobs", type=int, default=2, help="tests at once")
    parser.add_argument("--machine", choices=tuple(MACHINES), action="append", dest="machines")
    parser.add_argument("tests", nargs="*", help="for pytest, instead of the marked ones")
    options = parser.parse_args(arguments)
    failed = 0
    for name in options.machines or MACHINES:
        machine = MACHINES[name]
        if missing := _missing(machine):
            parser.exit(1, f"arm-test: no {', '.join(missing)} here; `make arm-test` says how\n")
        began_s = time.monotonic()
        debian = Debian(
            release=options.release, architecture=name, mirror=options.mirror or host_mirror()
        )
        root = make_machine(machine, debian, ROOT / "build/arm" / f"{options.release}-{name}")
        copy_checkout(machine, root)
        made_s = time.monotonic() - began_s
        print(f"arm-test: {options.release} for {name}, ready in {made_s:.0f} s", flush=True)
        pytest = [
            "/usr/bin/python3",
            "-m",
            "pytest",
            "-q",
            "--durations=15",
            "-n",
            str(options.jobs),
        ]
        status = run_inside(machine, root, *pytest, *(options.tests or ("-m", MARKED, *marked())))
        took_s = time.monotonic() - began_s - made_s
        print(f"arm-test: {name} ended with {status} after {took_s:.0f} s (emulated)", flush=True)
        failed = failed or status  # below 0 after a signal
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DebianMissing as error:
        sys.exit(f"arm-test: {error}")
