# SPDX-License-Identifier: Apache-2.0
"""Frames on a line: COBS(header, payload, CRC-32) and a zero byte, written and read as a stream.

PROTOCOL.md, "Frames". COBS after Cheshire and Baker (1999): each block is its length and up to 254
bytes without a zero; a block below 254 stands for its bytes and one zero.
Law of the file: no I/O; a reader holds no more than one frame, whatever comes.
Read next: link.py.
"""

import zlib
from dataclasses import dataclass

from edge_node_bridge.errors import CrcDiffers, FrameFaulty, FrameLengthDiffers, FrameTooLong
from edge_node_bridge.limits import FRAME_BYTES_HOST_MAX, PROTOCOL_VERSION

HEADER_BYTES = 6
"""Version, type, sequence, payload's length."""
CRC_BYTES = 4
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES
"""Of a frame, besides its payload."""
DELIMITER = b"\x00"
"""Ends every frame; alone, it ends whatever lies half sent."""

_BLOCK_BYTES = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A message on its way."""

    type: int
    """The message's type, 0..255."""
    sequence: int
    """Which request or push it belongs to, 0..65,535."""
    payload: bytes
    """The encoded message."""
    version: int = PROTOCOL_VERSION
    """Of the protocol."""

    @property
    def frame_bytes(self) -> int:
        """Length of header, payload and CRC: what max_frame_bytes limits."""
        return OVERHEAD_BYTES + len(self.payload)

    def line(self) -> bytes:
        """Return what goes over the line, the zero byte at the end included."""
        header = bytes((self.version, self.type))
        header += self.sequence.to_bytes(2, "little") + len(self.payload).to_bytes(2, "little")
        body = header + self.payload
        return cobs_encode(body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")) + DELIMITER


def frame_from_line(encoded: bytes) -> Frame:
    """Return the frame that a line's bytes between two zeros are.

    Raises
    ------
    FrameFaulty
        No COBS, a length other than the header says, another CRC.
    """
    decoded = cobs_decode(encoded)
    if len(decoded) < OVERHEAD_BYTES:
        raise FrameLengthDiffers(expected=OVERHEAD_BYTES, actual=len(decoded))
    body, crc = decoded[:-CRC_BYTES], int.from_bytes(decoded[-CRC_BYTES:], "little")
    if zlib.crc32(body) != crc:
        raise CrcDiffers(expected=zlib.crc32(body), actual=crc)
    payload = body[HEADER_BYTES:]
    promised = int.from_bytes(body[4:6], "little")
    if promised != len(payload):
        raise FrameLengthDiffers(expected=promised + OVERHEAD_BYTES, actual=len(decoded))
    sequence = int.from_bytes(body[2:4], "little")
    return Frame(version=body[0], type=body[1], sequence=sequence, payload=payload)


def cobs_encode(data: bytes) -> bytes:
    """Return bytes without a zero that stand for the data."""
    out = bytearray()
    blocks = data.split(b"\x00")
    for place, block in enumerate(blocks, start=1):
        rest = block
        while len(rest) >= _BLOCK_BYTES:
            out.append(_BLOCK_BYTES + 1)
            out += rest[:_BLOCK_BYTES]
            rest = rest[_BLOCK_BYTES:]
        # A full block stands for no zero: at the end of all it may be the last.
        if rest or place < len(blocks) or not block:
            out.append(len(rest) + 1)
            out += rest
    return bytes(out)


def cobs_decode(encoded: bytes) -> bytes:
    """Return the data.

    Raises
    ------
    FrameFaulty
        A zero byte, or a block that goes beyond the end.
    """
    if 0 in encoded:
        raise FrameFaulty(f"a zero at byte {encoded.index(0)} of a frame: end frames by it only")
    out = bytearray()
    start = 0
    while start < len(encoded):
        code = encoded[start]
        end = start + code
        if end > len(encoded):
            raise FrameFaulty(f"a block to byte {end} of {len(encoded)}: send the frame again")
        out += encoded[start + 1 : end]
        start = end
        if code <= _BLOCK_BYTES and start < len(encoded):
            out.append(0)
    return bytes(out)


def line_bytes_max(frame_bytes: int) -> int:
    """Return how long a frame of this length can be on the line, the zero byte not counted."""
    return frame_bytes + -(-frame_bytes // _BLOCK_BYTES)


class FrameReader:
    """Finds the frames in a stream that may have lost, changed or repeated bytes.

    Parameters
    ----------
    max_frame_bytes : int
        What is longer is thrown away without being kept.
    """

    def __init__(self, max_frame_bytes: int = FRAME_BYTES_HOST_MAX) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._max_line_bytes = line_bytes_max(max_frame_bytes)
        self._begun = bytearray()
        self._too_long = False
        self.bad_frames = 0
        """Frames thrown away so far."""
        self.last_fault: FrameFaulty | None = None
        """Why the last of them was."""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the good frames that end in the data, and keep what begins in it."""
        *ended, begun = data.split(DELIMITER)
        frames = []
        for part in ended:
            self._take(part)
            frame = self._end()
            if frame is not None:
                frames.append(frame)
        self._take(begun)
        return frames

    def _take(self, part: bytes) -> None:
        if self._too_long or len(self._begun) + len(part) > self._max_line_bytes:
            self._begun.clear()
            self._too_long = True
        else:
            self._begun += part

    def _end(self) -> Frame | None:
        encoded, too_long = bytes(self._begun), self._too_long
        self._begun.clear()
        self._too_long = False
        if not encoded and not too_long:
            return None
        try:
            if too_long:
                raise FrameTooLong(most=self._max_frame_bytes)
            frame = frame_from_line(encoded)
            if frame.frame_bytes > self._max_frame_bytes:
                raise FrameTooLong(most=self._max_frame_bytes)
        except FrameFaulty as fault:
            self.bad_frames += 1
            self.last_fault = fault
            return None
        return frame
