# SPDX-License-Identifier: Apache-2.0
"""Facts of the block design, as build.tcl makes it and as every .hwh of ours must say.

A test runs build.tcl against this; the simulation writes its .hwh from it, so that the driver finds
the same names, addresses and parameters on a board and without one.
Law of the file: values only; one fact, one place.
Read next: build.tcl.
"""

from dataclasses import dataclass

DESIGN = "bnn"
"""Name of the block design, of the bitstream and of its .hwh."""
DEVICE, PACKAGE, SPEED = "7z020", "clg400", "-1"
"""The board's chip, as a .hwh names it."""
PART = f"xc{DEVICE}{PACKAGE}{SPEED}"
BOARD_CRYSTAL_MHZ = 50
"""Of the processing system, on a PYNQ-Z2."""
CLOCK_MHZ = 100
CLOCK_HZ = CLOCK_MHZ * 1_000_000

PS = "processing_system7_0"
RESET = "proc_sys_reset_0"
DMA = "axi_dma_0"
ENGINE = "bnn_engine_0"
CONTROL_BUS = "control_bus"
"""From the processor to registers."""
MEMORY_BUS = "memory_bus"
"""From the DMA to memory."""
INTERRUPTS = "interrupts"

CELLS = (
    (PS, "xilinx.com:ip:processing_system7:5.5"),
    (RESET, "xilinx.com:ip:proc_sys_reset:5.0"),
    (DMA, "xilinx.com:ip:axi_dma:7.1"),
    (CONTROL_BUS, "xilinx.com:ip:smartconnect:1.0"),
    (MEMORY_BUS, "xilinx.com:ip:smartconnect:1.0"),
    (INTERRUPTS, "xilinx.com:ip:xlconcat:2.1"),
)
"""(name, what it is); the engine is a module, ENGINE_MODULE."""
ENGINE_MODULE = "bnn_engine_ip"


@dataclass(frozen=True, kw_only=True)
class AddressRange:
    """Where the processor, or the DMA, sees something."""

    cell: str
    interface: str
    """Of the cell."""
    base: int
    bytes: int


ENGINE_RANGE = AddressRange(cell=ENGINE, interface="s_axi", base=0x43C0_0000, bytes=0x1_0000)
DMA_RANGE = AddressRange(cell=DMA, interface="S_AXI_LITE", base=0x4040_0000, bytes=0x1_0000)
MEMORY_RANGE = AddressRange(cell=PS, interface="S_AXI_HP0", base=0x0, bytes=0x2000_0000)
"""All of the board's 512 MiB."""

ENGINE_ADDRESS_BITS = 16
"""Of bnn_engine_ip's interface; as many as its range has."""

PS_PARAMETERS = (
    ("PCW_CRYSTAL_PERIPHERAL_FREQMHZ", str(BOARD_CRYSTAL_MHZ)),
    ("PCW_UIPARAM_DDR_PARTNO", "MT41J256M16 RE-125"),
    ("PCW_UIPARAM_DDR_BUS_WIDTH", "16 Bit"),
    ("PCW_EN_CLK0_PORT", "1"),
    ("PCW_EN_RST0_PORT", "1"),
    ("PCW_FPGA0_PERIPHERAL_FREQMHZ", str(CLOCK_MHZ)),
    ("PCW_USE_M_AXI_GP0", "1"),
    ("PCW_USE_S_AXI_HP0", "1"),
    ("PCW_S_AXI_HP0_DATA_WIDTH", "64"),
    ("PCW_USE_FABRIC_INTERRUPT", "1"),
    ("PCW_IRQ_F2P_INTR", "1"),
)
DMA_PARAMETERS = (
    ("c_include_sg", "0"),
    ("c_sg_include_stscntrl_strm", "0"),
    ("c_sg_length_width", "26"),
    ("c_addr_width", "32"),
    ("c_micro_dma", "0"),
    ("c_include_mm2s", "1"),
    ("c_include_mm2s_dre", "0"),
    ("c_m_axi_mm2s_data_width", "64"),
    ("c_m_axis_mm2s_tdata_width", "64"),
    ("c_mm2s_burst_size", "16"),
    ("c_include_s2mm", "1"),
    ("c_include_s2mm_dre", "0"),
    ("c_m_axi_s2mm_data_width", "64"),
    ("c_s2mm_burst_size", "16"),
)
"""As pynq's DMA reads them too; 26 bits of length are transfers below 64 MiB."""

INTERRUPT_SOURCES = (
    (ENGINE, "irq"),
    (DMA, "mm2s_introut"),
    (DMA, "s2mm_introut"),
)
"""(cell, pin), from bit 0 of IRQ_F2P up."""

STREAMS = (
    ((DMA, "M_AXIS_MM2S"), (ENGINE, "s_axis")),
    ((ENGINE, "m_axis"), (DMA, "S_AXIS_S2MM")),
)
BUSES = (
    ((PS, "M_AXI_GP0"), (CONTROL_BUS, "S00_AXI")),
    ((CONTROL_BUS, "M00_AXI"), (DMA, "S_AXI_LITE")),
    ((CONTROL_BUS, "M01_AXI"), (ENGINE, "s_axi")),
    ((DMA, "M_AXI_MM2S"), (MEMORY_BUS, "S00_AXI")),
    ((DMA, "M_AXI_S2MM"), (MEMORY_BUS, "S01_AXI")),
    ((MEMORY_BUS, "M00_AXI"), (PS, "S_AXI_HP0")),
)
"""From master to slave."""
CLOCKED = (
    (PS, "M_AXI_GP0_ACLK"),
    (PS, "S_AXI_HP0_ACLK"),
    (RESET, "slowest_sync_clk"),
    (CONTROL_BUS, "aclk"),
    (MEMORY_BUS, "aclk"),
    (DMA, "s_axi_lite_aclk"),
    (DMA, "m_axi_mm2s_aclk"),
    (DMA, "m_axi_s2mm_aclk"),
    (ENGINE, "aclk"),
)
"""Everything on FCLK_CLK0, the design's only clock."""
RESETTED = (
    (CONTROL_BUS, "aresetn"),
    (MEMORY_BUS, "aresetn"),
    (DMA, "axi_resetn"),
    (ENGINE, "aresetn"),
)
"""Everything on the reset's peripheral_aresetn."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """Parameters of an engine that build.tcl knows by name."""

    name: str
    elements: int
    """P."""
    trees: int
    """T."""
    images: int
    """LANES."""
    row_bits: int
    """ROW_BITS: 2^row_bits rows of weights."""

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of the module."""
        return (
            ("P", str(self.elements)),
            ("T", str(self.trees)),
            ("LANES", str(self.images)),
            ("ROW_BITS", str(self.row_bits)),
        )


BUILDS = (
    Build(name="8x64", elements=8, trees=8, images=1, row_bits=10),
    Build(name="32x64", elements=32, trees=32, images=1, row_bits=10),
    Build(name="64x64", elements=64, trees=32, images=4, row_bits=9),
)
DEFAULT_BUILD = "32x64"
