# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Lite is found under either name, and what is missing is said in words."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from edge_node.inference import tflite
from edge_node.inference.backend import BackendUnavailable
from tests.inference.interpreters import need_tflite


def only(present: str, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = {present: ModuleSpec(present, None)}
    monkeypatch.setattr(importlib.util, "find_spec", specs.get)


def test_asking_for_it_loads_nothing() -> None:
    need_tflite()
    code = "import sys; from edge_node.inference import tflite; print(tflite.why_unavailable())"
    code += "; print({'tflite_runtime', 'ai_edge_litert'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\nset()\n"
    assert tflite.describe().partition(" ")[0] in {"tflite-runtime", "LiteRT"}


def test_without_a_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    only("something_else", monkeypatch)
    assert tflite.why_unavailable() == "install edge-node[tflite]"
    with pytest.raises(BackendUnavailable, match=r"tflite can not be used here: install"):
        tflite.TfliteInterpreter(b"")


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("tflite_runtime", "tflite-runtime needs numpy below 2, not 2.4.1"),
        ("ai_edge_litert", None),
    ],
)
def test_only_tflite_runtime_minds_a_newer_numpy(
    package: str, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(package, monkeypatch)
    monkeypatch.setattr(np, "__version__", "2.4.1")
    assert tflite.why_unavailable() == why
