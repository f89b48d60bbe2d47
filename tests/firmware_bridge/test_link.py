# SPDX-License-Identifier: Apache-2.0
"""The host's end of the line: repeats, old answers, pushes once each, and what it does not bear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node_bridge import errors
from edge_node_bridge import messages as m
from edge_node_bridge.codes import ErrorCode
from edge_node_bridge.frame import Frame
from edge_node_bridge.link import Link, LinkLimits
from edge_node_bridge.message import Message

NOISE = b"\x02\xaa\x03"


def framed(message: Message, sequence: int, version: int = 1) -> bytes:
    return Frame(
        type=message.TYPE, sequence=sequence, payload=message.payload(), version=version
    ).line()


def hello_answer(session: int) -> m.HelloAnswer:
    return m.HelloAnswer(
        version=1,
        session=session,
        board="board",
        max_frame_bytes=256,
        capabilities=2,
        firmware_hash=bytes(32),
        max_model_bytes=0,
        max_image_bytes=0,
        model_hash=b"",
        sensor="s",
        sensor_shape=(1, 1, 1),
    )


def sample(index: int) -> m.Sample:
    return m.Sample(index=index, label=-1, sample_bytes=1, offset=0, pixels=b"x")


def greeted(limits: LinkLimits | None = None) -> Link:
    link = Link(sequence=65_534, limits=limits)
    link.request(m.Hello(version=1, session=9, max_frame_bytes=65_535), 0)
    link.outgoing()
    link.receive(framed(hello_answer(9), 65_534))
    assert link.take_answer() == hello_answer(9)
    return link


def sampling(limits: LinkLimits | None = None) -> Link:
    link = greeted(limits)
    frame = link.request(m.SampleStart(count=0, interval_ms=0), 0)
    link.outgoing()
    link.receive(framed(m.Done(), frame.sequence))
    assert link.take_answer() == m.Done()
    return link


def test_sequence_goes_on_from_the_one_drawn_and_around() -> None:
    link = greeted()
    sequences = []
    for _ in range(3):
        sequences.append(link.request(m.SampleStop(), 0).sequence)
        link.receive(framed(m.Done(), sequences[-1]))
    assert sequences == [65_535, 0, 1]


def test_same_bytes_are_sent_again_after_a_zero_and_given_up_in_the_end() -> None:
    link = greeted(LinkLimits(attempts=3))
    frame = link.request(m.Status(), 100)
    assert link.outgoing() == frame.line()
    assert link.outgoing() == b""
    for attempt in range(2):
        due = link.deadline_ms
        assert due is not None
        link.tick(due - 1)
        assert link.outgoing() == b""
        link.tick(due)
        assert link.outgoing() == b"\x00" + frame.line()
        assert link.repeats == attempt + 1
    due = link.deadline_ms
    assert due is not None
    with pytest.raises(errors.DeviceSilent) as caught:
        link.tick(due)
    assert (caught.value.attempts, caught.value.waited_ms) == (3, due - 100)
    assert link.deadline_ms is None


def test_slower_line_is_waited_for_longer() -> None:
    def patience(bits_per_s: int) -> int:
        link = greeted(LinkLimits(line_bits_per_s=bits_per_s))
        link.request(m.ModelChunk(offset=0, data=bytes(1024)), 0)
        assert link.deadline_ms is not None
        return link.deadline_ms

    assert patience(9_600) > 1024 * 10 * 1000 // 9_600 + patience(1_000_000)


def test_old_answer_is_dropped() -> None:
    link = greeted()
    frame = link.request(m.Status(), 0)
    link.receive(framed(m.Done(), frame.sequence - 1))
    assert link.take_answer() is None
    assert link.deadline_ms is not None


def test_hello_of_another_session_is_dropped() -> None:
    link = Link(sequence=0)
    link.request(m.Hello(version=1, session=5, max_frame_bytes=256), 0)
    link.receive(framed(hello_answer(4), 0) + framed(m.Done(), 0))
    link.receive(framed(m.ErrorAnswer(code=ErrorCode.NOT_GREETED, detail=0, model_hash=b""), 0))
    assert link.take_answer() is None
    link.receive(framed(hello_answer(5), 0))
    assert link.take_answer() == hello_answer(5)


def test_answer_that_does_not_answer_is_named() -> None:
    link = greeted()
    frame = link.request(m.Status(), 0)
    with pytest.raises(errors.AnswerUnexpected, match="DONE, not STATUS_ANSWER"):
        link.receive(framed(m.Done(), frame.sequence))
    assert link.deadline_ms is None


def test_answer_that_can_not_be_read_is_named() -> None:
    link = greeted()
    frame = link.request(m.Status(), 0)
    broken = Frame(type=m.StatusAnswer.TYPE, sequence=frame.sequence, payload=b"\xa0")
    with pytest.raises(errors.AnswerFaulty, match="STATUS_ANSWER"):
        link.receive(broken.line())


def test_frame_of_another_version_is_named_with_both() -> None:
    link = greeted()
    link.request(m.Status(), 0)
    with pytest.raises(errors.OtherVersion) as caught:
        link.receive(framed(m.Done(), 1, version=3))
    assert (caught.value.expected, caught.value.actual) == (1, 3)


@pytest.mark.parametrize("code", ErrorCode)
def test_sequence_stays_only_if_the_request_was_not_looked_at(code: ErrorCode) -> None:
    link = greeted()
    first = link.request(m.Status(), 0).sequence
    link.receive(framed(m.ErrorAnswer(code=code, detail=0, model_hash=b""), first))
    assert isinstance(link.take_answer(), m.ErrorAnswer)
    not_looked_at = {ErrorCode.NOT_GREETED, ErrorCode.OUT_OF_STEP, ErrorCode.OTHER_VERSION}
    expected = first if code in not_looked_at else (first + 1) % 65_536
    assert link.request(m.Status(), 0).sequence == expected


def test_push_is_delivered_once_and_acknowledged_each_time() -> None:
    link = sampling()
    for sequence in range(3):
        for _ in range(2):
            link.receive(framed(sample(sequence), sequence))
            assert link.outgoing() == framed(m.Ack(), sequence)
    assert [link.take_push() for _ in range(4)] == [sample(0), sample(1), sample(2), None]
    assert link.duplicates == 3


def test_push_from_before_or_after_is_neither_delivered_nor_acknowledged() -> None:
    link = sampling()
    for sequence in (1, 2, 65_534):
        link.receive(framed(sample(sequence), sequence))
    assert link.outgoing() == b""
    assert link.take_push() is None


def test_push_before_sampling_was_confirmed_is_of_the_sampling_before() -> None:
    link = sampling()
    link.receive(framed(sample(0), 0))
    frame = link.request(m.SampleStart(count=0, interval_ms=0), 0)
    link.outgoing()
    link.receive(framed(sample(1), 1))
    assert link.outgoing() == b""
    link.receive(framed(m.Done(), frame.sequence) + framed(sample(0), 0))
    assert link.outgoing() == framed(m.Ack(), 0)
    assert [link.take_push(), link.take_push()] == [sample(0), None]


def test_push_that_there_is_no_room_for_waits_at_the_device() -> None:
    link = sampling(LinkLimits(pushes_waiting=2))
    for sequence in (0, 1, 2):
        link.receive(framed(sample(sequence), sequence))
    assert link.outgoing() == framed(m.Ack(), 1)
    assert link.take_push() == sample(0)
    link.receive(framed(sample(2), 2))
    assert link.outgoing() == framed(m.Ack(), 2)
    assert [link.take_push(), link.take_push()] == [sample(1), sample(2)]


def test_push_that_can_not_be_read_is_not_acknowledged() -> None:
    link = sampling()
    link.receive(Frame(type=m.Sample.TYPE, sequence=0, payload=b"\xa0").line())
    assert link.outgoing() == b""
    assert link.take_push() is None


def test_flood_of_frames_is_given_up_with_both_numbers() -> None:
    link = greeted(LinkLimits(stray_frames=10))
    link.request(m.Status(), 0)
    with pytest.raises(errors.DeviceFloods) as caught:
        link.receive(framed(m.Done(), 900) * 11)
    assert (caught.value.most, caught.value.actual) == (10, 11)
    assert link.deadline_ms is None


def test_noise_is_given_up_with_both_numbers() -> None:
    link = greeted(LinkLimits(noise_bytes=1_000))
    for _ in range(1_000 // len(NOISE)):
        link.receive(NOISE)
    with pytest.raises(errors.DeviceFloods) as caught:
        link.receive(NOISE)
    assert (caught.value.most, caught.value.actual) == (1_000, 1_002)


def test_request_out_of_bounds_changes_nothing() -> None:
    link = greeted()
    with pytest.raises(errors.MessageFaulty):
        link.request(m.SetLabel(label=300), 0)
    assert link.outgoing() == b""
    assert link.request(m.SetLabel(label=3), 0).sequence == 65_535


@given(st.lists(st.binary(max_size=80), max_size=30))
def test_no_bytes_make_anything_but_link_errors(pieces: list[bytes]) -> None:
    link = sampling()
    link.request(m.Status(), 0)
    for piece in pieces:
        try:
            link.receive(piece)
        except errors.LinkError:
            break
    assert link.take_push() is None
