# SPDX-License-Identifier: Apache-2.0
"""What a bench ran on: processor, kernels, interpreters, versions.

Law of the file: it looks and tells; what can not be told is null, never a guess.
Read next: edge_node/node/hardware.py.
"""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

import edge_node
from edge_node.bench.workload import compiled_paths, path_name
from edge_node.node.hardware import Hardware, detect

GIT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The keys of `machine` in the JSON object."""

    cpu: str
    """The processor, or the board where the kernel does not tell."""
    machine: str
    """As `uname -m` says."""
    flags: tuple[str, ...]
    """Those of the processor's flags that decide a speed here."""
    kernel_paths: tuple[str, ...]
    """Instruction paths of the C kernels, the fastest first; empty if they are not built."""
    threads: int
    """Threads of everything that is measured."""
    python: str
    """Version."""
    numpy: str
    """Version."""
    lce: str | None
    """Version of Larq Compute Engine, None if it is not installed."""
    tflite: str | None
    """Version of tflite-runtime or LiteRT."""
    edge_node: str
    """Version."""
    git_commit: str | None
    """Commit, with `-dirty` where files differ; None outside a checkout."""


def describe_machine() -> Machine:
    """Return what this machine is."""
    hardware: Hardware = detect()
    return Machine(
        cpu=hardware.cpu or hardware.title,
        machine=hardware.machine,
        flags=hardware.cpu_flags,
        kernel_paths=tuple(path_name(path) for path in compiled_paths()),
        threads=1,
        python=platform.python_version(),
        numpy=np.__version__,
        lce=_version("larq-compute-engine"),
        tflite=_version("tflite-runtime") or _version("ai-edge-litert"),
        edge_node=edge_node.__version__,
        git_commit=git_commit(Path(edge_node.__file__).parents[1]),
    )


def git_commit(folder: Path) -> str | None:
    """Return the commit that is checked out in a folder, None if it is the root of no checkout."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
