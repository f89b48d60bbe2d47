# SPDX-License-Identifier: Apache-2.0
"""Debian for another machine as a plain tree of files: fetched by apt, unpacked natively, not run.

apt resolves and checks the packages as ever (signatures, SHA-256), in folders of its own; this
machine's packages stay as they are, and no root is needed. What maintainer scripts would do is left
undone, as it would take minutes under an emulator: who needs a piece of it does it himself.
Law of the file: standard library, apt-get, dpkg-deb and tar only; the same packages give the same
tree.
Read next: arm_test.py.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMPONENTS = ("main", "non-free-firmware")
TRIPLETS = {"arm64": "aarch64-linux-gnu", "armhf": "arm-linux-gnueabihf"}
"""Debian's name of an architecture -> the name of its folder of libraries."""

PAUSES_S = (5, 20)
"""After which apt is asked anew: it asks again for one file itself, not for all of an archive."""

_MERGED = ("bin", "lib", "sbin")
"""Links into usr/, which the package usrmerge would make."""
_APT_CONFIGURATION = """\
Dir "{folder}";
Dir::State::status "{folder}/status";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
"""


class DebianMissing(Exception):
    """No tree can be made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debian:
    """What to take packages from, and for which machine."""

    release: str
    """Such as `bookworm`."""
    architecture: str
    """A key of `TRIPLETS`."""
    mirror: str
    """Address of the archive, as apt wants it."""

    @property
    def triplet(self) -> str:
        """The folder of this architecture's libraries."""
        return TRIPLETS[self.architecture]


def host_mirror() -> str:
    """Return the address from which this machine takes its own Debian packages.

    Raises
    ------
    DebianMissing
        apt is not here, or knows no archive of Debian's.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise DebianMissing("no apt-get and dpkg-deb here; run this on Debian or Ubuntu")
    if not KEYRING.exists():
        raise DebianMissing(
            f"{KEYRING} is missing; `sudo apt install debian-archive-keyring` cures it"
        )
    # Debian's archive of security fixes is of the same origin, and has but a few packages.
    wanted = ["--format", "$(SITE)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    sites = _output("apt-get", "indextargets", *wanted).split()
    if not sites:
        raise DebianMissing("apt knows no archive of Debian's here; name one with --mirror")
    return sites[0]


def fetch(debian: Debian, packages: Sequence[str], folder: Path) -> list[Path]:
    """Fetch packages and all that they depend on; return the .deb files in order of their names.

    Parameters
    ----------
    debian : Debian
    packages : sequence of str
    folder : Path
        For apt's lists and the files; what lies there already is not fetched again.

    Raises
    ------
    DebianMissing
        apt could not: its own words tell why.
    """
    folder = folder.resolve()
    archives = folder / "archives"
    for each in (folder / "lists/partial", archives / "partial", folder / "etc"):
        each.mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text(
        f"deb [signed-by={KEYRING}] {debian.mirror} {debian.release} {' '.join(COMPONENTS)}\n"
    )
    configuration = folder / "apt.conf"
    configuration.write_text(
        _APT_CONFIGURATION.format(folder=folder, architecture=debian.architecture)
        + f'Dir::State::lists "{folder}/lists";\nDir::Cache::archives "{archives}";\n'
        f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\n'
    )
    _download(configuration, packages)
    return sorted(archives / name for name in _chosen(configuration, packages))


def unpack(files: Sequence[Path], root: Path) -> None:
    """Unpack .deb files into a folder, which is made anew; all files are its maker's.

    Raises
    ------
    DebianMissing
        A file is damaged, or the disk is full.
    """
    shutil.rmtree(root, ignore_errors=True)
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    tar = ["tar", "-xp", "--no-same-owner", "--keep-directory-symlink", "-C", str(root)]
    for file in files:
        command = ["dpkg-deb", "--fsys-tarfile", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as content:
            done = subprocess.run(tar, stdin=content.stdout, check=False, stderr=subprocess.DEVNULL)
        if content.returncode or done.returncode:
            raise DebianMissing(f"{file} is damaged or the disk is full; delete it and try again")


def link_alternatives(root: Path, debian: Debian) -> None:
    """Make the links of numpy's libraries, which a maintainer script would make."""
    libraries = root / "usr/lib" / debian.triplet
    for folder in ("blas", "lapack"):
        for library in sorted((libraries / folder).glob("lib*.so.*")):
            target = libraries / library.name
            if not target.exists():
                target.symlink_to(f"{folder}/{library.name}")


def _download(configuration: Path, packages: Sequence[str]) -> None:
    """Fetch lists and packages; what has come stays, so another attempt goes on from there."""
    for pause_s in (*PAUSES_S, None):
        try:
            # Lists that did not come are no failure to `update`, but to `install`.
            _apt(configuration, "update")
            _apt(configuration, "-y", "--download-only", "install", *packages)
        except DebianMissing:
            if pause_s is None:
                raise
            time.sleep(pause_s)
        else:
            return


def _chosen(configuration: Path, packages: Sequence[str]) -> list[str]:
    """Return the names of the files that apt chose, out of what it would fetch."""
    words = ("-y", "--print-uris", "-o", "Dir::Cache::archives=/nonexistent", "install", *packages)
    lines = _apt(configuration, *words).splitlines()
    return [line.split()[1] for line in lines if line.startswith("'")]


def _apt(configuration: Path, *words: str) -> str:
    environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["apt-get", "-qq", *words], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise DebianMissing(f"apt-get {' '.join(words[:3])} failed: {done.stderr.strip()}")
    return done.stdout


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
