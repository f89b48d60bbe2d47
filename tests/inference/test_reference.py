# SPDX-License-Identifier: Apache-2.0
"""The reference back end gives what spec/bnn.py gives, over chunk borders and for no images."""

import numpy as np
import pytest

from edge_node.inference import reference
from edge_node.inference.backend import ImagesDoNotFit
from edge_node.inference.reference import ReferenceBackend
from edge_node.spec import bnn
from tests.inference.models import (
    random_architecture,
    random_images,
    random_labels,
    random_model,
)


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.slow
def test_it_gives_the_law(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "CHUNK_IMAGES", 3)
    architecture = random_architecture(seed)
    model = random_model(architecture, seed)
    images = random_images(architecture, 7, seed)
    labels = random_labels(architecture, 7, seed)
    rows = [bnn.logits(model, image.tobytes()) for image in images]
    correct = sum(bnn.classify(row) == label for row, label in zip(rows, labels, strict=True))
    backend = ReferenceBackend()
    logits = backend.logits(model, images)
    assert logits.dtype == np.int32
    assert logits.tolist() == rows
    assert backend.count_correct(model, images, labels) == correct


def test_no_images_give_no_logits() -> None:
    model = random_model(random_architecture(1), 1)
    images = random_images(model.architecture, 0, 1)
    assert ReferenceBackend().logits(model, images).shape == (0, model.architecture.classes)
    assert ReferenceBackend().count_correct(model, images, np.empty(0, np.uint8)) == 0


def test_images_of_another_form_are_refused() -> None:
    model = random_model(random_architecture(1), 1)
    with pytest.raises(ImagesDoNotFit):
        ReferenceBackend().logits(model, np.zeros((1, 1), np.uint16))
