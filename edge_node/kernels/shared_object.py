# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels: one plain shared library, loaded by ctypes.

Law of the file: it loads and it asks which paths run; every kernel's own module declares the
functions that it calls. Without the library the numpy twins do the same work, slower.
Read next: evaluation.py, training.py.
"""

import ctypes
from enum import IntEnum
from pathlib import Path

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


def supported_paths(library: ctypes.CDLL) -> tuple[KernelPath, ...]:
    """Return the paths that this processor runs, the fastest first."""
    fastest_first = (KernelPath.AVX512, KernelPath.AVX2, KernelPath.NEON, KernelPath.SCALAR)
    return tuple(path for path in fastest_first if library.edge_path_supported(path))
