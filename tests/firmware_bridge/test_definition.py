# SPDX-License-Identifier: Apache-2.0
"""protocol.toml is read whole, and whatever has no effect or no sense in it is an error."""

import pytest

from edge_node_bridge import limits
from edge_node_bridge.codes import Capability, ErrorCode
from edge_node_bridge.definition import HASH_BYTES, SOURCE, DefinitionFaulty, definition
from edge_node_bridge.message import Kind
from edge_node_bridge.messages import MESSAGES

TEXT = SOURCE.read_text()


def test_definition_says_what_python_has() -> None:
    read = definition()
    assert read.version == limits.PROTOCOL_VERSION
    assert {each.name: each.value for each in read.limits}.items() <= vars(limits).items()
    assert limits.HASH_BYTES == HASH_BYTES
    assert {each.name: each.value for each in read.errors} == {e.name: e for e in ErrorCode}
    assert {each.name: 1 << each.value for each in read.capabilities} == {
        each.name: each.value for each in Capability
    }
    assert [each.type for each in read.messages] == [kind.TYPE for kind in MESSAGES]
    for message, kind in zip(read.messages, MESSAGES, strict=True):
        assert [
            (field.name, Kind(field.kind), field.least, field.most) for field in message.fields
        ] == [(field.name, field.kind, field.least, field.most) for field in kind.FIELDS]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("version = 1\n", "version = 0\n", "'version' in 1..255"),
        ("version = 1\n", "version = 1\nauthor = 'me'\n", "no other key"),
        ('name = "STATUS"\n', 'name = "INFER"\n', "names that differ"),
        ("type = 0x0B", "type = 0x0A", "types that differ"),
        ("code = 2\n", "code = 1\n", "numbers that differ"),
        ("bit = 1\n", "bit = 0\n", "numbers that differ"),
        ('role = "push"', 'role = "pull"', "a role of request"),
        ('answer = "DONE"', 'answer = "YES"', "an answer that there is"),
        ('answer = "LOGITS"', 'answer = "INFER"', "an answer that there is"),
        ('capability = "INFER"', 'capability = "FLY"', "a known capability"),
        ('kind = "hash"', 'kind = "hush"', "a kind of uint"),
        ('kind = "hash", text', 'kind = "hash", max = 3, text', "no other key"),
        ('kind = "uint", max = 255, text', 'kind = "uint", text', "'max' in"),
        ('name = "session"', 'name = "version"', "fields of HELLO that differ"),
        ("min = -1, max = 255", "min = 256, max = 255", "label up to 256 or more"),
        ("timeout_ms = 3000\n", "", "'timeout_ms' in"),
        ('text = "The request was carried out."\n', "", "a text 'text'"),
        ("[[capability]]", "[[capabilities]]", "no other key"),
    ],
)
def test_what_has_no_sense_is_named(old: str, new: str, wanted: str) -> None:
    assert old in TEXT
    with pytest.raises(DefinitionFaulty) as caught:
        definition(TEXT.replace(old, new, 1))
    assert wanted in str(caught.value)
