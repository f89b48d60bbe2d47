# SPDX-License-Identifier: Apache-2.0
"""The one place that chooses a back end, and says in the log what it chose and why.

`auto` takes the compiled kernels, else numpy, else the law itself; others are for who names
them, and for `model verify --backend all`. Every back end computes the known answers before it is
handed out, so that a broken build or wheel is found here and not in a block.
Law of the file: nobody else constructs a back end.
Read next: known_answer.py, native.py, hosted.py.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from edge_node.inference import lce, native, overlay, tflite, tflite_writer
from edge_node.inference.backend import Backend, BackendUnavailable, InferenceError
from edge_node.inference.bitstream import OVERLAY, AdoptedOverlay
from edge_node.inference.hosted import HostedBackend
from edge_node.inference.known_answer import check_known_answers
from edge_node.inference.native import NativeBackend, NumpyBackend
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.serial import SERIAL, SerialBoard, open_serial, why_no_serial
from edge_node.inference.tflite_export import int8_file, lce_file

LOGGER = logging.getLogger(__name__)

AUTO = "auto"
AUTO_ORDER = (native.NATIVE, native.NUMPY, ReferenceBackend.name)
"""The fastest first; the last one is always there."""


class UnknownBackend(InferenceError):
    """There is no back end of that name."""

    reason: ClassVar[str] = "unknown-backend"

    def __init__(self, *, actual: str) -> None:
        names = ", ".join([AUTO, *BACKENDS])
        super().__init__(f"choose a back end of {names}, not {actual!r}")
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStatus:
    """Whether a back end can be used here, as far as can be told without starting it."""

    name: str
    """Name by which a user chooses it."""
    why_unavailable: str | None
    """What is missing; None if nothing is."""

    @property
    def available(self) -> bool:
        """Whether nothing is missing."""
        return self.why_unavailable is None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEntry:
    """How a back end is found and made."""

    why_unavailable: Callable[[], str | None]
    """Says what is missing here, or None; starts nothing, and loads no code but our own."""
    construct: Callable[[], Backend]
    """Makes it."""


def _hosted_lce() -> Backend:
    return HostedBackend(name=lce.NAME, author=lce_file, description=lce.describe())


def _hosted_tflite() -> Backend:
    return HostedBackend(name=tflite.NAME, author=int8_file, description=tflite.describe())


def _why_no_lce() -> str | None:
    return lce.why_unavailable() or tflite_writer.why_unavailable()


def _why_no_tflite() -> str | None:
    return tflite.why_unavailable() or tflite_writer.why_unavailable()


def _board(adopted: AdoptedOverlay | None) -> BackendEntry:
    def construct() -> Backend:
        assert adopted is not None, "why_unavailable says so first"
        return overlay.open_overlay(adopted)

    return BackendEntry(why_unavailable=lambda: overlay.why_no_board(adopted), construct=construct)


def _device(board: SerialBoard | None) -> BackendEntry:
    def construct() -> Backend:
        assert board is not None, "why_unavailable says so first"
        return open_serial(board)

    return BackendEntry(why_unavailable=lambda: why_no_serial(board), construct=construct)


def _entry(name: str, adopted: AdoptedOverlay | None, board: SerialBoard | None) -> BackendEntry:
    if adopted is not None and name == OVERLAY:
        return _board(adopted)
    if board is not None and name == SERIAL:
        return _device(board)
    return BACKENDS[name]


BACKENDS: Mapping[str, BackendEntry] = {
    native.NATIVE: BackendEntry(why_unavailable=native.why_unavailable, construct=NativeBackend),
    native.NUMPY: BackendEntry(why_unavailable=lambda: None, construct=NumpyBackend),
    ReferenceBackend.name: BackendEntry(why_unavailable=lambda: None, construct=ReferenceBackend),
    lce.NAME: BackendEntry(why_unavailable=_why_no_lce, construct=_hosted_lce),
    tflite.NAME: BackendEntry(why_unavailable=_why_no_tflite, construct=_hosted_tflite),
    overlay.OVERLAY_SIM: BackendEntry(
        why_unavailable=overlay.why_not_simulated, construct=overlay.open_simulation
    ),
    OVERLAY: _board(None),
    SERIAL: _device(None),
}
"""Every back end by name, in the order in which tables show them; the fabric's with no bitstream
chosen, the microcontroller's with no port."""


def available_backends(
    adopted: AdoptedOverlay | None = None, board: SerialBoard | None = None
) -> tuple[BackendStatus, ...]:
    """Return the status of every back end; starts nothing, and loads no code but our own.

    Parameters
    ----------
    adopted : AdoptedOverlay, optional
        The bitstream for this machine's fabric.
    board : SerialBoard, optional
        The microcontroller of back end `serial`.
    """
    return tuple(
        BackendStatus(name=name, why_unavailable=_entry(name, adopted, board).why_unavailable())
        for name in BACKENDS
    )


def open_backend(
    name: str, adopted: AdoptedOverlay | None = None, board: SerialBoard | None = None
) -> Backend:
    """Return a back end that has passed the known-answer test; who asks closes it.

    Parameters
    ----------
    name : str
    adopted : AdoptedOverlay, optional
        The bitstream for this machine's fabric.
    board : SerialBoard, optional
        The microcontroller of back end `serial`.

    Raises
    ------
    UnknownBackend
        There is none of that name.
    BackendUnavailable
        Something is missing here.
    BackendFailed, UnsupportedArchitecture
        It did not pass.
    """
    if name not in BACKENDS:
        raise UnknownBackend(actual=name)
    entry = _entry(name, adopted, board)
    if (why := entry.why_unavailable()) is not None:
        raise BackendUnavailable(backend=name, why=why)
    backend = entry.construct()
    try:
        check_known_answers(backend)
    except InferenceError:
        backend.close()
        raise
    return backend


def select_backend(
    preference: str = AUTO,
    adopted: AdoptedOverlay | None = None,
    board: SerialBoard | None = None,
) -> Backend:
    """Return the back end that is to be used, and log what and why.

    Parameters
    ----------
    preference : str
        A name, or `auto`.
    adopted : AdoptedOverlay, optional
        The bitstream for this machine's fabric.
    board : SerialBoard, optional
        The microcontroller of back end `serial`.

    Raises
    ------
    UnknownBackend, BackendUnavailable, BackendFailed, UnsupportedArchitecture
        As of `open_backend`; with `auto` only if not even the law passes.
    """
    if preference != AUTO:
        backend = open_backend(preference, adopted, board)
        LOGGER.info("back end %s, as asked for: %s", backend.name, backend.describe())
        return backend
    *tried_first, always_there = AUTO_ORDER
    for name in tried_first:
        try:
            backend = open_backend(name)
        except InferenceError as error:
            LOGGER.warning("%s; trying the next, which is slower", error)
            continue
        LOGGER.info("back end %s, the fastest here: %s", backend.name, backend.describe())
        return backend
    backend = open_backend(always_there)
    LOGGER.warning("back end %s, for lack of any other: %s", backend.name, backend.describe())
    return backend


def select_backends(
    preference: str = AUTO,
    adopted: AdoptedOverlay | None = None,
    board: SerialBoard | None = None,
) -> tuple[Backend, ...]:
    """Return the back end that is to be used, and those that step in where it fails, in order.

    The last is always the law itself, which takes every architecture and can not crash.

    Parameters
    ----------
    preference : str
        A name, or `auto`.
    adopted : AdoptedOverlay, optional
        The bitstream for this machine's fabric.
    board : SerialBoard, optional
        The microcontroller of back end `serial`.

    Raises
    ------
    UnknownBackend, BackendUnavailable, BackendFailed, UnsupportedArchitecture
        As of `select_backend`.
    """
    chosen = [select_backend(preference, adopted, board)]
    names = list(AUTO_ORDER)
    if chosen[0].name in names:
        names = names[names.index(chosen[0].name) + 1 :]
    for name in names:
        try:
            chosen.append(open_backend(name))
        except InferenceError as error:
            LOGGER.info("%s", error)
    return tuple(chosen)
