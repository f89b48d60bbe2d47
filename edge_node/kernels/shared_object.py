# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels: one plain shared library, loaded by ctypes.

Law of the file: it loads and it chooses between the paths that run; every kernel's own module
declares the functions that it calls. Without the library numpy twins do the same work, slower.
Read next: evaluation.py, training.py.
"""

import ctypes
from enum import IntEnum
from pathlib import Path

from edge_node.primitives.errors import EdgeNodeError

LIBRARY_NAME = "libedge_kernels.so"


class KernelPath(IntEnum):
    """An instruction path, as csrc/cpu.h numbers them."""

    SCALAR = 0
    AVX2 = 1
    AVX512 = 2
    NEON = 3


def load_library(path: Path | None = None) -> ctypes.CDLL | None:
    """Return the compiled library, or None where it was not built.

    Parameters
    ----------
    path : Path, optional
        The library to load instead of the one beside this file.
    """
    try:
        library = ctypes.CDLL(str(path or Path(__file__).with_name(LIBRARY_NAME)))
    except OSError:
        return None
    library.edge_path_supported.argtypes = (ctypes.c_int,)
    library.edge_path_supported.restype = ctypes.c_int
    return library


def choose_path(
    path: KernelPath | None, library: ctypes.CDLL | None, unavailable: type[EdgeNodeError]
) -> tuple[ctypes.CDLL, KernelPath]:
    """Return the kernels and the path to take.

    Parameters
    ----------
    path : KernelPath or None
        None for the fastest that this processor runs.
    library : ctypes.CDLL or None
        None for the library beside this file.
    unavailable : type of EdgeNodeError
        Raised where there is no library, or the processor does not run the path.
    """
    library = library or load_library()
    if library is None:
        raise unavailable("The C kernels are not built: run `make kernels`, or use numpy's.")
    runnable = supported_paths(library)
    chosen = runnable[0] if path is None else path
    if chosen not in runnable:
        names = ", ".join(each.name for each in runnable)
        raise unavailable(
            f"This processor does not run the path {chosen.name}: choose one of {names}."
        )
    return library, chosen


def supported_paths(library: ctypes.CDLL) -> tuple[KernelPath, ...]:
    """Return the paths that this processor runs, the fastest first."""
    fastest_first = (KernelPath.AVX512, KernelPath.AVX2, KernelPath.NEON, KernelPath.SCALAR)
    return tuple(path for path in fastest_first if library.edge_path_supported(path))
