# SPDX-License-Identifier: Apache-2.0
"""Packed convolution engine: logits image by image, for every legal architecture.

Twin of spec/bnn.py (rule R-7) in C (csrc/engine.h): any model and any number of images, with 1-bit
and 8-bit input. The bit-sliced evaluator is faster for thousands of images of a small 1-bit model.
Law of the file: it prepares and calls; csrc/engine_body.h computes, equal to the law in every
logit.
Read next: csrc/engine_plan.h; numpy_engine.py, for machines without a compiler.
"""

import ctypes
import weakref

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import shape_numbers
from edge_node.kernels.shared_object import KernelPath, choose_path
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.model import Model

_WORD_BITS = 32


class EngineUnavailable(EdgeNodeError):
    """The compiled engine can not be had: no library, a path of another processor, no memory."""

    reason = "engine"


class Engine:
    """A model, prepared for one instruction path.

    It does not change after construction, so several threads may use one engine at a time.

    Parameters
    ----------
    model : Model
    path : KernelPath, optional
        The fastest that this processor runs, if not given.
    library : ctypes.CDLL, optional
        The compiled kernels, if not those beside this file.

    Raises
    ------
    EngineUnavailable
        There is no compiled library, or the processor does not run the path.
    """

    def __init__(
        self, model: Model, path: KernelPath | None = None, *, library: ctypes.CDLL | None = None
    ) -> None:
        library, self.path = choose_path(path, library, EngineUnavailable)
        self.architecture = model.architecture
        self._library = _declare(library)
        shape = shape_numbers(model.architecture)
        weights = _weight_words(model)
        thresholds = np.array([t for layer in model.thresholds for t in layer], np.int32)
        handle = library.edge_engine_create(
            int(self.path), shape.ctypes.data, weights.ctypes.data, thresholds.ctypes.data
        )
        if not handle:
            raise EngineUnavailable("No memory for the model: close other programs and try again.")
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, library.edge_engine_free, self._handle)

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        """Return int32 (N, classes) for uint8 (N, image_bytes).

        Raises
        ------
        EngineUnavailable
            No memory.
        """
        rows = self._rows(images)
        out = np.empty((len(rows), self.architecture.classes), np.int32)
        status = self._library.edge_engine_logits(
            self._handle, rows.ctypes.data, len(rows), out.ctypes.data
        )
        if status != 0:
            raise EngineUnavailable("No memory for the maps: close other programs and try again.")
        return out

    def count_correct(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> int:
        """Return how many of the images uint8 (N, image_bytes) are of the class uint8 (N,) says.

        Raises
        ------
        EngineUnavailable
            No memory.
        """
        rows = self._rows(images)
        truth = np.ascontiguousarray(labels)
        assert truth.dtype == np.uint8
        assert truth.shape == (len(rows),)
        correct = int(
            self._library.edge_engine_count_correct(
                self._handle, rows.ctypes.data, truth.ctypes.data, len(rows)
            )
        )
        if correct < 0:
            raise EngineUnavailable("No memory for the maps: close other programs and try again.")
        return correct

    def _rows(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        assert images.dtype == np.uint8
        assert images.ndim == 2
        assert images.shape[1] == self.architecture.image_bytes
        return np.ascontiguousarray(images)


def _weight_words(model: Model) -> npt.NDArray[np.uint8]:
    """Return every channel's weights, each filled to whole words."""
    parts: list[bytes] = []
    for shape, weights in zip(model.architecture.shapes, model.weights, strict=True):
        size = -(-shape.fan_in // _WORD_BITS) * (_WORD_BITS // 8)
        parts += [weight.to_bytes(size, "little") for weight in weights]
    return np.frombuffer(b"".join(parts), np.uint8)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the types of csrc/engine.h."""
    pointer = ctypes.c_void_p
    library.edge_engine_create.argtypes = (ctypes.c_int, pointer, pointer, pointer)
    library.edge_engine_create.restype = pointer
    library.edge_engine_free.argtypes = (pointer,)
    library.edge_engine_free.restype = None
    library.edge_engine_logits.argtypes = (pointer, pointer, ctypes.c_size_t, pointer)
    library.edge_engine_logits.restype = ctypes.c_int
    library.edge_engine_count_correct.argtypes = (pointer, pointer, pointer, ctypes.c_size_t)
    library.edge_engine_count_correct.restype = ctypes.c_int64
    return library
