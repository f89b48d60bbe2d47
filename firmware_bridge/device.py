# SPDX-License-Identifier: Apache-2.0
"""A session with one microcontroller: greet it, push a model, run images, take its samples.

PROTOCOL.md. The device signs nothing and holds no keys. Whatever it says of itself is checked
against what it does; after a LinkError the session is over, and `greet` begins the next one.
Law of the file: one class of error per cause, and the session's state changes by answers only.
Read next: link.py, serial_port.py.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from edge_node_bridge.codes import Capability
from edge_node_bridge.errors import (
    AnswerContradicts,
    BridgeError,
    DeviceSilent,
    FrameNotTaken,
    ImageTooBig,
    ImageUnfit,
    LinkError,
    MaxFrameOutOfRange,
    ModelHashDiffers,
    ModelTooBig,
    NotCapable,
    OtherVersion,
    OutOfStep,
    SampleOutOfOrder,
    SamplesStopped,
    SessionNotOpen,
)
from edge_node_bridge.frame import OVERHEAD_BYTES
from edge_node_bridge.limits import (
    FRAME_BYTES_DEVICE_MAX,
    FRAME_BYTES_HOST_MAX,
    FRAME_BYTES_MIN,
    PROTOCOL_VERSION,
    PUSH_REPEAT_MS,
)
from edge_node_bridge.link import Link, LinkLimits
from edge_node_bridge.message import Message, Request
from edge_node_bridge.messages import (
    Done,
    ErrorAnswer,
    Hello,
    HelloAnswer,
    ImageChunk,
    Infer,
    Logits,
    ModelBegin,
    ModelChunk,
    ModelEnd,
    ModelReady,
    Sample,
    SampleStart,
    SampleStop,
    SelfTest,
    SelfTestAnswer,
    SetLabel,
    Status,
    StatusAnswer,
)
from edge_node_bridge.ports import Clock, Line
from edge_node_bridge.refusal import Sent, refusal

CHUNK_BYTES_MAX = 1024
"""Of a model or an image in one frame; a longer one costs more when it is lost."""
CHUNK_HEAD_BYTES = 11
"""Of a chunk's payload besides its bytes: map, two keys, an offset of 5, a length of 3."""
SAMPLE_BYTES_MAX = 1 << 20
"""Of a whole sample: what a host keeps until its last part has come."""
SAMPLE_PATIENCE_MS = 4 * PUSH_REPEAT_MS
"""How long a sample may be late before the device is asked how it is."""
SAMPLE_INQUIRIES = 8
"""How often it is asked in a row before samples are given up."""
_POLL_MS = 50
"""The longest wait for bytes in one go."""

_Answer = TypeVar("_Answer", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSample:
    """One whole reading of a device's sensor."""

    index: int
    """Which one since sampling began, from 0."""
    label: int | None
    """Its class, if the device was told one."""
    pixels: bytes
    """A byte a pixel, in order of row, column, channel."""


class Device:
    """A microcontroller at the end of a line.

    Parameters
    ----------
    line, clock
        Ports of the caller; the line stays the caller's to close.
    draw : callable
        Gives numbers of 32 bits that differ from one session to the next.
    limits : LinkLimits
    """

    def __init__(
        self, line: Line, clock: Clock, draw: Callable[[], int], limits: LinkLimits | None = None
    ) -> None:
        self._line = line
        self._clock = clock
        self._draw = draw
        self._greeted: HelloAnswer | None = None
        self._model_hash = b""
        self._model_image_bytes: int | None = None
        self._image_bytes = 0
        self.link = Link(sequence=draw(), limits=limits)
        """Counters of what was repeated and thrown away."""

    @property
    def greeted(self) -> HelloAnswer:
        """What the device said of itself.

        Raises
        ------
        SessionNotOpen
            It was not greeted, or has failed since.
        """
        if self._greeted is None:
            raise SessionNotOpen
        return self._greeted

    def greet(self) -> HelloAnswer:
        """Begin a session, and return who the device is.

        Raises
        ------
        LinkError, PortError
            It is silent, speaks another version, announces what the protocol does not allow.
        """
        self._end_session()
        self.link.give_up()
        hello = Hello(
            version=PROTOCOL_VERSION,
            session=self._draw() & 0xFFFF_FFFF,
            max_frame_bytes=FRAME_BYTES_HOST_MAX,
        )
        answer = self._exchange(hello, HelloAnswer)
        if answer.version != PROTOCOL_VERSION:
            raise OtherVersion(expected=PROTOCOL_VERSION, actual=answer.version)
        least, most, actual = FRAME_BYTES_MIN, FRAME_BYTES_DEVICE_MAX, answer.max_frame_bytes
        if not least <= actual <= most:
            raise MaxFrameOutOfRange(least=least, most=most, actual=actual)
        if answer.capabilities & Capability.SAMPLE:
            _check_sensor(answer.sensor_shape)
        self._greeted = answer
        return answer

    def self_test(self) -> SelfTestAnswer:
        """Let the device compute its known answer, and return what came of it."""
        return self._ask(SelfTest(), SelfTestAnswer)

    def status(self) -> StatusAnswer:
        """Return the device's counters."""
        return self._ask(Status(), StatusAnswer)

    def push_model(
        self, blob: bytes, model_hash: bytes, progress: Callable[[int], None] | None = None
    ) -> ModelReady:
        """Send a model; the device checks its hash and runs it from now on.

        Parameters
        ----------
        blob : bytes
            Canonical encoding of the model.
        model_hash : bytes
            Its name on the chain, 32 bytes.
        progress : callable
            Is told the bytes that have come.

        Raises
        ------
        ModelTooBig, NotCapable
            Before anything was sent.
        ModelRefused, ModelHashDiffers, LinkError, PortError
            The device has no model now.
        """
        most = self.greeted.max_model_bytes
        if len(blob) > most:
            raise ModelTooBig(most=most, actual=len(blob))
        self._model_hash = model_hash
        self._model_image_bytes = None
        self._ask(ModelBegin(model_bytes=len(blob), model_hash=model_hash), Done)
        for offset, data in _chunks(blob, self._chunk_bytes()):
            self._ask(ModelChunk(offset=offset, data=data), Done)
            if progress is not None:
                progress(offset + len(data))
        ready = self._ask(ModelEnd(), ModelReady)
        if ready.model_hash != model_hash:
            raise ModelHashDiffers(expected=model_hash, actual=ready.model_hash)
        self._model_image_bytes = ready.image_bytes
        return ready

    def infer(self, pixels: bytes) -> Logits:
        """Run the device's model on an image of uint8 pixels in order of row, column, channel.

        Raises
        ------
        ImageTooBig, ImageUnfit, NoModelOnDevice, NotCapable
            The image or the model is not there or does not fit; nothing has changed.
        AnswerContradicts
            The class is not that of the greatest logit.
        """
        most = self.greeted.max_image_bytes
        if len(pixels) > most:
            raise ImageTooBig(most=most, actual=len(pixels))
        expected = self._model_image_bytes
        if not pixels or (expected is not None and len(pixels) != expected):
            raise ImageUnfit(expected=expected or 1, actual=len(pixels))
        self._image_bytes = len(pixels)
        if OVERHEAD_BYTES + CHUNK_HEAD_BYTES + len(pixels) > self.greeted.max_frame_bytes:
            for offset, data in _chunks(pixels, self._chunk_bytes()):
                self._ask(ImageChunk(offset=offset, data=data), Done)
            pixels = b""
        answer = self._ask(Infer(pixels=pixels), Logits)
        if not answer.logits:
            raise AnswerContradicts(what="logits", expected="one at least", actual="none")
        greatest = answer.logits.index(max(answer.logits))
        if answer.class_index != greatest:
            raise AnswerContradicts(what="class", expected=greatest, actual=answer.class_index)
        return answer

    def set_label(self, label: int) -> None:
        """Say which class, 0..255, the sensor sees from now on."""
        self._ask(SetLabel(label=label), Done)

    def samples(
        self, count: int, *, interval_ms: int, ends: Callable[[], bool] = lambda: False
    ) -> Generator[SensorSample, None, None]:
        """Yield readings of the sensor; sampling ends with the iterator.

        The device waits for whoever takes them, half a minute (PUSH_ATTEMPTS_MAX); then it stops.

        Parameters
        ----------
        count : int
            How many; 0 is until the iterator is closed.
        interval_ms : int
            The least time from one to the next.
        ends : callable
            Is asked while the next one is waited for: true ends it, as the caller has something
            better to do.

        Raises
        ------
        SamplesStopped, SampleOutOfOrder, LinkError, PortError
            No more will come.
        """
        sample_bytes = _product(self.greeted.sensor_shape)
        self._ask(SampleStart(count=count, interval_ms=interval_ms), Done)
        index = 0
        try:
            while count == 0 or index < count:
                sample = self._sample(index, sample_bytes, count, interval_ms, ends)
                if sample is None:
                    return
                yield sample
                index += 1
            # The last one is acknowledged now: nobody knows when the next request will be. All have
            # come, so whoever asks next hears of an error.
            with suppress(BridgeError):
                self._step(self._clock.now_ms())
        finally:
            if self._greeted is not None and (count == 0 or index < count):
                self._ask(SampleStop(), Done)

    def _sample(
        self,
        index: int,
        sample_bytes: int,
        count: int,
        interval_ms: int,
        ends: Callable[[], bool],
    ) -> SensorSample | None:
        pixels = bytearray()
        while True:
            part = self._push(index, count, interval_ms + SAMPLE_PATIENCE_MS, ends)
            if part is None:
                return None
            try:
                _check_part(part, index=index, offset=len(pixels), sample_bytes=sample_bytes)
            except SampleOutOfOrder:
                self._end_session()
                raise
            pixels += part.pixels
            if len(pixels) == sample_bytes:
                label = None if part.label < 0 else part.label
                return SensorSample(index=index, label=label, pixels=bytes(pixels))

    def _push(
        self, index: int, count: int, patience_ms: int, ends: Callable[[], bool]
    ) -> Sample | None:
        """Return the next push, None at the end; ask the device how it is whenever it is late."""
        for _ in range(SAMPLE_INQUIRIES):
            until_ms = self._clock.now_ms() + patience_ms
            while True:
                push = self.link.take_push()
                if isinstance(push, Sample):
                    return push
                if ends():
                    return None
                if self._clock.now_ms() >= until_ms:
                    break
                self._step(until_ms)
            # A device that was reset says so here.
            status = self.status()
        raise SamplesStopped(expected=count, actual=index, failures=status.sensor_failures)

    def _ask(self, request: Request, answer: type[_Answer]) -> _Answer:
        """Ask within the session."""
        greeted = self.greeted
        if request.CAPABILITY & ~greeted.capabilities:
            needs, has = Capability(request.CAPABILITY), Capability(greeted.capabilities & 0xF)
            raise NotCapable(needs=needs.name or "", has=str(has))
        try:
            return self._exchange(request, answer)
        except DeviceSilent as silent:
            self._look_into_silence(request, greeted)
            raise silent from None

    def _look_into_silence(self, request: Request, greeted: HelloAnswer) -> None:
        """Raise FrameNotTaken if it is but long frames that the device does not answer."""
        frame_bytes = OVERHEAD_BYTES + len(request.payload())
        if frame_bytes <= FRAME_BYTES_MIN:
            return
        try:
            self._exchange(Status(), StatusAnswer)
        except OutOfStep:
            # It waits for the long one still: it never had it.
            announced = greeted.max_frame_bytes
            raise FrameNotTaken(announced=announced, actual=frame_bytes) from None
        except DeviceSilent:
            return

    def _exchange(self, request: Request, answer: type[_Answer]) -> _Answer:
        frame = self.link.request(request, self._clock.now_ms())
        message = None
        try:
            while message is None:
                self._step(self.link.deadline_ms)
                message = self.link.take_answer()
        finally:
            if message is None:
                # By an error of the line, or because somebody pressed Ctrl-C: what comes next is
                # unknown.
                self.link.give_up()
                self._end_session()
        if isinstance(message, ErrorAnswer):
            sent = Sent(
                request=request,
                sequence=frame.sequence,
                model_hash=self._model_hash,
                image_bytes=self._image_bytes,
            )
            error = refusal(message, sent)
            if isinstance(error, LinkError):
                self._end_session()
            raise error
        assert isinstance(message, answer), "the link knows what answers what"
        return message

    def _step(self, until_ms: int | None) -> None:
        """Let the link send, and hear what comes for a moment; an error ends the session."""
        now_ms = self._clock.now_ms()
        wait_ms = _POLL_MS if until_ms is None else max(0, min(_POLL_MS, until_ms - now_ms))
        try:
            self.link.tick(now_ms)
            out = self.link.outgoing()
            if out:
                self._line.write(out)
            self.link.receive(self._line.read(wait_ms))
        except BridgeError:
            self._end_session()
            raise

    def _chunk_bytes(self) -> int:
        room = self.greeted.max_frame_bytes - OVERHEAD_BYTES - CHUNK_HEAD_BYTES
        return min(CHUNK_BYTES_MAX, room)

    def _end_session(self) -> None:
        self._greeted = None
        self._model_image_bytes = None


def _chunks(data: bytes, chunk_bytes: int) -> Iterator[tuple[int, bytes]]:
    for offset in range(0, len(data), chunk_bytes):
        yield offset, data[offset : offset + chunk_bytes]


def _check_sensor(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 1:
        expected = "rows, columns and channels"
        raise AnswerContradicts(what="the sensor's shape", expected=expected, actual=shape)
    if _product(shape) > SAMPLE_BYTES_MAX:
        most = f"{SAMPLE_BYTES_MAX} bytes at the most"
        raise AnswerContradicts(what="a sample", expected=most, actual=_product(shape))


def _check_part(part: Sample, *, index: int, offset: int, sample_bytes: int) -> None:
    end = part.offset + len(part.pixels)
    for what, expected, actual in (
        ("number", index, part.index),
        ("byte", offset, part.offset),
        ("length", sample_bytes, part.sample_bytes),
        ("end", min(end, sample_bytes), end),
    ):
        if actual != expected:
            raise SampleOutOfOrder(what=what, expected=expected, actual=actual)


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product
