# SPDX-License-Identifier: Apache-2.0
"""Vivado as far as build.tcl can tell: every command is recorded in Python's own Tcl interpreter.

Commands that look something up give back its name. What Vivado would write is written only where
the script reads it: the .hwh.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

tkinter = pytest.importorskip("tkinter", reason="this Python has no Tcl interpreter")

BUILD = Path(__file__).resolve().parents[3] / "fpga" / "vivado" / "build.tcl"

LOOKUPS = (
    "get_bd_cells",
    "get_bd_pins",
    "get_bd_intf_pins",
    "get_bd_intf_ports",
    "get_bd_addr_spaces",
    "get_bd_addr_segs",
    "get_files",
    "get_clocks",
)
"""Commands that give back the name that they are asked for."""
ANSWERS = {
    "current_project": "project",
    "current_design": "the_design",
    "get_timing_paths": "worst",
    "make_wrapper": "bnn_wrapper.v",
}
OTHERS = (
    "create_project",
    "read_verilog",
    "read_xdc",
    "update_compile_order",
    "create_bd_design",
    "create_bd_cell",
    "create_bd_intf_port",
    "connect_bd_intf_net",
    "connect_bd_net",
    "set_property",
    "assign_bd_address",
    "validate_bd_design",
    "save_bd_design",
    "synth_design",
    "opt_design",
    "place_design",
    "phys_opt_design",
    "route_design",
    "write_checkpoint",
    "write_bitstream",
    "report_utilization",
    "report_timing_summary",
    "report_methodology",
    "report_drc",
    "set_clock_uncertainty",
)
HWH = """\
<EDKSYSTEM><MODULES>
<MODULE FULLNAME="/processing_system7_0" INSTANCE="processing_system7_0"><MEMORYMAP>
<MEMRANGE ADDRESSBLOCK="reg0" INSTANCE="bnn_engine_0"/></MEMORYMAP></MODULE>
<MODULE FULLNAME="/bnn_engine_0" INSTANCE="bnn_engine_0" MODTYPE="bnn_engine_ip"><ADDRESSBLOCKS>
<ADDRESSBLOCK ACCESS="" INTERFACE="s_axi" NAME="reg0" RANGE="65536" USAGE="register"/>
</ADDRESSBLOCKS></MODULE>
<MODULE FULLNAME="/axi_dma_0" INSTANCE="axi_dma_0"><ADDRESSBLOCKS>
<ADDRESSBLOCK INTERFACE="S_AXI_LITE" NAME="Reg" USAGE="register"/></ADDRESSBLOCKS></MODULE>
</MODULES></EDKSYSTEM>
"""
"""The parts of a .hwh that build.tcl looks at."""


@dataclass(kw_only=True)
class Recorded:
    """What a run of build.tcl asked for."""

    hwh: str | None = HWH
    """What Vivado leaves; None for nothing."""
    slack_ns: str = "0.412"
    calls: list[tuple[str, ...]] = field(default_factory=list)
    """All commands, in order."""

    def run(self, *arguments: str, script: Path = BUILD) -> None:
        """Source the script.

        Raises
        ------
        tkinter.TclError
            As the script does.
        """
        tcl = tkinter.Tcl()
        for name in (*LOOKUPS, *ANSWERS, *OTHERS, "get_property", "generate_target"):
            tcl.createcommand(name, self._command(name))
        tcl.setvar("argv", " ".join(arguments))
        tcl.call("source", str(script))

    def each(self, command: str) -> list[tuple[str, ...]]:
        """Return the arguments of every call of a command."""
        return [call[1:] for call in self.calls if call[0] == command]

    def cells(self) -> dict[str, str]:
        """Return name -> what it is."""
        return {call[-1]: call[-2] for call in self.each("create_bd_cell")}

    def config(self, cell: str) -> dict[str, str]:
        """Return the parameters that a cell is given."""
        split = tkinter.Tcl().splitlist
        found: dict[str, str] = {}
        for call in self.each("set_property"):
            if call[0] == "-dict" and call[-1] == cell:
                words = split(call[1])
                names = [word.removeprefix("CONFIG.") for word in words[::2]]
                found |= dict(zip(names, words[1::2], strict=True))
        return found

    def nets(self) -> set[tuple[str, str]]:
        """Return (from, to) of all single wires."""
        return {(a, b) for a, b in self.each("connect_bd_net")}

    def interfaces(self) -> set[tuple[str, str]]:
        """Return (master, slave) of all buses and streams."""
        return {(a, b) for a, b in self.each("connect_bd_intf_net")}

    def addresses(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (space, segment, base, bytes)."""
        for call in self.each("assign_bd_address"):
            options = dict(zip(call[:-2:2], call[1:-2:2], strict=True))
            base, size = int(options["-offset"], 16), int(options["-range"], 16)
            yield options["-target_address_space"], call[-2], base, size

    def _command(self, name: str):  # type: ignore[no-untyped-def] # Tcl gives any words
        def command(*arguments: str) -> str:
            words = tuple(map(str, arguments))
            self.calls.append((name, *words))
            if name in LOOKUPS:
                return words[-1]
            if name == "get_property":
                return self.slack_ns
            if name == "generate_target" and self.hwh is not None:
                folder = Path(".gen/sources_1/bd/bnn/hw_handoff")
                folder.mkdir(parents=True)
                (folder / "bnn.hwh").write_text(self.hwh)
            return ANSWERS.get(name, "")

        return command
