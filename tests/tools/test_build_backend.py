# SPDX-License-Identifier: Apache-2.0
"""Wheels and sdists from a copy of this project with one small kernel, with and without a compiler.

The backend runs in a process of its own, as a front end would start it.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

pytestmark = pytest.mark.slow  # builds wheels

LIBRARY = "edge_node/kernels/libedge_kernels.so"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy what a build needs."""
    copy = tmp_path / "project"
    unwanted = shutil.ignore_patterns("*.so", ".build", "csrc", "__pycache__")
    for folder in ("edge_node", "firmware_bridge", "fpga", "tools"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=unwanted, symlinks=True)
    for name in ("pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "README.md").write_text("# edge-node\n")
    boards = copy / "hw_configs/broker"
    boards.mkdir(parents=True)
    (boards / "mosquitto.conf").touch()
    (boards.parent / "board.toml").touch()
    for name in ("kernel.c", "test/main.c"):
        path = copy / "edge_node/kernels/csrc" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"int edge_{path.stem}(void) {{ return 1; }}\n")
    return copy


def run_hook(project: Path, hook: str, path: str) -> tuple[Path, str]:
    """Return the file that a PEP 517 hook made, and what it printed on standard error."""
    code = f"import build_backend; print(build_backend.{hook}('dist'))"
    environment = {"PATH": path, "PYTHONPATH": "tools", "HOME": str(project)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return project / "dist" / done.stdout.splitlines()[-1], done.stderr


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler on this machine")
def test_wheel_with_kernels_fits_every_python_of_its_platform(project: Path) -> None:
    wheel, _ = run_hook(project, "build_wheel", os.environ["PATH"])
    assert "-py3-none-linux_" in wheel.name
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        LIBRARY,
        "edge_node/hw_configs/board.toml",
        "edge_node/hw_configs/broker/mosquitto.conf",
        "edge_node/kernels/csrc/kernel.c",
        "edge_node/py.typed",
        "edge_node_fpga/driver/overlay.py",
        "edge_node_fpga/regs/bnn_regs.rdl",
        "edge_node_fpga/rtl/bnn_engine.sv",
        "edge_node_fpga/rtl/generated/bnn_regs_pkg.sv",
        "edge_node_fpga/sim/popcount.h",
        "edge_node_fpga/sim/simulation.cpp",
        "edge_node_fpga/vivado/build.tcl",
    }
    assert shipped <= names
    assert not any(name.startswith(("tools/", "tests/")) or "/test/" in name for name in names)


def test_wheel_without_compiler_runs_anywhere_and_says_so(project: Path, tmp_path: Path) -> None:
    (project / LIBRARY).write_bytes(b"left over from another machine")
    wheel, said = run_hook(project, "build_wheel", str(tmp_path))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert LIBRARY not in zipfile.ZipFile(wheel).namelist()
    assert "No C compiler found" in said


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler on this machine")
def test_editable_install_compiles_in_place(project: Path) -> None:
    run_hook(project, "build_editable", os.environ["PATH"])
    assert (project / LIBRARY).exists()


def test_sdist_holds_what_a_build_needs(project: Path) -> None:
    sdist, _ = run_hook(project, "build_sdist", os.environ["PATH"])
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "pyproject.toml",
        "tools/build_backend.py",
        "edge_node/hw_configs/board.toml",
        "edge_node/kernels/build.py",
        "edge_node/kernels/csrc/kernel.c",
        "edge_node/kernels/csrc/test/main.c",
        "fpga/regs/bnn_regs.rdl",
        "fpga/rtl/generated/bnn_regs.sv",
        "fpga/vivado/build.tcl",
    }
    assert needed <= names
    assert not any(name.startswith("tools/names") for name in names)
