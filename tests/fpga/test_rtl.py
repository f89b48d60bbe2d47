# SPDX-License-Identifier: Apache-2.0
"""All of the RTL passes Verilator's lint in every build, but for widths.

An addend that is wider than its operands is no fault here: sums are given room for their carry.
"""

import subprocess

import pytest

from edge_node_fpga.sim.build import FPGA, find_tools, rtl_sources
from edge_node_fpga.vivado.design import BUILDS, Build

pytestmark = pytest.mark.fpga

SILENT = ("-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC")


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_every_build_passes_the_lint(build: Build) -> None:
    done = subprocess.run(
        [
            str(find_tools().verilator),
            "--lint-only",
            *SILENT,
            *(f"-G{name}={value}" for name, value in build.parameters),
            "--top-module",
            "bnn_engine",
            *map(str, rtl_sources()),
        ],
        cwd=FPGA,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
