# SPDX-License-Identifier: Apache-2.0
"""Files of the writer have the identifier, the alignment and the text that readers look for.

That interpreters load them, and compute the right thing, is tested in test_tflite_export.py.
"""

import importlib.util
import struct

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.inference.backend import BackendUnavailable
from edge_node.inference.tflite_writer import (
    FILE_IDENTIFIER,
    ElementType,
    TfliteWriter,
    why_unavailable,
)


def small_file(values: npt.NDArray[np.float32]) -> bytes:
    writer = TfliteWriter()
    source = writer.tensor("source", (1, 2), ElementType.FLOAT32)
    target = writer.tensor("target", (1, len(values)), ElementType.FLOAT32)
    weights = writer.constant("weights", values)
    bias = writer.constant("bias", np.zeros(len(values), np.float32))
    writer.fully_connected(source, target, weights=weights, bias=bias)
    return writer.finish(sources=[source], targets=[target], description="says what it is")


def test_file_begins_as_readers_expect() -> None:
    file = small_file(np.ones((3, 2), np.float32))
    assert file[4:8] == FILE_IDENTIFIER == b"TFL3"
    assert struct.unpack_from("<I", file)[0] < len(file)
    assert b"says what it is" in file


def test_constants_are_aligned_and_little_endian() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    file = small_file(values.astype(">f4"))
    offset = file.index(values.astype("<f4").tobytes())
    assert offset % 16 == 0


def test_equal_networks_give_equal_files() -> None:
    values = np.ones((3, 2), np.float32)
    assert small_file(values) == small_file(values)


def test_without_flatbuffers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert why_unavailable() == "install edge-node[export] to write .tflite files"
    with pytest.raises(BackendUnavailable, match=r"install edge-node\[export\]"):
        TfliteWriter()
