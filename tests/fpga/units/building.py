# SPDX-License-Identifier: Apache-2.0
"""Builds a module of the engine with Verilator, once for each parameter set, and runs its bench.

A build's folder is named after all that goes into it, so a second run builds nothing.
Law of the file: whatever is written goes into build/.
Read next: test_units.py.
"""

import contextlib
import hashlib
import importlib
import os
import shutil
import sys
import sysconfig
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from edge_node_fpga.sim.build import RTL, rtl_sources

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CACHE = ROOT / "build" / "fpga-units"
# Short tests: the compiler's time is most of theirs.
_MAKE = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0 CFG_CXXFLAGS_PCH_I=-include"
# make compiles what is older than the makefile that Verilator has just written.
_AHEAD_S = 10 * 365 * 24 * 3600
_FLAGS = [
    "-Wno-WIDTHEXPAND",
    "-Wno-WIDTHTRUNC",
    "-Wno-UNOPTFLAT",
    "-Wno-SYMRSVDWORD",
    "-Wno-MULTIDRIVEN",
    "--x-initial",
    "fast",
    "--x-assign",
    "fast",
]


@dataclass(frozen=True)
class Unit:
    """A module, what it is built with, and the cocotb modules that try it."""

    module: str
    bench: str
    """More than one are separated by commas: they share a build."""
    parameters: dict[str, int] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    """Other modules that it contains; all files of fpga/rtl if this says ("*",)."""
    seed: int = 1
    defines: tuple[str, ...] = ()
    """Macros of the RTL that are set."""

    @property
    def name(self) -> str:
        said = "".join(f"-{key}{value}" for key, value in self.parameters.items())
        said += "".join(f"-{name}" for name in self.defines)
        return f"{self.bench.split(',')[0].removeprefix('bench_')}-{self.module}{said}"


def run(unit: Unit) -> list[str]:
    """Return the names of the tests that failed; an empty run is a failure too."""
    tools = importlib.import_module("cocotb_tools.runner")
    CACHE.mkdir(parents=True, exist_ok=True)
    if str(HERE) not in sys.path:  # the simulator's Python is given this one's
        sys.path[:0] = [str(HERE)]
    _tools_first_on_path()
    files = _sources(unit)
    runtime = CACHE / f"runtime-{metadata.version('verilator')}"
    said = (unit.module, sorted(unit.parameters.items()), unit.defines, _MAKE, _FLAGS, runtime.name)
    digest = hashlib.sha256(repr(said).encode())
    for source in files:
        digest.update(source.read_bytes())
    folder = CACHE / f"{unit.module}-{digest.hexdigest()[:16]}"
    _reuse(runtime, folder)
    runner = tools.get_runner("verilator")
    runner.build(
        sources=files,
        hdl_toplevel=unit.module,
        parameters=unit.parameters,
        defines=dict.fromkeys(unit.defines, 1),
        build_args=_FLAGS,
        build_dir=folder,
        timescale=("1ns", "1ps"),
    )
    _keep(runtime, folder)
    results = runner.test(
        hdl_toplevel=unit.module,
        test_module=unit.bench,
        build_dir=folder,
        test_dir=_run_folder(folder, unit),
        seed=unit.seed,
        extra_env={
            "UNIT_PARAMETERS": ",".join(f"{k}={v}" for k, v in unit.parameters.items()),
        },
    )
    cases = list(ET.parse(results).iter("testcase"))
    bad = [
        c.get("name", "")
        for c in cases
        if c.find("failure") is not None or c.find("error") is not None
    ]
    return bad if cases else ["no test was run"]


def _reuse(runtime: Path, folder: Path) -> None:
    # Verilator's own library is the same for all builds, and most of the compiler's work.
    if not folder.exists() and runtime.exists():
        folder.mkdir()
        for kept in runtime.glob("*.o"):
            later = runtime.stat().st_mtime + _AHEAD_S
            os.utime(shutil.copy(kept, folder), (later, later))


def _keep(runtime: Path, folder: Path) -> None:
    if not runtime.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            kept = Path(work) / "runtime"
            kept.mkdir()
            for made in folder.glob("verilated*.o"):
                shutil.copy(made, kept)
            with contextlib.suppress(OSError):  # another test was first
                kept.rename(runtime)


def _sources(unit: Unit) -> list[Path]:
    if unit.parts == ("*",):
        return rtl_sources()
    files = [RTL / f"{name}.sv" for name in (*unit.parts, unit.module)]
    return [path if path.exists() else HERE / path.name for path in files]


def _run_folder(folder: Path, unit: Unit) -> Path:
    run_folder = folder / f"{unit.bench}-{unit.seed}"
    run_folder.mkdir(exist_ok=True)
    return run_folder


def _tools_first_on_path() -> None:
    tools = Path(sysconfig.get_paths()["purelib"]) / "verilator" / "bin"
    wanted = f"{tools}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
    if not os.environ["PATH"].startswith(wanted):
        os.environ["PATH"] = wanted + os.environ["PATH"]
    os.environ["MAKEFLAGS"] = _MAKE
