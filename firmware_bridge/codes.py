# SPDX-License-Identifier: Apache-2.0
"""Types, error codes and capabilities of the protocol between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: messages.py.
"""

from enum import IntEnum, IntFlag


class MessageType(IntEnum):
    """The header's second byte."""

    HELLO = 1
    """Begins a session: stops sampling, forgets what was half sent, keeps the model."""

    SELF_TEST = 2
    """Asks the device to compute its known answer."""

    MODEL_BEGIN = 3
    """Announces a model and throws the present one away: there is room for one."""

    MODEL_CHUNK = 4
    """A part of the blob. Parts come in order and without gaps."""

    MODEL_END = 5
    """Asks the device to check the hash and the rules, and to run this model from now on."""

    IMAGE_CHUNK = 6
    """A part of an image that is longer than a frame. Offset 0 begins a new image."""

    INFER = 7
    """Runs the model on one image."""

    SET_LABEL = 8
    """Says what the sensor sees from now on."""

    SAMPLE_START = 9
    """Asks for samples from index 0, each sent when the one before it is acknowledged."""

    SAMPLE_STOP = 10
    """Ends sampling; a push that is not acknowledged yet is not sent again."""

    STATUS = 11
    """Asks for the device's counters, all since it started."""

    DONE = 64
    """The request was carried out."""

    HELLO_ANSWER = 65
    """Who the device is."""

    SELF_TEST_ANSWER = 66
    """What the self-test gave."""

    MODEL_READY = 67
    """The model was checked and will be run from now on."""

    LOGITS = 68
    """What the model says of an image."""

    STATUS_ANSWER = 69
    """Counters since the device started, modulo 2^32."""

    ERROR = 127
    """The request was not carried out and has changed nothing but what the code says."""

    SAMPLE = 128
    """A reading of the sensor, or a part of one that is longer than a frame."""

    ACK = 192
    """The push of this sequence has come."""


class ErrorCode(IntEnum):
    """Why a request failed."""

    NOT_GREETED = 1
    """No HELLO since the device started. Detail: 0."""

    OUT_OF_STEP = 2
    """A request is neither the next one, by its sequence, nor the last one, byte by byte. Detail:
    the sequence that the device waits for.
    """

    OTHER_VERSION = 3
    """The frame is of another version of the protocol. Detail: the device's version."""

    UNKNOWN_TYPE = 4
    """No request has this type. Detail: the type."""

    BAD_PAYLOAD = 5
    """The payload is not the canonical encoding of the message, or a field is out of its range.
    Detail: the byte of the payload at which that was seen.
    """

    NOT_CAPABLE = 6
    """The device lacks the capability that the request needs. Detail: the number of the
    capability's bit.
    """

    TOO_BIG = 7
    """The model or the image has more bytes than the device can hold. Detail: the bytes that it can
    hold.
    """

    OUT_OF_ORDER = 8
    """A chunk does not begin where the last one ended, or goes beyond the end, or none was begun.
    Detail: the offset that the device waits for.
    """

    INCOMPLETE = 9
    """MODEL_END or INFER came before all of the bytes. Detail: the bytes that have come."""

    HASH_DIFFERS = 10
    """The model that came does not have the hash that was promised; it was thrown away. Detail: 0;
    `model_hash` has what the device computed.
    """

    MODEL_REFUSED = 11
    """The model breaks a rule of models or a limit of the device; it was thrown away. Detail: the
    firmware's reason, named in firmware/model.h.
    """

    NO_MODEL = 12
    """There is no model to run. Detail: 0."""

    WRONG_IMAGE = 13
    """The image does not have the size that the model takes. Detail: the bytes that the model
    takes.
    """


class Capability(IntFlag):
    """What a device can do."""

    INFER = 1
    """Runs models (INFER, IMAGE_CHUNK)."""

    SAMPLE = 2
    """Has a sensor (SAMPLE_START, SAMPLE_STOP, SET_LABEL)."""

    SELF_TEST = 4
    """Computes a known answer (SELF_TEST)."""

    PUSH_MODEL = 8
    """Takes a model from the host (MODEL_BEGIN, MODEL_CHUNK, MODEL_END)."""
