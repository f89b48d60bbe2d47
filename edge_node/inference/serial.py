# SPDX-License-Identifier: Apache-2.0
"""The back end `serial`: models run on a microcontroller at the end of a serial line.

Exact, and slow: at 115,200 bits a second some ten images a second go down the line. The device
checks a model's hash before it runs it, and signs nothing; the node that asks it does.
Law of the file: a model goes as its canonical blob, an image as its pixels, and errors of the
bridge become ours; nothing is computed here; whatever has failed is given back and opened anew.
Read next: sole_device.py, firmware_bridge/README.md, select.py.
"""

import importlib.util
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_node.inference.backend import (
    Backend,
    BackendFailed,
    Images,
    InferenceError,
    Labels,
    Logits,
    UnsupportedArchitecture,
    check_images,
    count_of_logits,
)
from edge_node.inference.sole_device import Opened, SoleDevice
from edge_node.spec.model import Model

if TYPE_CHECKING:
    from edge_node_bridge.device import Device

SERIAL: Final = "serial"
"""The back end's name."""
BAUD: Final = 115_200
"""Bits a second, unless the configuration says otherwise."""
_SOCKET = "socket://"
_PYSERIAL = "serial"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialBoard:
    """Where the microcontroller is."""

    port: str
    """/dev/serial/by-id/..., a pty, or socket://HOST:PORT."""
    baud: int = BAUD
    """Bits a second of the line."""


class _Clock:
    """Time for repeats on the line."""

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class SerialBackend:
    """A microcontroller as a back end.

    Parameters
    ----------
    description : str
    open_device : callable
        Opens the line and greets the device, at the first model and after a failure.
    """

    name = SERIAL

    def __init__(self, description: str, open_device: "Callable[[], Opened[Device]]") -> None:
        self._description = description
        self._sole = SoleDevice(open_device)

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return self._description

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        with self._sole.at_work():
            return self._worked(model, images)

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        return count_of_logits(self.logits(model, images), labels)

    def close(self) -> None:
        """Close the line; whoever is at work on it leaves off after the image at hand."""
        self._sole.close()

    def _worked(self, model: Model, images: Images) -> Logits:
        from edge_node_bridge.errors import (
            BridgeError,
            ImageTooBig,
            ModelRefused,
            ModelTooBig,
            NotCapable,
        )

        def push(device: "Device") -> None:
            device.push_model(model.blob(), model.model_hash())

        try:
            device = self._sole.with_model(model, push)
            return self._all_logits(device, model, images)
        except InferenceError:
            self._sole.give_back()
            raise
        except (ModelTooBig, ModelRefused, ImageTooBig, NotCapable) as error:
            # The session goes on.
            raise UnsupportedArchitecture(backend=SERIAL, why=str(error)) from error
        except BridgeError as error:
            self._sole.give_back()
            raise BackendFailed(backend=SERIAL, why=str(error)) from error

    def _all_logits(self, device: "Device", model: Model, images: Images) -> Logits:
        classes = model.architecture.classes
        found = np.empty((len(images), classes), dtype=np.int32)
        for row, image in zip(found, images, strict=True):
            if self._sole.is_closed:
                raise BackendFailed(backend=SERIAL, why="it was closed in the middle")
            logits = device.infer(image.tobytes()).logits
            if len(logits) != classes:
                why = f"{len(logits)} logits in place of {classes}"
                raise BackendFailed(backend=SERIAL, why=why)
            row[:] = logits
        return found


def open_serial(board: SerialBoard) -> Backend:
    """Return the back end on a device; its line is opened at the first model.

    Parameters
    ----------
    board : SerialBoard
    """
    description = f"a microcontroller at {board.port}, {board.baud} bits a second"
    return SerialBackend(description, lambda: _greeted(board))


def why_no_serial(board: SerialBoard | None) -> str | None:
    """Return what is missing for a device to be asked, or None; opens nothing.

    Parameters
    ----------
    board : SerialBoard or None
        What the configuration says.
    """
    if importlib.util.find_spec("edge_node_bridge") is None:
        return "the bridge is not installed; install edge-node anew"
    if board is None:
        return "no port was chosen; set bridge.port, `edge-node bridge list` shows what there is"
    if not board.port.startswith(_SOCKET) and importlib.util.find_spec(_PYSERIAL) is None:
        return f"serial ports need pyserial; run `{sys.executable} -m pip install pyserial`"
    return None


def _greeted(board: SerialBoard) -> "Opened[Device]":
    from edge_node_bridge.device import Device
    from edge_node_bridge.link import LinkLimits
    from edge_node_bridge.serial_port import SerialPort

    port = SerialPort(board.port, baud=board.baud)
    try:
        limits = LinkLimits(line_bits_per_s=board.baud)
        device = Device(port, _Clock(), lambda: secrets.randbits(32), limits)
        device.greet()
    except BaseException:
        port.close()
        raise
    return Opened(device, port.close)
