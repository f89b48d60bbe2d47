# SPDX-License-Identifier: Apache-2.0
"""What a build of the engine takes of an xc7z020, as yosys maps it.

LUT levels are counted on the netlist of `synth_xilinx`: tables and reads of distributed memories
between two registers or block memories; carry chains and wide multiplexers are no tables and are
not counted. No place and route: these are cells, never a frequency.
A synthesis runs in a process of its own, `python -m edge_node_fpga.report.resources`.
Law of the file: one netlist in, integers out; every number is counted here or said by `stat`.
Read next: fpga/rtl/bnn_engine.sv, goals.py.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_node_fpga.report.errors import SynthesisFailed, SynthesisTooLong, UnknownBuild
from edge_node_fpga.sim.build import RTL, rtl_sources
from edge_node_fpga.vivado.design import BUILDS, Build

TOP = "bnn_engine"
"""All that is ours on the fabric; the DMA and the interconnect are Vivado's and not counted."""
WIRE_PS = 450
"""What a wire between two tables is taken to cost; yosys' own 300 makes chains of more tables."""
SYNTHESIS = (
    f"scratchpad -set synth_xilinx.abc9.W {WIRE_PS};"
    " synth_xilinx -family xc7 -flatten -abc9 -noiopad"
)
MAX_PATHS = 12
"""Of the longest ones that are told."""
_SAID_CHARACTERS = 3000

MEMORY_LUTS: Mapping[str, int] = {
    "RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1S": 4,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "SRL16E": 1, "SRLC32E": 1,
}  # fmt: skip
"""Tables that a distributed memory or shift register takes."""

_ESTIMATE = re.compile(r"Estimated number of LCs:\s*(\d+)")
_TABLE = re.compile(r"LUT[1-6]|INV")
_WIRES = ("CARRY4", "MUXF7", "MUXF8", "BUFG")  # passed without a level
_OUTPUTS: Mapping[str, Sequence[str]] = {
    **{f"LUT{n}": ("O",) for n in range(1, 7)},
    "INV": ("O",), "MUXF7": ("O",), "MUXF8": ("O",), "CARRY4": ("O", "CO"), "BUFG": ("O",),
    "RAM32M": ("DOA", "DOB", "DOC", "DOD"), "RAM64M": ("DOA", "DOB", "DOC", "DOD"),
    "RAM32X1D": ("DPO", "SPO"), "RAM64X1D": ("DPO", "SPO"), "RAM128X1D": ("DPO", "SPO"),
}  # fmt: skip
_READ_PORTS = re.compile(r"ADDR[A-D]|DPRA\d?|A\d?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPath:
    """The longest path that ends at one register."""

    levels: int
    """Tables on it."""
    start: str
    """The register it begins at."""
    end: str
    """The register it ends at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Cells of one netlist."""

    lut_cells: int
    """LUT1 to LUT6 and inverters, none of them packed."""
    lcs: int
    """Places of tables, as `stat -tech xilinx` estimates them: small tables share one in pairs."""
    memory_luts: int
    """Tables used as memories and shift registers; in neither of the two above."""
    flip_flops: int
    """FDRE, FDSE and their kin."""
    carry4: int
    """Carry chains, four bits each."""
    ramb36: int
    """Block memories of 36 kbit."""
    ramb18: int
    """Block memories of 18 kbit."""
    dsp: int
    """DSP48E1."""
    lut_levels: int
    """Most tables between two registers."""
    paths: tuple[LongPath, ...]
    """The longest of them, one for each register's name."""
    flip_flops_of: Mapping[str, int]
    """Flip-flops by the instance that holds them."""

    @property
    def luts(self) -> int:
        """Places of tables, for logic and as memories: what goals are judged by."""
        return self.lcs + self.memory_luts

    @property
    def bram36(self) -> int:
        """Block memories in units of 36 kbit, rounded up."""
        return self.ramb36 + (self.ramb18 + 1) // 2


def find_build(name: str) -> Build:
    """Return the build of a name such as 32x64.

    Raises
    ------
    UnknownBuild
    """
    for build in BUILDS:
        if build.name == name:
            return build
    raise UnknownBuild(expected=", ".join(each.name for each in BUILDS), actual=name)


def synthesize(build: Build, rtl: Path = RTL, top: str = TOP) -> Resources:
    """Run yosys and count what comes out; its log fills standard output.

    Parameters
    ----------
    build : Build
        Parameters of the top module.
    rtl : Path
        Folder of the sources.
    top : str
        Module at the top.

    Raises
    ------
    SynthesisFailed
    """
    from pyosys import libyosys  # noqa: PLC0415 - 90 MB, and wanted by nothing else

    with tempfile.TemporaryDirectory() as folder:
        design = libyosys.Design()
        flags = " ".join(f"-G {name}={value}" for name, value in build.parameters)
        files = " ".join(str(path) for path in rtl_sources(rtl))
        libyosys.run_pass(f"read_slang --top {top} {flags} {files}", design)
        libyosys.run_pass(f"{SYNTHESIS} -top {top}", design)
        libyosys.run_pass(f"tee -q -o {folder}/stat.txt stat -tech xilinx", design)
        libyosys.run_pass(f"write_json {folder}/netlist.json", design)
        said = Path(folder, "stat.txt").read_text(encoding="utf-8")
        netlist = json.loads(Path(folder, "netlist.json").read_text(encoding="utf-8"))
    return count(netlist["modules"][top], lcs=estimated_lcs(build.name, said))


def synthesize_apart(build: Build, *, limit_s: float, rtl: Path = RTL) -> Resources:
    """Run `synthesize` in a process of its own, which gives its memory back and can be ended.

    Raises
    ------
    SynthesisTooLong, SynthesisFailed
    """
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder, "resources.json"), Path(folder, "yosys.log")
        command = [sys.executable, "-m", "edge_node_fpga.report.resources", build.name]
        with log.open("w") as said:
            try:
                done = subprocess.run(
                    [*command, "--rtl", str(rtl), "--output", str(output)],
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    timeout=limit_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise SynthesisTooLong(build=build.name, limit_s=limit_s) from None
        # A pass of yosys that fails may end its process, and with status 0.
        if done.returncode or not output.is_file():
            raise SynthesisFailed(
                build=build.name,
                status=done.returncode,
                output=log.read_text(errors="replace")[-_SAID_CHARACTERS:],
            )
        return from_json(json.loads(output.read_text(encoding="utf-8")))


def estimated_lcs(build: str, said: str) -> int:
    """Return the places of tables that `stat` tells of a build.

    Raises
    ------
    SynthesisFailed
        It tells of none: no number must not count as 0, which meets every goal.
    """
    found = _ESTIMATE.search(said)
    if found is None:
        raise SynthesisFailed(build=build, status=0, output=said[-_SAID_CHARACTERS:])
    return int(found.group(1))


def from_json(values: Mapping[str, Any]) -> Resources:
    """Return what `dataclasses.asdict` made of it."""
    paths = tuple(LongPath(**path) for path in values["paths"])
    return Resources(**{**values, "paths": paths})


def count(module: Mapping[str, Any], *, lcs: int) -> Resources:
    """Count the cells and levels of a flat module, as `write_json` gives it."""
    cells: Mapping[str, Any] = module["cells"]
    kinds = Counter(cell["type"] for cell in cells.values())
    names = _names(module)
    paths = sorted(_paths(cells, names), key=lambda path: (-path.levels, path.end))
    owners: Counter[str] = Counter()
    for cell in cells.values():
        if cell["type"].startswith("FD"):
            name = names.get(cell["connections"]["Q"][0], "?")
            owners[re.sub(r"\[\d+\]", "", name.rpartition(".")[0]) or "-"] += 1
    return Resources(
        lut_cells=sum(n for kind, n in kinds.items() if _TABLE.fullmatch(kind)),
        lcs=lcs,
        memory_luts=sum(MEMORY_LUTS.get(kind, 0) * n for kind, n in kinds.items()),
        flip_flops=sum(n for kind, n in kinds.items() if kind.startswith("FD")),
        carry4=kinds["CARRY4"],
        ramb36=kinds["RAMB36E1"],
        ramb18=kinds["RAMB18E1"],
        dsp=kinds["DSP48E1"],
        lut_levels=paths[0].levels if paths else 0,
        paths=tuple(_one_a_name(paths, most=MAX_PATHS)),
        flip_flops_of=dict(owners.most_common()),
    )


def _names(module: Mapping[str, Any]) -> dict[int, str]:
    """Name each bit after the best of its nets: the RTL's names before those of the tool."""
    names: dict[int, str] = {}
    for name, net in sorted(module["netnames"].items(), key=lambda item: -item[0].count(".")):
        if name.startswith("$"):
            continue
        for place, bit in enumerate(net["bits"]):
            if isinstance(bit, int):
                names.setdefault(bit, f"{name}[{place}]")
    return names


def _one_a_name(paths: Iterable[LongPath], *, most: int) -> Iterator[LongPath]:
    seen: set[str] = set()
    for path in paths:
        name = re.sub(r"\[\d+\]", "", path.end)
        if name not in seen and len(seen) < most:
            seen.add(name)
            yield path


def _inputs(cell: Mapping[str, Any]) -> list[int]:
    """Give the bits that a table's, or a memory's, output follows within a clock."""
    outputs = _OUTPUTS.get(cell["type"], ())
    memory = cell["type"] in MEMORY_LUTS
    return [
        bit
        for port, bits in cell["connections"].items()
        if port not in outputs and (not memory or _READ_PORTS.fullmatch(port))
        for bit in bits
        if isinstance(bit, int)
    ]


def _levels(cells: Mapping[str, Any], driver: Mapping[int, str]) -> dict[str, tuple[int, int]]:
    """Give each combinational cell its levels, and the bit its longest path begins at."""
    reached: dict[str, tuple[int, int]] = {}
    for target in set(driver.values()):
        stack = [target]
        while stack:
            name = stack[-1]
            wanted = _inputs(cells[name])
            missing = [driver[b] for b in wanted if b in driver and driver[b] not in reached]
            if name not in reached and missing:
                stack.extend(missing)
                continue
            found = (reached[driver[bit]] if bit in driver else (0, bit) for bit in wanted)
            levels, start = max(found, key=lambda one: one[0], default=(0, 0))
            reached[name] = (levels + (cells[name]["type"] not in _WIRES), start)
            stack.pop()
    return reached


def _paths(cells: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[LongPath]:
    """Give the longest path to each cell that holds state."""
    driver = {
        bit: name
        for name, cell in cells.items()
        for port in _OUTPUTS.get(cell["type"], ())
        for bit in cell["connections"].get(port, ())
        if isinstance(bit, int)
    }
    reached = _levels(cells, driver)
    for name, cell in cells.items():
        kind = cell["type"]
        if kind in _WIRES or _TABLE.fullmatch(kind):
            continue
        outputs = ("Q", "DOADO", "DOBDO", "P", *_OUTPUTS.get(kind, ()))
        ports = cell["connections"]
        bits = (bit for port, many in ports.items() if port not in outputs for bit in many)
        found = (reached[driver[bit]] for bit in bits if bit in driver)
        levels, start = max(found, key=lambda one: one[0], default=(0, 0))
        held = [bit for port in outputs for bit in ports.get(port, ()) if bit in names]
        end = names[held[0]] if held else name
        yield LongPath(levels=levels, start=names.get(start, "?"), end=end)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the resources of one build as JSON."""
    parser = argparse.ArgumentParser(prog="python -m edge_node_fpga.report.resources")
    parser.add_argument("build", metavar="PxS")
    parser.add_argument("--top", default=TOP)
    parser.add_argument("--rtl", type=Path, default=RTL)
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    found = synthesize(find_build(chosen.build), chosen.rtl, chosen.top)
    chosen.output.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
