# SPDX-License-Identifier: Apache-2.0
"""The host's end of the line as a state machine: stop and wait, repeats, and pushes once each.

PROTOCOL.md, "Requests", "Sessions" and "Pushes". Bytes and times go in, bytes, answers and pushes
come out; whoever has the line calls `receive`, `tick` and `outgoing` in a loop.
Law of the file: no I/O and no clock; one request is on its way, and every buffer, repeat and stray
frame has a named limit.
Read next: device.py.
"""

from collections import deque
from dataclasses import dataclass
from typing import TypeVar

from edge_node_bridge.codes import ErrorCode, MessageType
from edge_node_bridge.errors import (
    AnswerFaulty,
    AnswerUnexpected,
    DeviceFloods,
    DeviceSilent,
    MessageFaulty,
    OtherVersion,
)
from edge_node_bridge.frame import DELIMITER, Frame, FrameReader, line_bytes_max
from edge_node_bridge.limits import FRAME_BYTES_DEVICE_MAX, FRAME_BYTES_HOST_MAX, PROTOCOL_VERSION
from edge_node_bridge.message import Message, Request
from edge_node_bridge.messages import MESSAGES, Ack, ErrorAnswer, Hello, HelloAnswer, SampleStart

_AnyMessage = TypeVar("_AnyMessage", bound=Message)

_BY_TYPE: dict[int, type[Message]] = {each.TYPE: each for each in MESSAGES}
_SEQUENCES = 1 << 16
_BITS_ON_LINE = 10
"""Of a byte: start bit, eight of data, stop bit."""
_NEVER_TO_HELLO = (ErrorCode.NOT_GREETED, ErrorCode.OUT_OF_STEP)
_NOT_LOOKED_AT = (ErrorCode.NOT_GREETED, ErrorCode.OTHER_VERSION, ErrorCode.OUT_OF_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLimits:
    """How much a link bears."""

    attempts: int = 8
    """How often a request is sent."""
    pushes_waiting: int = 64
    """Pushes that were acknowledged and not yet taken; beyond it none is acknowledged."""
    stray_frames: int = 256
    """Good frames in a row that nobody waits for."""
    noise_bytes: int = 1 << 20
    """Bytes in a row without a good frame."""
    line_bits_per_s: int = 115_200
    """Speed of the line, for how long a frame takes."""


@dataclass(slots=True, kw_only=True)
class _Pending:
    """The request that is on its way."""

    request: Request
    frame: Frame
    line: bytes
    attempts: int
    begun_ms: int
    deadline_ms: int
    patience_ms: int


class Link:
    """One host's end of one line.

    Parameters
    ----------
    sequence : int
        That of the first request, drawn by the caller.
    limits : LinkLimits
    """

    def __init__(self, *, sequence: int, limits: LinkLimits | None = None) -> None:
        self._limits = LinkLimits() if limits is None else limits
        self._reader = FrameReader(FRAME_BYTES_HOST_MAX)
        self._sequence = sequence % _SEQUENCES
        self._pending: _Pending | None = None
        self._answer: Message | None = None
        self._pushes: deque[Message] = deque()
        self._push_sequence: int | None = None
        self._send_request = False
        self._acknowledge: int | None = None
        self._stray_frames = 0
        self._noise_bytes = 0
        self.repeats = 0
        """Requests sent again so far."""
        self.duplicates = 0
        """Answers and pushes that had come before, so far."""

    @property
    def bad_frames(self) -> int:
        """Frames thrown away so far: CRC, length, COBS."""
        return self._reader.bad_frames

    @property
    def deadline_ms(self) -> int | None:
        """When `tick` has something to do; None without a request on its way."""
        return None if self._pending is None else self._pending.deadline_ms

    def request(self, request: Request, now_ms: int) -> Frame:
        """Begin to ask, and return the frame; the answer before must have come or failed.

        Raises
        ------
        MessageFaulty
            A field is out of its bounds; nothing has changed.
        """
        assert self._pending is None, "one request at a time"
        frame = Frame(type=request.TYPE, sequence=self._sequence, payload=request.payload())
        line = frame.line()
        # The answer may be behind a push, and each of them as long as a device's frames can be.
        on_line = len(line) + 2 * line_bytes_max(FRAME_BYTES_DEVICE_MAX)
        travel_ms = -(-on_line * _BITS_ON_LINE * 1000 // self._limits.line_bits_per_s)
        patience_ms = request.TIMEOUT_MS + travel_ms
        self._pending = _Pending(
            request=request,
            frame=frame,
            line=line,
            attempts=1,
            begun_ms=now_ms,
            deadline_ms=now_ms + patience_ms,
            patience_ms=patience_ms,
        )
        self._answer = None
        self._send_request = True
        if isinstance(request, (Hello, SampleStart)):
            # What comes before its answer is of the session, or the sampling, before.
            self._push_sequence = None
            self._acknowledge = None
            self._pushes.clear()
        return frame

    def give_up(self) -> None:
        """Forget the request that may be on its way, as whoever waited for it has left."""
        self._end_request()

    def outgoing(self) -> bytes:
        """Return what is to be sent now, and forget it."""
        out = bytearray()
        if self._acknowledge is not None:
            frame = Frame(type=Ack.TYPE, sequence=self._acknowledge, payload=Ack().payload())
            out += frame.line()
            self._acknowledge = None
        if self._send_request and self._pending is not None:
            again = self._pending.attempts > 1
            if again or isinstance(self._pending.request, Hello):
                out += DELIMITER
            out += self._pending.line
            self._send_request = False
        return bytes(out)

    def tick(self, now_ms: int) -> None:
        """Send the request again if its time is over.

        Raises
        ------
        DeviceSilent
            It was sent often enough; it is given up.
        """
        pending = self._pending
        if pending is None or now_ms < pending.deadline_ms:
            return
        if pending.attempts >= self._limits.attempts:
            self._end_request()
            raise DeviceSilent(
                request=type(pending.request).__name__,
                attempts=pending.attempts,
                waited_ms=now_ms - pending.begun_ms,
            )
        pending.attempts += 1
        pending.deadline_ms = now_ms + pending.patience_ms
        self._send_request = True
        self.repeats += 1

    def receive(self, data: bytes) -> None:
        """Take what came over the line.

        Raises
        ------
        LinkError
            The device does not keep to the protocol; the request on its way is given up.
        """
        frames = self._reader.feed(data)
        self._noise_bytes = 0 if frames else self._noise_bytes + len(data)
        try:
            _bear("bytes came", self._limits.noise_bytes, self._noise_bytes)
            for frame in frames:
                self._take(frame)
        except Exception:
            self._noise_bytes = self._stray_frames = 0
            self._end_request()
            raise

    def take_answer(self) -> Message | None:
        """Return the answer of the last request, once; None while it has not come."""
        answer, self._answer = self._answer, None
        return answer

    def take_push(self) -> Message | None:
        """Return the oldest push that was not taken yet, if there is one."""
        return self._pushes.popleft() if self._pushes else None

    def _take(self, frame: Frame) -> None:
        if frame.version != PROTOCOL_VERSION:
            raise OtherVersion(expected=PROTOCOL_VERSION, actual=frame.version)
        kind = _BY_TYPE.get(frame.type)
        if frame.type == MessageType.SAMPLE:
            wanted = self._take_push(frame)
        elif self._pending is not None and frame.sequence == self._pending.frame.sequence:
            wanted = self._take_answer(self._pending, kind, frame)
        else:
            wanted = False
        if wanted:
            self._stray_frames = 0
            return
        self._stray_frames += 1
        _bear("frames came", self._limits.stray_frames, self._stray_frames)

    def _take_answer(self, pending: _Pending, kind: type[Message] | None, frame: Frame) -> bool:
        if frame.type == ErrorAnswer.TYPE:
            error = _read(ErrorAnswer, frame)
            if isinstance(pending.request, Hello) and error.code in _NEVER_TO_HELLO:
                return False
            self._answer = error
            self._end_request(looked_at=error.code not in _NOT_LOOKED_AT)
            return True
        if kind is None or frame.type != pending.request.ANSWER:
            if isinstance(pending.request, Hello):
                return False  # of an older session that has come to the same sequence
            expected = MessageType(pending.request.ANSWER).name
            raise AnswerUnexpected(expected=expected, actual=_name(frame.type))
        answer = _read(kind, frame)
        if isinstance(pending.request, Hello) and isinstance(answer, HelloAnswer):
            if answer.session != pending.request.session:
                return False
        elif isinstance(pending.request, SampleStart):
            self._push_sequence = 0
        self._answer = answer
        self._end_request()
        return True

    def _take_push(self, frame: Frame) -> bool:
        if self._push_sequence is None:
            return False
        if frame.sequence == (self._push_sequence - 1) % _SEQUENCES:
            # Its ACK was lost.
            self._acknowledge = frame.sequence
            self.duplicates += 1
            return False
        if frame.sequence != self._push_sequence:
            return False
        if len(self._pushes) >= self._limits.pushes_waiting:
            return True
        try:
            push = _BY_TYPE[frame.type].from_payload(frame.payload)
        except MessageFaulty:
            return False
        self._pushes.append(push)
        self._acknowledge = frame.sequence
        self._push_sequence = (self._push_sequence + 1) % _SEQUENCES
        return True

    def _end_request(self, *, looked_at: bool = True) -> None:
        if self._pending is not None and looked_at:
            self._sequence = (self._sequence + 1) % _SEQUENCES
        self._pending = None
        self._send_request = False


def _bear(what: str, most: int, actual: int) -> None:
    if actual > most:
        raise DeviceFloods(what=what, most=most, actual=actual)


def _read(kind: type[_AnyMessage], frame: Frame) -> _AnyMessage:
    try:
        return kind.from_payload(frame.payload)
    except MessageFaulty as fault:
        raise AnswerFaulty(answer=_name(frame.type), fault=fault) from fault


def _name(code: int) -> str:
    return MessageType(code).name if code in set(MessageType) else f"type {code}"
