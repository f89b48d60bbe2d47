# SPDX-License-Identifier: Apache-2.0
"""What is generated is what is committed, byte for byte, and follows a change of protocol.toml."""

from pathlib import Path

import pytest

from edge_node_bridge.definition import SOURCE, definition
from edge_node_bridge.generate import class_name, codes_text, generate, limits_text, messages_text

BRIDGE = Path(__file__).resolve().parents[2] / "firmware_bridge"
COLUMNS = 100


def test_generated_files_are_what_the_source_says(tmp_path: Path) -> None:
    names = generate(tmp_path)
    stale = [
        str(name) for name in names if (tmp_path / name).read_text() != (BRIDGE / name).read_text()
    ]
    assert stale == [], "run python -m edge_node_bridge.generate"
    assert len(names) == 6


def test_generated_files_say_where_they_come_from(tmp_path: Path) -> None:
    for name in generate(tmp_path):
        assert "protocol.toml; change that, not this." in (tmp_path / name).read_text()


def test_new_message_is_a_class_a_type_and_part_of_all() -> None:
    new = '\n[[message]]\nname = "NOW"\ntype = 0x46\nrole = "answer"\ntext = "It."\nfield = []\n'
    read = definition(SOURCE.read_text() + new)
    assert "class Now(Message):" in messages_text(read)
    assert "    Now,\n)" in messages_text(read)
    assert "    NOW = 70\n" in codes_text(read)


def test_changed_limit_and_version_are_followed() -> None:
    text = (
        SOURCE.read_text()
        .replace("value = 4096", "value = 2048")
        .replace("version = 1", "version = 9", 1)
    )
    made = limits_text(definition(text))
    assert "FRAME_BYTES_DEVICE_MAX = 2048\n" in made
    assert "PROTOCOL_VERSION = 9\n" in made


@pytest.mark.parametrize("made", [limits_text, codes_text, messages_text])
def test_no_line_is_too_long(made: object) -> None:
    assert callable(made)
    lines = made(definition()).splitlines()
    assert [line for line in lines if len(line) > COLUMNS] == []


def test_error_is_no_exceptions_name() -> None:
    assert class_name("HELLO_ANSWER") == "HelloAnswer"
    assert class_name("ERROR") == "ErrorAnswer"
