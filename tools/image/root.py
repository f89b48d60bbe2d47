# SPDX-License-Identifier: Apache-2.0
"""The root file system: Debian's files, what its maintainer scripts would have made, and the node.

Accounts come from sysusers.d, enabled units from presets, both made by this machine's systemd tools
on the tree; the owners of the few files that are not root's are set at the first start, by
tmpfiles.d, so no root is needed here.
Law of the file: no program of the tree is run.
Read next: files/, then boot.py.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.image.packages import LEFT_OUT
from tools.wheels import run_pip

FILES = Path(__file__).with_name("files")
HOME = Path("opt/edge-node")
"""Where the node's virtual environment lies, as on a card that cloud-init sets up."""
FOLDERS = ("boot/firmware", "dev", "home", "mnt", "opt", "proc", "root", "run", "sys", "tmp", "srv")
UNITS = (
    "avahi-daemon.service",
    "edge-node-first-start.service",
    "edge-node-grow.service",
    "ssh.service",
    "systemd-networkd.service",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
)
LINKS = {
    "etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    "etc/mtab": "../proc/self/mounts",
    "etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
    "var/lock": "/run/lock",
    "var/run": "/run",
}
CHOSEN = {
    "usr/bin/nano": "nano-tiny",
    "usr/bin/pager": "less",
    "usr/lib/firmware/regulatory.db": "regulatory.db-debian",
    "usr/lib/firmware/regulatory.db.p7s": "regulatory.db.p7s-debian",
}
"""Links of alternatives, which the card alone has."""
MASKED = (
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)
"""Units of systemd's that every start would wait for, and nothing on the card asks for."""

TEMPLATES = (("base-files/profile", "profile"), ("openssh/sshd_config", "ssh/sshd_config"))
"""Below usr/share and below etc: what the packages' scripts copy."""


class PythonMissing(Exception):
    """The card's version of Python is not on this machine."""


def finish_system(root: Path) -> None:
    """Make a card's system of a tree that was just unpacked."""
    leave_out(root, LEFT_OUT)
    _link(root, CHOSEN)
    copy_files(FILES / "root", root)
    complete_packages(root)
    enable_units(root, UNITS, MASKED)


def leave_out(root: Path, patterns: Sequence[str]) -> None:
    """Remove what matches patterns of paths."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # a link into a folder that left before


def complete_packages(root: Path) -> None:
    """Make what the maintainer scripts would have made, but for units; sysusers.d is complete."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    _link(root, LINKS)
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    for source, target in TEMPLATES:
        shutil.copyfile(root / "usr/share" / source, root / "etc" / target)
    _certificates(root)
    (root / "etc/shadow").touch(mode=0o600)
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True)
    _dateless(root / "etc/shadow")
    # Empty, so a number is made when the card starts; "uninitialized" would have systemd choose
    # the enabled units once more, which takes it longer than all the rest of its start.
    (root / "etc/machine-id").write_text("")
    for folder in ("etc", "var"):
        (root / folder / ".updated").touch()  # accounts are made, so they are not looked for again


def enable_units(root: Path, units: Sequence[str], masked: Sequence[str]) -> None:
    """Enable what is named, and nothing else: Debian would start all that is there."""
    preset = root / "etc/systemd/system-preset/00-edge-node.preset"
    preset.parent.mkdir(parents=True, exist_ok=True)
    preset.write_text("".join(f"enable {unit}\n" for unit in units) + "disable *\n")
    for unit in masked:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    words = ["systemctl", f"--root={root}", "--preset-mode=enable-only", "preset-all"]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)


def install_node(root: Path, wheel: Path, constraints: Path, python: str) -> None:
    """Install a wheel and what it needs as a virtual environment, and the service.

    Parameters
    ----------
    root : Path
    wheel : Path
        Of edge-node, for the tree's machine.
    constraints : Path
        The locked versions of its Python.
    python : str
        That Python, such as `3.11`.
    """
    site = root / HOME / f"lib/python{python}/site-packages"
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 28, 31, 34, 35, 36)]
    # Debian's numpy serves: it is built for the board, and has no library of its own to carry.
    words = ["--no-deps", "--only-binary=:all:", "--no-compile", "--implementation=cp"]
    words += [f"--python-version={python}", f"--target={site}", *platforms, "-c", str(constraints)]
    run_pip("install", "--quiet", *words, wheel, *NEEDED)
    shutil.rmtree(site / "bin", ignore_errors=True)
    forget_source(site)
    home = root / HOME
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "bin/python").symlink_to("/usr/bin/python3")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {python}\n"
    )
    program = home / "bin/edge-node"
    program.write_text(
        f"#!/{HOME}/bin/python\nimport sys\n\nfrom edge_node.cli import main\n\n"
        # The trainer's process imports this file too.
        'if __name__ == "__main__":\n    sys.exit(main())\n'
    )
    program.chmod(0o755)
    (root / "usr/bin/edge-node").symlink_to(f"/{HOME}/bin/edge-node")


def forget_source(site: Path) -> None:
    """Take out of what pip wrote where on this machine a wheel came from, and for whose Python.

    Its programs, which began with the path of the Python that ran pip, are gone already.
    """
    for record in site.glob("*.dist-info/RECORD"):
        note = record.with_name("direct_url.json")
        gone = (f"{note.relative_to(site).as_posix()},", "../../bin/")
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith(gone)))
        note.unlink(missing_ok=True)


def compile_python(root: Path, python: str) -> None:
    """Compile all that the tree's Python imports: nobody may write beside it on the card.

    Raises
    ------
    PythonMissing
        Another Python's work would be ignored there.
    """
    mine = sys.version.startswith(f"{python}.")
    program = sys.executable if mine else shutil.which(f"python{python}")
    if program is None or not _starts(program):
        raise PythonMissing(f"no python{python} here; it compiles what the card's own imports")
    words = ["-m", "compileall", "-q", "-f", "-s", str(root), "-p", "/"]
    words += ["--invalidation-mode", "unchecked-hash"]
    folders = [root / "usr/lib/python3", root / f"usr/lib/python{python}", root / HOME / "lib"]
    # Sets of names are written in the order of their hashes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    there = [each for each in folders if each.is_dir()]
    subprocess.run([program, *words, *there], check=True, env=environment)


def _starts(program: str) -> bool:
    """Return False for a shim of pyenv's, which is there for versions that are not in use too."""
    words = [program, "-c", ""]
    return subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode == 0


NEEDED = (
    "cbor2",
    "cffi",
    "click",
    "markdown-it-py",
    "marshmallow",
    "mdurl",
    "paho-mqtt",
    "pycparser",
    "pygments",
    "pynacl",
    "pyserial",
    "rich",
)
"""What the wheel wants, beside numpy."""


def install_service(root: Path, service: Sequence[str]) -> None:
    """Let the node itself put its service into the tree."""
    words = [f"--root={root}", f"--program=/{HOME}/bin/edge-node"]
    subprocess.run([*service, "install-service", *words], check=True, stdout=subprocess.DEVNULL)


def _link(root: Path, links: Mapping[str, str]) -> None:
    for name, target in links.items():
        place = root / name
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.unlink(missing_ok=True)
        place.symlink_to(target)


def copy_files(source: Path, target: Path) -> None:
    """Copy files into a tree; a checkout's modes differ from machine to machine."""
    for file in sorted(each for each in source.rglob("*") if each.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
        place.chmod(0o755 if os.access(file, os.X_OK) else 0o644)


def _certificates(root: Path) -> None:
    """Put the authorities into the one file that OpenSSL reads."""
    folder = root / "etc/ssl/certs"
    folder.mkdir(parents=True, exist_ok=True)
    parts = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (folder / "ca-certificates.crt").write_text("".join(part.read_text() for part in parts))


def _dateless(shadow: Path) -> None:
    """Take the day of its making out of a shadow file."""
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([*line[:2], "", *line[3:]]) + "\n" for line in lines))
    shadow.chmod(0o600)
