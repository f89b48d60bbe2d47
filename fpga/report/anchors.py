# SPDX-License-Identifier: Apache-2.0
"""What others reached, and what the chip can do at most: values with their sources.

Law of the file: nothing here was measured by us; a figure that was recalled from a paper and not
read again says so.
Read next: page.py.
"""

from dataclasses import dataclass

RECALLED = "recalled from the published paper, not read again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A design of others."""

    design: str
    """Its name."""
    device: str
    """Chip or board, and clock."""
    network: str
    """What it ran, and how well."""
    images_per_s: str
    """As published."""
    latency: str
    """Of one image."""
    luts: str
    """As published."""
    bram36: str
    """As published."""
    loads: str
    """What it can change without a new bitstream."""
    source: str
    """Where the figures stand."""


_BNN_PYNQ = "BNN-PYNQ's README and notebooks (github.com/Xilinx/BNN-PYNQ)"
_FINN = "Umuroglu et al., FINN, FPGA 2017"

ANCHORS = (
    Anchor(
        design="BNN-PYNQ LFC-W1A1",
        device="PYNQ-Z1/Z2, 100 MHz, on the board",
        network="784-1024-1024-1024-10, MNIST 98.40 %",
        images_per_s="356,633 (10,000 in 28.04 ms)",
        latency="7 to 8 us a call",
        luts="28,360",
        bram36="110",
        loads="weights; shape fixed",
        source=_BNN_PYNQ,
    ),
    Anchor(
        design="BNN-PYNQ, the same network on the ARM",
        device="PYNQ-Z1/Z2, one Cortex-A9",
        network="784-1024-1024-1024-10",
        images_per_s="58",
        latency="17.2 ms",
        luts="none",
        bram36="none",
        loads="everything",
        source=_BNN_PYNQ,
    ),
    Anchor(
        design="FINN SFC-max",
        device="ZC706, 200 MHz, on the board",
        network="784-256-256-256-10, MNIST 95.8 %",
        images_per_s="12.3 million",
        latency="0.31 us",
        luts="91,131",
        bram36="4.5",
        loads="nothing",
        source=f"{_FINN}: speed in the abstract; LUT and BRAM {RECALLED}",
    ),
    Anchor(
        design="FINN LFC-max",
        device="ZC706, 200 MHz, on the board",
        network="784-1024-1024-1024-10, MNIST 98.4 %",
        images_per_s="1.56 million",
        latency="2.44 us",
        luts="82,988",
        bram36="396",
        loads="nothing",
        source=f"{_FINN}: {RECALLED}",
    ),
    Anchor(
        design="Zhao et al.",
        device="ZedBoard (xc7z020, this chip), 143 MHz, on the board",
        network="CIFAR-10 network, 88 %, 208 GOPS",
        images_per_s="168",
        latency="5.9 ms",
        luts="46,900",
        bram36="94",
        loads="layer by layer, weights streamed",
        source=f"Zhao et al., FPGA 2017: {RECALLED}",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """The xc7z020 of the board."""

    luts: int
    flip_flops: int
    bram36: int
    dsp: int
    bram_bits: int
    """Of one BRAM36 a clock, one port."""
    stream_bits: int
    """Of one DMA direction a clock."""


XC7Z020 = Chip(luts=53_200, flip_flops=106_400, bram36=140, dsp=220, bram_bits=72, stream_bits=64)
"""Xilinx DS190."""
