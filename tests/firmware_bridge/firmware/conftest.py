# SPDX-License-Identifier: Apache-2.0
"""The parts of the core, for tests of each of them."""

import ctypes

import pytest

from tests.firmware_bridge.firmware.core_library import Core


@pytest.fixture(name="core", scope="session")
def core_parts(core: ctypes.CDLL) -> Core:
    return Core(core)
