# SPDX-License-Identifier: Apache-2.0
"""Fields within their bounds and nothing else make a payload, and a payload makes a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node_bridge.cbor import Value, encode
from edge_node_bridge.errors import MessageFaulty, PayloadFaulty
from edge_node_bridge.message import Field, Kind, Message
from edge_node_bridge.messages import MESSAGES, Done, ErrorAnswer, Hello, Logits, Sample, SetLabel


def values_of(field: Field) -> st.SearchStrategy[object]:
    most = min(field.most, 300)
    match field.kind:
        case Kind.UINT | Kind.INT:
            return st.integers(field.least, field.most)
        case Kind.TEXT:
            return st.text(max_size=most // 4)
        case Kind.INTS:
            return st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=most).map(tuple)
        case Kind.HASH_OR_NONE:
            return st.sampled_from([b"", bytes(range(32))])
    return st.binary(min_size=field.least, max_size=most)


@given(st.data())
@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_comes_back(kind: type[Message], data: st.DataObject) -> None:
    values = {each.name: data.draw(values_of(each)) for each in kind.FIELDS}
    message = kind(**values)
    assert kind.from_payload(message.payload()) == message


@given(st.binary(max_size=60))
@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_any_bytes_are_a_message_in_one_way_or_refused(kind: type[Message], data: bytes) -> None:
    try:
        message = kind.from_payload(data)
    except MessageFaulty:
        return
    assert message.payload() == data


def test_message_without_fields_is_the_empty_map() -> None:
    assert Done().payload() == b"\xa0"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({}, "3 fields"),
        ({0: 1, 1: 2}, "3 fields"),
        ({0: 1, 1: 2, 2: 256, 3: 0}, "3 fields"),
        ({0: 1, 1: 2, 3: 256}, "3 fields"),
        ([1, 2, 256], "a map"),
        ({0: 256, 1: 2, 2: 256}, "version must be 0 to 255, not 256"),
        ({0: -1, 1: 2, 2: 256}, "version must be 0 to 255, not -1"),
        ({0: "1", 1: 2, 2: 256}, "version must be uint, not str"),
        ({0: 1, 1: 1 << 32, 2: 256}, "session must be 0 to 4294967295"),
    ],
)
def test_field_that_is_missing_or_out_of_bounds_is_named(value: Value, what: str) -> None:
    with pytest.raises(PayloadFaulty, match=what):
        Hello.from_payload(encode(value))


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (SetLabel(label=256), "label must be 0 to 255, not 256"),
        (SetLabel(label=True), "label must be uint, not bool"),
        (ErrorAnswer(code=1, detail=0, model_hash=bytes(31)), "model_hash must be 0 to 32, not 31"),
        (Logits(logits=(1 << 31,), class_index=0), "logits must be 32 bits an item"),
        (Logits(logits=(0,) * 257, class_index=0), "logits must be 0 to 256, not 257"),
        (Logits(logits=(True,), class_index=0), "logits must be integers, not bool"),
        (
            Sample(index=0, label=-2, sample_bytes=1, offset=0, pixels=b"1"),
            "label must be -1 to 255, not -2",
        ),
        (
            Sample(index=0, label=0, sample_bytes=1, offset=0, pixels=b""),
            "pixels must be 1 to 65535, not 0",
        ),
    ],
)
def test_message_out_of_its_bounds_is_not_sent(message: Message, what: str) -> None:
    with pytest.raises(PayloadFaulty, match=what):
        message.payload()
