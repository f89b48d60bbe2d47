# SPDX-License-Identifier: Apache-2.0
"""The table of registers: sound in itself, and error codes that hardware gives by the same name."""

import re
from pathlib import Path

import pytest

from edge_node_fpga.regs import constants
from edge_node_fpga.regs.constants import REGISTERS, ErrorCode

RTL = Path(__file__).resolve().parents[3] / "fpga" / "rtl"
LOCALPARAMS = re.compile(r"localparam \[7:0\] ([^;]+);")
NUMBER = re.compile(r"(\w+) = 8'd(\d+)")
OTHER_BYTES = {"KIND_MODEL", "KIND_IMAGES"}


def codes_in(name: str) -> dict[str, int]:
    """Return 8-bit localparams of a file of RTL that are no kinds of packets."""
    text = (RTL / name).read_text()
    found = {
        key: int(value)
        for listed in LOCALPARAMS.findall(text)
        for key, value in NUMBER.findall(listed)
    }
    return {key: value for key, value in found.items() if key not in OTHER_BYTES}


def test_hardware_and_constants_have_the_same_error_codes() -> None:
    hardware: dict[str, int] = {}
    for name in ("stream_input.sv", "descriptor_check.sv", "engine.sv"):
        codes = codes_in(name)
        assert codes, name
        assert not codes.keys() & hardware.keys()
        hardware |= codes
    assert {**hardware, "NONE": 0} == {code.name: code.value for code in ErrorCode}


@pytest.mark.parametrize("name", [path.name for path in sorted(RTL.glob("*.sv"))])
def test_every_code_that_hardware_names_is_used_there(name: str) -> None:
    text = (RTL / name).read_text()
    assert [code for code in codes_in(name) if len(re.findall(rf"\b{code}\b", text)) < 2] == []


def test_registers_are_words_in_order_and_do_not_overlap() -> None:
    offsets = [register.offset for register in REGISTERS]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 for offset in offsets)


def test_fields_do_not_overlap() -> None:
    for register in REGISTERS:
        taken = 0
        for field in register.fields:
            assert field.mask < 1 << 32
            assert not taken & field.mask, (register.name, field.name)
            taken |= field.mask


def test_identity_reads_as_letters() -> None:
    assert constants.ID.reset.to_bytes(4, "little") == b"BNN1"


def test_every_error_says_what_happened() -> None:
    assert constants.ERROR.field("code").mask >= max(ErrorCode)
