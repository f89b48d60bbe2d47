# SPDX-License-Identifier: Apache-2.0
"""`make dist` on this very tree: wheels for all our machines, the same bytes however often.

One build of everything serves most tests; a second one, elsewhere and by another umask, is held
against it.
"""

import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.full_disk import files_of_at_most
from tools import dist
from tools.dist import GLIBC_MOST, TARGETS, DistFailed, make_dist
from tools.elf_versions import read_library

LIBRARY = "edge_node/kernels/libedge_kernels.so"
SHIPPED = {
    "edge_node/deployment/edge-node-bridge.service",
    "edge_node/deployment/edge-node.service",
    "edge_node/deployment/first-boot.sh",
    "edge_node/deployment/hardening.conf",
    "edge_node/hw_configs/emulator.toml",
    "edge_node/hw_configs/pynq_z2.toml",
    "share/man/man1/edge-node.1",
}
AARCH64 = [target for target in TARGETS if target.machine == "aarch64"]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    missing = [target for target in TARGETS if shutil.which(target.compiler) is None]
    if missing:
        pytest.skip(f"no cross compiler for {missing[0].machine}")
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    return make_dist(ROOT, tmp_path_factory.mktemp("dist"))


def library_of(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(LIBRARY, folder))


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_every_wheel_has_its_machines_kernels_and_runs_on_the_oldest_board(
    made: list[Path], tmp_path: Path
) -> None:
    _, *wheels = made
    assert len(wheels) == len(TARGETS)
    for target, wheel in zip(TARGETS, wheels, strict=True):
        needs = read_library(library_of(wheel, tmp_path / target.machine))
        assert needs.machine == target.machine
        assert needs.glibc <= GLIBC_MOST
        major, minor = max(needs.glibc, (2, 17))
        assert wheel.name.endswith(f"-py3-none-manylinux_{major}_{minor}_{target.machine}.whl")
        with zipfile.ZipFile(wheel) as archive:
            assert archive.testzip() is None
            names = set(archive.namelist())
        assert {re.sub(r"^edge_node-[^/]*\.data/data/", "", name) for name in names} >= SHIPPED


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_same_commit_makes_the_same_bytes_elsewhere_and_by_another_umask(
    made: list[Path], tmp_path: Path
) -> None:
    with umask(0o077):
        again = make_dist(ROOT, tmp_path / "again", AARCH64)
    first = {path.name: path.read_bytes() for path in made}
    assert {path.name: path.read_bytes() == first[path.name] for path in again} == dict.fromkeys(
        [path.name for path in again], True
    )
    assert len(again) == 2


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_sdist_has_no_trace_of_who_made_it_and_nothing_that_git_does_not_know(
    made: list[Path],
) -> None:
    with tarfile.open(made[0]) as archive:
        members = archive.getmembers()
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, "", "")
    }
    assert {member.mtime for member in members} == {dist.epoch_of(ROOT)}
    names = [member.name.partition("/")[2] for member in members]
    assert LIBRARY not in names
    assert "tools/dist.py" in names
    assert not [name for name in names if name.startswith((".venv", "dist/", "build/"))]


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_library_for_a_newer_system_or_another_machine_ships_in_no_wheel(
    made: list[Path], tmp_path: Path
) -> None:
    library = library_of(made[2], tmp_path)
    data = library.read_bytes()
    newest = read_library(library).glibc
    text = f"GLIBC_{newest[0]}.{newest[1]}\0".encode()
    assert text in data
    library.write_bytes(data.replace(text, b"GLIBC_9.99"[: len(text) - 1] + b"\0"))
    with pytest.raises(DistFailed, match=r"need GLIBC 9\.\d+, and 2\.35 is the most"):
        dist.platform_tag(library, AARCH64[0])
    library.write_bytes(data)
    with pytest.raises(DistFailed, match="compiles for aarch64, not x86_64"):
        dist.platform_tag(library, TARGETS[0])


def test_missing_compilers_are_named_with_their_packages_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DistFailed) as refused:
        make_dist(ROOT, tmp_path / "dist")
    told = str(refused.value)
    assert told.startswith("no x86_64-linux-gnu-gcc and no aarch64-linux-gnu-gcc and no arm-")
    assert "gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf" in told
    assert not (tmp_path / "dist").exists()


def test_folder_that_can_not_be_made_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    if shutil.which(AARCH64[0].compiler) is None:
        pytest.skip("no cross compiler for aarch64")
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "dist"
    assert dist.main(["--machine", "aarch64", "-o", str(output)]) == 1
    told = f"dist: {output}: Not a directory; make room, or name another --output\n"
    assert capsys.readouterr().err == told


def test_file_that_does_not_fit_is_not_left_in_half(tmp_path: Path) -> None:
    made, folder = tmp_path / "made.whl", tmp_path / "dist"
    made.write_bytes(bytes(10_000))
    folder.mkdir()
    with files_of_at_most(5_000), pytest.raises(OSError, match="too large"):
        dist.ship(made, folder)
    assert list(folder.iterdir()) == []
    assert dist.ship(made, folder).read_bytes() == bytes(10_000)


def test_folder_without_a_commit_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(DistFailed, match=r"is no checkout with a commit .*; clone the repository"):
        dist.epoch_of(tmp_path)


def test_date_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(DistFailed, match="'yesterday', no number of seconds"):
        dist.epoch_of(ROOT)


@pytest.mark.parametrize("filters", [True, False])
def test_sdist_is_unpacked_by_a_python_without_filters_too(
    filters: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = tarfile.TarFile.extractall

    def before_filters(self: tarfile.TarFile, path: Path) -> None:
        assert self.extraction_filter is not None
        extract(self, path)

    (tmp_path / "project").mkdir()
    (tmp_path / "project/file").write_text("1")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "project", "project-1")
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        monkeypatch.setattr(tarfile.TarFile, "extractall", before_filters)
    project = dist.unpack(tmp_path / "a.tar.gz", tmp_path / "unpacked")
    assert project == tmp_path / "unpacked/project-1"
    assert (project / "file").read_text() == "1"


def test_only_what_git_tracks_is_copied_links_as_links(tmp_path: Path) -> None:
    project, copy = tmp_path / "project", tmp_path / "copy"
    project.mkdir()
    (project / "kept").write_text("1")
    (project / "left").write_text("2")
    (project / "link").symlink_to("kept")
    (project / "gone").write_text("3")
    for words in (["init", "-q"], ["add", "kept", "link", "gone"]):
        subprocess.run(["git", *words], cwd=project, check=True)
    (project / "gone").unlink()
    with umask(0o077):
        dist.copy_tracked(project, copy)
    assert {path.name for path in copy.iterdir()} == {"kept", "link"}
    assert (copy / "link").readlink() == Path("kept")
    assert (copy / "kept").stat().st_mode & 0o777 == 0o644
