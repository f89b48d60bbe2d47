# SPDX-License-Identifier: Apache-2.0
"""A device that one thread at a time works on: an engine in a fabric, a board on a serial line.

It is opened at the first model, and anew after a failure. The order to close it may come from
another thread at any moment, and waits for nobody: whoever is at work gives the device back when
that has ended.
Law of the file: a device never goes while a thread is at work on it, and none is left behind.
Read next: overlay.py, serial.py.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_node.spec.model import Model

_D = TypeVar("_D")


@dataclass(frozen=True, slots=True)
class Opened(Generic[_D]):
    """A device that is open, and how to let it go."""

    device: _D
    """Its driver, or its session."""
    close: Callable[[], None]
    """Gives back all that it takes."""


class SoleDevice(Generic[_D]):
    """A device, open or not, and the model that it has.

    Parameters
    ----------
    open_device : callable
        Opens it; leaves nothing behind if it fails.
    """

    def __init__(self, open_device: Callable[[], Opened[_D]]) -> None:
        self._open = open_device
        self._opened: Opened[_D] | None = None
        self._loaded: Model | None = None
        self._at_work = threading.Lock()
        self.is_closed = False
        """Whether the order to close has come since the last work began."""

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have the device to oneself for a block."""
        try:
            with self._at_work:
                self.is_closed = False
                yield
        finally:
            # The order to close may have come up to the moment at which the lock was given back.
            if self.is_closed:
                self.close()

    def with_model(self, model: Model, load: Callable[[_D], object]) -> _D:
        """Return the device, which has a model now; asked by whoever is at work.

        Parameters
        ----------
        model : Model
        load : callable
            Gives the device the model; if it fails, no model is taken to be there.
        """
        if self._opened is None:
            self._opened = self._open()
        device = self._opened.device
        if self._loaded is not model and self._loaded != model:
            self._loaded = None
            load(device)
            self._loaded = model
        return device

    def close(self) -> None:
        """Give the device back, at once or when the work on it has ended."""
        self.is_closed = True
        if self._at_work.acquire(blocking=False):
            try:
                self.give_back()
            finally:
                self._at_work.release()

    def give_back(self) -> None:
        """Let the device go after a failure; asked by whoever is at work."""
        opened, self._opened, self._loaded = self._opened, None, None
        if opened is not None:
            opened.close()
