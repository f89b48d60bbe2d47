# SPDX-License-Identifier: Apache-2.0
"""What a .hwh says, held against the design: a board hangs when it is asked at a wrong address.

Only what the driver relies on is compared: the part, the fabric's clock, where engine and DMA
answer, how the DMA moves data, and the engine's registers.
Law of the file: pynq is not needed, nothing is loaded; all differences are told, not just one.
Read next: fpga/vivado/design.py, overlay.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from edge_node_fpga.driver.errors import OverlayError
from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.vivado import design

MAX_HWH_BYTES = 1 << 24
"""Vivado's are some hundred kilobytes for a design of this size."""

DMA_NEEDS = (
    "c_include_sg",
    "c_sg_length_width",
    "c_include_mm2s",
    "c_m_axi_mm2s_data_width",
    "c_m_axis_mm2s_tdata_width",
    "c_include_s2mm",
    "c_m_axi_s2mm_data_width",
)
"""Of design.DMA_PARAMETERS, those that pynq's DMA or the driver's packets hang on."""
CLOCK = "PCW_FPGA0_PERIPHERAL_FREQMHZ"


@dataclass(frozen=True)
class Difference:
    """Something that the .hwh says otherwise than the design."""

    what: str
    expected: str
    actual: str
    """`nothing` where it says nothing of it."""

    def __str__(self) -> str:
        return f"{self.what} is {self.actual}, not {self.expected}"


class HwhUnreadable(OverlayError):
    """A .hwh is not there, or is no description of a design."""

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(
            f"{path} can not be read ({why}): put the .hwh of the bitstream beside it, "
            "under the same name"
        )


class _Tree(ET.TreeBuilder):
    """Refuses entities, the one way in which a small file becomes a large tree, in any encoding."""

    def doctype(self, *_: object) -> None:
        """End the parsing: entities come with a document type."""
        raise ValueError("it has a document type")


def differences(path: Path) -> tuple[Difference, ...]:
    """Return what a .hwh says otherwise than the design; nothing if it is one of ours.

    Raises
    ------
    HwhUnreadable
    """
    system = _parse(path)
    modules = {each.get("INSTANCE", ""): each for each in system.iter("MODULE")}
    found = [*_part(system), *_clock(modules.get(design.PS))]
    missing = [name for name in (design.PS, design.DMA, design.ENGINE) if name not in modules]
    found += [_nothing(f"the cell {name}", "there") for name in missing]
    for place in (design.ENGINE_RANGE, design.DMA_RANGE):
        if place.cell in modules:
            found += _place(system, place)
    if design.DMA in modules:
        found += _dma(modules[design.DMA])
    if design.ENGINE in modules:
        found += _registers(modules[design.ENGINE])
    return tuple(found)


def _parse(path: Path) -> ET.Element:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_HWH_BYTES + 1)
    except OSError as error:
        raise HwhUnreadable(path=path, why=error.strerror or str(error)) from error
    if len(data) > MAX_HWH_BYTES:
        raise HwhUnreadable(path=path, why=f"more than {MAX_HWH_BYTES} bytes")
    try:
        parser = ET.XMLParser(target=_Tree())  # noqa: S314 - bounded, and without entities
        parser.feed(data)
        system: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise HwhUnreadable(path=path, why=f"no XML of Vivado's: {error}") from error
    return system


def _part(system: ET.Element) -> Iterator[Difference]:
    info = system.find("SYSTEMINFO")
    actual = None if info is None else info.get("DEVICE")
    if actual != design.DEVICE:
        yield _difference("the device", design.DEVICE, actual)


def _clock(processor: ET.Element | None) -> Iterator[Difference]:
    if processor is None:
        return
    actual = _parameters(processor).get(CLOCK.lower())
    try:
        same = actual is not None and float(actual) == design.CLOCK_MHZ
    except ValueError:
        same = False
    if not same:
        yield _difference(CLOCK, str(design.CLOCK_MHZ), actual)


def _place(system: ET.Element, place: design.AddressRange) -> Iterator[Difference]:
    """Compare where the processor sees a cell."""
    first, last = place.base, place.base + place.bytes - 1
    ranges = [each for each in system.iter("MEMRANGE") if each.get("INSTANCE") == place.cell]
    seen = {(_number(each.get("BASEVALUE")), _number(each.get("HIGHVALUE"))) for each in ranges}
    if seen == {(first, last)}:
        return
    actual = ", ".join(f"{each.get('BASEVALUE')} to {each.get('HIGHVALUE')}" for each in ranges)
    yield _difference(f"the address of {place.cell}", f"{first:#x} to {last:#x}", actual or None)


def _dma(module: ET.Element) -> Iterator[Difference]:
    wanted, says = dict(design.DMA_PARAMETERS), _parameters(module)
    for name in DMA_NEEDS:
        if says.get(name) != wanted[name]:
            yield _difference(f"{name} of {design.DMA}", wanted[name], says.get(name))


def _registers(module: ET.Element) -> Iterator[Difference]:
    says: dict[str, int | None] = {}
    for element in module.iter("REGISTER"):
        values = {each.get("NAME"): each.get("VALUE") for each in element.findall("PROPERTY")}
        says[element.get("NAME", "")] = _number(values.get("ADDRESS_OFFSET"))
    if not says:
        yield _nothing(f"the list of registers of {design.ENGINE}", f"{len(REGISTERS)} registers")
        return
    for register in REGISTERS:
        actual = says.get(register.name)
        if actual != register.offset:
            shown = None if actual is None else f"{actual:#x}"
            yield _difference(f"the register {register.name}", f"{register.offset:#x}", shown)


def _parameters(module: ET.Element) -> dict[str, str]:
    """Return parameters of a cell by their names in small letters, as versions differ in them."""
    return {
        each.get("NAME", "").lower(): each.get("VALUE", "")
        for each in module.findall("PARAMETERS/PARAMETER")
    }


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text, 0)
    except ValueError:
        return None


def _difference(what: str, expected: str, actual: str | None) -> Difference:
    return Difference(what=what, expected=expected, actual="nothing" if actual is None else actual)


def _nothing(what: str, expected: str) -> Difference:
    return Difference(what=what, expected=expected, actual="nothing")
