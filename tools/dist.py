# SPDX-License-Identifier: Apache-2.0
"""`make dist`: the sdist, and a wheel for each kind of machine, the same bytes every time.

The sdist is made of the files that git tracks, the wheels of the sdist, so what is in one is in the
other. The kernels are compiled by cross compilers; a wheel's tag says the oldest C library on which
they run (PEP 600), read from the library itself. Times in the archives are the commit's.
Law of the file: nothing is fetched, nothing is written but the folder that is named; a library that
asks for more than GLIBC_MOST ships in no wheel.
Read next: build_backend.py, elf_versions.py.
"""

import argparse
import gzip
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.kernels.build import LIBRARY, CompilationFailed, build_library, describe_compiler
from tools.elf_versions import read_library

ROOT = Path(__file__).resolve().parents[1]
GLIBC_MOST = (2, 35)
"""PYNQ's image is the oldest system that we know: Ubuntu 22.04."""
GLIBC_LEAST = (2, 17)
"""Older ones have no tag on ARM."""
_KERNELS = Path("edge_node/kernels")
_EPOCH = "SOURCE_DATE_EPOCH"
_BUILD = "import sys, build_backend as b; print(getattr(b, sys.argv[1])(sys.argv[2]{}))"
_PLATFORM = ", {'--build-option': ['--plat-name=' + sys.argv[3]]}"


class DistFailed(Exception):
    """There is nothing to ship; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind of machine."""

    machine: str
    """As `uname -m` says."""
    compiler: str
    """The program that compiles for it."""
    cross_packages: str
    """Debian's packages with that program and its C library, for machines of another kind."""

    @property
    def packages(self) -> str:
        """Debian's packages for this machine."""
        return "gcc libc6-dev" if self.machine == platform.machine() else self.cross_packages


TARGETS = (
    Target(
        machine="x86_64",
        compiler="x86_64-linux-gnu-gcc",
        cross_packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
    ),
    Target(
        machine="aarch64",
        compiler="aarch64-linux-gnu-gcc",
        cross_packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    ),
    Target(
        machine="armv7l",
        compiler="arm-linux-gnueabihf-gcc",
        cross_packages="gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
    ),
)


def make_dist(root: Path, output: Path, targets: Sequence[Target] = TARGETS) -> list[Path]:
    """Return the files made in `output`: the sdist, then one wheel for each target.

    Raises
    ------
    DistFailed
        No commit, no compiler, a source that does not compile, or a C library that is too new.
    OSError
        There is no room; what was not finished is not left behind.
    """
    check_compilers(targets)
    epoch = epoch_of(root)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edge-node-dist-") as name:
        scratch = Path(name)
        copy_tracked(root, scratch / "tracked")
        packed = _build(scratch / "tracked", "build_sdist", scratch / "made", epoch)
        sdist = scratch / packed.name
        repack_sdist(packed, sdist, epoch)
        made = [ship(sdist, output)]
        for target in targets:
            tree = unpack(sdist, scratch / target.machine)
            tag = platform_tag(compile_for(target, tree), target)
            wheel = _build(
                tree, "build_wheel", scratch / "made", epoch, tag=tag, compiler=target.compiler
            )
            made.append(ship(wheel, output))
    return made


def ship(made: Path, folder: Path) -> Path:
    """Copy a finished file into a folder and return the copy; nothing, if it does not fit."""
    target = folder / made.name
    try:
        shutil.copy(made, target)
    except OSError:
        target.unlink(missing_ok=True)  # half of it would look like all
        raise
    return target


def check_compilers(targets: Sequence[Target]) -> None:
    """Check that every target's compiler is here, before anything is made.

    Raises
    ------
    DistFailed
    """
    missing = [target for target in targets if shutil.which(target.compiler) is None]
    if missing:
        raise DistFailed(
            f"no {' and no '.join(target.compiler for target in missing)} here:"
            f" `sudo apt install {' '.join(target.packages for target in missing)}` cures it"
        )


def epoch_of(root: Path) -> int:
    """Return the second that all files are dated: SOURCE_DATE_EPOCH, else the commit's.

    Raises
    ------
    DistFailed
    """
    if chosen := os.environ.get(_EPOCH):
        if not chosen.isdecimal():
            raise DistFailed(f"{_EPOCH} is {chosen!r}, no number of seconds; unset it")
        return int(chosen)
    return int(_git(root, "log", "-1", "--format=%ct").strip())


def copy_tracked(root: Path, target: Path) -> None:
    """Copy the files that git tracks, as they are now, links as links.

    Raises
    ------
    DistFailed
    """
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        print("dist: with changes that are in no commit", file=sys.stderr)
    for name in _git(root, "ls-files", "-z").split("\0"):
        source, place = root / name, target / name
        if not name or not (source.exists() or source.is_symlink()):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place, follow_symlinks=False)
        if not place.is_symlink():
            # What git knows of a mode; the rest is the umask of whoever checked it out.
            place.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def repack_sdist(source: Path, target: Path, epoch: int) -> None:
    """Copy an sdist so that it tells nothing of when, where and by whom it was made."""
    with (
        tarfile.open(source) as old,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=epoch) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(member) if member.isfile() else None)


def unpack(sdist: Path, folder: Path) -> Path:
    """Return the project's folder in an unpacked sdist."""
    with tarfile.open(sdist) as archive:
        # PEP 706; the Python of Debian 12 has no such filters, and the sdist is our own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(folder)  # noqa: S202 - see above
    (project,) = folder.iterdir()
    return project


def compile_for(target: Target, tree: Path) -> Path:
    """Return the kernels' library for a target.

    Raises
    ------
    DistFailed
    """
    try:
        build_library(
            describe_compiler([target.compiler]), kernels=tree / _KERNELS, warnings_are_errors=True
        )
    except CompilationFailed as error:
        raise DistFailed(str(error)) from error
    library = tree / _KERNELS / LIBRARY.name
    library.chmod(0o755)  # whatever the umask
    return library


def platform_tag(library: Path, target: Target) -> str:
    """Return the tag of a wheel with this library.

    Raises
    ------
    DistFailed
        It is for another machine, or its C library is newer than GLIBC_MOST.
    """
    found = read_library(library)
    if found.machine != target.machine:
        raise DistFailed(f"{target.compiler} compiles for {found.machine}, not {target.machine}")
    if found.glibc > GLIBC_MOST:
        raise DistFailed(
            f"the kernels for {target.machine} need GLIBC {_dotted(found.glibc)}, and"
            f" {_dotted(GLIBC_MOST)} is the most that our boards have; compile on an older system"
        )
    major, minor = max(found.glibc, GLIBC_LEAST)
    return f"manylinux_{major}_{minor}_{target.machine}"


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _build(
    tree: Path, hook: str, output: Path, epoch: int, *, tag: str = "", compiler: str = ""
) -> Path:
    """Return the file that a hook of the build backend makes of a tree, in a process of its own."""
    environment: Mapping[str, str] = {
        **os.environ,
        _EPOCH: str(epoch),
        "PYTHONPATH": "tools",
        "PYTHONHASHSEED": "0",
        **({"CC": compiler} if compiler else {}),
    }
    output.mkdir(exist_ok=True)
    words = [sys.executable, "-c", _BUILD.format(_PLATFORM if tag else ""), hook, str(output), tag]
    # Modes in archives follow the umask of whoever builds.
    done = subprocess.run(
        words, cwd=tree, env=environment, capture_output=True, text=True, check=False, umask=0o022
    )
    if done.returncode != 0:
        raise DistFailed(f"{hook} failed:\n{done.stderr.rstrip()}")
    return output / done.stdout.splitlines()[-1]


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise DistFailed("no git here: `sudo apt install git` cures it") from None
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1:] or ["git says nothing"]
        raise DistFailed(f"{root} is no checkout with a commit ({why[0]}); clone the repository")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.dist", description="Make the sdist and a wheel for each machine."
    )
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="folder for them")
    parser.add_argument(
        "--machine",
        action="append",
        choices=[target.machine for target in TARGETS],
        help="make the wheel of this machine only; may be given again",
    )
    options = parser.parse_args(arguments)
    chosen = options.machine or [target.machine for target in TARGETS]
    try:
        made = make_dist(ROOT, options.output, [t for t in TARGETS if t.machine in chosen])
    except DistFailed as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = error.filename2 or error.filename or options.output  # of a copy the second
        why = f"{place}: {error.strerror or error}"
        print(f"dist: {why}; make room, or name another --output", file=sys.stderr)
        return 1
    for path in made:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
