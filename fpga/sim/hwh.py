# SPDX-License-Identifier: Apache-2.0
"""The .hwh of the design, as far as pynq reads one: processor, DMA, engine, who is where.

Vivado writes a file of the same form beside a bitstream; this one is for the simulated board. The
engine's registers are those of regs/constants.py.
Law of the file: addresses and parameters are those of vivado/design.py, which a board has too.
Read next: device.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.regs.hwh_registers import registers_element
from edge_node_fpga.regs.register import Register
from edge_node_fpga.vivado import design
from edge_node_fpga.vivado.design import AddressRange

_BUS = "xilinx.com:interface:aximm:1.0"
_MASTER = "M_AXI_GP0"
_CLOCKS = 4


@dataclass(frozen=True)
class _Peripheral:
    """What answers at an address."""

    kind: str
    version: str
    place: AddressRange
    parameters: Mapping[str, object]
    registers: Sequence[Register] = ()

    @property
    def port(self) -> str:
        return f"{self.place.interface.lower()}_awaddr"

    @property
    def addresses(self) -> tuple[str, str]:
        """The first and the last."""
        first, last = self.place.base, self.place.base + self.place.bytes - 1
        return f"{first:#010x}", f"{last:#010x}"


def write_hwh(path: Path, registers: Sequence[Register] = REGISTERS) -> None:
    """Write the .hwh of the design, with other registers if a test wants them."""
    peripherals = (
        _Peripheral(
            kind="axi_dma",
            version="xilinx.com:ip:axi_dma:7.1",
            place=design.DMA_RANGE,
            parameters=dict(design.DMA_PARAMETERS),
        ),
        _Peripheral(
            kind="bnn_engine",
            version="xilinx.com:user:bnn_engine:1.0",
            place=design.ENGINE_RANGE,
            parameters={},
            registers=registers,
        ),
    )
    system = ET.Element("EDKSYSTEM")
    ET.SubElement(
        system,
        "SYSTEMINFO",
        ARCH="zynq",
        DEVICE=design.DEVICE,
        NAME=design.DESIGN,
        PACKAGE=design.PACKAGE,
        SPEEDGRADE=design.SPEED,
    )
    ET.SubElement(system, "EXTERNALPORTS")
    ET.SubElement(system, "EXTERNALINTERFACES")
    modules = ET.SubElement(system, "MODULES")
    for peripheral in peripherals:
        _add_peripheral(modules, peripheral)
    _add_processor(modules, peripherals)
    ET.ElementTree(system).write(path, encoding="UTF-8", xml_declaration=True)


def _module(modules: ET.Element, instance: str, kind: str, version: str) -> ET.Element:
    return ET.SubElement(
        modules,
        "MODULE",
        FULLNAME=f"/{instance}",
        INSTANCE=instance,
        IPTYPE="PERIPHERAL",
        IS_ENABLE="1",
        IS_PL="TRUE",
        MODCLASS="PERIPHERAL",
        MODTYPE=kind,
        VLNV=version,
    )


def _add_parameters(module: ET.Element, parameters: Mapping[str, object]) -> None:
    element = ET.SubElement(module, "PARAMETERS")
    for name, value in parameters.items():
        ET.SubElement(element, "PARAMETER", NAME=name, VALUE=str(value))


def _add_port(
    module: ET.Element, name: str, direction: str, others: Iterable[tuple[str, str]]
) -> None:
    ports = ET.SubElement(module, "PORTS")
    port = ET.SubElement(
        ports, "PORT", DIR=direction, NAME=name, SIGIS="undef", SIGNAME="general_address"
    )
    connections = ET.SubElement(port, "CONNECTIONS")
    for instance, other in others:
        ET.SubElement(connections, "CONNECTION", INSTANCE=instance, PORT=other)


def _add_interface(module: ET.Element, name: str, role: str, port: str) -> None:
    interfaces = ET.SubElement(module, "BUSINTERFACES")
    interface = ET.SubElement(
        interfaces,
        "BUSINTERFACE",
        BUSNAME="general",
        DATAWIDTH="32",
        NAME=name,
        TYPE=role,
        VLNV=_BUS,
    )
    maps = ET.SubElement(interface, "PORTMAPS")
    ET.SubElement(maps, "PORTMAP", LOGICAL="AWADDR", PHYSICAL=port)


def _add_registers(module: ET.Element, peripheral: _Peripheral) -> None:
    blocks = ET.SubElement(module, "ADDRESSBLOCKS")
    block = ET.SubElement(
        blocks,
        "ADDRESSBLOCK",
        ACCESS="",
        INTERFACE=peripheral.place.interface,
        NAME="registers",
        RANGE=str(peripheral.place.bytes),
        USAGE="register",
    )
    block.append(ET.fromstring(registers_element(peripheral.registers)))  # noqa: S314 - our own


def _add_peripheral(modules: ET.Element, peripheral: _Peripheral) -> None:
    place = peripheral.place
    module = _module(modules, place.cell, peripheral.kind, peripheral.version)
    if peripheral.registers:
        _add_registers(module, peripheral)
    first, last = peripheral.addresses
    _add_parameters(module, {**peripheral.parameters, "C_BASEADDR": first, "C_HIGHADDR": last})
    _add_port(module, peripheral.port, "I", [(design.PS, f"{_MASTER}_AWADDR")])
    _add_interface(module, place.interface, "SLAVE", peripheral.port)


def _add_processor(modules: ET.Element, peripherals: Iterable[_Peripheral]) -> None:
    module = _module(
        modules,
        design.PS,
        "processing_system7",
        "xilinx.com:ip:processing_system7:5.5",
    )
    parameters: dict[str, object] = dict(design.PS_PARAMETERS)
    for clock in range(_CLOCKS):
        used = clock == 0
        # 1000 MHz of the IO PLL, divided by 5 and 2.
        parameters |= {
            f"PCW_FCLK{clock}_PERIPHERAL_CLKSRC": "IO PLL",
            f"PCW_FCLK{clock}_PERIPHERAL_DIVISOR0": 5 if used else 1,
            f"PCW_FCLK{clock}_PERIPHERAL_DIVISOR1": 2 if used else 1,
            f"PCW_FPGA_FCLK{clock}_ENABLE": int(used),
            f"PCW_EN_CLK{clock}_PORT": int(used),
            f"PCW_FPGA{clock}_PERIPHERAL_FREQMHZ": design.CLOCK_MHZ if used else 50,
            f"PCW_ACT_FPGA{clock}_PERIPHERAL_FREQMHZ": f"{design.CLOCK_MHZ if used else 50:.6f}",
        }
    _add_parameters(module, parameters)
    port = f"{_MASTER}_AWADDR"
    _add_port(module, port, "O", [(each.place.cell, each.port) for each in peripherals])
    _add_interface(module, _MASTER, "MASTER", port)
    memory = ET.SubElement(module, "MEMORYMAP")
    for each in peripherals:
        first, last = each.addresses
        ET.SubElement(
            memory,
            "MEMRANGE",
            ADDRESSBLOCK="Reg",
            BASENAME="C_BASEADDR",
            BASEVALUE=first,
            HIGHNAME="C_HIGHADDR",
            HIGHVALUE=last,
            INSTANCE=each.place.cell,
            IS_DATA="TRUE",
            IS_INSTRUCTION="TRUE",
            MASTERBUSINTERFACE=_MASTER,
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE=each.place.interface,
        )
