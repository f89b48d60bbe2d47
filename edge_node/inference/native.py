# SPDX-License-Identifier: Apache-2.0
"""The back ends of our own kernels: `native` in C, `numpy` where they could not be compiled.

kernels/engine.py takes every architecture, image by image, on the fastest instruction path here;
kernels/numpy_engine.py does the same with matrix products.
Law of the file: it chooses and calls; kernels/ computes.
Read next: kernels/engine.py, select.py.
"""

import numpy as np

from edge_node.inference.backend import (
    BackendFailed,
    BackendUnavailable,
    Images,
    Labels,
    Logits,
    check_images,
)
from edge_node.kernels.engine import Engine, EngineUnavailable
from edge_node.kernels.library import load_library, supported_paths
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.spec.model import Model

NATIVE = "native"
NUMPY = "numpy"


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
        self._path = supported_paths(library)[0]
        self._prepared: tuple[Model, Engine] | None = None

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return f"our C kernels on {self._path.name}"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        try:
            return self._engine(model).logits(images)
        except EngineUnavailable as error:
            raise BackendFailed(backend=self.name, why=str(error)) from error

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        try:
            return self._engine(model).count_correct(images, labels)
        except EngineUnavailable as error:
            raise BackendFailed(backend=self.name, why=str(error)) from error

    def close(self) -> None:
        """Free what was kept of the last model."""
        self._prepared = None

    def _engine(self, model: Model) -> Engine:
        if self._prepared is None or self._prepared[0] is not model:
            self._prepared = (model, Engine(model, self._path))
        return self._prepared[1]


class NumpyBackend:
    """numpy's matrix products, exact because every number in them is a small integer."""

    name = NUMPY

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return f"numpy {np.__version__}, many times slower than the C kernels"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        return NumpyEngine(model).logits(images)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        return NumpyEngine(model).count_correct(images, labels)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


_NOT_BUILT = "the C kernels are not built: install gcc and run `make kernels`"


def why_unavailable() -> str | None:
    """Return what is missing to use the C kernels here, or None."""
    return _NOT_BUILT if load_library() is None else None
