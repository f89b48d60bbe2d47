# SPDX-License-Identifier: Apache-2.0
"""What the core answers to each request that a good host would not send."""

import pytest

from edge_node.spec.model import hash_of_blob
from edge_node_bridge import errors
from edge_node_bridge.codes import ErrorCode, MessageType
from edge_node_bridge.frame import Frame, FrameReader
from edge_node_bridge.messages import (
    Ack,
    ErrorAnswer,
    Hello,
    Infer,
    SampleStart,
    SetLabel,
    Status,
)
from tests.firmware_bridge.firmware.core_library import Core
from tests.firmware_bridge.native import NativeDevice
from tests.firmware_bridge.sessions import SMALL, session
from tests.spec.samples import random_model

HELLO = Hello(version=1, session=77, max_frame_bytes=4096)


class Raw:
    """Frames to a device and its answers, without a host's care."""

    def __init__(self, core: Core, sensor_side: int = 6) -> None:
        self.device = NativeDevice(core.c, sensor_side)
        self.reader = FrameReader(65_535)

    def send(self, line: bytes) -> list[Frame]:
        self.device.receive(line, 0)
        return self.reader.feed(self.device.outgoing())

    def ask(self, sequence: int, type_: int, payload: bytes, version: int = 1) -> Frame:
        frame = Frame(type=type_, sequence=sequence, payload=payload, version=version)
        (answer,) = self.send(frame.line())
        return answer

    def greet(self, sequence: int = 0) -> Frame:
        return self.ask(sequence, Hello.TYPE, HELLO.payload())


def refusal(frame: Frame) -> tuple[ErrorCode, int]:
    assert frame.type == ErrorAnswer.TYPE
    answer = ErrorAnswer.from_payload(frame.payload)
    return ErrorCode(answer.code), answer.detail


def test_board_without_a_sensor_takes_no_samples(core: Core) -> None:
    raw = Raw(core, sensor_side=0)
    raw.greet()
    answer = raw.ask(1, SetLabel.TYPE, SetLabel(label=1).payload())
    assert refusal(answer) == (ErrorCode.NOT_CAPABLE, 1)


def test_model_that_breaks_a_rule_is_refused_by_its_number(core: Core) -> None:
    host, _ = session(NativeDevice(core.c))
    host.greet()
    blob = random_model(SMALL, "rule").blob()
    broken = bytes((blob[0], 2)) + blob[2:]
    with pytest.raises(errors.ModelRefused) as caught:
        host.push_model(broken, hash_of_blob(broken))
    assert caught.value.detail == 5


def test_request_before_hello_is_turned_away(core: Core) -> None:
    raw = Raw(core)
    assert refusal(raw.ask(3, Status.TYPE, Status().payload())) == (ErrorCode.NOT_GREETED, 0)


def test_request_out_of_step_is_told_the_sequence(core: Core) -> None:
    raw = Raw(core)
    raw.greet(65_535)
    answer = raw.ask(5, Status.TYPE, Status().payload())
    assert refusal(answer) == (ErrorCode.OUT_OF_STEP, 0)
    assert raw.ask(0, Status.TYPE, Status().payload()).type == MessageType.STATUS_ANSWER


def test_same_sequence_with_other_bytes_is_no_repeat(core: Core) -> None:
    raw = Raw(core)
    raw.greet()
    label = raw.ask(1, SetLabel.TYPE, SetLabel(label=1).payload())
    assert label == raw.ask(1, SetLabel.TYPE, SetLabel(label=1).payload())
    answer = raw.ask(1, SetLabel.TYPE, SetLabel(label=2).payload())
    assert refusal(answer) == (ErrorCode.OUT_OF_STEP, 2)


def test_other_version_is_told_ours(core: Core) -> None:
    raw = Raw(core)
    answer = raw.ask(9, 1, b"\xa0", version=2)
    assert (answer.version, answer.sequence) == (1, 9)
    assert refusal(answer) == (ErrorCode.OTHER_VERSION, 1)


@pytest.mark.parametrize(
    ("type_", "payload", "expected"),
    [
        (0x3F, b"\xa0", (ErrorCode.UNKNOWN_TYPE, 0x3F)),
        (Infer.TYPE, b"\xa0", (ErrorCode.BAD_PAYLOAD, 0)),
        (Infer.TYPE, b"\xa1\x00\x05", (ErrorCode.BAD_PAYLOAD, 1)),
        (Infer.TYPE, b"\xa1\x00\x58\x01\x00", (ErrorCode.BAD_PAYLOAD, 1)),
        (Infer.TYPE, b"\xa1\x01\x40", (ErrorCode.BAD_PAYLOAD, 1)),
        (Status.TYPE, b"\xa0\x00", (ErrorCode.BAD_PAYLOAD, 1)),
        (SetLabel.TYPE, b"\xa1\x00\x19\x01\x00", (ErrorCode.BAD_PAYLOAD, 1)),
        (Infer.TYPE, b"\xa1\x00\x40", (ErrorCode.NO_MODEL, 0)),
    ],
)
def test_bad_request_is_refused_by_its_fault_and_the_sequence_goes_on(
    core: Core, type_: int, payload: bytes, expected: tuple[ErrorCode, int]
) -> None:
    raw = Raw(core)
    raw.greet()
    assert refusal(raw.ask(1, type_, payload)) == expected
    assert raw.ask(2, Status.TYPE, Status().payload()).type == MessageType.STATUS_ANSWER


def test_chunk_out_of_order_changes_nothing(core: Core) -> None:
    raw = Raw(core)
    raw.greet()
    # MODEL_BEGIN of 4 bytes, then chunks: too far on, right, beyond the end.
    begin = b"\xa2\x00\x04\x01\x58\x20" + bytes(32)
    chunks = [b"\xa2\x00\x02\x01\x42ab", b"\xa2\x00\x00\x01\x42ab", b"\xa2\x00\x02\x01\x43cde"]
    assert refusal(raw.ask(1, 4, chunks[1])) == (ErrorCode.OUT_OF_ORDER, 0)
    assert raw.ask(2, 3, begin).type == MessageType.DONE
    assert refusal(raw.ask(3, 4, chunks[0])) == (ErrorCode.OUT_OF_ORDER, 0)
    assert raw.ask(4, 4, chunks[1]).type == MessageType.DONE
    assert refusal(raw.ask(5, 4, chunks[2])) == (ErrorCode.OUT_OF_ORDER, 2)
    assert refusal(raw.ask(6, 5, b"\xa0")) == (ErrorCode.INCOMPLETE, 2)


def test_first_sample_comes_at_once_however_long_the_interval(core: Core) -> None:
    raw = Raw(core)
    raw.greet()
    start = SampleStart(count=0, interval_ms=(1 << 32) - 1)
    assert raw.ask(1, SampleStart.TYPE, start.payload()).type == MessageType.DONE
    raw.device.poll(1)
    (push,) = raw.reader.feed(raw.device.outgoing())
    assert push.type == MessageType.SAMPLE
    raw.send(Frame(type=Ack.TYPE, sequence=push.sequence, payload=Ack().payload()).line())
    raw.device.poll(1_000_000)
    assert raw.device.outgoing() == b""


def test_push_that_nobody_acknowledges_is_given_up(core: Core) -> None:
    raw = Raw(core)
    raw.greet()
    assert raw.ask(1, 9, b"\xa2\x00\x00\x01\x00").type == MessageType.DONE
    pushes = 0
    for passed_ms in range(0, 60_000, 100):
        raw.device.poll(passed_ms)
        pushes += len(raw.reader.feed(raw.device.outgoing()))
    assert pushes == 60
