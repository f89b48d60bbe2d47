# SPDX-License-Identifier: Apache-2.0
"""Frames: known bytes, every length around the blocks of COBS, and streams with faults."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node_bridge.errors import CrcDiffers, FrameFaulty, FrameLengthDiffers, FrameTooLong
from edge_node_bridge.frame import (
    OVERHEAD_BYTES,
    Frame,
    FrameReader,
    cobs_decode,
    cobs_encode,
    frame_from_line,
    line_bytes_max,
)

KNOWN = {
    "00": "0101",
    "0000": "010101",
    "11220033": "0311220233",
    "11223344": "0511223344",
    "11000000": "0211010101",
    "": "01",
}
"""Data and its COBS, from the article on it in Wikipedia."""

ACK_LINE = "0401c0050201 06a0".replace(" ", "")
"""ACK of sequence 5, up to the CRC."""

EDGES = [0, 1, 2, 252, 253, 254, 255, 256, 507, 508, 509, 762, 1100]

payloads = st.one_of(
    st.binary(max_size=600),
    st.lists(
        st.sampled_from([b"\x00", b"\x01" * 253, b"\xff" * 254, b"\x02" * 255]), max_size=4
    ).map(b"".join),
)
frames = st.builds(
    Frame,
    type=st.integers(0, 255),
    sequence=st.integers(0, 65_535),
    payload=payloads,
)


@pytest.mark.parametrize(("data", "encoded"), KNOWN.items())
def test_known_data_has_its_known_form(data: str, encoded: str) -> None:
    assert cobs_encode(bytes.fromhex(data)).hex() == encoded
    assert cobs_decode(bytes.fromhex(encoded)).hex() == data


def test_known_frame_has_its_known_bytes() -> None:
    line = Frame(type=0xC0, sequence=5, payload=b"\xa0").line()
    crc = zlib.crc32(bytes.fromhex("01c005000100a0")).to_bytes(4, "little")
    assert line == bytes.fromhex(ACK_LINE) + crc + b"\x00"


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("byte", [0, 1, 255])
def test_every_length_around_a_block_comes_back(size: int, byte: int) -> None:
    data = bytes([byte]) * size
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert cobs_decode(encoded) == data
    assert len(encoded) <= max(1, line_bytes_max(size))


@given(st.binary(max_size=800))
def test_encoded_data_has_no_zero_and_comes_back(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert cobs_decode(encoded) == data


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        frame = frame_from_line(data)
    except FrameFaulty:
        return
    assert frame.frame_bytes == OVERHEAD_BYTES + len(frame.payload)


@given(st.lists(frames, max_size=5), st.integers(1, 70))
def test_frames_come_back_whatever_pieces_they_come_in(sent: list[Frame], size: int) -> None:
    line = b"".join(frame.line() for frame in sent)
    reader = FrameReader()
    come = []
    for start in range(0, len(line), size):
        come += reader.feed(line[start : start + size])
    assert come == sent
    assert reader.bad_frames == 0


@given(frames, st.data())
def test_one_changed_bit_is_seen_and_the_next_frame_comes(
    frame: Frame, data: st.DataObject
) -> None:
    line = bytearray(frame.line())
    line[data.draw(st.integers(0, len(line) - 2))] ^= 1 << data.draw(st.integers(0, 7))
    reader = FrameReader()
    assert reader.feed(bytes(line)) == []
    assert reader.bad_frames >= 1
    assert reader.feed(frame.line()) == [frame]


@given(frames, st.data())
def test_lost_end_costs_one_frame_more_at_the_most(frame: Frame, data: st.DataObject) -> None:
    line = frame.line()
    reader = FrameReader()
    assert reader.feed(line[: data.draw(st.integers(0, len(line) - 1))]) == []
    reader.feed(frame.line())
    assert reader.feed(frame.line()) == [frame]


def test_zero_before_a_frame_ends_what_lies_half_sent() -> None:
    frame = Frame(type=1, sequence=2, payload=b"\xa0")
    reader = FrameReader()
    assert reader.feed(frame.line()[:5]) == []
    assert reader.feed(b"\x00" + frame.line()) == [frame]
    assert reader.feed(b"\x00\x00\x00") == []
    assert reader.bad_frames == 1


def test_header_with_another_length_is_refused_with_both() -> None:
    body = bytes([1, 1, 0, 0, 9, 0, 0xA0])
    line = cobs_encode(body + zlib.crc32(body).to_bytes(4, "little"))
    with pytest.raises(FrameLengthDiffers) as caught:
        frame_from_line(line)
    assert (caught.value.expected, caught.value.actual) == (19, 11)


def test_other_crc_is_refused_with_both() -> None:
    line = cobs_encode(bytes([1, 1, 0, 0, 0, 0]) + bytes(4))
    with pytest.raises(CrcDiffers) as caught:
        frame_from_line(line)
    assert caught.value.actual == 0
    assert caught.value.expected == zlib.crc32(bytes([1, 1, 0, 0, 0, 0]))


@pytest.mark.parametrize("encoded", ["05", "0211", "ff", "0100", "01"])
def test_broken_block_is_refused(encoded: str) -> None:
    with pytest.raises(FrameFaulty):
        frame_from_line(bytes.fromhex(encoded))


def test_longest_frame_is_taken_and_one_byte_more_is_not() -> None:
    reader = FrameReader(300)
    longest = Frame(type=1, sequence=0, payload=bytes(300 - OVERHEAD_BYTES))
    assert reader.feed(longest.line()) == [longest]
    longer = Frame(type=1, sequence=0, payload=bytes(301 - OVERHEAD_BYTES))
    assert reader.feed(longer.line()) == []
    assert isinstance(reader.last_fault, FrameTooLong)
    assert reader.feed(longest.line()) == [longest]


def test_endless_frame_is_not_kept() -> None:
    reader = FrameReader(300)
    for _ in range(1_000):
        assert reader.feed(b"\x01" * 4_096) == []
    assert len(reader._begun) <= line_bytes_max(300)
    reader.feed(b"\x00")
    assert reader.bad_frames == 1
