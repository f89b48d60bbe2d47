# SPDX-License-Identifier: Apache-2.0
"""PROTOCOL.md names every message, field, code and limit, with its number."""

from edge_node_bridge.definition import definition
from edge_node_bridge.generated_page import page

READ = definition()
PAGE = page(READ)


def test_every_message_and_its_fields_are_told() -> None:
    for message in READ.messages:
        head = f"### {message.name} (0x{message.type:02X})\n"
        assert head in PAGE
        part = PAGE.split(head)[1].split("\n##")[0]
        assert message.text in part
        rows = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert [row.split(" | ")[:2] for row in rows] == [
            [f"| {key}", field.name] for key, field in enumerate(message.fields)
        ]


def test_every_code_capability_and_limit_is_told() -> None:
    for each in READ.errors + READ.capabilities:
        assert f"| {each.value} | {each.name} | {each.text} |" in PAGE
    for each in READ.limits:
        assert f"| {each.name} | {each.value:,} | {each.text} |" in PAGE


def test_rules_name_only_limits_and_messages_that_there_are() -> None:
    names = {each.name for each in READ.limits + READ.errors + READ.messages}
    rules = PAGE.split("\n## Requests: ")[0]
    words = {word.strip(".,;:()*`") for word in rules.split()}
    capitals = {word for word in words if word.isupper() and "_" in word}
    assert capitals
    assert capitals <= names
