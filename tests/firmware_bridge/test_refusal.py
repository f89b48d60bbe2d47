# SPDX-License-Identifier: Apache-2.0
"""Every error code of a device, known or not, becomes an error that says what to do."""

import pytest

from edge_node_bridge import errors
from edge_node_bridge.codes import ErrorCode
from edge_node_bridge.message import Request
from edge_node_bridge.messages import ErrorAnswer, Infer, ModelBegin, SampleStart
from edge_node_bridge.refusal import Sent, refusal

BEGIN = ModelBegin(model_bytes=900, model_hash=bytes(32))


def refused(
    code: int, *, request: Request = BEGIN, detail: int = 7, model_hash: bytes = b""
) -> errors.BridgeError:
    answer = ErrorAnswer(code=code, detail=detail, model_hash=model_hash)
    sent = Sent(request=request, sequence=3, model_hash=bytes(32), image_bytes=50)
    return refusal(answer, sent)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (ErrorCode.NOT_GREETED, errors.DeviceReset),
        (ErrorCode.OUT_OF_STEP, errors.OutOfStep),
        (ErrorCode.OTHER_VERSION, errors.OtherVersion),
        (ErrorCode.NOT_CAPABLE, errors.NotCapable),
        (ErrorCode.TOO_BIG, errors.ModelTooBig),
        (ErrorCode.HASH_DIFFERS, errors.ModelHashDiffers),
        (ErrorCode.MODEL_REFUSED, errors.ModelRefused),
        (ErrorCode.NO_MODEL, errors.NoModelOnDevice),
        (ErrorCode.WRONG_IMAGE, errors.ImageUnfit),
    ],
)
def test_code_has_a_class(code: ErrorCode, kind: type[errors.BridgeError]) -> None:
    assert type(refused(code)) is kind


@pytest.mark.parametrize("code", ErrorCode)
def test_message_of_every_code_is_one_sentence_that_says_what_to_do(code: ErrorCode) -> None:
    text = str(refused(code))
    assert ":" in text
    assert "\n" not in text


def test_both_numbers_are_kept() -> None:
    step = refused(ErrorCode.OUT_OF_STEP)
    assert isinstance(step, errors.OutOfStep)
    assert (step.expected, step.actual) == (7, 3)
    big = refused(ErrorCode.TOO_BIG)
    assert isinstance(big, errors.ModelTooBig)
    assert (big.most, big.actual) == (7, 900)
    image = refused(ErrorCode.TOO_BIG, request=Infer(pixels=bytes(50)))
    assert isinstance(image, errors.ImageTooBig)
    assert (image.most, image.actual) == (7, 50)
    unfit = refused(ErrorCode.WRONG_IMAGE, request=Infer(pixels=bytes(50)))
    assert isinstance(unfit, errors.ImageUnfit)
    assert (unfit.expected, unfit.actual) == (7, 50)
    other = refused(ErrorCode.HASH_DIFFERS, model_hash=bytes([1] * 32))
    assert isinstance(other, errors.ModelHashDiffers)
    assert (other.expected, other.actual) == (bytes(32), bytes([1] * 32))


def test_capability_that_lacks_is_named() -> None:
    start = SampleStart(count=1, interval_ms=0)
    assert "SAMPLE" in str(refused(ErrorCode.NOT_CAPABLE, request=start))


def test_code_that_nobody_knows_is_told_by_its_number() -> None:
    error = refused(200)
    assert type(error) is errors.RequestRefused
    assert "code 200 (7)" in str(error)
