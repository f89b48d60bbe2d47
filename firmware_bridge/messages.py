# SPDX-License-Identifier: Apache-2.0
"""The messages between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: message.py, PROTOCOL.md.
"""

from dataclasses import dataclass
from typing import ClassVar

from edge_node_bridge.codes import Capability, MessageType
from edge_node_bridge.message import Field, Kind, Message, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Request):
    """Begins a session: stops sampling, forgets what was half sent, keeps the model."""

    TYPE: ClassVar[int] = MessageType.HELLO
    ANSWER: ClassVar[int] = MessageType.HELLO_ANSWER
    CAPABILITY: ClassVar[int] = 0
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="version", kind=Kind.UINT, least=0, most=255),
        Field(name="session", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="max_frame_bytes", kind=Kind.UINT, least=0, most=65535),
    )

    version: int
    """The host's version of the protocol."""
    session: int
    """A number drawn by the host, given back in the answer."""
    max_frame_bytes: int
    """The longest frame that the host takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest(Request):
    """Asks the device to compute its known answer."""

    TYPE: ClassVar[int] = MessageType.SELF_TEST
    ANSWER: ClassVar[int] = MessageType.SELF_TEST_ANSWER
    CAPABILITY: ClassVar[int] = Capability.SELF_TEST
    TIMEOUT_MS: ClassVar[int] = 3000
    FIELDS: ClassVar[tuple[Field, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBegin(Request):
    """Announces a model and throws the present one away: there is room for one."""

    TYPE: ClassVar[int] = MessageType.MODEL_BEGIN
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.PUSH_MODEL
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="model_bytes", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="model_hash", kind=Kind.HASH, least=32, most=32),
    )

    model_bytes: int
    """The length of its canonical blob."""
    model_hash: bytes
    """SHA-256 over `edge-node/v1/model`, a zero byte and the blob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChunk(Request):
    """A part of the blob. Parts come in order and without gaps."""

    TYPE: ClassVar[int] = MessageType.MODEL_CHUNK
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.PUSH_MODEL
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="offset", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="data", kind=Kind.BYTES, least=1, most=65535),
    )

    offset: int
    """Where in the blob the part begins."""
    data: bytes
    """Its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnd(Request):
    """Asks the device to check the hash and the rules, and to run this model from now on."""

    TYPE: ClassVar[int] = MessageType.MODEL_END
    ANSWER: ClassVar[int] = MessageType.MODEL_READY
    CAPABILITY: ClassVar[int] = Capability.PUSH_MODEL
    TIMEOUT_MS: ClassVar[int] = 3000
    FIELDS: ClassVar[tuple[Field, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChunk(Request):
    """A part of an image that is longer than a frame. Offset 0 begins a new image."""

    TYPE: ClassVar[int] = MessageType.IMAGE_CHUNK
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.INFER
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="offset", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="data", kind=Kind.BYTES, least=1, most=65535),
    )

    offset: int
    """Where in the image the part begins."""
    data: bytes
    """Its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infer(Request):
    """Runs the model on one image."""

    TYPE: ClassVar[int] = MessageType.INFER
    ANSWER: ClassVar[int] = MessageType.LOGITS
    CAPABILITY: ClassVar[int] = Capability.INFER
    TIMEOUT_MS: ClassVar[int] = 3000
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="pixels", kind=Kind.BYTES, least=0, most=65535),
    )

    pixels: bytes
    """The image, a byte a pixel in order of row, column, channel; empty for what IMAGE_CHUNK
    brought.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLabel(Request):
    """Says what the sensor sees from now on."""

    TYPE: ClassVar[int] = MessageType.SET_LABEL
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.SAMPLE
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (Field(name="label", kind=Kind.UINT, least=0, most=255),)

    label: int
    """The class that samples get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStart(Request):
    """Asks for samples from index 0, each sent when the one before it is acknowledged."""

    TYPE: ClassVar[int] = MessageType.SAMPLE_START
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.SAMPLE
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="count", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="interval_ms", kind=Kind.UINT, least=0, most=4294967295),
    )

    count: int
    """How many; 0 is until SAMPLE_STOP."""
    interval_ms: int
    """The least time from one sample to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStop(Request):
    """Ends sampling; a push that is not acknowledged yet is not sent again."""

    TYPE: ClassVar[int] = MessageType.SAMPLE_STOP
    ANSWER: ClassVar[int] = MessageType.DONE
    CAPABILITY: ClassVar[int] = Capability.SAMPLE
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Request):
    """Asks for the device's counters, all since it started."""

    TYPE: ClassVar[int] = MessageType.STATUS
    ANSWER: ClassVar[int] = MessageType.STATUS_ANSWER
    CAPABILITY: ClassVar[int] = 0
    TIMEOUT_MS: ClassVar[int] = 500
    FIELDS: ClassVar[tuple[Field, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Message):
    """The request was carried out."""

    TYPE: ClassVar[int] = MessageType.DONE
    FIELDS: ClassVar[tuple[Field, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloAnswer(Message):
    """Who the device is."""

    TYPE: ClassVar[int] = MessageType.HELLO_ANSWER
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="version", kind=Kind.UINT, least=0, most=255),
        Field(name="session", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="board", kind=Kind.TEXT, least=0, most=32),
        Field(name="max_frame_bytes", kind=Kind.UINT, least=0, most=65535),
        Field(name="capabilities", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="firmware_hash", kind=Kind.HASH, least=32, most=32),
        Field(name="max_model_bytes", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="max_image_bytes", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="model_hash", kind=Kind.HASH_OR_NONE, least=0, most=32),
        Field(name="sensor", kind=Kind.TEXT, least=0, most=32),
        Field(name="sensor_shape", kind=Kind.INTS, least=0, most=3),
    )

    version: int
    """The device's version of the protocol."""
    session: int
    """The number of the HELLO that this answers."""
    board: str
    """The name of the board."""
    max_frame_bytes: int
    """The longest frame that the device takes: 256 to 4096."""
    capabilities: int
    """A bit for each of them."""
    firmware_hash: bytes
    """SHA-256 of the firmware's sources."""
    max_model_bytes: int
    """The longest blob that the device can hold."""
    max_image_bytes: int
    """The longest image that it can hold."""
    model_hash: bytes
    """Hash of the model that it would run now."""
    sensor: str
    """The name of its sensor; empty without one."""
    sensor_shape: tuple[int, ...]
    """Rows, columns and channels of a sample; empty without a sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestAnswer(Message):
    """What the self-test gave."""

    TYPE: ClassVar[int] = MessageType.SELF_TEST_ANSWER
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="passed", kind=Kind.UINT, least=0, most=1),
        Field(name="answer_hash", kind=Kind.HASH, least=32, most=32),
    )

    passed: int
    """1 if the answer is the known one."""
    answer_hash: bytes
    """SHA-256 of what was computed, a little-endian int32 a logit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReady(Message):
    """The model was checked and will be run from now on."""

    TYPE: ClassVar[int] = MessageType.MODEL_READY
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="model_hash", kind=Kind.HASH, least=32, most=32),
        Field(name="image_bytes", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="classes", kind=Kind.UINT, least=0, most=256),
    )

    model_hash: bytes
    """Its hash as the device computed it."""
    image_bytes: int
    """Bytes of the images that it takes."""
    classes: int
    """Logits that it gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logits(Message):
    """What the model says of an image."""

    TYPE: ClassVar[int] = MessageType.LOGITS
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="logits", kind=Kind.INTS, least=0, most=256),
        Field(name="class_index", kind=Kind.UINT, least=0, most=255),
    )

    logits: tuple[int, ...]
    """One for each class."""
    class_index: int
    """The class with the greatest logit, the first of them on a tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer(Message):
    """Counters since the device started, modulo 2^32."""

    TYPE: ClassVar[int] = MessageType.STATUS_ANSWER
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="uptime_ms", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="frames", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="bad_frames", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="repeats", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="images", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="samples", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="push_repeats", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="sensor_failures", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="inference_us", kind=Kind.UINT, least=0, most=4294967295),
    )

    uptime_ms: int
    """Milliseconds."""
    frames: int
    """Good frames that came."""
    bad_frames: int
    """Frames thrown away: CRC, length, COBS."""
    repeats: int
    """Requests answered again from the kept answer."""
    images: int
    """Images that a model was run on for INFER."""
    samples: int
    """Samples acknowledged by the host."""
    push_repeats: int
    """Pushes sent again."""
    sensor_failures: int
    """Readings that the sensor did not give."""
    inference_us: int
    """Microseconds that running models for INFER took in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer(Message):
    """The request was not carried out and has changed nothing but what the code says."""

    TYPE: ClassVar[int] = MessageType.ERROR
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="code", kind=Kind.UINT, least=0, most=255),
        Field(name="detail", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="model_hash", kind=Kind.HASH_OR_NONE, least=0, most=32),
    )

    code: int
    """One of the codes."""
    detail: int
    """A number that goes with the code."""
    model_hash: bytes
    """With HASH_DIFFERS, what the device computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Message):
    """A reading of the sensor, or a part of one that is longer than a frame."""

    TYPE: ClassVar[int] = MessageType.SAMPLE
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field(name="index", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="label", kind=Kind.INT, least=-1, most=255),
        Field(name="sample_bytes", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="offset", kind=Kind.UINT, least=0, most=4294967295),
        Field(name="pixels", kind=Kind.BYTES, least=1, most=65535),
    )

    index: int
    """Which sample, from 0 at SAMPLE_START."""
    label: int
    """Its class; -1 if nobody has said."""
    sample_bytes: int
    """The length of the whole sample."""
    offset: int
    """Where in the sample the part begins."""
    pixels: bytes
    """The part, a byte a pixel in order of row, column, channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(Message):
    """The push of this sequence has come."""

    TYPE: ClassVar[int] = MessageType.ACK
    FIELDS: ClassVar[tuple[Field, ...]] = ()


MESSAGES: tuple[type[Message], ...] = (
    Hello,
    SelfTest,
    ModelBegin,
    ModelChunk,
    ModelEnd,
    ImageChunk,
    Infer,
    SetLabel,
    SampleStart,
    SampleStop,
    Status,
    Done,
    HelloAnswer,
    SelfTestAnswer,
    ModelReady,
    Logits,
    StatusAnswer,
    ErrorAnswer,
    Sample,
    Ack,
)
"""All, in the order of protocol.toml."""
