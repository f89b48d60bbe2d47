# SPDX-License-Identifier: Apache-2.0
"""A child that is killed, hangs, crashes or lies costs a restart or one clear error, never a hang.

Real interpreters are killed in the middle of a request; small scripts play the hostile children.
"""

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.inference import hosted, lce, tflite
from edge_node.inference.backend import BackendFailed, ImagesDoNotFit
from edge_node.inference.hosted import HostedBackend, TimeLimits
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.inference.worker import FrameKind, read_frame
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.model import Model
from tests.inference.interpreters import NEEDS
from tests.inference.models import random_images, random_labels, random_model

pytestmark = pytest.mark.slow  # processes, killed and awaited

MODEL = random_model(BINARY_4K, 1)
IMAGES = random_images(BINARY_4K, 21, 2)
AUTHORS = {lce.NAME: lce_file, tflite.NAME: int8_file}
SHORT = TimeLimits(load_s=1, request_s=1)


@functools.cache
def by_the_law() -> npt.NDArray[np.int32]:
    return ReferenceBackend().logits(MODEL, IMAGES)


@pytest.fixture(params=[lce.NAME, tflite.NAME])
def backend(request: pytest.FixtureRequest) -> Iterator[HostedBackend]:
    NEEDS[request.param]()
    made = HostedBackend(
        name=request.param, author=AUTHORS[request.param], description="an interpreter"
    )
    yield made
    made.close()


def scripted(script: str, limits: TimeLimits | None = None) -> HostedBackend:
    """Return a back end whose child is a script that has read_frame and write_frame."""
    imports = "import os, sys, time\nfrom edge_node.inference.worker import *\n"
    pipes = "requests, replies = sys.stdin.buffer, sys.stdout.buffer\n"
    return HostedBackend(
        name="scripted",
        author=lambda model, batch: b"file",
        description="a script",
        limits=limits,
        command=[sys.executable, "-c", imports + pipes + script],
    )


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_killed_in_a_request_it_restarts_once_and_answers(backend: HostedBackend) -> None:
    assert np.array_equal(backend.logits(MODEL, IMAGES), by_the_law())
    first = backend.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # so that the request is under way when it is killed
    while not stopped(first):
        time.sleep(0.01)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert np.array_equal(backend.logits(MODEL, IMAGES), by_the_law())
    killer.join()
    assert backend.deaths == 1
    assert backend.pid != first


def test_killed_between_requests_it_restarts(backend: HostedBackend) -> None:
    backend.logits(MODEL, IMAGES)
    assert backend.pid is not None
    os.kill(backend.pid, signal.SIGKILL)
    labels = random_labels(BINARY_4K, len(IMAGES), 3)
    correct = ReferenceBackend().count_correct(MODEL, IMAGES, labels)
    assert backend.count_correct(MODEL, IMAGES, labels) == correct
    assert backend.deaths == 1


def test_one_child_serves_many_models_in_many_chunks(
    backend: HostedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted, "CHUNK_IMAGES", 10)
    for seed in (1, 2, 1):
        model = random_model(BINARY_4K, seed)
        expected = ReferenceBackend().logits(model, IMAGES)
        assert np.array_equal(backend.logits(model, IMAGES), expected)
    assert backend.logits(MODEL, IMAGES[:0]).shape == (0, 10)
    assert backend.deaths == 0


def test_a_corrupt_file_is_one_clear_error(backend: HostedBackend) -> None:
    author = AUTHORS[backend.name]

    def corrupt(model: Model, *, batch: int) -> bytes:
        file = bytearray(author(model, batch=batch))
        for place in range(24, 400, 7):
            file[place] ^= 0xA5
        return bytes(file)

    broken = HostedBackend(
        name=backend.name, author=corrupt, description="", limits=TimeLimits(load_s=10)
    )
    with pytest.raises(BackendFailed, match=f"back end {backend.name} failed"):
        broken.logits(MODEL, IMAGES)
    broken.close()
    assert np.array_equal(backend.logits(MODEL, IMAGES), by_the_law())


def test_images_of_another_form_start_no_child() -> None:
    backend = scripted("")
    with pytest.raises(ImagesDoNotFit):
        backend.logits(MODEL, IMAGES[:, 1:])
    assert backend.pid is None


HANGING = {"hangs", "hangs while it is written to"}
HOSTILE = {
    "hangs": ("time.sleep(60)", "no answer within 1 s"),
    "hangs while it is written to": ("time.sleep(60)", "no answer within 1 s"),
    "ends": ("sys.exit(3)", "ended with code 3"),
    "crashes": ("read_frame(requests); os.abort()", r"ended by signal 6 \(Aborted\)"),
    "answers half": ("read_frame(requests); os.write(1, b'ab'); sys.exit(3)", "ended with code 3"),
    "answers garbage": (
        "read_frame(requests); os.write(1, b'x' * 99); time.sleep(60)",
        r"\(Killed\)",
    ),
    "promises too much": (
        "read_frame(requests); os.write(1, b'\\2\\0\\0' + b'\\xff' * 4); time.sleep(60)",
        r"\(Killed\)",
    ),
}


@pytest.mark.parametrize("conduct", HOSTILE)
def test_hostile_child_is_given_up(conduct: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, how = HOSTILE[conduct]
    backend = scripted(script, SHORT if conduct in HANGING else None)
    if conduct == "hangs while it is written to":  # more than a pipe holds
        monkeypatch.setattr(backend, "_author", lambda model, batch: bytes(1 << 20))
    with pytest.raises(BackendFailed, match=f"its process .*{how}, 2 times"):
        backend.logits(MODEL, IMAGES)
    assert backend.deaths == 2
    assert backend.pid is None


SHORT_ANSWER = """
for body in (b'', b'1234'):
    read_frame(requests)
    write_frame(replies, FrameKind.DONE, body)
"""


def test_answer_of_the_wrong_length_is_refused() -> None:
    backend = scripted(SHORT_ANSWER)
    with pytest.raises(BackendFailed, match="4 bytes of logits"):
        backend.logits(MODEL, IMAGES)
    assert backend.pid is None


def test_child_that_complains_is_not_asked_again() -> None:
    backend = scripted(
        "read_frame(requests); write_frame(replies, FrameKind.ERROR, b'no such operator')"
    )
    with pytest.raises(BackendFailed, match=r"failed \(no such operator\); use another one"):
        backend.logits(MODEL, IMAGES)
    assert backend.pid is None
    assert backend.deaths == 0


def test_it_starts_no_more_children_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "MAX_DEATHS", 3)
    backend = scripted("sys.exit(1)")
    for _ in range(2):
        with pytest.raises(BackendFailed):
            backend.logits(MODEL, IMAGES)
    with pytest.raises(BackendFailed, match="it died 3 times"):
        backend.logits(MODEL, IMAGES)
    assert backend.deaths == 3


class Interrupted(BaseException):
    pass


def test_interrupted_request_leaves_no_stale_reply(
    backend: HostedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.logits(MODEL, IMAGES)
    assert backend.pid is not None
    os.kill(backend.pid, signal.SIGSTOP)

    def interrupt(number: int, frame: object) -> None:
        raise Interrupted

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))

    def asked_and_interrupted(replies: IO[bytes]) -> tuple[FrameKind, int, bytes]:
        timer.start()  # not before: the request has gone
        return read_frame(replies)

    before = signal.signal(signal.SIGUSR1, interrupt)
    monkeypatch.setattr(hosted, "read_frame", asked_and_interrupted)
    with pytest.raises(Interrupted):
        backend.logits(MODEL, IMAGES[:1])
    monkeypatch.undo()
    timer.join()
    signal.signal(signal.SIGUSR1, before)
    assert np.array_equal(backend.logits(MODEL, IMAGES), by_the_law())
    assert backend.deaths == 0


def test_a_command_that_can_not_run_is_one_clear_error() -> None:
    backend = HostedBackend(
        name="absent", author=lce_file, description="", command=["/nonexistent/program"]
    )
    with pytest.raises(BackendFailed, match="no new process"):
        backend.logits(MODEL, IMAGES)


def test_close_ends_the_child_and_may_be_repeated(backend: HostedBackend) -> None:
    backend.logits(MODEL, IMAGES[:1])
    pid = backend.pid
    backend.close()
    backend.close()
    assert backend.pid is None
    assert not Path(f"/proc/{pid}").exists()
