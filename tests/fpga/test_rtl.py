# SPDX-License-Identifier: Apache-2.0
"""All of the RTL passes Verilator's lint in every build, but for widths.

An addend that is wider than its operands is no fault here: sums are given room for their carry.
"""

import os
import subprocess

import pytest

from edge_node_fpga.sim.build import FPGA, RTL, find_tools
from edge_node_fpga.vivado.design import BUILDS, Build

pytestmark = pytest.mark.fpga

GENERATED = RTL / "generated"
SILENT = ("-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC")


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_every_build_passes_the_lint(build: Build) -> None:
    tools = find_tools()
    packages = sorted(GENERATED.glob("*_pkg.sv"))
    sources = [*packages, *sorted(set(RTL.rglob("*.sv")) - set(packages))]
    done = subprocess.run(
        [
            str(tools.verilator),
            "--lint-only",
            *SILENT,
            *(f"-G{name}={value}" for name, value in build.parameters),
            "--top-module",
            "bnn_engine",
            *map(str, sources),
        ],
        cwd=FPGA,
        env={**os.environ, "PATH": f"{tools.verilator.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
