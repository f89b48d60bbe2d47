# SPDX-License-Identifier: Apache-2.0
"""The generated registers, simulated: events stay until cleared and are never lost, commands pulse.

registers_bench.sv is the processor and the engine around them; it prints a line for each fault.
"""

import os
import subprocess
from pathlib import Path

import pytest

from edge_node_fpga.sim.build import find_tools

HERE = Path(__file__).resolve().parent
GENERATED = HERE.parents[2] / "fpga" / "rtl" / "generated"
TIMEOUT_S = 1000


@pytest.mark.fpga
@pytest.mark.timeout(1200)
def test_registers_do_what_their_source_says(tmp_path: Path) -> None:
    # The wheel's makefile lacks the word before precompiled headers; GCC 12 wants coroutines named.
    environment = {**os.environ, "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include"}
    sources = [GENERATED / "bnn_regs_pkg.sv", GENERATED / "bnn_regs.sv"]
    command = [str(find_tools().verilator), "--binary", "-O0", "-CFLAGS", "-fcoroutines"]
    command += ["--Mdir", str(tmp_path), "--top-module", "registers_bench", *map(str, sources)]
    built = subprocess.run(
        [*command, str(HERE / "registers_bench.sv")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=TIMEOUT_S,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    done = subprocess.run(
        [tmp_path / "Vregisters_bench"],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    said = [line for line in done.stdout.splitlines() if not line.startswith("- ")]
    assert said == ["registers: done"]
