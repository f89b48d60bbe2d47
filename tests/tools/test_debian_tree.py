# SPDX-License-Identifier: Apache-2.0
"""A tree of Debian's files: unpacked with their modes, damage named, the scripts' links made."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tools import debian_tree
from tools.debian_tree import (
    Debian,
    DebianMissing,
    fetch,
    host_mirror,
    link_alternatives,
    unpack,
)

ARM = Debian(release="bookworm", architecture="arm64", mirror="https://archive.invalid/debian")
pytestmark = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or shutil.which("apt-get") is None,
    reason="no dpkg-deb here",
)


def package(folder: Path, name: str) -> Path:
    """Return a package with one program below bin/, which a merged tree keeps below usr/."""
    content = folder / name
    (content / "DEBIAN").mkdir(parents=True)
    (content / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.invalid>\n"
        "Description: a test\n"
    )
    (content / "bin").mkdir()
    (content / "bin" / name).write_text("#!/bin/sh\n")
    (content / "bin" / name).chmod(0o4755)
    target = folder / f"{name}.deb"
    words = ["dpkg-deb", "--root-owner-group", "--build", str(content), str(target)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return target


def test_packages_become_one_merged_tree_with_their_modes(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "left/over").mkdir(parents=True)
    unpack([package(tmp_path, "one"), package(tmp_path, "two")], root)
    assert not (root / "left").exists()
    assert (root / "bin").is_symlink()
    assert sorted(path.name for path in (root / "usr/bin").iterdir()) == ["one", "two"]
    assert (root / "usr/bin/one").stat().st_mode & 0o7777 == 0o4755


def test_scripts_of_a_package_are_not_run(tmp_path: Path) -> None:
    content = tmp_path / "one"
    package(tmp_path, "one")
    (content / "DEBIAN/postinst").write_text("#!/bin/sh\nexit 1\n")
    (content / "DEBIAN/postinst").chmod(0o755)
    target = tmp_path / "again.deb"
    words = ["dpkg-deb", "--build", str(content), str(target)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    unpack([target], tmp_path / "root")
    assert (tmp_path / "root/bin/one").is_file()


def test_archive_is_taken_that_has_all_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = {"security/debian-security": "Debian-Security", "whole/debian": "Debian"}
    for folder in ("lists/partial", "etc/apt/apt.conf.d"):
        (tmp_path / folder).mkdir(parents=True)
    for place, label in archives.items():
        name = f"{place.replace('/', '_')}_dists_bookworm"
        (tmp_path / f"lists/{name}_main_binary-arm64_Packages").touch()
        told = f"Origin: Debian\nLabel: {label}\nCodename: bookworm\nComponents: main\nSHA256:\n"
        (tmp_path / f"lists/{name}_Release").write_text(told)
    lines = [f"deb http://{place} bookworm main\n" for place in archives]
    (tmp_path / "sources.list").write_text("".join(lines))
    (tmp_path / "status").touch()
    configuration = tmp_path / "apt.conf"
    configuration.write_text(
        f'APT::Architecture "arm64";\nAPT::Architectures {{ "arm64"; }};\n'
        f'Dir "{tmp_path}";\nDir::State::lists "{tmp_path}/lists";\n'
        f'Dir::State::status "{tmp_path}/status";\n'
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "-";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    monkeypatch.setattr(debian_tree, "KEYRING", configuration)  # any file
    assert host_mirror() == "http://whole/debian"


PLAYED_APT = """#!/bin/sh
case "$*" in
    *--print-uris*) echo "'http://archive.invalid/a.deb' a.deb 4 SHA256:00" ;;
    *install*)
        read -r failures <"$FAILURES"
        [ "$failures" = 0 ] && exit
        echo $((failures - 1)) >"$FAILURES"
        echo "E: gone" >&2
        exit 100
esac
"""


@pytest.mark.parametrize("failures", [0, 2, 3])
def test_archive_that_fails_is_asked_thrice(
    failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt-get").write_text(PLAYED_APT)
    (tmp_path / "apt-get").chmod(0o755)
    (tmp_path / "failures").write_text(f"{failures}\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("FAILURES", str(tmp_path / "failures"))
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    if failures < 3:
        assert fetch(ARM, ["a"], tmp_path) == [tmp_path / "archives/a.deb"]
    else:
        with pytest.raises(DebianMissing, match="E: gone"):
            fetch(ARM, ["a"], tmp_path)
    assert pauses == list(debian_tree.PAUSES_S)[:failures]


def test_apt_says_why_it_could_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_tree, "PAUSES_S", ())
    nowhere = Debian(release="bookworm", architecture="arm64", mirror="file:///nonexistent")
    with pytest.raises(DebianMissing, match="apt-get"):
        fetch(nowhere, ["python3"], tmp_path)


def test_damaged_package_is_named(tmp_path: Path) -> None:
    file = package(tmp_path, "one")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DebianMissing, match=r"one\.deb is damaged"):
        unpack([file], tmp_path / "root")


def test_libraries_that_a_script_would_link_are_linked_once(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/aarch64-linux-gnu"
    (folder / "blas").mkdir(parents=True)
    (folder / "lapack").mkdir()
    (folder / "blas/libblas.so.3").write_bytes(b"library")
    (folder / "lapack/liblapack.so.3").write_bytes(b"library")
    for _ in range(2):
        link_alternatives(tmp_path, ARM)
    assert (folder / "libblas.so.3").read_bytes() == b"library"
    assert (folder / "liblapack.so.3").readlink() == Path("lapack/liblapack.so.3")
