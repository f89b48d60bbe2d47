# SPDX-License-Identifier: Apache-2.0
"""What a machine must have; where it could be had, a missing kernel or wheel is a failure."""

import platform
import shutil
import sys

import pytest

from edge_node.inference import lce, native, tflite

X86 = platform.machine() == "x86_64"
ARM32 = platform.machine() in ("armv6l", "armv7l")
VERSION = (sys.version_info.major, sys.version_info.minor)
PYTHON = f"{VERSION[0]}.{VERSION[1]}"


def need_lce() -> None:
    """Skip the test where LCE can not be installed."""
    if not X86 or VERSION >= (3, 13):
        pytest.skip(f"LCE has no wheel for this {platform.machine()} with Python {PYTHON}")
    assert lce.why_unavailable() is None


def need_tflite() -> None:
    """Skip the test where neither tflite-runtime nor LiteRT can be installed."""
    if VERSION < (3, 11) or (ARM32 and VERSION >= (3, 12)):
        pytest.skip(f"TFLite has no wheel for this {platform.machine()} with Python {PYTHON}")
    assert tflite.why_unavailable() is None


def need_kernels() -> None:
    """Skip the test where the C kernels could not be compiled."""
    if native.why_unavailable() and shutil.which("gcc") is None:
        pytest.skip("no C compiler to build the kernels with")
    assert native.why_unavailable() is None


NEEDS = {native.NATIVE: need_kernels, lce.NAME: need_lce, tflite.NAME: need_tflite}
