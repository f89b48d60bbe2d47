# SPDX-License-Identifier: Apache-2.0
"""The trainer's process: takes the newest task, sends offers, ends with its parent.

What it works on comes by our pipe once it runs, not with its start: Python waits there, with
signals blocked, for a process that may have died before it read (out of memory, say; or of its
launcher, which has no `if __name__ == "__main__":`).
Law of the file: plumbing between pool.py and a pipe; nothing is decided here.
Read next: task.py for what travels on the pipe.
"""

import atexit
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler

from edge_node.primitives.errors import EdgeNodeError
from edge_node.trainer.pool import PoolOptions, open_pool
from edge_node.trainer.search import AnyTask, Message
from edge_node.trainer.task import SplitSource

_LOG = logging.getLogger(__name__)

IDLE_POLL_S = 0.2
"""How long to wait for a task when there is none."""
_GROUP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What a terminal or a service goes round with: the node hears it too, and ends this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerOptions:
    """How much a trainer takes."""

    selection_images: int
    """Images of the train split that selection looks at."""
    nice: int
    """Niceness of the process, so that the node itself comes first."""
    pool: PoolOptions = field(default_factory=PoolOptions)
    """How many search, and where."""


class TrainerProcess:
    """The node's end of the pipe.

    Parameters
    ----------
    splits : SplitSource
        Travels to the process.
    options : TrainerOptions
    """

    def __init__(self, splits: SplitSource, options: TrainerOptions) -> None:
        start_data = ForkingPickler.dumps((splits, options))
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_main, args=(theirs,), name="edge-node-trainer"
        )  # no daemon: those may not have workers; what would wait for it at the end is below
        # The process inherits the mask, so that none of them meets it before it can ignore them.
        # The tracker that Python starts beside it would unblock them, if it did not run already.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        # Python ends what is left by SIGTERM, and would wait for it.
        atexit.register(self._process.kill)
        theirs.close()
        self._newest: deque[AnyTask | None] = deque(maxlen=1)
        self._wake = threading.Event()
        self._stopped = False
        self._sender = threading.Thread(
            target=self._send, args=(start_data,), name="trainer-tasks", daemon=True
        )
        self._sender.start()

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.is_alive()

    @property
    def ending(self) -> str:
        """How it ended, in words; empty while it runs."""
        status = self._process.exitcode
        if status is None:
            return ""
        if status == -signal.SIGKILL:
            return "killed, as a machine does that has no memory left"
        if status < 0:
            return f"ended by signal {-status}, {signal.strsignal(-status)}"
        return f"exit status {status}"

    def assign(self, task: AnyTask | None) -> None:
        """Give the trainer another task, or none; the last one counts."""
        self._newest.append(task)
        self._wake.set()

    def poll(self) -> list[Message]:
        """Return what the trainer has sent since the last call."""
        received: list[Message] = []
        try:
            while self._pipe.poll():
                received.append(self._pipe.recv())
        except (EOFError, OSError):
            return received
        return received

    def stop(self) -> None:
        """End the process: it has nothing to put in order."""
        self._stopped = True
        self._process.kill()
        self._process.join()
        atexit.unregister(self._process.kill)
        self._wake.set()
        self._sender.join()
        self._pipe.close()

    def _send(self, start_data: memoryview) -> None:
        # In a thread: a trainer reads between two steps, and the node can not wait for that.
        try:
            self._pipe.send_bytes(start_data)
            while self._wake.wait() and not self._stopped:
                self._wake.clear()
                while self._newest:
                    self._pipe.send(self._newest.popleft())
        except OSError:
            return  # the process is gone


def _main(pipe: Connection) -> None:
    _leave_signals_to_the_node()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _GROUP_SIGNALS)
    try:
        splits, options = _start_data(pipe)
        os.nice(options.nice)
        with open_pool(splits, options.selection_images, options.pool) as pool:
            _leave_signals_to_the_node()  # Ray has taken them
            while True:
                task_came = pipe.poll(0 if pool.busy else IDLE_POLL_S)
                while task_came:
                    pool.assign(pipe.recv())
                    task_came = pipe.poll()
                for message in pool.round():
                    pipe.send(message)
    except (EOFError, OSError):
        return  # the node is gone
    except EdgeNodeError as error:
        # The node sees that this process has ended, and looks at its datasets.
        _LOG.error("the trainer can not go on: %s", error)


def _start_data(pipe: Connection) -> tuple[SplitSource, TrainerOptions]:
    splits, options = pipe.recv()
    return splits, options


def _leave_signals_to_the_node() -> None:
    for number in _GROUP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
