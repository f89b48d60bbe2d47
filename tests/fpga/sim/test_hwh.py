# SPDX-License-Identifier: Apache-2.0
"""The .hwh says what the block design says; that pynq reads it shows test_device."""

from pathlib import Path
from xml.etree import ElementTree as ET

from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.sim.hwh import write_hwh
from edge_node_fpga.vivado import design


def test_addresses_parameters_and_registers_are_those_of_the_design(tmp_path: Path) -> None:
    path = tmp_path / "bnn.hwh"
    write_hwh(path)
    system = ET.parse(path)
    ranges = {each.get("INSTANCE"): each for each in system.iter("MEMRANGE")}
    for place in (design.ENGINE_RANGE, design.DMA_RANGE):
        assert int(ranges[place.cell].get("BASEVALUE", ""), 16) == place.base
        assert int(ranges[place.cell].get("HIGHVALUE", ""), 16) == place.base + place.bytes - 1
    names = [each.get("NAME") for each in system.iter("REGISTER")]
    assert names == [register.name for register in REGISTERS]
    parameters = {each.get("NAME"): each.get("VALUE") for each in system.iter("PARAMETER")}
    assert parameters.items() >= dict(design.DMA_PARAMETERS).items()
