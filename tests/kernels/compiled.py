# SPDX-License-Identifier: Apache-2.0
"""What a test of a compiled kernel must have: where it could be built, its absence is a failure."""

import ctypes
import shutil

import pytest

from edge_node.kernels.shared_object import KernelPath, load_library, supported_paths

PATHS = [path.name for path in KernelPath]
"""All there are; this_cpus_path skips those of other processors."""


def need_library() -> ctypes.CDLL:
    """Return the compiled kernels; skip the test where no compiler could build them."""
    library = load_library()
    if library is None:
        if shutil.which("gcc") is None:
            pytest.skip("no C compiler to build the kernels with")
        pytest.fail("the kernels are not built: run `make kernels`")
    return library


def this_cpus_path(name: str) -> KernelPath:
    """Return the path of this name; skip the test if the processor does not run it."""
    path = KernelPath[name]
    if path not in supported_paths(need_library()):
        pytest.skip(f"this CPU has no {name}")
    return path
