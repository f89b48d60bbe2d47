# SPDX-License-Identifier: Apache-2.0
"""The child's side: frames survive the way, limits are set, and it ends when nobody asks any more.

Processes are started as the parent starts them, but spoken to by hand.
"""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import edge_node
from edge_node.inference.backend import Images
from edge_node.inference.tflite_export import int8_file
from edge_node.inference.worker import (
    MAX_FRAME_BYTES,
    MAX_MEMORY_BYTES,
    FrameBroken,
    FrameKind,
    read_frame,
    run_images,
    write_frame,
)
from edge_node.spec.architecture import BINARY_4K
from tests.inference.interpreters import need_tflite
from tests.inference.models import random_model


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    need_tflite()
    root = Path(edge_node.__file__).parents[1]
    command = [sys.executable, "-m", "edge_node.inference.worker", "tflite"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process
        process.kill()


class Doubling:
    """An interpreter of two images of three bytes; logits are twice the first two."""

    batch = 2
    image_bytes = 3
    shift = 0.0

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        assert images.shape == (2, 3)
        return images[:, :2].astype(np.float32) * 2 + np.float32(self.shift)


def test_frames_come_back_as_they_were() -> None:
    stream = io.BytesIO()
    write_frame(stream, FrameKind.RUN, b"body", limit_s=7)
    write_frame(stream, FrameKind.DONE, b"")
    stream.seek(0)
    assert read_frame(stream) == (FrameKind.RUN, 7, b"body")
    assert read_frame(stream) == (FrameKind.DONE, 0, b"")
    with pytest.raises(FrameBroken):
        read_frame(stream)


@pytest.mark.parametrize("length", range(11))
def test_every_truncated_frame_is_refused(length: int) -> None:
    stream = io.BytesIO()
    write_frame(stream, FrameKind.RUN, b"body")
    with pytest.raises(FrameBroken, match="ends in its"):
        read_frame(io.BytesIO(stream.getvalue()[:length]))


@pytest.mark.parametrize(
    "head", [b"\x04\0\0\0\0\0\0", b"\0\0\0" + (MAX_FRAME_BYTES + 1).to_bytes(4, "little")]
)
def test_unknown_kinds_and_endless_bodies_are_refused(head: bytes) -> None:
    with pytest.raises(FrameBroken, match="a frame has kind"):
        read_frame(io.BytesIO(head + bytes(10)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_images_run_in_batches_of_the_interpreter(count: int) -> None:
    images = np.arange(3 * count, dtype=np.uint8).reshape(count, 3)
    assert np.array_equal(run_images(Doubling(), images.tobytes()), images[:, :2].astype("i4") * 2)


def test_a_logit_that_is_no_integer_is_an_error() -> None:
    interpreter = Doubling()
    interpreter.shift = 0.5
    with pytest.raises(ArithmeticError):
        run_images(interpreter, bytes(6))


def test_child_limits_its_memory_and_dumps_no_core(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    write_frame(child.stdin, FrameKind.LOAD, int8_file(random_model(BINARY_4K, 1)), limit_s=20)
    assert read_frame(child.stdout) == (FrameKind.DONE, 0, b"")
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    if sys.maxsize > MAX_MEMORY_BYTES:
        assert re.search(rf"^Max address space +{MAX_MEMORY_BYTES} ", limits, re.MULTILINE)


def test_child_says_what_is_wrong_and_ends(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    write_frame(child.stdin, FrameKind.LOAD, b"no model at all", limit_s=20)
    kind, _, text = read_frame(child.stdout)
    assert kind is FrameKind.ERROR
    assert b"Error" in text
    assert child.wait(timeout=120) == 0


def test_child_ends_with_its_parents_pipe(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    assert child.wait(timeout=120) == 0
    assert child.stdout.read() == b""
