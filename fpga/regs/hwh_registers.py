# SPDX-License-Identifier: Apache-2.0
"""The engine's registers as a .hwh lists them, so that pynq's register_map knows their names.

Vivado writes no such list for a module that is no packaged IP: build.tcl puts this one in, and
the simulation's .hwh has it too.
Law of the file: one line a register, no dates, equal for equal registers.
Read next: constants.py.
"""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from edge_node_fpga.regs.register import REGISTER_BYTES, Field, Register

TAKEN_NAMES = frozenset({"access", "address", "count", "width"})
"""pynq's Register has attributes of these names, and fails when a field hides one."""


def registers_element(registers: Sequence[Register]) -> str:
    """Return the REGISTERS element of an ADDRESSBLOCK."""
    lines = "".join(f"{_register(register)}\n" for register in registers)
    return f"<REGISTERS>\n{lines}</REGISTERS>\n"


def _register(register: Register) -> str:
    properties = _properties(
        DESCRIPTION=register.text,
        ADDRESS_OFFSET=str(register.offset),
        SIZE=str(8 * REGISTER_BYTES),
        ACCESS=register.access,
        IS_ENABLED="true",
        RESET_VALUE=f"{register.reset:#x}",
    )
    fields = "".join(_field(field) for field in register.fields)
    name = quoteattr(register.name)
    return f"<REGISTER NAME={name}>{properties}<FIELDS>{fields}</FIELDS></REGISTER>"


def _field(field: Field) -> str:
    properties = _properties(
        DESCRIPTION=field.text,
        ADDRESS_OFFSET=str(field.low),
        ACCESS=field.access,
        BIT_OFFSET=str(field.low),
        BIT_WIDTH=str(field.bits),
    )
    name = field.name + "_" * (field.name in TAKEN_NAMES)
    return f"<FIELD NAME={quoteattr(name)}>{properties}</FIELD>"


def _properties(**values: str) -> str:
    return "".join(
        f"<PROPERTY NAME={quoteattr(name)} VALUE={quoteattr(value)}/>"
        for name, value in values.items()
    )
