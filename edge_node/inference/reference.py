# SPDX-License-Identifier: Apache-2.0
"""The back end that is the law itself: spec/evaluation.py over Python's big integers.

It needs nothing but Python, so `--backend reference` is always there, and it is the witness that
the others are tested against.
Law of the file: conversions only; not a line of arithmetic of its own.
Read next: native.py.
"""

import numpy as np

from edge_node.inference.backend import Images, Labels, Logits, check_images
from edge_node.spec import evaluation
from edge_node.spec.model import Model

CHUNK_IMAGES = 10_000
"""Images evaluated at once: 1.25 KB per activation, 110 MB for the 1.17M family."""


class ReferenceBackend:
    """The law as a back end."""

    name = "reference"

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return "the law in pure Python, bit-sliced"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        rows = [np.empty((0, model.architecture.classes), dtype=np.int32)]
        for start in range(0, len(images), CHUNK_IMAGES):
            chunk = images[start : start + CHUNK_IMAGES].tobytes()
            sliced = evaluation.slice_images(model.architecture, chunk)
            rows.append(np.array(evaluation.all_logits(model, sliced), dtype=np.int32))
        return np.concatenate(rows)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        correct = 0
        for start in range(0, len(images), CHUNK_IMAGES):
            chunk = slice(start, start + CHUNK_IMAGES)
            sliced = evaluation.slice_images(model.architecture, images[chunk].tobytes())
            correct += evaluation.count_correct(model, sliced, labels[chunk].tobytes())
        return correct

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""
