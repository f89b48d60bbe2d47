# SPDX-License-Identifier: Apache-2.0
"""The child process that hosts a third party's interpreter, and the frames it is spoken to with.

    python -m edge_node.inference.worker lce|tflite
A frame is a head (kind, seconds allowed, length) and a body. The parent writes a request on the
child's standard input and reads one reply from its standard output; LOAD brings a file, RUN images.
Law of the file: one request, one reply; a child that is asked nothing more, or takes too long,
ends by itself, so that it never outlives its parent.
Read next: hosted.py, the parent's side.
"""

import os
import resource
import signal
import struct
import sys
from enum import IntEnum
from typing import IO, ClassVar

import numpy as np

from edge_node.inference import lce, tflite
from edge_node.inference.backend import InferenceError, Interpreter, Logits

MAX_FRAME_BYTES = 1 << 26
"""A frame's body: a file of the greatest model, or a chunk of images."""
MAX_MEMORY_BYTES = 1 << 32
"""Address space of the child: interpreters reserve a lot, but a file gone mad asks for more."""
ALARM_MARGIN_S = 5
"""The child ends itself this long after its parent should have ended it."""
MAX_ERROR_BYTES = 1_000
"""Of a third party's error text."""

_HEAD = struct.Struct("<BHI")


class FrameKind(IntEnum):
    """What a frame is."""

    LOAD = 0
    """Request: body is a .tflite file. Reply: DONE, empty."""
    RUN = 1
    """Request: body is uint8 (N, image_bytes). Reply: DONE, int32 (N, classes) little-endian."""
    DONE = 2
    """Reply to a request that was fulfilled."""
    ERROR = 3
    """Reply to one that was not: body is the text of the error; the child then ends."""


class FrameBroken(InferenceError):
    """The other end closed its pipe, or sent what is no frame."""

    reason: ClassVar[str] = "frame-broken"


def write_frame(stream: IO[bytes], kind: FrameKind, body: bytes, *, limit_s: int = 0) -> None:
    """Write a frame.

    Parameters
    ----------
    stream : binary file
    kind : FrameKind
    body : bytes
        At most MAX_FRAME_BYTES.
    limit_s : int
        Seconds that the request may take.
    """
    stream.write(_HEAD.pack(kind, limit_s, len(body)))
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[FrameKind, int, bytes]:
    """Return kind, seconds allowed and body of the next frame.

    Raises
    ------
    FrameBroken
        The stream ended, or what it gave is no frame.
    """
    head = stream.read(_HEAD.size)
    if len(head) != _HEAD.size:
        raise FrameBroken("a frame ends in its head")
    kind, limit_s, length = _HEAD.unpack(head)
    if kind > FrameKind.ERROR or length > MAX_FRAME_BYTES:
        raise FrameBroken(f"a frame has kind {kind} and {length} bytes")
    body = stream.read(length)
    if len(body) != length:
        raise FrameBroken("a frame ends in its body")
    return FrameKind(kind), limit_s, body


def serve(name: str, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are no more, or one fails.

    Parameters
    ----------
    name : str
        `lce` or `tflite`.
    requests, replies : binary file
        Frames.
    """
    interpreter: Interpreter | None = None
    while True:
        try:
            kind, limit_s, body = read_frame(requests)
        except FrameBroken:
            return
        # The default action of the alarm ends the process, even in the middle of foreign code.
        signal.alarm(limit_s + ALARM_MARGIN_S)
        reply = b""
        try:
            if kind is FrameKind.LOAD:
                interpreter = open_interpreter(name, body)
            else:
                assert interpreter is not None, "RUN comes after LOAD"
                reply = run_images(interpreter, body).tobytes()
        except Exception as error:  # noqa: BLE001 - whatever a third party raises is the reply
            text = f"{type(error).__name__}: {error}".encode()[:MAX_ERROR_BYTES]
            write_frame(replies, FrameKind.ERROR, text)
            return
        write_frame(replies, FrameKind.DONE, reply)
        signal.alarm(0)


def open_interpreter(name: str, file: bytes) -> Interpreter:
    """Return the interpreter of that name with a file loaded."""
    return lce.LceInterpreter(file) if name == lce.NAME else tflite.TfliteInterpreter(file)


def run_images(interpreter: Interpreter, pixels: bytes) -> Logits:
    """Return int32 (N, classes), batch by batch.

    Raises
    ------
    ArithmeticError
        A logit is no integer: the interpreter does not compute what the law says.
    """
    images = np.frombuffer(pixels, dtype=np.uint8).reshape(-1, interpreter.image_bytes)
    parts = []
    for start in range(0, len(images), interpreter.batch):
        part = images[start : start + interpreter.batch]
        if missing := interpreter.batch - len(part):
            part = np.pad(part, ((0, missing), (0, 0)))
        logits = interpreter.run(part)[: len(images) - start]
        integers = logits.astype("<i4")
        if not np.array_equal(integers, logits):
            raise ArithmeticError("a logit is no integer")
        parts.append(integers)
    return np.concatenate(parts)


def main() -> None:
    """Limit this process, keep its standard output for replies, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when the child ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = MAX_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MAX_MEMORY_BYTES)
    if sys.maxsize > MAX_MEMORY_BYTES:  # on 32 bits the address space is the limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # foreign code may print
    serve(sys.argv[1], sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
