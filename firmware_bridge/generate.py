# SPDX-License-Identifier: Apache-2.0
"""Makes the files that protocol.toml describes: Python, C headers and PROTOCOL.md.

`python -m edge_node_bridge.generate` writes them; a test compares them with what is committed.
Law of the file: same source, same bytes, and in the form that the formatters leave.
Read next: protocol.toml, generated_c.py, generated_page.py.
"""

import textwrap
from pathlib import Path

from edge_node_bridge.definition import (
    Definition,
    FieldDefinition,
    MessageDefinition,
    Number,
    definition,
)
from edge_node_bridge.generated_c import codes_header, messages_header
from edge_node_bridge.generated_page import page

_COLUMNS = 100
"""Of a line of Python in this repository."""
_LIMITS_HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""Version and limits of the protocol between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: messages.py.
"""

'''
_CODES_HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""Types, error codes and capabilities of the protocol between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: messages.py.
"""

from enum import IntEnum, IntFlag
'''
_HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""The messages between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: message.py, PROTOCOL.md.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node_bridge.codes import Capability, MessageType
from edge_node_bridge.message import Field, Kind, Message, Request
'''
_BASES = {"request": "Request"}
_TYPES = {"uint": "int", "int": "int", "text": "str", "ints": "tuple[int, ...]"}
"""Kind -> annotation; bytes for all others."""


def generate(folder: Path, read: Definition | None = None) -> tuple[Path, ...]:
    """Write all files below a folder that stands for firmware_bridge/; return their names in it."""
    read = definition() if read is None else read
    texts = {
        Path("limits.py"): limits_text(read),
        Path("codes.py"): codes_text(read),
        Path("messages.py"): messages_text(read),
        Path("firmware/codes.h"): codes_header(read),
        Path("firmware/messages.h"): messages_header(read),
        Path("PROTOCOL.md"): page(read),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tuple(texts)


def limits_text(read: Definition) -> str:
    """Return the text of limits.py."""
    version = _constant("PROTOCOL_VERSION", read.version, "The first byte of every frame.")
    limits = [_constant(each.name, each.value, each.text) for each in read.limits]
    return "".join([_LIMITS_HEAD, version, *limits])


def codes_text(read: Definition) -> str:
    """Return the text of codes.py."""
    types = tuple(
        Number(name=each.name, value=each.type, text=each.text, detail="") for each in read.messages
    )
    flags = tuple(
        Number(name=each.name, value=1 << each.value, text=_sentence(each.text), detail="")
        for each in read.capabilities
    )
    parts = [_CODES_HEAD]
    parts.append(_enumeration("MessageType", "IntEnum", "The header's second byte.", types))
    parts.append(_enumeration("ErrorCode", "IntEnum", "Why a request failed.", read.errors))
    parts.append(_enumeration("Capability", "IntFlag", "What a device can do.", flags))
    return "".join(parts)


def messages_text(read: Definition) -> str:
    """Return the text of messages.py."""
    parts = [_HEAD]
    parts += [_class(each) for each in read.messages]
    names = "".join(f"    {class_name(each.name)},\n" for each in read.messages)
    parts.append(f"\n\nMESSAGES: tuple[type[Message], ...] = (\n{names})\n")
    parts.append('"""All, in the order of protocol.toml."""\n')
    return "".join(parts)


def class_name(name: str) -> str:
    """Return HELLO_ANSWER as HelloAnswer, and ERROR as ErrorAnswer."""
    # Error would be taken for an exception.
    return "ErrorAnswer" if name == "ERROR" else name.title().replace("_", "")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _constant(name: str, value: int, text: str) -> str:
    return f"{name} = {value}\n{_docstring(text, '')}"


def _enumeration(name: str, base: str, text: str, numbers: tuple[Number, ...]) -> str:
    parts = [f'\n\nclass {name}({base}):\n    """{text}"""\n']
    for each in numbers:
        told = f"{each.text} Detail: {each.detail}." if each.detail else each.text
        parts.append(f"\n    {each.name} = {each.value}\n{_docstring(told, '    ')}")
    return "".join(parts)


def _class(message: MessageDefinition) -> str:
    base = _BASES.get(message.role, "Message")
    parts = ["\n\n@dataclass(frozen=True, slots=True, kw_only=True)\n"]
    parts.append(f"class {class_name(message.name)}({base}):\n{_docstring(message.text, '    ')}\n")
    parts.append(f"    TYPE: ClassVar[int] = MessageType.{message.name}\n")
    if message.role == "request":
        parts.append(f"    ANSWER: ClassVar[int] = MessageType.{message.answer}\n")
        needs = f"Capability.{message.capability}" if message.capability else "0"
        parts.append(f"    CAPABILITY: ClassVar[int] = {needs}\n")
        parts.append(f"    TIMEOUT_MS: ClassVar[int] = {message.timeout_ms}\n")
    parts.append(_fields(message.fields))
    for field in message.fields:
        annotation = _TYPES.get(field.kind, "bytes")
        parts.append(f"    {field.name}: {annotation}\n{_docstring(field.text, '    ')}")
    return "".join(parts)


def _fields(fields: tuple[FieldDefinition, ...]) -> str:
    if not fields:
        return "    FIELDS: ClassVar[tuple[Field, ...]] = ()\n"
    calls = [
        f'Field(name="{each.name}", kind=Kind.{each.kind.upper()}, '
        f"least={each.least}, most={each.most}),"
        for each in fields
    ]
    head = "    FIELDS: ClassVar[tuple[Field, ...]] = ("
    in_one = f"{head}{calls[0]})\n\n"
    if len(calls) == 1 and len(in_one) <= _COLUMNS + 2:
        return in_one
    lines = "\n".join(f"        {call}" for call in calls)
    return f"{head}\n{lines}\n    )\n\n"


def _docstring(text: str, indent: str) -> str:
    """Return the docstring in one line if it fits, else in a block."""
    line = f'{indent}"""{text}"""'
    if len(line) <= _COLUMNS:
        return f"{line}\n"
    wrapped = textwrap.wrap(text, _COLUMNS - 3, initial_indent=indent, subsequent_indent=indent)
    first = f'{indent}"""{wrapped[0][len(indent) :]}'
    return "\n".join([first, *wrapped[1:], f'{indent}"""', ""])


if __name__ == "__main__":
    generate(Path(__file__).resolve().parent)
