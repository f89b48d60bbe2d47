# SPDX-License-Identifier: Apache-2.0
"""The list of registers for a .hwh: read back as XML, it says what the table says."""

from xml.etree import ElementTree as ET

from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.regs.hwh_registers import TAKEN_NAMES, registers_element
from edge_node_fpga.regs.register import Field, Register


def properties(element: ET.Element) -> dict[str, str]:
    return {each.attrib["NAME"]: each.attrib["VALUE"] for each in element.findall("PROPERTY")}


def name_for_pynq(name: str) -> str:
    return f"{name}_" if name in TAKEN_NAMES else name


def test_list_has_every_register_with_its_place_and_access() -> None:
    root = ET.fromstring(registers_element(REGISTERS))
    assert root.tag == "REGISTERS"
    assert [each.attrib["NAME"] for each in root] == [each.name for each in REGISTERS]
    for element, register in zip(root, REGISTERS, strict=True):
        said = properties(element)
        assert int(said["ADDRESS_OFFSET"]) == register.offset
        assert said["SIZE"] == "32"
        assert said["ACCESS"] == register.access
        assert said["IS_ENABLED"] == "true"


def test_list_has_every_field_with_its_bits() -> None:
    root = ET.fromstring(registers_element(REGISTERS))
    for element, register in zip(root, REGISTERS, strict=True):
        said = [(e.attrib["NAME"], properties(e)) for e in element.findall("FIELDS/FIELD")]
        assert [
            (name, int(of["BIT_OFFSET"]), int(of["BIT_WIDTH"]), of["ACCESS"]) for name, of in said
        ] == [
            (name_for_pynq(field.name), field.low, field.bits, field.access)
            for field in register.fields
        ]


def test_no_field_hides_what_pynq_calls_its_own() -> None:
    root = ET.fromstring(registers_element(REGISTERS))
    names = {each.attrib["NAME"] for each in root.iter("FIELD")}
    assert names & TAKEN_NAMES == set()
    assert "count_" in names


def test_text_is_escaped() -> None:
    field = Field(name="a", text='<"&', low=0, bits=1, access="read-only", reset=None)
    register = Register(name="A", text="x & y", offset=0, fields=(field,))
    element = ET.fromstring(registers_element([register]))[0]
    assert properties(element)["DESCRIPTION"] == "x & y"
    assert properties(element.findall("FIELDS/FIELD")[0])["DESCRIPTION"] == '<"&'
