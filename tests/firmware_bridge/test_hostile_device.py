# SPDX-License-Identifier: Apache-2.0
"""Whatever a device says, a session ends by an error of the bridge, soon, or by a sound answer."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node_bridge.cbor import Value, encode
from edge_node_bridge.codes import MessageType
from edge_node_bridge.errors import BridgeError
from edge_node_bridge.frame import Frame, FrameReader
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.message import Message
from edge_node_bridge.messages import MESSAGES
from tests.firmware_bridge.reference_device import ReferenceDevice
from tests.firmware_bridge.sessions import session

LONGEST_MS = 3_600_000
"""Of the line's own clock: no session goes on for an hour because a device wants it to."""

small = st.integers(-5, 300) | st.sampled_from([1 << 31, (1 << 32) - 1, (1 << 64) - 1])
values = st.one_of(
    small, st.binary(max_size=40), st.text(max_size=9), st.lists(small, max_size=4).map(list)
)
payloads = st.one_of(
    st.binary(max_size=30),
    st.dictionaries(st.integers(0, 11), values, max_size=11).map(encode),
)
replies = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.tuples(st.sampled_from(list(MessageType)), payloads, st.integers(-1, 1)),
)


class Hostile(ReferenceDevice):
    """Answers in its own way whenever it is asked, and truly when it has no more to say."""

    def __init__(self, script: list[object]) -> None:
        super().__init__()
        self.script = script

    def take(self, frame: Frame) -> None:
        reply = self.script.pop(0) if self.script else None
        if reply is None:
            super().take(frame)
        elif isinstance(reply, bytes):
            self.out += reply
        elif isinstance(reply, tuple):
            code, payload, step = reply
            sequence = (frame.sequence + step) % 65_536
            self.out += Frame(type=code, sequence=sequence, payload=payload).line()


@settings(max_examples=300)
@given(st.lists(replies, max_size=12))
def test_only_errors_of_the_bridge_come_out(script: list[object]) -> None:
    host, line = session(Hostile(script), limits=LinkLimits(attempts=2))
    began_ms = line.now_ms()
    for ask in (
        host.greet,
        host.self_test,
        lambda: host.push_model(bytes(40), bytes(32)),
        lambda: host.infer(bytes(72)),
        lambda: list(host.samples(2, interval_ms=1)),
        host.greet,
        host.status,
    ):
        with suppress(BridgeError):
            ask()
    assert line.now_ms() - began_ms < LONGEST_MS


class Altered(ReferenceDevice):
    """True in everything but one field of one kind of answer."""

    def __init__(self, kind: type[Message], name: str, value: Value) -> None:
        super().__init__()
        self.kind, self.name, self.value = kind, name, value

    def outgoing(self) -> bytes:
        out = bytearray()
        for frame in FrameReader().feed(super().outgoing()):
            if frame.type != self.kind.TYPE:
                out += frame.line()
                continue
            answer = self.kind.from_payload(frame.payload)
            values: dict[int, Value] = {
                key: getattr(answer, field.name) if field.name != self.name else self.value
                for key, field in enumerate(self.kind.FIELDS)
            }
            out += replace(frame, payload=encode(values)).line()
        return bytes(out)


@settings(max_examples=25)
@given(st.data())
@pytest.mark.parametrize(
    "kind", [each for each in MESSAGES if each.TYPE >> 6 in (1, 2) and each.FIELDS]
)
def test_one_false_field_is_borne_or_named(kind: type[Message], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([field.name for field in kind.FIELDS]))
    board = Altered(kind, name, data.draw(values))
    host, line = session(board, limits=LinkLimits(attempts=2))
    began_ms = line.now_ms()
    with suppress(BridgeError):
        host.greet()
        host.self_test()
        host.status()
        got = list(host.samples(2, interval_ms=1))
        assert [len(each.pixels) for each in got] == [42, 42]
    assert line.now_ms() - began_ms < LONGEST_MS
