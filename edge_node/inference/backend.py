# SPDX-License-Identifier: Apache-2.0
"""The back-end port: whoever evaluates a model is given a `Backend`, and does not care which.

Rules R-7 and R-8 say what a back end computes; nothing here may change a single bit of it.
Law of the file: the Protocol, its errors and the checks that all back ends share; no arithmetic
but the choice of the greatest logit.
Read next: reference.py, then select.py.
"""

from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model

Images = npt.NDArray[np.uint8]
"""uint8 (N, image_bytes): pixels, row-major (row, column, channel)."""
Labels = npt.NDArray[np.uint8]
"""uint8 (N,): classes."""
Logits = npt.NDArray[np.int32]
"""int32 (N, classes)."""


class InferenceError(EdgeNodeError):
    """A model could not be evaluated; nothing is known about whether it is valid."""


class BackendUnavailable(InferenceError):
    """A back end can not be used on this machine."""

    reason: ClassVar[str] = "backend-unavailable"

    def __init__(self, *, backend: str, why: str) -> None:
        super().__init__(f"back end {backend} can not be used here: {why}")
        self.backend = backend
        self.why = why


class UnsupportedArchitecture(InferenceError):
    """A back end does not take this architecture; another one does."""

    reason: ClassVar[str] = "unsupported-architecture"

    def __init__(self, *, backend: str, why: str) -> None:
        super().__init__(f"back end {backend} does not take this model ({why}); use another one")
        self.backend = backend
        self.why = why


class BackendFailed(InferenceError):
    """A back end broke while it worked."""

    reason: ClassVar[str] = "backend-failed"

    def __init__(self, *, backend: str, why: str) -> None:
        super().__init__(f"back end {backend} failed ({why}); use another one")
        self.backend = backend
        self.why = why


class ImagesDoNotFit(InferenceError):
    """Images or labels have another form than the model's input."""

    reason: ClassVar[str] = "images-do-not-fit"

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"the model wants {expected}, not {actual}; choose its own dataset")
        self.expected = expected
        self.actual = actual


class Backend(Protocol):
    """Evaluates models exactly. Not for several threads at once."""

    @property
    def name(self) -> str:
        """Name by which a user chooses it."""

    def describe(self) -> str:
        """Return in one line what it runs on, for the log and the tables."""

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes), equal to spec.bnn.logits in every bit.

        Raises
        ------
        ImagesDoNotFit, UnsupportedArchitecture, BackendFailed
        """

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images whose class is their label (R-8).

        Raises
        ------
        ImagesDoNotFit, UnsupportedArchitecture, BackendFailed
        """

    def close(self) -> None:
        """Give back processes and memory; may be called more than once."""


class Interpreter(Protocol):
    """A third party's interpreter with one file loaded; lives in a child process only."""

    batch: int
    """Images that it takes at once."""
    image_bytes: int
    """Bytes of one image."""

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        """Return float32 (batch, classes) of uint8 (batch, image_bytes)."""


def check_images(architecture: Architecture, images: Images, labels: Labels | None = None) -> None:
    """Check that images, and labels if given, fit a model's input.

    Raises
    ------
    ImagesDoNotFit
        Wrong type, shape, or number of labels.
    """
    size = architecture.image_bytes
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != size:
        raise ImagesDoNotFit(
            expected=f"uint8 images of shape (N, {size})", actual=f"{images.dtype} {images.shape}"
        )
    if labels is not None and (labels.dtype != np.uint8 or labels.shape != images.shape[:1]):
        raise ImagesDoNotFit(
            expected=f"uint8 labels of shape ({len(images)},)",
            actual=f"{labels.dtype} {labels.shape}",
        )


def count_of_logits(logits: Logits, labels: Labels) -> int:
    """Return how often the greatest logit, the lowest index on a tie, is the label's."""
    # numpy's argmax gives the first of equal maxima: the law's tie rule.
    return int(np.count_nonzero(logits.argmax(axis=1) == labels)) if len(labels) else 0
