# SPDX-License-Identifier: Apache-2.0
"""Back ends whose interpreter lives in a child process: its crash costs a restart, not the node.

The model's .tflite file is authored here and loaded there; images go out in chunks, logits come
back. A child that dies or takes too long is replaced, and the chunk is asked again, once.
Law of the file: the parent never waits without a limit, and believes no reply it did not check.
Read next: worker.py, the child's side.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edge_node
from edge_node.inference.backend import (
    BackendFailed,
    Images,
    Labels,
    Logits,
    check_images,
    count_of_logits,
)
from edge_node.inference.worker import (
    MAX_ERROR_BYTES,
    MAX_FRAME_BYTES,
    FrameBroken,
    FrameKind,
    read_frame,
    write_frame,
)
from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model

LOGGER = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
"""How often one request is tried, each time in a new child."""
MAX_DEATHS = 16
"""Children that a back end loses before it starts no more."""
BATCH_IMAGES = 8
"""Images at once for small networks, where the call costs more than the work."""
BATCH_MACS = 1_000_000
"""Networks with more multiplications per image get them one by one: that stays in the cache."""
CHUNK_IMAGES = 4_096
"""Images in one request."""
CHUNK_MACS = 10_000_000_000
"""Multiplications in one request: a tenth of a second to a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """After which a child is given up; slow boards stay well below."""

    load_s: int = 60
    """Start of the child and loading of a file."""
    request_s: int = 30
    """Any request, beside its multiplications."""
    macs_per_s: int = 100_000_000
    """Multiplications per second of the slowest machine."""

    def run_s(self, macs: int) -> int:
        """Return the seconds allowed for a request of that many multiplications."""
        return self.request_s + macs // self.macs_per_s


class _ChildDied(Exception):
    """The child ended, or had to be ended; says how."""


class _ChildRefused(Exception):
    """The child replied with an error; says which."""


class _Child:
    """One child process.

    Parameters
    ----------
    command : sequence of str
        What to run.
    """

    def __init__(self, command: Sequence[str]) -> None:
        package = Path(edge_node.__file__).parents[1]
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, **threads},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def request(self, kind: FrameKind, body: bytes, limit_s: int) -> bytes:
        """Return the reply to a request, or raise _ChildDied or _ChildRefused."""
        timed_out = threading.Event()

        def give_up() -> None:
            timed_out.set()
            self._process.kill()  # which breaks the pipes that the parent waits for

        timer = threading.Timer(limit_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            write_frame(self._requests, kind, body, limit_s=limit_s)
            reply, _, answer = read_frame(self._replies)
        except (FrameBroken, OSError) as error:
            self.close()
            raise _ChildDied(self._how_it_ended(timed_out.is_set(), limit_s)) from error
        finally:
            timer.cancel()
        if reply is not FrameKind.DONE:
            raise _ChildRefused(answer[:MAX_ERROR_BYTES].decode(errors="replace"))
        return answer

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):  # unsent bytes have nowhere to go
                pipe.close()

    def _how_it_ended(self, timed_out: bool, limit_s: int) -> str:  # noqa: FBT001 - private
        if timed_out:
            return f"no answer within {limit_s} s"
        code = self._process.returncode
        if code < 0:
            return f"ended by signal {-code} ({signal.strsignal(-code)})"
        return f"ended with code {code}"


class HostedBackend:
    """A back end over a child process; not for several threads at once.

    Parameters
    ----------
    name : str
        `lce` or `tflite`.
    author : callable
        Makes the .tflite file of a model for a batch size: `author(model, batch=8)`.
    description : str
        Name and version of the interpreter.
    limits : TimeLimits, optional
    command : sequence of str, optional
        What to run instead of worker.py.
    """

    def __init__(
        self,
        *,
        name: str,
        author: Callable[..., bytes],
        description: str,
        limits: TimeLimits | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.deaths = 0
        self._author = author
        self._description = description
        self._limits = limits or TimeLimits()
        self._command = command or [sys.executable, "-m", "edge_node.inference.worker", name]
        self._child: _Child | None = None
        self._loaded: Model | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return f"{self._description}, in a process of its own"

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        architecture = model.architecture
        check_images(architecture, images)
        parts = [np.empty((0, architecture.classes), dtype=np.int32)]
        for chunk in _chunks(architecture, images):
            body = self._run(model, chunk)
            if len(body) != 4 * architecture.classes * len(chunk):
                self.close()
                raise BackendFailed(backend=self.name, why=f"{len(body)} bytes of logits")
            parts.append(np.frombuffer(body, dtype="<i4").reshape(-1, architecture.classes))
        return np.concatenate(parts)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        return count_of_logits(self.logits(model, images), labels)

    def close(self) -> None:
        """End the child; the next request starts another."""
        if self._child is not None:
            self._child.close()
        self._child = None
        self._loaded = None

    def _run(self, model: Model, chunk: Images) -> bytes:
        limit_s = self._limits.run_s(len(chunk) * model.architecture.macs)
        died = ""
        for _ in range(MAX_ATTEMPTS):
            if self.deaths >= MAX_DEATHS:
                raise BackendFailed(backend=self.name, why=f"it died {self.deaths} times")
            try:
                return self._loaded_child(model).request(FrameKind.RUN, chunk.tobytes(), limit_s)
            except _ChildDied as error:
                died = str(error)
                self.deaths += 1
                self.close()
                LOGGER.warning("back end %s: its process %s; starting another", self.name, died)
            except _ChildRefused as error:
                # Foreign code that complained may have damaged itself: it is not used again.
                self.close()
                raise BackendFailed(backend=self.name, why=str(error)) from error
            except BaseException:
                self.close()  # its reply would be taken for that of the next request
                raise
        raise BackendFailed(backend=self.name, why=f"its process {died}, {MAX_ATTEMPTS} times")

    def _loaded_child(self, model: Model) -> _Child:
        if self._child is None:
            try:
                self._child = _Child(self._command)
            except OSError as error:
                raise BackendFailed(backend=self.name, why=f"no new process: {error}") from error
        if self._loaded is not model and self._loaded != model:
            batch = BATCH_IMAGES if model.architecture.macs <= BATCH_MACS else 1
            file = self._author(model, batch=batch)
            self._child.request(FrameKind.LOAD, file, self._limits.load_s)
            self._loaded = model
        return self._child


def _chunks(architecture: Architecture, images: Images) -> Iterator[Images]:
    size = min(
        CHUNK_IMAGES,
        max(1, CHUNK_MACS // architecture.macs),
        max(1, MAX_FRAME_BYTES // architecture.image_bytes),
    )
    for start in range(0, len(images), size):
        yield images[start : start + size]
