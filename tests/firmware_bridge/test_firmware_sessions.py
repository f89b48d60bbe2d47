# SPDX-License-Identifier: Apache-2.0
"""The host's side with the firmware's core: on every line nothing lost, nothing twice, by the law.

And the core beside the device in Python: the same bytes make both say the same.
"""

import ctypes
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.spec import bnn
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, Architecture
from edge_node.spec.model import hash_of_blob
from edge_node_bridge import errors
from edge_node_bridge import messages as m
from edge_node_bridge.codes import Capability
from edge_node_bridge.firmware.build import NATIVE, firmware_hash
from edge_node_bridge.frame import Frame, FrameReader
from edge_node_bridge.message import Message
from tests.firmware_bridge.lines import FAULTS, Fault
from tests.firmware_bridge.native import NativeDevice, bars
from tests.firmware_bridge.reference_device import ReferenceDevice
from tests.firmware_bridge.sessions import IMAGES_USED, SMALL, WIDE, images, session, use
from tests.spec.samples import random_model

SIDE = 6
PERIOD = 16
"""Readings of the test pattern until the first comes again."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_nothing_is_lost_and_nothing_done_twice(core: ctypes.CDLL, fault: Fault, seed: str) -> None:
    host, _ = session(NativeDevice(core, SIDE), fault, seed)
    assert [each.pixels for each in use(host, seed)] == [bars(SIDE, index) for index in range(25)]
    status = host.status()
    assert (status.images, status.sensor_failures) == (IMAGES_USED, 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_sampling_that_is_ended_and_begun_again_loses_nothing(
    core: ctypes.CDLL, fault: Fault
) -> None:
    host, _ = session(NativeDevice(core, SIDE), fault, "again")
    host.greet()
    readings = [bars(SIDE, number) for number in range(PERIOD)]
    for count in (1, 4, 2, 7):
        endless = host.samples(0, interval_ms=3)
        got = [next(endless) for _ in range(count)]
        endless.close()
        assert [each.index for each in got] == list(range(count))
        # The sensor does not begin anew, but no reading is left out.
        numbers = [readings.index(each.pixels) for each in got]
        assert all((after - before) % PERIOD == 1 for before, after in pairwise(numbers))


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K])
def test_families_of_4440_parameters_give_the_laws_logits(
    core: ctypes.CDLL, architecture: Architecture
) -> None:
    host, _ = session(NativeDevice(core), FAULTS[-1], "families")
    model = random_model(architecture, "families")
    host.greet()
    host.push_model(model.blob(), hash_of_blob(model.blob()))
    for image in images(architecture, 10):
        answer = host.infer(image)
        scores = bnn.logits(model, image)
        assert answer.logits == tuple(scores)
        assert answer.class_index == bnn.classify(scores)


def test_image_and_sample_longer_than_a_frame_go_in_parts(core: ctypes.CDLL) -> None:
    host, _ = session(NativeDevice(core, 64), FAULTS[-1], "long")
    host.greet()
    model = random_model(WIDE, "wide")
    host.push_model(model.blob(), hash_of_blob(model.blob()))
    for image in images(WIDE, 3):
        assert host.infer(image).logits == tuple(bnn.logits(model, image))
    got = [each.pixels for each in host.samples(3, interval_ms=0)]
    assert got == [bars(64, number) for number in range(3)]


def test_device_tells_the_hash_of_its_sources(core: ctypes.CDLL) -> None:
    host, _ = session(NativeDevice(core))
    assert host.greet().firmware_hash == firmware_hash((NATIVE,))


def test_self_test_passes(core: ctypes.CDLL) -> None:
    host, _ = session(NativeDevice(core))
    host.greet()
    assert host.self_test().passed == 1


def test_reset_is_named_and_the_model_is_gone(core: ctypes.CDLL) -> None:
    board = NativeDevice(core)
    host, _ = session(board)
    host.greet()
    blob = random_model(SMALL, "reset").blob()
    host.push_model(blob, hash_of_blob(blob))
    assert host.greet().model_hash == hash_of_blob(blob)
    board.start()
    with pytest.raises(errors.DeviceReset):
        host.infer(bytes(72))
    assert host.greet().model_hash == b""
    with pytest.raises(errors.NoModelOnDevice):
        host.infer(bytes(72))


def test_what_is_wrong_with_a_model_or_an_image_is_named(core: ctypes.CDLL) -> None:
    host, _ = session(NativeDevice(core))
    host.greet()
    blob = random_model(SMALL, "wrong").blob()
    with pytest.raises(errors.ModelHashDiffers) as differs:
        host.push_model(blob, bytes(32))
    assert differs.value.actual == hash_of_blob(blob)
    with pytest.raises(errors.ModelRefused):
        host.push_model(blob[:-1], hash_of_blob(blob[:-1]))
    host.push_model(blob, hash_of_blob(blob))
    host.greet()
    with pytest.raises(errors.ImageUnfit) as unfit:
        host.infer(bytes(71))
    assert (unfit.value.expected, unfit.value.actual) == (72, 71)


def test_board_without_a_sensor_says_so(core: ctypes.CDLL) -> None:
    host, _ = session(NativeDevice(core, sensor_side=0))
    answer = host.greet()
    assert (answer.sensor, answer.sensor_shape) == ("", ())
    assert not answer.capabilities & Capability.SAMPLE
    with pytest.raises(errors.NotCapable):
        next(host.samples(1, interval_ms=0))


BLOB = random_model(SMALL, "beside").blob()
"""A model that both devices take, in parts that may come in any order."""

ANY_HELLO = st.builds(
    m.Hello, version=st.just(1), session=st.integers(0, 9), max_frame_bytes=st.just(256)
)
PUSH: list[Message] = [
    m.ModelBegin(model_bytes=len(BLOB), model_hash=hash_of_blob(BLOB)),
    m.ModelChunk(offset=0, data=BLOB[:100]),
    m.ModelChunk(offset=100, data=BLOB[100:]),
    m.ModelEnd(),
]
LONG_IMAGE: list[Message] = [
    m.ImageChunk(offset=0, data=bytes(range(40))),
    m.ImageChunk(offset=40, data=bytes(range(32))),
    m.Infer(pixels=b""),
]
ALONE: list[Message] = [
    *PUSH,
    *LONG_IMAGE,
    m.ModelBegin(model_bytes=4, model_hash=bytes(32)),
    m.ModelBegin(model_bytes=4, model_hash=hash_of_blob(bytes(4))),
    m.ModelBegin(model_bytes=1 << 30, model_hash=bytes(32)),
    m.ModelChunk(offset=0, data=bytes(4)),
    m.Infer(pixels=bytes(range(72))),
    m.Infer(pixels=b"1"),
    m.SetLabel(label=3),
    m.SampleStop(),
    m.Status(),
]
requests = st.one_of(
    ANY_HELLO.map(lambda hello: [hello]),
    st.sampled_from(ALONE).map(lambda request: [request]),
    st.sampled_from([PUSH, LONG_IMAGE]),
)
steps = st.tuples(requests, st.sampled_from([1, 1, 1, 1, 1, 1, 0, 2]), st.booleans())
raw = st.builds(
    Frame,
    type=st.integers(0, 255).filter(lambda code: code not in (m.SelfTest.TYPE, m.SampleStart.TYPE)),
    sequence=st.integers(0, 3),
    payload=st.binary(max_size=12),
    version=st.sampled_from([1, 1, 1, 2]),
)
Sent = tuple[list[Message], int, bool] | Frame | bytes


def lines_of(sent: list[Sent]) -> Iterator[bytes]:
    """Yield what goes over the line: requests by their sequence, odd frames, noise."""
    sequence = 0
    for each in sent:
        if isinstance(each, bytes):
            yield each
        elif isinstance(each, Frame):
            yield each.line()
        else:
            requests, step, twice = each
            for request in requests:
                sequence = (sequence + step) % 65_536
                frame = Frame(type=request.TYPE, sequence=sequence, payload=request.payload())
                yield b"\x00" + frame.line() * (1 + twice)


class Twin(ReferenceDevice):
    """The device in Python, of the size of the firmware's core."""

    max_image_bytes = 16_384
    max_model_bytes = 65_536 * 4 - 4
    sensor_shape = (SIDE, SIDE, 1)


def spoken(line: bytes) -> list[tuple[int, int, Message | bytes]]:
    """Return types, sequences and contents; what is the board's own, such as its name, is left."""
    told: list[tuple[int, int, Message | bytes]] = []
    for frame in FrameReader().feed(line):
        content: Message | bytes = frame.payload
        if frame.type == m.HelloAnswer.TYPE:
            answer = m.HelloAnswer.from_payload(frame.payload)
            content = bytes([answer.session]) + answer.model_hash
        elif frame.type == m.StatusAnswer.TYPE:
            status = m.StatusAnswer.from_payload(frame.payload)
            content = bytes([status.frames, status.bad_frames, status.repeats, status.images])
        elif frame.type == m.ErrorAnswer.TYPE:
            error = m.ErrorAnswer.from_payload(frame.payload)
            # Where in a payload a fault was seen, and what rule a model breaks, may differ.
            detail = 0 if error.code in (5, 11) else error.detail
            content = bytes([error.code]) + detail.to_bytes(4, "big") + error.model_hash
        told.append((frame.type, frame.sequence, content))
    return told


@settings(max_examples=300)
@given(st.lists(st.one_of(steps, steps, raw, st.binary(max_size=30)), max_size=30))
def test_same_bytes_make_both_devices_say_the_same(core: ctypes.CDLL, sent: list[Sent]) -> None:
    twins = (NativeDevice(core, SIDE), Twin())
    greeting: list[Message] = [m.Hello(version=1, session=1, max_frame_bytes=65_535)]
    for line in lines_of([(greeting, 1, False), *sent]):
        said = []
        for twin in twins:
            twin.receive(line, 1_000)
            said.append(spoken(twin.outgoing()))
        assert said[0] == said[1]
