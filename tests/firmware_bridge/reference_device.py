# SPDX-License-Identifier: Apache-2.0
"""A device in Python, written from PROTOCOL.md and the law: what the host's side is tested against.

It is slow and has no hardware; the firmware in C is held to the same tests. What it carried out is
in `executed`, so that a test can see that nothing was lost and nothing done twice.
"""

from collections.abc import Sequence

from edge_node.spec import bnn
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import Model, hash_of_blob, model_from_blob
from edge_node_bridge import messages as m
from edge_node_bridge.codes import Capability, ErrorCode
from edge_node_bridge.errors import MessageFaulty
from edge_node_bridge.frame import Frame, FrameReader
from edge_node_bridge.limits import (
    FRAME_BYTES_MIN,
    PROTOCOL_VERSION,
    PUSH_ATTEMPTS_MAX,
    PUSH_REPEAT_MS,
)
from edge_node_bridge.message import Message, Request

REQUESTS = {each.TYPE: each for each in m.MESSAGES if issubclass(each, Request)}
FIRMWARE_HASH = bytes(range(32))
SELF_TEST_HASH = bytes(32)
NO_LABEL = -1


class Refused(Exception):
    """The request is answered by ERROR."""

    def __init__(self, code: ErrorCode, detail: int = 0, model_hash: bytes = b"") -> None:
        super().__init__(code.name)
        self.answer = m.ErrorAnswer(code=code, detail=detail, model_hash=model_hash)


class ReferenceDevice:
    """What a board does, without a board."""

    max_frame_bytes = 1100
    announced_frame_bytes = 1100
    max_model_bytes = 65_536
    max_image_bytes = 4_096
    capabilities = Capability(15)
    sensor_shape: tuple[int, ...] = (6, 7, 1)
    version = PROTOCOL_VERSION

    def __init__(self) -> None:
        self.executed: list[Message] = []
        self.out = bytearray()
        self.repeats = 0
        self.frames = 0
        self.bad_frames_before = 0
        self.start()

    def start(self) -> None:
        """Forget all, as a reset does."""
        self.reader = FrameReader(self.max_frame_bytes)
        self.greeted = False
        self.sequence = 0
        self.kept: tuple[bytes, bytes] | None = None
        self.host_frame_bytes = FRAME_BYTES_MIN
        self.model: Model | None = None
        self.model_hash = b""
        self.coming: tuple[int, bytes] | None = None
        self.blob = b""
        self.image = b""
        self.label = NO_LABEL
        self.sampling = False
        self.push: Frame | None = None
        self.pushed_ms = 0
        self.push_attempts = 0
        self.push_sequence = 0
        self.images = self.samples = self.push_repeats = 0
        self.now_ms = 0
        self.sensor_failures = 0

    # The line

    def receive(self, data: bytes, now_ms: int) -> None:
        self.now_ms = now_ms
        for frame in self.reader.feed(data):
            self.frames += 1
            self.take(frame)

    def poll(self, now_ms: int) -> None:
        self.now_ms = now_ms
        if self.push is None:
            if self.sampling and now_ms >= self.next_sample_ms:
                self.take_sample()
        elif now_ms - self.pushed_ms >= PUSH_REPEAT_MS:
            if self.push_attempts == PUSH_ATTEMPTS_MAX:
                self.push = None
                self.sampling = False
            else:
                self.push_repeats += 1
                self.send_push()

    def outgoing(self) -> bytes:
        out = bytes(self.out)
        self.out.clear()
        return out

    def take(self, frame: Frame) -> None:
        if frame.version != self.version:
            self.turn_away(frame, ErrorCode.OTHER_VERSION, self.version)
            return
        if frame.type == m.Ack.TYPE:
            self.acknowledge(frame)
            return
        if self.kept is not None and self.kept[0] == frame.line():
            self.repeats += 1
            self.out += self.kept[1]
            return
        if frame.type != m.Hello.TYPE:
            if not self.greeted:
                self.turn_away(frame, ErrorCode.NOT_GREETED, 0)
                return
            expected = (self.sequence + 1) % 65_536
            if frame.sequence != expected:
                self.turn_away(frame, ErrorCode.OUT_OF_STEP, expected)
                return
        self.sequence = frame.sequence
        try:
            answer = self.carry_out(frame)
        except Refused as refused:
            answer = refused.answer
        line = self.framed(answer, frame.sequence).line()
        self.kept = (frame.line(), line)
        self.out += line

    def turn_away(self, frame: Frame, code: ErrorCode, detail: int) -> None:
        self.out += self.framed(Refused(code, detail).answer, frame.sequence).line()

    def framed(self, message: Message, sequence: int) -> Frame:
        return Frame(
            type=message.TYPE,
            sequence=sequence,
            payload=message.payload(),
            version=self.version,
        )

    # Requests

    def carry_out(self, frame: Frame) -> Message:
        kind = REQUESTS.get(frame.type)
        if kind is None:
            raise Refused(ErrorCode.UNKNOWN_TYPE, frame.type)
        if kind.CAPABILITY & ~self.capabilities:
            raise Refused(ErrorCode.NOT_CAPABLE, kind.CAPABILITY.bit_length() - 1)
        try:
            request = kind.from_payload(frame.payload)
        except MessageFaulty as fault:
            raise Refused(ErrorCode.BAD_PAYLOAD, getattr(fault, "offset", 0)) from None
        answer = self.answer(request)
        self.executed.append(request)
        return answer

    def answer(self, request: Message) -> Message:
        match request:
            case m.Hello():
                return self.hello(request)
            case m.SelfTest():
                return m.SelfTestAnswer(passed=1, answer_hash=SELF_TEST_HASH)
            case m.Status():
                return self.status()
            case m.ModelEnd():
                return self.model_end()
            case m.Infer():
                return self.infer(request.pixels)
            case m.ModelBegin():
                self.model_begin(request)
            case m.ModelChunk():
                self.model_chunk(request)
            case m.ImageChunk():
                self.image_chunk(request)
            case m.SetLabel():
                self.label = request.label
            case m.SampleStart():
                self.sample_start(request)
            case m.SampleStop():
                self.sampling = False
                self.push = None
        return m.Done()

    def hello(self, request: m.Hello) -> Message:
        self.greeted = True
        self.host_frame_bytes = request.max_frame_bytes
        self.sampling = False
        self.push = None
        self.coming = None
        self.image = b""
        return m.HelloAnswer(
            version=self.version,
            session=request.session,
            board="reference",
            max_frame_bytes=self.announced_frame_bytes,
            capabilities=self.capabilities,
            firmware_hash=FIRMWARE_HASH,
            max_model_bytes=self.max_model_bytes,
            max_image_bytes=self.max_image_bytes,
            model_hash=self.model_hash,
            sensor="test-pattern" if self.sensor_shape else "",
            sensor_shape=self.sensor_shape,
        )

    def status(self) -> Message:
        return m.StatusAnswer(
            uptime_ms=self.now_ms,
            frames=self.frames,
            bad_frames=self.reader.bad_frames,
            repeats=self.repeats,
            images=self.images,
            samples=self.samples,
            push_repeats=self.push_repeats,
            sensor_failures=self.sensor_failures,
            inference_us=0,
        )

    def model_begin(self, request: m.ModelBegin) -> None:
        if request.model_bytes > self.max_model_bytes:
            raise Refused(ErrorCode.TOO_BIG, self.max_model_bytes)
        self.model, self.model_hash = None, b""
        self.coming = (request.model_bytes, request.model_hash)
        self.blob = b""

    def model_chunk(self, request: m.ModelChunk) -> None:
        come = len(self.blob) if self.coming else 0
        if not self.coming or request.offset != come:
            raise Refused(ErrorCode.OUT_OF_ORDER, come)
        if come + len(request.data) > self.coming[0]:
            raise Refused(ErrorCode.OUT_OF_ORDER, come)
        self.blob += request.data

    def model_end(self) -> Message:
        if self.coming is None or len(self.blob) != self.coming[0]:
            raise Refused(ErrorCode.INCOMPLETE, len(self.blob) if self.coming else 0)
        (_, promised), self.coming = self.coming, None
        if hash_of_blob(self.blob) != promised:
            raise Refused(ErrorCode.HASH_DIFFERS, 0, hash_of_blob(self.blob))
        try:
            self.model = model_from_blob(self.blob)
        except InvalidInput:
            raise Refused(ErrorCode.MODEL_REFUSED, 5) from None
        self.model_hash = promised
        architecture = self.model.architecture
        return m.ModelReady(
            model_hash=promised,
            image_bytes=architecture.image_bytes,
            classes=architecture.classes,
        )

    def image_chunk(self, request: m.ImageChunk) -> None:
        begun = b"" if request.offset == 0 else self.image
        if request.offset != len(begun):
            raise Refused(ErrorCode.OUT_OF_ORDER, len(begun))
        if len(begun) + len(request.data) > self.max_image_bytes:
            raise Refused(ErrorCode.TOO_BIG, self.max_image_bytes)
        self.image = begun + request.data

    def infer(self, pixels: bytes) -> Message:
        if self.model is None:
            raise Refused(ErrorCode.NO_MODEL)
        image = pixels or self.image
        expected = self.model.architecture.image_bytes
        if len(image) != expected:
            if not pixels and len(image) < expected:
                raise Refused(ErrorCode.INCOMPLETE, len(image))
            raise Refused(ErrorCode.WRONG_IMAGE, expected)
        self.image = b""
        self.images += 1
        scores = bnn.logits(self.model, image)
        return m.Logits(logits=tuple(scores), class_index=bnn.classify(scores))

    # Samples

    def sample_start(self, request: m.SampleStart) -> None:
        self.sampling = True
        self.index = 0
        self.count = request.count
        self.interval_ms = request.interval_ms
        self.next_sample_ms = self.now_ms
        self.offset = 0
        self.push = None
        self.push_sequence = 0
        self.sample_label = self.label

    def reading(self, index: int) -> bytes:
        return pattern(self.sensor_shape, index)

    def take_sample(self) -> None:
        pixels = self.reading(self.index)
        if not pixels:
            self.sensor_failures += 1
            self.next_sample_ms = self.now_ms + max(1, self.interval_ms)
            return
        if self.offset == 0:
            self.sample_label = self.label
        room = min(self.max_frame_bytes, self.host_frame_bytes) - 40
        part = m.Sample(
            index=self.index,
            label=self.sample_label,
            sample_bytes=len(pixels),
            offset=self.offset,
            pixels=pixels[self.offset : self.offset + room],
        )
        self.sent_end = self.offset + len(part.pixels)
        self.push = self.framed(part, self.push_sequence)
        self.push_attempts = 0
        self.send_push()

    def send_push(self) -> None:
        assert self.push is not None
        self.push_attempts += 1
        self.pushed_ms = self.now_ms
        self.out += self.push.line()

    def acknowledge(self, frame: Frame) -> None:
        if self.push is None or frame.sequence != self.push_sequence or frame.payload != b"\xa0":
            return
        self.push = None
        self.push_sequence = (self.push_sequence + 1) % 65_536
        self.offset = self.sent_end
        if self.offset == len(self.reading(self.index)):
            self.offset = 0
            self.samples += 1
            self.index += 1
            self.next_sample_ms = self.now_ms + self.interval_ms
            self.sampling = self.index != self.count


def pattern(shape: Sequence[int], index: int) -> bytes:
    """Return what the sensor sees at a sample's number: differs from one to the next."""
    size = 1
    for side in shape:
        size *= side
    return bytes((index * 31 + place * 7) % 256 for place in range(size))
