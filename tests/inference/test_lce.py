# SPDX-License-Identifier: Apache-2.0
"""Larq Compute Engine loads without TensorFlow, and what is missing is said in words."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from edge_node.inference import lce
from edge_node.inference.backend import BackendUnavailable
from tests.inference.interpreters import need_lce

LOAD = """
import sys
from edge_node.inference.lce import LceInterpreter
try:
    LceInterpreter(b"no model")
except RuntimeError as error:
    print(type(error).__name__, *sorted({"tensorflow", "larq_compute_engine"} & set(sys.modules)))
"""


def test_it_loads_no_tensorflow_and_refuses_what_is_no_model() -> None:
    need_lce()
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    assert done.stdout == "RuntimeError\n"


def test_asking_for_it_loads_nothing() -> None:
    need_lce()
    code = "import sys; from edge_node.inference import lce; print(lce.why_unavailable())"
    code += "; print([name for name in sys.modules if 'larq' in name or 'interpreter' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n[]\n"
    assert lce.describe() == "Larq Compute Engine 0.16.0"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    why = lce.why_unavailable()
    assert why is not None
    assert "install edge-node[lce]" in why
    with pytest.raises(BackendUnavailable, match=r"lce can not be used here: install"):
        lce.LceInterpreter(b"")


def test_with_a_newer_numpy_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    need_lce()
    monkeypatch.setattr(np, "__version__", "2.4.1")
    assert lce.why_unavailable() == "it needs numpy below 2, not 2.4.1"
