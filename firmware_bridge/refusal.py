# SPDX-License-Identifier: Apache-2.0
"""From an error code of a device to the error that says what to do.

Law of the file: every code of protocol.toml, and a code that nobody knows, becomes one error.
Read next: errors.py.
"""

from dataclasses import dataclass

from edge_node_bridge.codes import Capability, ErrorCode
from edge_node_bridge.errors import (
    BridgeError,
    DeviceReset,
    ImageTooBig,
    ImageUnfit,
    ModelHashDiffers,
    ModelRefused,
    ModelTooBig,
    NoModelOnDevice,
    NotCapable,
    OtherVersion,
    OutOfStep,
    RequestRefused,
)
from edge_node_bridge.limits import PROTOCOL_VERSION
from edge_node_bridge.message import Request
from edge_node_bridge.messages import ErrorAnswer, ModelBegin

_SAYS_ENOUGH: dict[int, type[RequestRefused]] = {
    ErrorCode.MODEL_REFUSED: ModelRefused,
    ErrorCode.NO_MODEL: NoModelOnDevice,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an answer is about."""

    request: Request
    """What was asked."""
    sequence: int
    """Of the request."""
    model_hash: bytes
    """Of the model that was last begun; empty if none was."""
    image_bytes: int
    """Of the image that is being run; 0 if none is."""


def refusal(error: ErrorAnswer, sent: Sent) -> BridgeError:
    """Return the error that an answer stands for."""
    match error.code:
        case ErrorCode.NOT_GREETED:
            return DeviceReset()
        case ErrorCode.OUT_OF_STEP:
            return OutOfStep(expected=error.detail, actual=sent.sequence)
        case ErrorCode.OTHER_VERSION:
            return OtherVersion(expected=PROTOCOL_VERSION, actual=error.detail)
    return _of_request(error, sent)


def _of_request(error: ErrorAnswer, sent: Sent) -> BridgeError:
    match error.code:
        case ErrorCode.NOT_CAPABLE:
            needs = Capability(sent.request.CAPABILITY).name or "nothing"
            return NotCapable(needs=needs, has="what it says in HELLO_ANSWER")
        case ErrorCode.HASH_DIFFERS:
            return ModelHashDiffers(expected=sent.model_hash, actual=error.model_hash)
        case ErrorCode.TOO_BIG if isinstance(sent.request, ModelBegin):
            return ModelTooBig(most=error.detail, actual=sent.request.model_bytes)
        case ErrorCode.TOO_BIG:
            return ImageTooBig(most=error.detail, actual=sent.image_bytes)
        case ErrorCode.WRONG_IMAGE:
            return ImageUnfit(expected=error.detail, actual=sent.image_bytes)
    name = ErrorCode(error.code).name if error.code in set(ErrorCode) else f"code {error.code}"
    kind = _SAYS_ENOUGH.get(error.code, RequestRefused)
    return kind(code=name, detail=error.detail)
