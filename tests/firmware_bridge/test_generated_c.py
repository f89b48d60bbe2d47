# SPDX-License-Identifier: Apache-2.0
"""The C headers say what Python says, and a strict C99 compiler takes them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_node_bridge import limits
from edge_node_bridge.codes import Capability, ErrorCode, MessageType
from edge_node_bridge.definition import definition
from edge_node_bridge.generated_c import codes_header, messages_header
from edge_node_bridge.message import Kind, Request
from edge_node_bridge.messages import MESSAGES

CODES = codes_header(definition())
MESSAGES_H = messages_header(definition())
COMPILER = shutil.which("cc")
FLAGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]

PROGRAM = """\
#include <stdio.h>
#include "messages.h"
static void tell(const edge_message_t *message) {
    printf("%d %d %d", message->type, message->answer, message->capability);
    for (int i = 0; i < message->field_count; i++) {
        const edge_field_t *field = &message->fields[i];
        printf(" %d:%ld:%lu", field->kind, (long)field->least, (unsigned long)field->most);
    }
    printf("\\n");
}
int main(void) {
"""
KINDS = {Kind.UINT: 0, Kind.INT: 1, Kind.TEXT: 3, Kind.INTS: 4}
NO_CAPABILITY = 255


def test_numbers_of_c_are_those_of_python() -> None:
    found = {name: int(value) for name, value in re.findall(r"EDGE_(\w+) = (\d+),", CODES)}
    bits = {f"CAP_{each.name}": each.value.bit_length() - 1 for each in Capability}
    types = {f"MSG_{each.name}": each.value for each in MessageType}
    codes = {f"ERR_{each.name}": each.value for each in ErrorCode}
    assert found == {**bits, **types, **codes}
    defined = {name: int(value) for name, value in re.findall(r"EDGE_(\w+) (\d+)u", CODES)}
    assert defined.pop("NO_CAPABILITY") == NO_CAPABILITY
    assert defined.items() <= vars(limits).items()


def test_compiled_tables_say_what_python_says(tmp_path: Path) -> None:
    if COMPILER is None:
        pytest.skip("no C compiler here")
    (tmp_path / "codes.h").write_text(CODES)
    (tmp_path / "messages.h").write_text(MESSAGES_H)
    calls = [f"    tell(&EDGE_MESSAGE_{MessageType(kind.TYPE).name});\n" for kind in MESSAGES]
    (tmp_path / "tell.c").write_text(PROGRAM + "".join(calls) + "    return 0;\n}\n")
    program = tmp_path / "tell"
    subprocess.run([COMPILER, *FLAGS, str(tmp_path / "tell.c"), "-o", str(program)], check=True)
    told = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    expected = []
    for kind in MESSAGES:
        answer, needs = 0, NO_CAPABILITY
        if issubclass(kind, Request):
            answer = int(kind.ANSWER)
            needs = kind.CAPABILITY.bit_length() - 1 if kind.CAPABILITY else NO_CAPABILITY
        words = [f"{int(kind.TYPE)} {answer} {needs}"]
        words += [f"{KINDS.get(each.kind, 2)}:{each.least}:{each.most}" for each in kind.FIELDS]
        expected.append(" ".join(words))
    assert told.splitlines() == expected


def test_requests_have_only_fields_that_the_firmware_reads() -> None:
    read = {field.kind for kind in MESSAGES if issubclass(kind, Request) for field in kind.FIELDS}
    assert read == {Kind.UINT, Kind.BYTES, Kind.HASH}, "message.c reads no others"
