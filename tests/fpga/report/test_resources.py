# SPDX-License-Identifier: Apache-2.0
"""Cells and levels are counted right on small netlists, as `write_json` gives them.

The smallest build's size has a budget, so that growth is seen: that test wants yosys.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge_node_fpga.report.errors import SynthesisFailed, SynthesisTooLong, UnknownBuild
from edge_node_fpga.report.resources import (
    count,
    estimated_lcs,
    find_build,
    from_json,
    synthesize_apart,
)
from edge_node_fpga.vivado.design import BUILDS

SMALLEST = BUILDS[0]
MOST = {"luts": 6_700, "flip_flops": 6_000, "bram36": 30, "dsp": 5, "lut_levels": 6}
"""Of SMALLEST, a few per cent above what it takes."""


def cell(kind: str, **ports: list[int]) -> Mapping[str, Any]:
    return {"type": kind, "connections": ports}


def netlist(**cells: Mapping[str, Any]) -> Mapping[str, Any]:
    bits = {bit for each in cells.values() for port in each["connections"].values() for bit in port}
    return {"cells": cells, "netnames": {f"n{bit}": {"bits": [bit]} for bit in sorted(bits)}}


def test_levels_are_tables_between_registers() -> None:
    found = count(
        netlist(
            begin=cell("FDRE", D=[9], Q=[1]),
            one=cell("LUT2", I0=[1], I1=[9], O=[2]),
            chain=cell("CARRY4", S=[2], O=[3], CO=[4]),
            wide=cell("MUXF7", I0=[3], I1=[3], S=[4], O=[5]),
            two=cell("INV", I=[5], O=[6]),
            end=cell("FDSE", D=[6], Q=[7]),
        ),
        lcs=2,
    )
    assert (found.lut_levels, found.lut_cells, found.flip_flops, found.carry4) == (2, 2, 2, 1)
    assert found.paths[0].start == "n1[0]"
    assert found.paths[0].end == "n7[0]"


def test_memories_of_tables_are_a_level_when_read_and_count_as_tables() -> None:
    found = count(
        netlist(
            begin=cell("FDRE", D=[9], Q=[1]),
            one=cell("LUT1", I0=[1], O=[2]),
            memory=cell("RAM32M", ADDRA=[2], DIA=[9], WE=[9], DOA=[3]),
            end=cell("FDRE", D=[3], Q=[4]),
        ),
        lcs=1,
    )
    assert (found.lut_levels, found.memory_luts, found.luts) == (2, 4, 5)


def test_what_is_written_into_a_memory_ends_there() -> None:
    found = count(
        netlist(
            begin=cell("FDRE", D=[9], Q=[1]),
            one=cell("LUT1", I0=[1], O=[2]),
            memory=cell("RAMB36E1", DIADI=[2], DOADO=[3]),
            two=cell("LUT1", I0=[3], O=[4]),
            end=cell("FDRE", D=[4], Q=[5]),
        ),
        lcs=2,
    )
    assert (found.lut_levels, found.ramb36, found.bram36) == (1, 1, 1)


def test_empty_netlist() -> None:
    found = count(netlist(), lcs=0)
    assert (found.luts, found.lut_levels, found.paths) == (0, 0, ())


def test_counts_come_back_from_json() -> None:
    found = count(netlist(end=cell("FDRE", D=[1], Q=[2])), lcs=3)
    assert from_json(asdict(found)) == found


def test_unknown_build_names_the_known_ones() -> None:
    assert find_build("64x64") in BUILDS
    with pytest.raises(UnknownBuild, match="32x64"):
        find_build("9x9")


def test_estimate_that_is_not_told_is_no_zero() -> None:
    assert estimated_lcs("8x64", "   Estimated number of LCs:       4321\n") == 4321
    with pytest.raises(SynthesisFailed, match=r"8x64 .*\nNumber of cells"):
        estimated_lcs("8x64", "Number of cells: 12\n")


@pytest.mark.fpga
def test_synthesis_that_ends_without_a_netlist_is_told_with_what_yosys_said(tmp_path: Path) -> None:
    (tmp_path / "bnn_engine.sv").write_text("module bnn_engine(; endmodule\n")
    with pytest.raises(SynthesisFailed, match=r"8x64 [^!]*expected '\)'"):
        synthesize_apart(SMALLEST, limit_s=200, rtl=tmp_path)


def test_synthesis_that_takes_too_long_is_ended() -> None:
    with pytest.raises(SynthesisTooLong, match="--synthesis-limit"):
        synthesize_apart(SMALLEST, limit_s=0.01)


@pytest.mark.fpga
@pytest.mark.timeout(1200)
def test_smallest_build_keeps_to_its_budget() -> None:
    found = synthesize_apart(SMALLEST, limit_s=1100)
    taken = {name: getattr(found, name) for name in MOST}
    assert {name: n for name, n in taken.items() if n > MOST[name]} == {}
