# SPDX-License-Identifier: Apache-2.0
"""The messages as a whole: every type has its class, and what they cost on the line is known."""

import pytest

from edge_node.spec.architecture import BINARY_4K, UINT8_4K, UINT8_94K, Architecture
from edge_node.spec.model import hash_of_blob
from edge_node_bridge.codes import MessageType
from edge_node_bridge.device import CHUNK_BYTES_MAX, CHUNK_HEAD_BYTES
from edge_node_bridge.frame import OVERHEAD_BYTES, Frame
from edge_node_bridge.limits import FRAME_BYTES_MIN
from edge_node_bridge.messages import (
    MESSAGES,
    Done,
    Hello,
    HelloAnswer,
    ModelChunk,
)
from tests.firmware_bridge.reference_device import ReferenceDevice
from tests.firmware_bridge.sessions import session
from tests.spec.samples import random_model

BITS_A_BYTE = 10
"""Start bit, eight of data, stop bit."""
BAUD = 115_200


def test_every_type_has_one_class() -> None:
    assert [kind.TYPE for kind in MESSAGES] == list(MessageType)


def test_hello_and_its_longest_answer_fit_into_the_least_frame() -> None:
    top = (1 << 32) - 1
    hello = Hello(version=255, session=top, max_frame_bytes=65_535)
    answer = HelloAnswer(
        version=255,
        session=top,
        board="b" * 32,
        max_frame_bytes=65_535,
        capabilities=top,
        firmware_hash=bytes(32),
        max_model_bytes=top,
        max_image_bytes=top,
        model_hash=bytes(32),
        sensor="s" * 32,
        sensor_shape=(-(1 << 31),) * 3,
    )
    for message in (hello, answer):
        assert OVERHEAD_BYTES + len(message.payload()) <= FRAME_BYTES_MIN


def test_chunks_head_is_counted_to_the_byte() -> None:
    chunk = ModelChunk(offset=(1 << 32) - 1, data=bytes(300))
    assert len(chunk.payload()) == CHUNK_HEAD_BYTES + 300


def test_chunk_of_1_kib_and_its_answer_use_the_line_well() -> None:
    chunk = ModelChunk(offset=65_535, data=b"\xa5" * CHUNK_BYTES_MAX)
    asked = Frame(type=chunk.TYPE, sequence=1, payload=chunk.payload()).line()
    answered = Frame(type=Done.TYPE, sequence=1, payload=Done().payload()).line()
    seconds = (len(asked) + len(answered)) * BITS_A_BYTE / BAUD
    assert 0.95 * seconds <= CHUNK_BYTES_MAX * BITS_A_BYTE / BAUD


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, UINT8_94K])
def test_push_of_a_model_takes_no_more_than_a_fifth_of_the_line_besides_it(
    architecture: Architecture,
) -> None:
    # Stop and wait: no byte of one side goes while one of the other does, so times add up.
    host, line = session(ReferenceDevice())
    host.greet()
    blob = random_model(architecture, "push").blob()
    before = line.bytes_carried
    host.push_model(blob, hash_of_blob(blob))
    seconds = (line.bytes_carried - before) * BITS_A_BYTE / BAUD
    assert len(blob) * BITS_A_BYTE / BAUD >= 0.8 * seconds
