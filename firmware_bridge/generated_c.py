# SPDX-License-Identifier: Apache-2.0
"""The texts of firmware/codes.h and messages.h: codes, limits, a struct and a table a message.

The tables let one C function read and write every payload: field i of a map is key i, and goes to
its offset in the struct, within its bounds.
Law of the file: C99, a form that clang-format leaves as it is.
Read next: firmware/messages.h, message.py for the same in Python.
"""

import textwrap

from edge_node_bridge.definition import Definition, FieldDefinition, MessageDefinition, Number

_NO_CAPABILITY = 255
_COLUMNS = 100
_TYPES = {"uint": "uint32_t", "int": "int32_t", "ints": "edge_ints_t"}
"""Kind -> type of the struct's member; edge_bytes_t for all others."""
_KINDS = {"uint": "UINT", "int": "INT", "text": "TEXT", "ints": "INTS"}
"""Kind -> how the firmware reads it; a hash is bytes of one length."""
_MADE = """\
// SPDX-License-Identifier: Apache-2.0
// Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
"""
_CODES_HEAD = """\
// Version, limits and codes of the protocol; PROTOCOL.md has its rules.

#ifndef EDGE_CODES_H
#define EDGE_CODES_H

"""
_STRUCTURES = """\
// The messages of the protocol; PROTOCOL.md says what each of them is for.

#ifndef EDGE_MESSAGES_H
#define EDGE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "codes.h"

typedef enum {
    EDGE_KIND_UINT,  // uint32_t, least..most
    EDGE_KIND_INT,   // int32_t, least..most
    EDGE_KIND_BYTES, // edge_bytes_t, least..most bytes
    EDGE_KIND_TEXT,  // edge_bytes_t of UTF-8, least..most bytes
    EDGE_KIND_INTS,  // edge_ints_t, least..most items
} edge_kind_t;

// Bytes or text that lie elsewhere.
typedef struct {
    const uint8_t *data;
    uint32_t size;
} edge_bytes_t;

// Integers that lie elsewhere.
typedef struct {
    const int32_t *items;
    uint32_t count;
} edge_ints_t;

// A field of a payload; its key is its place in the table.
typedef struct {
    uint8_t kind;
    uint8_t offset; // in the message's struct
    int32_t least;
    uint32_t most;
} edge_field_t;

// A message: its header's type, and the table of its fields.
typedef struct {
    uint8_t type;
    uint8_t answer;     // of a request: the type that answers it; else 0
    uint8_t capability; // number of the bit that a request needs, or EDGE_NO_CAPABILITY
    uint8_t field_count;
    const edge_field_t *fields;
} edge_message_t;
"""


def codes_header(read: Definition) -> str:
    """Return the text of firmware/codes.h."""
    types = tuple(
        Number(name=each.name, value=each.type, text=each.text, detail="") for each in read.messages
    )
    parts = [_MADE, _CODES_HEAD, f"#define EDGE_PROTOCOL_VERSION {read.version}u\n\n"]
    parts += [
        f"{_comment(each.text, '')}#define EDGE_{each.name} {each.value}u\n" for each in read.limits
    ]
    parts.append(_enumeration("MSG", "edge_message_type_t", types))
    parts.append(_enumeration("ERR", "edge_error_code_t", read.errors))
    parts.append("\n// Numbers of bits.")
    parts.append(_enumeration("CAP", "edge_capability_bit_t", read.capabilities))
    parts.append(f"\n#define EDGE_NO_CAPABILITY {_NO_CAPABILITY}u\n\n#endif\n")
    return "".join(parts)


def messages_header(read: Definition) -> str:
    """Return the text of firmware/messages.h."""
    messages = [_message(each) for each in read.messages]
    return "".join([_MADE, _STRUCTURES, *messages, "\n#endif\n"])


def _comment(text: str, indent: str) -> str:
    lines = textwrap.wrap(text, _COLUMNS - len(indent) - 3)
    return "".join(f"{indent}// {line}\n" for line in lines)


def _enumeration(prefix: str, name: str, numbers: tuple[Number, ...]) -> str:
    parts = ["\ntypedef enum {\n"]
    for each in numbers:
        told = f"{each.text} Detail: {each.detail}." if each.detail else each.text
        parts.append(_comment(told, "    "))
        parts.append(f"    EDGE_{prefix}_{each.name} = {each.value},\n")
    parts.append(f"}} {name};\n")
    return "".join(parts)


def _message(message: MessageDefinition) -> str:
    parts = ["\n", _comment(message.text, "")]
    if message.fields:
        parts.append("typedef struct {\n")
        for field in message.fields:
            parts.append(_comment(field.text, "    "))
            parts.append(f"    {_TYPES.get(field.kind, 'edge_bytes_t')} {field.name};\n")
        parts.append(f"}} {_struct(message)};\n\n")
        parts.append(f"static const edge_field_t EDGE_FIELDS_{message.name}[] = {{\n")
        parts += [_row(message, field) for field in message.fields]
        parts.append("};\n")
    parts.append(_description(message))
    return "".join(parts)


def _struct(message: MessageDefinition) -> str:
    return f"edge_{message.name.lower()}_t"


def _row(message: MessageDefinition, field: FieldDefinition) -> str:
    kind = f"EDGE_KIND_{_KINDS.get(field.kind, 'BYTES')}"
    offset = f"offsetof({_struct(message)}, {field.name})"
    return f"    {{{kind}, {offset}, {field.least}, {field.most}u}},\n"


def _description(message: MessageDefinition) -> str:
    answer = f"EDGE_MSG_{message.answer}" if message.answer else "0"
    needs = f"EDGE_CAP_{message.capability}" if message.capability else "EDGE_NO_CAPABILITY"
    fields = f"EDGE_FIELDS_{message.name}" if message.fields else "NULL"
    return (
        f"static const edge_message_t EDGE_MESSAGE_{message.name} = {{\n"
        f"    .type = EDGE_MSG_{message.name},\n"
        f"    .answer = {answer},\n"
        f"    .capability = {needs},\n"
        f"    .field_count = {len(message.fields)},\n"
        f"    .fields = {fields},\n"
        "};\n"
    )
