# SPDX-License-Identifier: Apache-2.0
"""The known answers are those of spec/bnn.py, and a back end wrong in one bit does not pass."""

import numpy as np
import pytest

from edge_node.inference.backend import BackendFailed, Images, Labels, Logits
from edge_node.inference.known_answer import (
    KNOWN_ANSWERS,
    KnownAnswer,
    check_known_answers,
    known_images,
    known_model,
)
from edge_node.inference.native import SLICED_IMAGES_MIN
from edge_node.inference.reference import ReferenceBackend
from edge_node.spec import bnn
from edge_node.spec.evaluation import logits_digest
from edge_node.spec.model import Model

pytestmark = pytest.mark.arm


@pytest.mark.parametrize("known", KNOWN_ANSWERS, ids=lambda known: known.name)
def test_constants_are_the_laws(known: KnownAnswer) -> None:
    model = known_model(known)
    rows = [bnn.logits(model, image.tobytes()) for image in known_images(known)]
    classes = known.architecture.classes
    assert logits_digest(rows) == known.digest
    assert sum(bnn.classify(row) == i % classes for i, row in enumerate(rows)) == known.correct


def test_the_reference_passes() -> None:
    check_known_answers(ReferenceBackend())


class OneLogitOff(ReferenceBackend):
    def logits(self, model: Model, images: Images) -> Logits:
        logits = super().logits(model, images)
        logits[-1, -1] += 2
        return logits


class OneImageOff(ReferenceBackend):
    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        return super().count_correct(model, images, labels) + int(np.uint8(1))


class ManyImagesOff(ReferenceBackend):
    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        off = len(images) >= SLICED_IMAGES_MIN
        return super().count_correct(model, images, labels) - int(off)


@pytest.mark.parametrize("wrong", [OneLogitOff, OneImageOff, ManyImagesOff])
def test_a_wrong_back_end_does_not(wrong: type[ReferenceBackend]) -> None:
    with pytest.raises(BackendFailed, match="known network binary is wrong"):
        check_known_answers(wrong())
