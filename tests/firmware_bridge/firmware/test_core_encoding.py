# SPDX-License-Identifier: Apache-2.0
"""The core's CBOR, CRC, SHA-256 and frames say what Python's say, of whatever bytes."""

import hashlib
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.spec import encoding
from edge_node.spec.constants import MAX_DEPTH, MAX_ITEMS
from edge_node_bridge.frame import Frame, FrameReader, cobs_encode
from tests.firmware_bridge.firmware.core_library import Core
from tests.firmware_bridge.test_cbor import values

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "encoding.json").read_text())
MIB = 1 << 20


def law_accepts(data: bytes, max_items: int = MAX_ITEMS, max_depth: int = MAX_DEPTH) -> bool:
    try:
        encoding.decode(data, max_bytes=MIB, max_items=max_items, max_depth=max_depth)
    except encoding.InvalidEncoding:
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["hex"][:20])
def test_canonical_vector_is_valid(core: Core, vector: dict[str, str]) -> None:
    assert core.cbor_valid(bytes.fromhex(vector["hex"]), MAX_ITEMS, MAX_DEPTH)


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["hex"][:20])
def test_other_vector_is_not(core: Core, vector: dict[str, str]) -> None:
    assert not core.cbor_valid(bytes.fromhex(vector["hex"]), MAX_ITEMS, MAX_DEPTH)


@given(value=values, at=st.integers(0, 1 << 16), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=150)
def test_damaged_encoding_is_judged_as_by_the_law(
    core: Core, value: encoding.Value, at: int, byte: int, cut: bool
) -> None:
    whole = encoding.encode(value)
    assert core.cbor_valid(whole, MAX_ITEMS, MAX_DEPTH) == law_accepts(whole)
    at %= len(whole)
    damaged = whole[:at] if cut else whole[:at] + bytes((byte,)) + whole[at + 1 :]
    assert core.cbor_valid(damaged, MAX_ITEMS, MAX_DEPTH) == law_accepts(damaged)


@given(data=st.binary(max_size=40), items=st.integers(0, 12), depth=st.integers(0, 4))
@settings(max_examples=400)
def test_any_bytes_are_judged_as_by_the_law(
    core: Core, data: bytes, items: int, depth: int
) -> None:
    assert core.cbor_valid(data, items, depth) == law_accepts(data, items, depth)


@given(text=st.binary(max_size=6))
@settings(max_examples=400)
def test_text_is_utf8_or_refused(core: Core, text: bytes) -> None:
    encoded = bytes((0x60 | len(text),)) + text
    assert core.cbor_valid(encoded, 1, 0) == law_accepts(encoded)


@given(data=st.binary(max_size=300))
def test_hashes_are_those_of_the_standard_library(core: Core, data: bytes) -> None:
    assert core.crc32(data) == zlib.crc32(data)
    assert core.sha256(data) == hashlib.sha256(data).digest()


@given(
    data=st.binary(max_size=600) | st.integers(0, 1000).map(lambda size: b"\x01" * size),
    zeros=st.lists(st.integers(0, 1000), max_size=3),
)
def test_frame_goes_both_ways(core: Core, data: bytes, zeros: list[int]) -> None:
    payload = bytearray(data)
    for place in zeros:
        if payload:
            payload[place % len(payload)] = 0
    frame = Frame(type=7, sequence=0x0102, payload=bytes(payload))
    line = frame.line()
    (read,) = FrameReader(4096).feed(line)
    good, bad, bare = core.unstuff(line)
    assert (good, bad, len(bare)) == (1, 0, frame.frame_bytes)
    assert cobs_encode(bare) + b"\x00" == line == core.stuff(bare)
    assert read == frame


@given(
    noise=st.lists(st.binary(max_size=30), max_size=4),
    payload=st.binary(max_size=40),
    capacity=st.integers(10, 60),
)
@settings(max_examples=300)
def test_noise_and_frames_are_told_apart_as_by_the_host(
    core: Core, noise: list[bytes], payload: bytes, capacity: int
) -> None:
    frame = Frame(type=1, sequence=2, payload=payload)
    line = b"\x00".join([*noise, frame.line(), *noise]) + b"\x00"
    reader = FrameReader(capacity)
    frames = reader.feed(line)
    good, bad, _ = core.unstuff(line, capacity)
    assert (good, bad) == (len(frames), reader.bad_frames)
