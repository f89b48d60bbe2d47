# SPDX-License-Identifier: Apache-2.0
"""build.tcl, run with Vivado's commands recorded: it makes the design that design.py describes.

This shows that the script runs from end to end, and that it and the simulation speak of the same
cells, wires, addresses and parameters; not that Vivado takes it.
"""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.vivado import design
from tests.fpga.vivado.recorded import BUILD, HWH, Recorded, tkinter

FPGA = BUILD.parents[1]
RTL = FPGA / "rtl"


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.chdir(tmp_path)  # the script changes the folder; this goes back
    done = Recorded()
    done.run(str(tmp_path / "out"))
    return done


def joined(pairs: object) -> set[tuple[str, str]]:
    assert isinstance(pairs, tuple)
    return {("/".join(a), "/".join(b)) for a, b in pairs}


def test_cells_are_those_of_the_design(recorded: Recorded) -> None:
    assert recorded.cells() == {**dict(design.CELLS), design.ENGINE: design.ENGINE_MODULE}
    kinds = {call[-1]: call[:-1] for call in recorded.each("create_bd_cell")}
    assert kinds[design.ENGINE] == ("-type", "module", "-reference", design.ENGINE_MODULE)
    assert recorded.each("create_project") == [("-in_memory", "-part", design.PART)]


def test_buses_and_streams_are_those_of_the_design(recorded: Recorded) -> None:
    pins = {(f"{design.PS}/{name}", name) for name in ("DDR", "FIXED_IO")}
    assert recorded.interfaces() == joined(design.BUSES) | joined(design.STREAMS) | pins


def test_buses_have_as_many_ends_as_are_used(recorded: Recorded) -> None:
    for bus in (design.CONTROL_BUS, design.MEMORY_BUS):
        slaves = [to for _, to in design.BUSES if to[0] == bus]
        masters = [of for of, _ in design.BUSES if of[0] == bus]
        assert recorded.config(bus) == {
            "NUM_SI": str(len(slaves)),
            "NUM_MI": str(len(masters)),
            "NUM_CLKS": "1",
        }


def test_one_clock_one_reset_and_all_interrupts_are_wired(recorded: Recorded) -> None:
    clock, reset = f"{design.PS}/FCLK_CLK0", f"{design.RESET}/peripheral_aresetn"
    wires = {(clock, "/".join(pin)) for pin in design.CLOCKED}
    wires |= {(reset, "/".join(pin)) for pin in design.RESETTED}
    wires.add((f"{design.PS}/FCLK_RESET0_N", f"{design.RESET}/ext_reset_in"))
    for bit, pin in enumerate(design.INTERRUPT_SOURCES):
        wires.add(("/".join(pin), f"{design.INTERRUPTS}/In{bit}"))
    wires.add((f"{design.INTERRUPTS}/dout", f"{design.PS}/IRQ_F2P"))
    assert recorded.nets() == wires
    assert recorded.config(design.INTERRUPTS) == {"NUM_PORTS": str(len(design.INTERRUPT_SOURCES))}


def test_nothing_is_driven_twice(recorded: Recorded) -> None:
    wires = [*recorded.each("connect_bd_net"), *recorded.each("connect_bd_intf_net")]
    driven = [to for _, to in wires]
    assert len(driven) == len(set(driven))


def test_every_wire_ends_at_a_cell_that_exists(recorded: Recorded) -> None:
    ends = {end for pair in recorded.nets() | recorded.interfaces() for end in pair}
    ports = {call[-1] for call in recorded.each("create_bd_intf_port")}
    assert {end.partition("/")[0] for end in ends - ports} == set(recorded.cells())


def test_processor_and_dma_have_their_parameters(recorded: Recorded) -> None:
    assert recorded.config(design.PS) == dict(design.PS_PARAMETERS)
    assert recorded.config(design.DMA) == dict(design.DMA_PARAMETERS)
    assert dict(design.PS_PARAMETERS)["PCW_FPGA0_PERIPHERAL_FREQMHZ"] == str(design.CLOCK_MHZ)


def test_addresses_are_those_that_the_driver_will_find(recorded: Recorded) -> None:
    memory = f"{design.PS}/S_AXI_HP0/HP0_DDR_LOWOCM"
    expected = [
        (f"{design.PS}/Data", f"{design.DMA}/S_AXI_LITE/Reg", design.DMA_RANGE),
        (f"{design.PS}/Data", f"{design.ENGINE}/s_axi/reg0", design.ENGINE_RANGE),
        (f"{design.DMA}/Data_MM2S", memory, design.MEMORY_RANGE),
        (f"{design.DMA}/Data_S2MM", memory, design.MEMORY_RANGE),
    ]
    assert list(recorded.addresses()) == [
        (space, segment, said.base, said.bytes) for space, segment, said in expected
    ]


def test_registers_fit_the_engine_and_its_range() -> None:
    end = max(register.offset for register in REGISTERS) + 4
    ports = (RTL / "bnn_engine.sv").read_text()
    (width,) = set(re.findall(r"\[(\d+):0\]\s+s_axi_a[rw]addr", ports))
    assert end <= 1 << int(width) + 1 <= design.ENGINE_RANGE.bytes
    assert design.ENGINE_RANGE.bytes == 1 << design.ENGINE_ADDRESS_BITS


def test_every_file_of_rtl_is_read_packages_first(recorded: Recorded) -> None:
    read = [Path(call[-1]) for call in recorded.each("read_verilog") if call[0] == "-sv"]
    assert len(read) == len(set(read))
    assert {path.resolve() for path in read} == set(RTL.rglob("*.sv"))
    assert read[0].stem.endswith("_pkg")
    plain = [Path(call[-1]) for call in recorded.each("read_verilog") if call[0] != "-sv"]
    assert [path.name for path in plain] == ["bnn_engine_ip.v", "bnn_wrapper.v"]
    assert plain[0].exists()


@pytest.mark.parametrize("build", design.BUILDS, ids=lambda build: build.name)
def test_builds_have_the_parameters_of_the_design(
    build: design.Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = Recorded()
    recorded.run(str(tmp_path / "out"), build.name)
    assert recorded.config(design.ENGINE) == dict(build.parameters)


def test_without_a_name_the_default_is_built(recorded: Recorded) -> None:
    (build,) = [each for each in design.BUILDS if each.name == design.DEFAULT_BUILD]
    assert recorded.config(design.ENGINE) == dict(build.parameters)


def test_hwh_gets_the_registers_of_the_engine_only(recorded: Recorded, tmp_path: Path) -> None:
    root = ET.parse(tmp_path / "out" / f"{design.DESIGN}.hwh").getroot()
    found = {
        module.attrib["INSTANCE"]: [each.attrib["NAME"] for each in module.iter("REGISTER")]
        for module in root.iter("MODULE")
    }
    names = [register.name for register in REGISTERS]
    assert found == {design.PS: [], design.ENGINE: names, design.DMA: []}


def test_steps_come_in_order_and_bitstream_lies_beside_the_hwh(
    recorded: Recorded, tmp_path: Path
) -> None:
    steps = ["validate_bd_design", "generate_target", "synth_design", "opt_design"]
    steps += ["place_design", "route_design", "report_timing_summary", "write_bitstream"]
    names = [call[0] for call in recorded.calls]
    places = [names.index(step) for step in steps]
    assert places == sorted(places)
    (bitstream,) = recorded.each("write_bitstream")
    assert Path(bitstream[-1]) == tmp_path / "out" / f"{design.DESIGN}.bit"


def test_reports_of_timing_and_of_size_are_left(recorded: Recorded, tmp_path: Path) -> None:
    for command in ("report_timing_summary", "report_utilization"):
        calls = recorded.each(command)
        assert calls
        assert {Path(call[-1]).parent for call in calls} == {tmp_path / "out"}


def test_no_bitstream_is_made_that_misses_its_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    slow = Recorded(slack_ns="-0.003")
    with pytest.raises(tkinter.TclError, match="timing is not met"):
        slow.run(str(tmp_path / "out"))
    assert slow.each("write_bitstream") == []


@pytest.mark.parametrize(
    ("hwh", "cause"),
    [
        (None, "no bnn.hwh"),
        (HWH.replace('INSTANCE="bnn_engine_0" MODTYPE', "MODTYPE"), "no module bnn_engine_0"),
        (HWH.replace('<ADDRESSBLOCK ACCESS=""', "<OTHER"), "no empty address block"),
    ],
)
def test_hwh_of_another_form_ends_the_build(
    hwh: str | None, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tkinter.TclError, match=cause):
        Recorded(hwh=hwh).run(str(tmp_path / "out"))


@pytest.mark.parametrize("arguments", [(), ("out", "16x64"), ("out", "8x64", "more")])
def test_wrong_arguments_end_the_build_before_it_begins(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = Recorded()
    with pytest.raises(tkinter.TclError):
        recorded.run(*arguments)
    assert recorded.calls == []


def test_constraints_are_tcl_of_known_commands(tmp_path: Path) -> None:
    recorded = Recorded()
    recorded.run(script=BUILD.with_name("timing.xdc"))
    assert {call[0] for call in recorded.calls} == {"set_clock_uncertainty", "get_clocks"}
