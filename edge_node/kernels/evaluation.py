# SPDX-License-Identifier: Apache-2.0
"""Accuracy, bit-sliced over vector words: the fast twin of spec/evaluation.py (rule R-8).

Images are sliced once, into a form that any number of models and threads may then use. Made for
thousands of images and small networks; engine.py takes any number of images one by one.
Law of the file: equal to the law in every logit; it prepares and calls, csrc/bitslice.h computes.
Read next: csrc/bitslice_plan.h; numpy_evaluation.py, for machines without a compiler; climb.py.
"""

import copy
import ctypes
import weakref
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import shape_numbers, weight_bits
from edge_node.kernels.numpy_evaluation import plane_logits, reorder_planes, slice_planes
from edge_node.kernels.shared_object import KernelPath, choose_path, load_library
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model

Pixels = bytes | memoryview | npt.NDArray[np.uint8]
"""uint8 (N, rows, columns, channels), as bytes or as an array of any shape in the same order."""
Logits = npt.NDArray[np.int32]
"""logits[image][class]."""


class ImagesDoNotFit(EdgeNodeError):
    """Images, labels and model do not belong together."""

    reason = "images"

    def __init__(self, *, what: str, expected: object, actual: object) -> None:
        super().__init__(
            f"{what}: expected {expected}, not {actual}; take the images that the family is for."
        )
        self.expected = expected
        self.actual = actual


class EvaluatorUnavailable(EdgeNodeError):
    """The compiled evaluator can not be had: no library, another processor's path, no memory."""

    reason = "evaluator"


class SlicedImages(ABC):
    """Images in sliced form; they never change."""

    def __init__(self, architecture: Architecture, count: int) -> None:
        self.count = count
        """Number of images, N."""
        self.input_bits = architecture.input_bits
        """1: a pixel is its sign. 8: a pixel is its value."""
        self.form = (architecture.height, architecture.width, architecture.input_channels)
        """Rows, columns and channels."""

    @abstractmethod
    def count_correct(self, model: Model, labels: bytes) -> int:
        """Do the work of count_correct."""

    @abstractmethod
    def all_logits(self, model: Model) -> Logits:
        """Do the work of all_logits."""

    @abstractmethod
    def reordered(self, order: npt.NDArray[np.int64]) -> "SlicedImages":
        """Return the same images in another order: its image i is order[i] of these."""

    def check(self, architecture: Architecture, labels: bytes | None = None) -> None:
        """Check that a model and labels belong to these images.

        Raises
        ------
        ImagesDoNotFit
        """
        form = (architecture.height, architecture.width, architecture.input_channels)
        for what, expected, actual in (
            ("rows, columns and channels", form, self.form),
            ("bits of a pixel", architecture.input_bits, self.input_bits),
            ("labels", self.count, self.count if labels is None else len(labels)),
        ):
            if expected != actual:
                raise ImagesDoNotFit(what=what, expected=expected, actual=actual)


class CompiledImages(SlicedImages):
    """Images for one instruction path of the compiled kernels.

    Parameters
    ----------
    architecture : Architecture
        Its input form and input bits count.
    images : bytes or uint8 array
        (N, rows, columns, channels).
    path : KernelPath, optional
        The fastest that this processor runs, if not given.
    library : ctypes.CDLL, optional
        The compiled kernels, if not those beside this file.

    Raises
    ------
    ImagesDoNotFit
        Not a whole number of images.
    EvaluatorUnavailable
        There is no compiled library, the processor does not run the path, or memory is short.
    """

    def __init__(
        self,
        architecture: Architecture,
        images: Pixels,
        path: KernelPath | None = None,
        *,
        library: ctypes.CDLL | None = None,
    ) -> None:
        rows = _rows(architecture, images)
        super().__init__(architecture, len(rows))
        library, self.path = choose_path(path, library, EvaluatorUnavailable)
        self.compiled = _declare(library)
        handle = library.edge_images_new(
            self.path, rows.ctypes.data, len(rows), architecture.image_bytes, self.input_bits
        )
        self.handle = _owned_by(self, handle)

    def reordered(self, order: npt.NDArray[np.int64]) -> "CompiledImages":
        """See SlicedImages."""
        other = copy.copy(self)
        places = np.ascontiguousarray(order, np.int64)  # numpy's own are shorter on 32-bit machines
        handle = self.compiled.edge_images_reordered(self.handle, places.ctypes.data)
        other.handle = _owned_by(other, handle)
        return other

    def count_correct(self, model: Model, labels: bytes) -> int:
        """See SlicedImages."""
        shape, weights, thresholds = model_numbers(model)
        correct = int(
            self.compiled.edge_count_correct(
                self.handle,
                shape.ctypes.data,
                weights.ctypes.data,
                thresholds.ctypes.data,
                labels,
            )
        )
        if correct < 0:
            raise out_of_memory()
        return correct

    def all_logits(self, model: Model) -> Logits:
        """See SlicedImages."""
        shape, weights, thresholds = model_numbers(model)
        logits = np.empty((self.count, model.architecture.classes), np.int32)
        status = self.compiled.edge_all_logits(
            self.handle,
            shape.ctypes.data,
            weights.ctypes.data,
            thresholds.ctypes.data,
            logits.ctypes.data,
        )
        if status != 0:
            raise out_of_memory()
        return logits


class NumpyImages(SlicedImages):
    """Images for numpy: the same results, some hundred times slower.

    Parameters
    ----------
    architecture : Architecture
        Its input form and input bits count.
    images : bytes or uint8 array
        (N, rows, columns, channels).

    Raises
    ------
    ImagesDoNotFit
        Not a whole number of images.
    """

    def __init__(self, architecture: Architecture, images: Pixels) -> None:
        rows = _rows(architecture, images)
        super().__init__(architecture, len(rows))
        self.planes = slice_planes(architecture, rows)

    def count_correct(self, model: Model, labels: bytes) -> int:
        """See SlicedImages."""
        return int(np.count_nonzero(self.correct(model, labels)))

    def correct(self, model: Model, labels: bytes) -> npt.NDArray[np.bool_]:
        """Return bool (N,): whether the image's class is its label."""
        classes = self.all_logits(model).argmax(axis=1)  # the first of equals
        return np.asarray(classes == np.frombuffer(labels, np.uint8))

    def all_logits(self, model: Model) -> Logits:
        """See SlicedImages."""
        return plane_logits(model, self.planes, self.count)

    def reordered(self, order: npt.NDArray[np.int64]) -> "NumpyImages":
        """See SlicedImages."""
        other = copy.copy(self)
        other.planes = reorder_planes(self.planes, order)
        return other


def slice_images(architecture: Architecture, images: Pixels) -> SlicedImages:
    """Return images in the fastest form that this machine has.

    Parameters
    ----------
    architecture : Architecture
        Its input form and input bits count.
    images : bytes or uint8 array
        (N, rows, columns, channels).

    Raises
    ------
    ImagesDoNotFit
        Not a whole number of images.
    """
    library = load_library()
    if library is None:
        return NumpyImages(architecture, images)
    return CompiledImages(architecture, images, library=library)


def count_correct(model: Model, images: SlicedImages, labels: bytes) -> int:
    """Return the number of images whose class is their label (R-8).

    Parameters
    ----------
    model : Model
    images : SlicedImages
        N images.
    labels : bytes
        u8 (N,).

    Raises
    ------
    ImagesDoNotFit
        The model takes other images, or there are not N labels.
    """
    images.check(model.architecture, labels)
    return images.count_correct(model, bytes(labels))


def all_logits(model: Model, images: SlicedImages) -> Logits:
    """Return logits[image][class].

    Raises
    ------
    ImagesDoNotFit
        The model takes other images.
    """
    images.check(model.architecture)
    return images.all_logits(model)


def model_numbers(
    model: Model,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return shape, weights (one byte each) and thresholds as csrc/bitslice.h takes them."""
    weights = np.concatenate([layer.reshape(-1) for layer in weight_bits(model)])
    thresholds = [threshold for layer in model.thresholds for threshold in layer]
    return shape_numbers(model.architecture), weights, np.array(thresholds, np.int32)


def out_of_memory() -> EvaluatorUnavailable:
    """Return the error for a kernel that got no memory."""
    return EvaluatorUnavailable("No memory for the images: close other programs and try again.")


def _owned_by(images: CompiledImages, handle: int | None) -> ctypes.c_void_p:
    """Free what the handle stands for when the images are gone."""
    if not handle:
        raise out_of_memory()
    owned = ctypes.c_void_p(handle)
    weakref.finalize(images, images.compiled.edge_images_free, owned)
    return owned


def _rows(architecture: Architecture, images: Pixels) -> npt.NDArray[np.uint8]:
    """Return uint8 (N, image_bytes)."""
    if isinstance(images, np.ndarray):
        assert images.dtype == np.uint8
        pixels = np.ascontiguousarray(images).reshape(-1)
    else:
        pixels = np.frombuffer(images, np.uint8)
    size = architecture.image_bytes
    if len(pixels) % size:
        raise ImagesDoNotFit(
            what="bytes of images", expected=f"a multiple of {size}", actual=len(pixels)
        )
    return pixels.reshape(-1, size)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the types of csrc/bitslice.h."""
    pointer = ctypes.c_void_p
    model = (pointer, pointer, pointer)
    library.edge_images_new.argtypes = (
        ctypes.c_int,
        pointer,
        ctypes.c_int64,
        ctypes.c_int32,
        ctypes.c_int32,
    )
    library.edge_images_new.restype = pointer
    library.edge_images_free.argtypes = (pointer,)
    library.edge_images_free.restype = None
    library.edge_images_reordered.argtypes = (pointer, pointer)
    library.edge_images_reordered.restype = pointer
    library.edge_count_correct.argtypes = (pointer, *model, ctypes.c_char_p)
    library.edge_count_correct.restype = ctypes.c_int64
    library.edge_all_logits.argtypes = (pointer, *model, pointer)
    library.edge_all_logits.restype = ctypes.c_int
    return library
