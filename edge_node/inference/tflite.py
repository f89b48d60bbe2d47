# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Lite: tflite-runtime, or its successor LiteRT where Python is newer than 3.11.

It runs the int8 expansion of a model (tflite_export.py), because it lacks binary operators.
tflite-runtime needs numpy below 2 (its wheel does not say so); LiteRT takes any.
Law of the file: the only importer of tflite_runtime and ai_edge_litert; used in the child process
only, but for `why_unavailable`, which loads nothing.
Read next: worker.py, tflite_export.py.
"""

import importlib.metadata
import importlib.util
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.inference.backend import BackendUnavailable, Images

NAME = "tflite"
_RUNTIME = "tflite_runtime"
_LITERT = "ai_edge_litert"


class TfliteInterpreter:
    """One file, loaded.

    Raises
    ------
    BackendUnavailable
        Neither package is installed.
    """

    def __init__(self, file: bytes) -> None:
        self._interpreter = _interpreter_class()(model_content=file, num_threads=1)
        self._interpreter.allocate_tensors()
        source = self._interpreter.get_input_details()[0]
        self._input: int = source["index"]
        self._input_shape: tuple[int, ...] = tuple(int(size) for size in source["shape"])
        self._output: int = self._interpreter.get_output_details()[0]["index"]
        self.batch = self._input_shape[0]
        self.image_bytes = math.prod(self._input_shape[1:])

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        """Return float32 (batch, classes) of uint8 (batch, image_bytes)."""
        self._interpreter.set_tensor(self._input, images.reshape(self._input_shape))
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._output)
        return np.asarray(logits, dtype=np.float32).reshape(self.batch, -1)


def why_unavailable() -> str | None:
    """Return what is missing to use TensorFlow Lite here, or None."""
    package = _package()
    if package is None:
        return "install edge-node[tflite]"
    if package == _RUNTIME and int(np.__version__.partition(".")[0]) >= 2:
        return f"tflite-runtime needs numpy below 2, not {np.__version__}"
    return None


def describe() -> str:
    """Return name and version."""
    if _package() == _RUNTIME:
        return f"tflite-runtime {importlib.metadata.version('tflite-runtime')}"
    return f"LiteRT {importlib.metadata.version('ai-edge-litert')}"


def _package() -> str | None:
    # Finding a top-level package does not run it.
    for package in (_RUNTIME, _LITERT):
        if importlib.util.find_spec(package) is not None:
            return package
    return None


def _interpreter_class() -> Any:  # noqa: ANN401 - neither package has types
    match _package():
        case "tflite_runtime":
            from tflite_runtime.interpreter import Interpreter  # noqa: PLC0415 - only when chosen
        case "ai_edge_litert":
            from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only when chosen
        case _:
            raise BackendUnavailable(backend=NAME, why="install edge-node[tflite]")
    return Interpreter
