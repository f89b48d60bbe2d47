# SPDX-License-Identifier: Apache-2.0
"""Larq Compute Engine: an interpreter of TensorFlow Lite with binary operators.

Importing its package would import TensorFlow, so its interpreter library alone is loaded, by path.
It needs numpy below 2, where every call would fail (its wheel does not say so).
Law of the file: the only importer of larq_compute_engine; used in the child process only, but for
`why_unavailable`, which loads nothing.
Read next: worker.py, tflite_export.py.
"""

import importlib.metadata
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.inference.backend import BackendUnavailable, Images

NAME = "lce"
_PACKAGE = "larq_compute_engine"
_MODULE = "interpreter_wrapper_lite"
_LIBRARY = Path("tflite", "python", f"{_MODULE}.so")


class LceInterpreter:
    """One file, loaded, on one thread, with the binary convolutions that are fastest on x86.

    Parameters
    ----------
    file : bytes
    xnnpack : bool
        Whether XNNPACK computes the int8 layers; it mostly is faster.

    Raises
    ------
    BackendUnavailable
        The package is not installed.
    """

    def __init__(self, file: bytes, *, xnnpack: bool = True) -> None:
        library = _library_path()
        if library is None:
            raise BackendUnavailable(backend=NAME, why="install edge-node[lce]")
        spec = importlib.util.spec_from_file_location(_MODULE, library)
        assert spec is not None and spec.loader is not None  # noqa: PT018 - a file with a name
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # Threads 1; not the reference kernels; indirect binary convolutions.
        self._interpreter = module.LiteInterpreter(file, 1, False, True, xnnpack)  # noqa: FBT003 - C++
        self._input_shape: tuple[int, ...] = tuple(self._interpreter.input_shapes[0])
        self.batch = self._input_shape[0]
        self.image_bytes = math.prod(self._input_shape[1:])

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        """Return float32 (batch, classes) of uint8 (batch, image_bytes)."""
        # astype gives the very dtype object that the library compares with by identity.
        batch = np.ascontiguousarray(images.reshape(self._input_shape)).astype(np.uint8)
        (logits,) = self._interpreter.predict([batch])
        return np.asarray(logits, dtype=np.float32).reshape(self.batch, -1)


def why_unavailable() -> str | None:
    """Return what is missing to use LCE here, or None."""
    if _library_path() is None:
        return "install edge-node[lce] (x86_64 and Python below 3.13 only)"
    if int(np.__version__.partition(".")[0]) >= 2:
        return f"it needs numpy below 2, not {np.__version__}"
    return None


def describe() -> str:
    """Return name and version."""
    return f"Larq Compute Engine {importlib.metadata.version('larq-compute-engine')}"


def _library_path() -> Path | None:
    # Finding a top-level package does not run it.
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / _LIBRARY
    return path if path.exists() else None
