# SPDX-License-Identifier: Apache-2.0
"""The firmware's core compiled for this machine, once for all tests of a run."""

import ctypes
import shutil

import pytest

from edge_node_bridge.firmware.build import build_native
from tests.firmware_bridge.native import loaded


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Build and load the core."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    path = tmp_path_factory.mktemp("core") / "libedge_core.so"
    build_native(path)
    return loaded(path)
