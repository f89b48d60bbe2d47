# SPDX-License-Identifier: Apache-2.0
"""The .hwh against the design: the simulation's own fits, each change that would hurt is told."""

from pathlib import Path

import pytest

from edge_node_fpga.driver.hwh_check import MAX_HWH_BYTES, HwhUnreadable, differences
from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.sim.hwh import write_hwh

ENTITIES = '<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'


@pytest.fixture
def hwh(tmp_path: Path) -> Path:
    path = tmp_path / "bnn.hwh"
    write_hwh(path)
    return path


def told(path: Path) -> list[str]:
    return [str(each) for each in differences(path)]


def test_hwh_of_the_design_fits(hwh: Path) -> None:
    assert told(hwh) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("7z020", "7z010", "the device is 7z010, not 7z020"),
        (
            'BASEVALUE="0x43c00000"',
            'BASEVALUE="0x43c10000"',
            "the address of bnn_engine_0 is 0x43c1",
        ),
        (
            'BASEVALUE="0x40400000"',
            'BASEVALUE="0x80400000"',
            "the address of axi_dma_0 is 0x804000",
        ),
        ('BASEVALUE="0x40400000"', 'BASEVALUE="low"', "the address of axi_dma_0 is low to"),
        (
            'NAME="c_sg_length_width" VALUE="26"',
            'NAME="c_sg_length_width" VALUE="14"',
            "c_sg_length_width of axi_dma_0 is 14, not 26",
        ),
        (
            'NAME="c_include_sg" VALUE="0"',
            'NAME="c_include_sg" VALUE="1"',
            "c_include_sg of axi_dma_0 is 1, not 0",
        ),
        (
            'NAME="c_m_axi_s2mm_data_width"',
            'NAME="c_width"',
            "c_m_axi_s2mm_data_width of axi_dma_0 is nothing, not 64",
        ),
        (
            'NAME="PCW_FPGA0_PERIPHERAL_FREQMHZ" VALUE="100"',
            'NAME="PCW_FPGA0_PERIPHERAL_FREQMHZ" VALUE="50"',
            "PCW_FPGA0_PERIPHERAL_FREQMHZ is 50, not 100",
        ),
        ('INSTANCE="bnn_engine_0"', 'INSTANCE="video_0"', "the cell bnn_engine_0 is nothing"),
        ('<REGISTER NAME="CAPS_MAP"', '<REGISTER NAME="CAPS"', "the register CAPS_MAP is nothing"),
    ],
)
def test_other_design_is_told(hwh: Path, old: str, new: str, sentence: str) -> None:
    text = hwh.read_text()
    assert old in text
    hwh.write_text(text.replace(old, new))
    assert any(each.startswith(sentence) for each in told(hwh)), told(hwh)


def test_frequency_may_be_written_as_vivado_does(hwh: Path) -> None:
    name = 'NAME="PCW_FPGA0_PERIPHERAL_FREQMHZ" VALUE='
    hwh.write_text(hwh.read_text().replace(f'{name}"100"', f'{name}"100.000000"'))
    assert told(hwh) == []


def test_parameters_in_capitals_are_the_same(hwh: Path) -> None:
    text = hwh.read_text()
    hwh.write_text(text.replace("c_sg_length_width", "C_SG_LENGTH_WIDTH"))
    assert told(hwh) == []


def test_registers_that_have_moved_are_told_one_by_one(hwh: Path) -> None:
    write_hwh(hwh, REGISTERS[:-1])
    assert told(hwh) == ["the register IRQ_STATUS is nothing, not 0x4c"]
    write_hwh(hwh, [])
    assert told(hwh) == [
        f"the list of registers of bnn_engine_0 is nothing, not {len(REGISTERS)} registers"
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no XML"),
        (b"\x00\x09\x0f\xf0", "no XML"),
        (b"<EDKSYSTEM>", "no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "no XML"),
        (ENTITIES.encode(), "document type"),
        (ENTITIES.encode("utf-16"), "document type"),
        (b" " * (MAX_HWH_BYTES + 1), f"more than {MAX_HWH_BYTES} bytes"),
    ],
)
def test_file_that_is_no_hwh_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "bad.hwh").write_bytes(data)
    with pytest.raises(HwhUnreadable, match=why):
        differences(tmp_path / "bad.hwh")


def test_missing_hwh_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(HwhUnreadable, match="under the same name"):
        differences(tmp_path / "bnn.hwh")


def test_empty_design_is_told_without_a_crash(tmp_path: Path) -> None:
    (tmp_path / "a.hwh").write_text("<EDKSYSTEM/>")
    assert len(told(tmp_path / "a.hwh")) == 4
