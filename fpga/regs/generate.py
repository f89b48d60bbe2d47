# SPDX-License-Identifier: Apache-2.0
"""Makes everything that is made from bnn_regs.rdl.

RTL and C header come from PeakRDL, constants.py and the list for a .hwh from here. HTML is large
and is made on demand only (`--html FOLDER`). Needs the extra `fpga-sim`.
Law of the file: same source, same bytes: no dates, no paths, no order that may change.
Read next: bnn_regs.rdl, constants.py.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peakrdl_cheader.exporter import CHeaderExporter
from peakrdl_html import HTMLExporter
from peakrdl_regblock import RegblockExporter
from peakrdl_regblock.cpuif.axi4lite import AXI4Lite_Cpuif_flattened
from peakrdl_regblock.udps import ALL_UDPS
from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegNode

from edge_node_fpga.regs.hwh_registers import registers_element
from edge_node_fpga.regs.register import Field, Register

FPGA = Path(__file__).resolve().parents[1]
SOURCE = FPGA / "regs" / "bnn_regs.rdl"

_LICENCE = "SPDX-License-Identifier: Apache-2.0"
_MADE = "Made by fpga/regs/generate.py from bnn_regs.rdl; change that, not this."
_LINT = """\
// Each field of a struct of next values has its own block, which Verilator takes for one variable
// with many drivers.
// verilator lint_off MULTIDRIVEN
"""
_COLUMNS = 100
"""Of a line of Python in this repository."""
_CONSTANTS_HEAD = f'''\
# {_LICENCE}
"""Registers and error codes of the engine.

{_MADE}
Law of the file: generated, and equal to the source: a test says so.
Read next: register.py.
"""

from enum import IntEnum

from edge_node_fpga.regs.register import Field, Register
'''
_ERRORS_HEAD = '''

class ErrorCode(IntEnum):
    """Values of ERROR.code."""
'''


@dataclass(frozen=True, kw_only=True)
class ErrorName:
    """A value of ERROR.code."""

    name: str
    """As in bnn_regs.rdl."""
    code: int
    """The number."""
    text: str
    """What has happened, a sentence."""


def compiled(source: Path = SOURCE) -> AddrmapNode:
    """Return the elaborated registers of a SystemRDL file."""
    compiler = RDLCompiler()
    for each in ALL_UDPS:
        compiler.register_udp(each)
    compiler.compile_file(str(source))
    return compiler.elaborate().top


def registers_of(top: AddrmapNode) -> tuple[Register, ...]:
    """Return registers in the order of their addresses."""
    return tuple(_register(each) for each in top.children() if isinstance(each, RegNode))


def errors_of(top: AddrmapNode) -> tuple[ErrorName, ...]:
    """Return the values that ERROR.code is encoded by."""
    code = top.find_by_path("ERROR.code")
    assert isinstance(code, FieldNode)
    encoding = code.get_property("encode")
    return tuple(
        ErrorName(name=each.name, code=int(each.value), text=_one_line(each.rdl_desc))
        for each in encoding
    )


def generate(folder: Path, top: AddrmapNode | None = None) -> tuple[Path, ...]:
    """Write all files below a folder that stands for fpga/, and return their names in it."""
    top = compiled() if top is None else top
    registers = registers_of(top)
    texts = dict(_rtl(top))
    texts[Path("regs/bnn_regs.h")] = f"// {_LICENCE}\n// {_MADE}\n{_c_header(top)}"
    texts[Path("regs/constants.py")] = _constants(registers, errors_of(top))
    texts[Path("regs/bnn_regs_hwh.xml")] = registers_element(registers)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tuple(texts)


def generate_html(folder: Path) -> None:
    """Write pages for a browser."""
    HTMLExporter().export(compiled(), str(folder))


def _rtl(top: AddrmapNode) -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory() as name:
        RegblockExporter().export(top, name, cpuif_cls=AXI4Lite_Cpuif_flattened)
        for path in sorted(Path(name).iterdir()):
            head = f"// {_LICENCE}\n// {_MADE}\n"
            lint = "" if path.stem.endswith("_pkg") else _LINT
            yield Path("rtl/generated", path.name), head + lint + path.read_text()


def _c_header(top: AddrmapNode) -> str:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "bnn_regs.h")
        CHeaderExporter().export(top, str(path))
        return path.read_text()


def _register(node: RegNode) -> Register:
    fields = tuple(_field(each) for each in node.fields())
    text = _one_line(node.get_property("desc")) or f"{node.get_property('name')}."
    return Register(name=node.inst_name, text=text, offset=node.address_offset, fields=fields)


def _field(node: FieldNode) -> Field:
    reads, writes = node.is_sw_readable, node.is_sw_writable
    access = "read-write" if reads and writes else "read-only" if reads else "write-only"
    reset = node.get_property("reset")
    return Field(
        name=node.inst_name,
        text=_one_line(node.get_property("desc", default="")),
        low=node.low,
        bits=node.width,
        access=access,
        reset=None if reset is None else int(reset),
    )


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _constants(registers: tuple[Register, ...], errors: tuple[ErrorName, ...]) -> str:
    parts = [_CONSTANTS_HEAD, _ERRORS_HEAD]
    parts += [f'\n    {each.name} = {each.code}\n    """{each.text}"""' for each in errors]
    parts.append("\n\n")
    for register in registers:
        parts.append(f"\n{register.name} = Register(\n")
        parts.append(f"    name={_quoted(register.name)},\n    text={_quoted(register.text)},\n")
        parts.append(f"    offset=0x{register.offset:02X},\n{_constant_fields(register)})")
    names = "".join(f"    {register.name},\n" for register in registers)
    parts.append(f"\n\nREGISTERS = (\n{names})\n")
    parts.append('"""All, in the order of their addresses."""\n')
    return "".join(parts)


def _constant_fields(register: Register) -> str:
    """Return the fields as the formatter of this repository leaves them."""
    calls = [_constant_field(field) for field in register.fields]
    in_one = f"    fields=(Field({', '.join(calls[0])}),),\n"
    if len(calls) == 1 and len(in_one) <= _COLUMNS + 1:
        return in_one
    lines = []
    for values in calls:
        line = f"        Field({', '.join(values)}),\n"
        if len(line) > _COLUMNS + 1:
            inner = "".join(f"            {value},\n" for value in values)
            line = f"        Field(\n{inner}        ),\n"
        lines.append(line)
    return f"    fields=(\n{''.join(lines)}    ),\n"


def _constant_field(field: Field) -> tuple[str, ...]:
    return (
        f"name={_quoted(field.name)}",
        f"text={_quoted(field.text)}",
        f"low={field.low}",
        f"bits={field.bits}",
        f"access={_quoted(field.access)}",
        "reset=None" if field.reset is None else f"reset=0x{field.reset:X}",
    )


def _quoted(text: str) -> str:
    assert '"' not in text, text
    assert "\\" not in text, text
    return f'"{text}"'


def main() -> None:
    """Make all files, or the pages."""
    parser = argparse.ArgumentParser(description="Make what is made from bnn_regs.rdl.")
    parser.add_argument("--html", type=Path, metavar="FOLDER", help="write pages there instead")
    asked = parser.parse_args()
    if asked.html is None:
        generate(FPGA)
    else:
        generate_html(asked.html)


if __name__ == "__main__":
    main()
