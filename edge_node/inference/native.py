# SPDX-License-Identifier: Apache-2.0
"""The back ends of our own kernels: `native` in C, `numpy` where they could not be compiled.

Many images with 1-bit pixels go bit-sliced (kernels/evaluation.py), all else image by image in C
(kernels/engine.py), on the fastest instruction path here, or as matrix products in numpy.
Law of the file: it chooses and calls; kernels/ computes.
Read next: kernels/evaluation.py, kernels/engine.py, select.py.
"""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from edge_node.inference.backend import (
    BackendFailed,
    BackendUnavailable,
    Images,
    Labels,
    Logits,
    check_images,
)
from edge_node.kernels import evaluation
from edge_node.kernels.engine import Engine, EngineUnavailable
from edge_node.kernels.evaluation import (
    CompiledImages,
    EvaluatorUnavailable,
    NumpyImages,
    SlicedImages,
)
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.kernels.shared_object import load_library, supported_paths
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model

NATIVE = "native"
NUMPY = "numpy"
SLICED_IMAGES_MIN = 512
"""Images from which slicing pays: one word of the widest path."""


class NativeBackend:
    """The compiled kernels.

    Raises
    ------
    BackendUnavailable
        They are not built.
    """

    name = NATIVE

    def __init__(self) -> None:
        library = load_library()
        if library is None:
            raise BackendUnavailable(backend=NATIVE, why=_NOT_BUILT)
        self._library = library
        self._path = supported_paths(library)[0]
        self._prepared: tuple[Model, Engine] | None = None
        self._slices = _Slices(self._slice)

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return f"our C kernels on {self._path.name}"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        with self._memory_errors():
            if _worth_slicing(model.architecture, images):
                return evaluation.all_logits(model, self._slices.of(model.architecture, images))
            return self._engine(model).logits(images)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        with self._memory_errors():
            if _worth_slicing(model.architecture, images):
                sliced = self._slices.of(model.architecture, images)
                return evaluation.count_correct(model, sliced, labels.tobytes())
            return self._engine(model).count_correct(images, labels)

    def close(self) -> None:
        """Free what was kept of the last model and images."""
        self._prepared = None
        self._slices.forget()

    @contextlib.contextmanager
    def _memory_errors(self) -> Iterator[None]:
        try:
            yield
        except (EngineUnavailable, EvaluatorUnavailable) as error:
            raise BackendFailed(backend=self.name, why=str(error)) from error

    def _engine(self, model: Model) -> Engine:
        if self._prepared is None or self._prepared[0] is not model:
            self._prepared = (model, Engine(model, self._path, library=self._library))
        return self._prepared[1]

    def _slice(self, architecture: Architecture, images: Images) -> CompiledImages:
        return CompiledImages(architecture, images, self._path, library=self._library)


class NumpyBackend:
    """The same in numpy, with matrix products that are exact because their numbers are small."""

    name = NUMPY

    def __init__(self) -> None:
        self._slices = _Slices(NumpyImages)

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return f"numpy {np.__version__}, many times slower than the C kernels"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        if _worth_slicing(model.architecture, images):
            return evaluation.all_logits(model, self._slices.of(model.architecture, images))
        return NumpyEngine(model).logits(images)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        if _worth_slicing(model.architecture, images):
            sliced = self._slices.of(model.architecture, images)
            return evaluation.count_correct(model, sliced, labels.tobytes())
        return NumpyEngine(model).count_correct(images, labels)

    def close(self) -> None:
        """Free what was kept of the last images."""
        self._slices.forget()


class _Slices:
    """Images in sliced form; that of an unchangeable array is kept for the next model.

    A node evaluates model after model on one set, and slicing takes longer than evaluating.
    """

    def __init__(self, make: Callable[[Architecture, Images], SlicedImages]) -> None:
        self._make = make
        self._kept: tuple[Images, SlicedImages] | None = None

    def of(self, architecture: Architecture, images: Images) -> SlicedImages:
        """Return the images as an architecture takes them."""
        form = (architecture.height, architecture.width, architecture.input_channels)
        if self._kept is not None:
            known, sliced = self._kept
            if known is images and sliced.form == form:
                return sliced
        sliced = self._make(architecture, images)
        self._kept = (images, sliced) if _is_unchangeable(images) else None
        return sliced

    def forget(self) -> None:
        """Free what is kept."""
        self._kept = None


_NOT_BUILT = "the C kernels are not built: install gcc and run `make kernels`"


def why_unavailable() -> str | None:
    """Return what is missing to use the C kernels here, or None."""
    return _NOT_BUILT if load_library() is None else None


def _worth_slicing(architecture: Architecture, images: Images) -> bool:
    return architecture.input_bits == 1 and len(images) >= SLICED_IMAGES_MIN


def _is_unchangeable(images: Images) -> bool:
    """Return whether neither the array nor what it is a view of can be written to."""
    owner: object = images
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return True
