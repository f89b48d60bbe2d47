# SPDX-License-Identifier: Apache-2.0
"""A session with a device: nothing lost and nothing twice on any line; bad devices are named."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_node.spec import bnn
from edge_node.spec.model import hash_of_blob
from edge_node_bridge import errors
from edge_node_bridge.codes import Capability
from edge_node_bridge.frame import Frame
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.message import Message
from edge_node_bridge.messages import (
    Infer,
    Logits,
    ModelBegin,
    ModelChunk,
    ModelEnd,
    ModelReady,
    Sample,
)
from tests.firmware_bridge.lines import FAULTS, Fault
from tests.firmware_bridge.reference_device import ReferenceDevice, pattern
from tests.firmware_bridge.sessions import IMAGES_USED, SMALL, WIDE, images, session, use
from tests.spec.samples import random_model


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_nothing_is_lost_and_nothing_done_twice(fault: Fault, seed: str) -> None:
    board = ReferenceDevice()
    host, _ = session(board, fault, seed)
    samples = use(host, seed)
    assert [each.pixels for each in samples] == [pattern((6, 7, 1), i) for i in range(25)]
    assert [type(each) for each in board.executed].count(ModelBegin) == 1
    shown = [each.pixels for each in board.executed if isinstance(each, Infer)]
    assert shown == images(SMALL, IMAGES_USED)
    parts = [each.data for each in board.executed if isinstance(each, ModelChunk)]
    assert b"".join(parts) == random_model(SMALL, seed).blob()


def test_device_says_who_it_is() -> None:
    host, _ = session(ReferenceDevice())
    answer = host.greet()
    assert answer == host.greeted
    assert (answer.board, answer.max_frame_bytes) == ("reference", 1100)
    assert host.self_test().passed == 1
    assert host.status().frames == 3


def test_image_longer_than_a_frame_goes_in_parts() -> None:
    board = ReferenceDevice()
    board.max_frame_bytes = board.announced_frame_bytes = 256
    board.start()
    host, _ = session(board)
    host.greet()
    model = random_model(WIDE, "wide")
    host.push_model(model.blob(), hash_of_blob(model.blob()))
    for image in images(WIDE, 3):
        assert host.infer(image).logits == tuple(bnn.logits(model, image))


def test_sample_longer_than_a_frame_comes_in_parts() -> None:
    board = ReferenceDevice()
    board.sensor_shape = (40, 40, 3)
    host, _ = session(board, FAULTS[-1], "long samples")
    host.greet()
    assert [each.pixels for each in host.samples(3, interval_ms=0)] == [
        pattern((40, 40, 3), index) for index in range(3)
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_sampling_that_is_ended_and_begun_again_loses_nothing(fault: Fault) -> None:
    host, _ = session(ReferenceDevice(), fault, "again")
    host.greet()
    for count in (1, 4, 2, 7):
        endless = host.samples(0, interval_ms=3)
        got = [next(endless) for _ in range(count)]
        endless.close()
        assert [each.index for each in got] == list(range(count))
        assert [each.pixels for each in got] == [pattern((6, 7, 1), i) for i in range(count)]
        assert all(each.label is None for each in got)


def test_last_sample_is_acknowledged_without_another_request() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    assert len(list(host.samples(3, interval_ms=10))) == 3
    assert (board.samples, board.push, board.sampling) == (3, None, False)


def test_cable_pulled_behind_the_last_sample_costs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    host, line = session(ReferenceDevice())
    host.greet()
    samples = host.samples(2, interval_ms=10)
    got = [next(samples), next(samples)]
    monkeypatch.setattr(line, "write", pulled)
    got += samples
    assert [each.index for each in got] == [0, 1]
    with pytest.raises(errors.SessionNotOpen):
        host.status()


def test_cable_pulled_while_samples_are_waited_for_is_named_by_its_first_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, line = session(ReferenceDevice())
    host.greet()
    samples = host.samples(0, interval_ms=10)
    next(samples)
    asked = len(line.sent)
    monkeypatch.setattr(line, "read", pulled)
    with pytest.raises(errors.PortClosed, match="the cable was pulled"):
        next(samples)
    assert len(line.sent) - asked == 1, "an ACK, and nothing more is asked of it"
    with pytest.raises(errors.SessionNotOpen):
        host.status()


def pulled(_: object) -> bytes:
    raise errors.PortClosed(name="line", cause="the cable was pulled")


def test_long_wait_for_a_sample_is_ended_by_who_waits() -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    told = iter([False] * 20)
    hourly = host.samples(0, interval_ms=3_600_000, ends=lambda: not next(told, False))
    assert [each.index for each in hourly] == [0]
    assert [each.index for each in host.samples(3, interval_ms=0)] == [0, 1, 2]


def test_requests_are_answered_while_samples_come() -> None:
    host, _ = session(ReferenceDevice(), FAULTS[-1], "both")
    host.greet()
    got = []
    for each in host.samples(10, interval_ms=0):
        host.set_label(each.index)
        got.append(each)
    assert [each.index for each in got] == list(range(10))
    assert [each.label for each in got[5:]] != [None] * 5


@pytest.mark.parametrize("reads", range(1, 6))
def test_interrupted_session_can_be_begun_again(reads: int) -> None:
    host, line = session(ReferenceDevice())
    host.greet()
    samples = host.samples(0, interval_ms=10)
    next(samples)
    read, left = line.read, [None] * reads

    def interrupted(timeout_ms: int) -> bytes:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return read(min(timeout_ms, 1))

    line.read = interrupted  # type: ignore[method-assign]  # Ctrl-C
    with pytest.raises(KeyboardInterrupt):
        list(iter(host.status, None))
    with pytest.raises(errors.SessionNotOpen):
        host.status()
    line.read = read  # type: ignore[method-assign]  # as it was
    samples.close()
    assert host.greet().board == "reference"
    assert [each.index for each in host.samples(3, interval_ms=0)] == [0, 1, 2]


def test_progress_is_told_up_to_the_end() -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    blob = random_model(SMALL, "progress").blob()
    told: list[int] = []
    host.push_model(blob, hash_of_blob(blob), told.append)
    assert told[-1] == len(blob)
    assert told == sorted(told)


def test_reset_in_the_middle_is_named_and_a_new_session_has_it_all_again() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(SMALL, "reset").blob()
    host.push_model(blob, hash_of_blob(blob))
    board.start()
    with pytest.raises(errors.DeviceReset):
        host.infer(bytes(72))
    with pytest.raises(errors.SessionNotOpen):
        host.infer(bytes(72))
    assert host.greet().model_hash == b""
    with pytest.raises(errors.NoModelOnDevice):
        host.infer(bytes(72))
    host.push_model(blob, hash_of_blob(blob))
    assert host.greet().model_hash == hash_of_blob(blob)
    assert len(host.infer(bytes(72)).logits) == 10


def test_reset_while_a_model_comes_is_named() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(WIDE, "reset").blob()
    with pytest.raises(errors.DeviceReset):
        host.push_model(blob, hash_of_blob(blob), lambda _: board.start())
    assert board.model is None


def test_reset_while_samples_come_is_named() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    samples = host.samples(0, interval_ms=10)
    next(samples)
    board.start()
    with pytest.raises(errors.DeviceReset):
        next(samples)


def test_model_with_another_hash_is_thrown_away_with_both_hashes() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(SMALL, "hash").blob()
    with pytest.raises(errors.ModelHashDiffers) as caught:
        host.push_model(blob, bytes(32))
    assert (caught.value.expected, caught.value.actual) == (bytes(32), hash_of_blob(blob))
    with pytest.raises(errors.NoModelOnDevice):
        host.infer(bytes(72))


def test_blob_that_is_no_model_is_refused() -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    with pytest.raises(errors.ModelRefused):
        host.push_model(b"\x80", hash_of_blob(b"\x80"))


def test_model_above_the_devices_room_is_not_even_begun() -> None:
    board = ReferenceDevice()
    board.max_model_bytes = 100
    host, _ = session(board)
    host.greet()
    with pytest.raises(errors.ModelTooBig) as caught:
        host.push_model(bytes(101), bytes(32))
    assert (caught.value.most, caught.value.actual) == (100, 101)
    assert [type(each).__name__ for each in board.executed] == ["Hello"]


@pytest.mark.parametrize("size", [0, 71, 73])
def test_image_of_another_size_is_refused_with_both_sizes(size: int) -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    blob = random_model(SMALL, "size").blob()
    host.push_model(blob, hash_of_blob(blob))
    with pytest.raises(errors.ImageUnfit) as caught:
        host.infer(bytes(size))
    assert (caught.value.expected, caught.value.actual) == (72, size)


def test_image_of_another_size_is_refused_by_the_device_too() -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    blob = random_model(SMALL, "size").blob()
    host.push_model(blob, hash_of_blob(blob))
    host.greet()  # the host does not know the model's size in this session
    with pytest.raises(errors.ImageUnfit) as caught:
        host.infer(bytes(73))
    assert (caught.value.expected, caught.value.actual) == (72, 73)


def test_image_above_the_devices_room_is_refused() -> None:
    host, _ = session(ReferenceDevice())
    host.greet()
    with pytest.raises(errors.ImageTooBig):
        host.infer(bytes(4_097))


def test_board_without_a_sensor_is_not_asked_for_samples() -> None:
    board = ReferenceDevice()
    board.capabilities = Capability.INFER | Capability.PUSH_MODEL
    board.sensor_shape = ()
    host, _ = session(board)
    host.greet()
    with pytest.raises(errors.NotCapable, match="SAMPLE"):
        next(host.samples(1, interval_ms=0))
    with pytest.raises(errors.NotCapable, match="SELF_TEST"):
        host.self_test()


@pytest.mark.parametrize("announced", [0, 255, 4_097, 65_535])
def test_max_frame_that_the_protocol_does_not_allow_is_named(announced: int) -> None:
    board = ReferenceDevice()
    board.announced_frame_bytes = announced
    host, _ = session(board)
    with pytest.raises(errors.MaxFrameOutOfRange) as caught:
        host.greet()
    assert caught.value.actual == announced
    with pytest.raises(errors.SessionNotOpen):
        host.status()


@pytest.mark.parametrize(
    ("shape", "what"),
    [((), "shape"), ((6, 7), "shape"), ((6, 0, 1), "shape"), ((2_000, 2_000, 3), "12000000")],
)
def test_sensor_of_no_sensible_shape_is_named(shape: tuple[int, ...], what: str) -> None:
    board = ReferenceDevice()
    board.sensor_shape = shape
    host, _ = session(board)
    with pytest.raises(errors.AnswerContradicts, match=what):
        host.greet()


def test_frames_that_a_device_announces_and_does_not_take_are_named() -> None:
    board = ReferenceDevice()
    board.max_frame_bytes = 300
    board.start()
    host, _ = session(board, limits=LinkLimits(attempts=2))
    host.greet()
    blob = random_model(WIDE, "lie").blob()
    with pytest.raises(errors.FrameNotTaken) as caught:
        host.push_model(blob, hash_of_blob(blob))
    assert caught.value.announced == 1100
    assert 300 < caught.value.actual <= 1100


def test_device_of_another_version_is_named() -> None:
    board = ReferenceDevice()
    board.version = 2
    host, _ = session(board)
    with pytest.raises(errors.OtherVersion) as caught:
        host.greet()
    assert (caught.value.expected, caught.value.actual) == (1, 2)


def test_silent_device_is_given_up_after_all_attempts() -> None:
    host, line = session(ReferenceDevice(), lambda frame, prf: [], limits=LinkLimits(attempts=3))
    with pytest.raises(errors.DeviceSilent, match="check the cable") as caught:
        host.greet()
    assert caught.value.attempts == len(line.sent) == 3


class Flooding(ReferenceDevice):
    """Sends frames that nobody asked for, without end."""

    def poll(self, now_ms: int) -> None:
        if self.greeted:
            frames = (self.framed(self.status(), sequence) for sequence in range(900, 950))
            self.out += b"".join(frame.line() for frame in frames)


class Babbling(ReferenceDevice):
    """Sends bytes that are no frames, without end."""

    def outgoing(self) -> bytes:
        return bytes(range(1, 256)) * 64


def test_flood_of_frames_is_named() -> None:
    board = Flooding()
    host, _ = session(board)
    host.greet()
    board.take = lambda frame: None  # type: ignore[method-assign]  # and answers no more
    with pytest.raises(errors.DeviceFloods, match="frames"):
        host.status()


def test_flood_while_samples_are_waited_for_ends_the_session() -> None:
    board = Flooding()
    host, _ = session(board)
    host.greet()
    board.reading = lambda index: b""  # type: ignore[method-assign]  # no sample comes
    with pytest.raises(errors.DeviceFloods, match="frames"):
        next(host.samples(1, interval_ms=0))
    with pytest.raises(errors.SessionNotOpen):
        host.status()


def test_flood_of_bytes_is_named() -> None:
    host, _ = session(Babbling())
    with pytest.raises(errors.DeviceFloods, match="bytes"):
        host.greet()


def test_sensor_that_gives_nothing_is_named() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    board.reading = lambda index: b""  # type: ignore[method-assign]  # a loose wire
    with pytest.raises(errors.SamplesStopped) as caught:
        list(host.samples(3, interval_ms=100))
    assert caught.value.failures > 0
    assert host.status().samples == 0


def test_class_that_is_not_the_greatest_logits_is_named() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(SMALL, "class").blob()
    host.push_model(blob, hash_of_blob(blob))
    lie = Logits(logits=(1, 3, 3, 2), class_index=2)
    board.infer = lambda pixels: lie  # type: ignore[method-assign]  # the first of them is 1
    with pytest.raises(errors.AnswerContradicts, match="class"):
        host.infer(bytes(72))


def test_device_that_has_another_model_than_it_should_is_named() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(SMALL, "another").blob()
    lie = ModelReady(model_hash=bytes(32), image_bytes=72, classes=10)
    board.model_end = lambda: lie  # type: ignore[method-assign]  # on purpose
    with pytest.raises(errors.ModelHashDiffers) as caught:
        host.push_model(blob, hash_of_blob(blob))
    assert (caught.value.expected, caught.value.actual) == (hash_of_blob(blob), bytes(32))


class Disorderly(ReferenceDevice):
    """Changes what a sample says of itself."""

    def __init__(self, change: Callable[[Sample], Sample]) -> None:
        super().__init__()
        self.change = change

    def framed(self, message: Message, sequence: int) -> Frame:
        if isinstance(message, Sample):
            message = self.change(message)
        return super().framed(message, sequence)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda it: replace(it, index=1), "number 1 of a sample in place of 0"),
        (lambda it: replace(it, offset=2), "byte 2 of a sample in place of 0"),
        (lambda it: replace(it, sample_bytes=43), "length 43 of a sample in place of 42"),
        (lambda it: replace(it, pixels=bytes(43)), "end 43 of a sample in place of 42"),
    ],
)
def test_sample_that_is_not_the_next_one_is_named(
    change: Callable[[Sample], Sample], what: str
) -> None:
    host, _ = session(Disorderly(change))
    host.greet()
    with pytest.raises(errors.SampleOutOfOrder, match=what):
        next(host.samples(1, interval_ms=0))
    with pytest.raises(errors.SessionNotOpen):
        host.status()


def test_model_end_comes_after_all_of_the_model() -> None:
    board = ReferenceDevice()
    host, _ = session(board)
    host.greet()
    blob = random_model(WIDE, "order").blob()
    host.push_model(blob, hash_of_blob(blob))
    kinds = [type(each) for each in board.executed[1:]]
    assert kinds == [ModelBegin, *[ModelChunk] * (len(kinds) - 2), ModelEnd]
