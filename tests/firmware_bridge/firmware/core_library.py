# SPDX-License-Identifier: Apache-2.0
"""The parts of the firmware's core on this machine, by ctypes."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from edge_node.spec.architecture import Architecture


@dataclass(frozen=True)
class Outcome:
    """What model_parse and infer gave: a verdict of model.h, and logits if it is 0."""

    verdict: int
    logits: list[list[int]]


class Core:
    """The shared library.

    Parameters
    ----------
    library : CDLL
        What build_native made.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.c = library
        self.c.core_known_blob.restype = ctypes.c_size_t
        self.c.core_crc32.restype = ctypes.c_uint32
        self.c.core_stuff.restype = ctypes.c_size_t
        self.c.core_unstuff.restype = ctypes.c_size_t

    def crc32(self, data: bytes) -> int:
        return int(self.c.core_crc32(data, ctypes.c_size_t(len(data))))

    def sha256(self, data: bytes) -> bytes:
        digest = ctypes.create_string_buffer(32)
        self.c.core_sha256(data, ctypes.c_size_t(len(data)), digest)
        return digest.raw

    def self_test(self) -> tuple[bool, bytes]:
        """Return whether it passed, and the hash of its logits."""
        answer = ctypes.create_string_buffer(32)
        return bool(self.c.core_self_test(answer)), answer.raw

    def known_blobs(self) -> list[bytes]:
        """Return the models of the self-test."""
        blobs: list[bytes] = []
        blob = ctypes.create_string_buffer(1024)
        while size := self.c.core_known_blob(len(blobs), blob, ctypes.c_size_t(1024)):
            blobs.append(blob.raw[:size])
        return blobs

    def cbor_valid(self, data: bytes, max_items: int, max_depth: int) -> bool:
        return bool(self.c.core_cbor_valid(data, ctypes.c_size_t(len(data)), max_items, max_depth))

    def stuff(self, frame: bytes) -> bytes:
        line = ctypes.create_string_buffer(2 * len(frame) + 2)
        size = self.c.core_stuff(frame, ctypes.c_size_t(len(frame)), line)
        return line.raw[:size]

    def unstuff(self, line: bytes, capacity: int = 4096) -> tuple[int, int, bytes]:
        """Return how many frames were good and bad, and the last good one."""
        frame = ctypes.create_string_buffer(capacity)
        size, bad = ctypes.c_size_t(), ctypes.c_size_t()
        good = self.c.core_unstuff(
            line,
            ctypes.c_size_t(len(line)),
            frame,
            ctypes.c_size_t(capacity),
            ctypes.byref(size),
            ctypes.byref(bad),
        )
        return int(good), bad.value, frame.raw[: size.value]

    def run(
        self,
        blob: bytes,
        architecture: Architecture | None = None,
        images: Sequence[bytes] = (),
        *,
        memory_bytes: int | None = None,
        work_words: int = 1 << 18,
    ) -> Outcome:
        """Parse a blob, and run it on images of an architecture's size."""
        room = len(blob) + 4 * 20_000 if memory_bytes is None else memory_bytes
        memory = (ctypes.c_uint32 * (room // 4 + 1))()
        ctypes.memmove(memory, blob, min(len(blob), room))
        work = (ctypes.c_uint32 * work_words)()
        classes = architecture.classes if architecture else 0
        logits = (ctypes.c_int32 * max(1, classes * len(images)))()
        verdict = self.c.core_logits(
            memory,
            ctypes.c_size_t(room),
            ctypes.c_size_t(len(blob)),
            work,
            work_words,
            b"".join(images),
            ctypes.c_size_t(len(images)),
            logits,
        )
        flat = list(logits) if verdict == 0 else []
        rows = [flat[i * classes : (i + 1) * classes] for i in range(len(images) if flat else 0)]
        return Outcome(verdict, rows)
