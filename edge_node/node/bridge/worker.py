# SPDX-License-Identifier: Apache-2.0
"""One microcontroller, for as long as the bridge runs: unplugged and plugged in again, it goes on.

It greets the device, lets it test itself, pushes the newest model that fits, takes samples and has
each of them run; whatever happens is told as a report. A newer model takes the place of the last
one between two samples.
Law of the file: it has a thread of its own and shares nothing but reports and two callables; no
error ends it but one at the very first opening that no plugging would cure.
Read next: service.py, firmware_bridge/device.py.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from edge_node.node.bridge.accepted import AcceptedModel
from edge_node.node.bridge.session import LineClock, draw_session
from edge_node.primitives.clock import Clock
from edge_node.spec.architecture import Architecture
from edge_node_bridge.codes import Capability
from edge_node_bridge.device import Device, SensorSample
from edge_node_bridge.errors import (
    BridgeError,
    ModelHashDiffers,
    ModelRefused,
    ModelTooBig,
    NoSerialPort,
    NotCapable,
    PortBusy,
    PortError,
    PortForbidden,
    PyserialMissing,
    SpeedRefused,
)
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.messages import HelloAnswer, Logits
from edge_node_bridge.ports import Line

RETRY_S = 1.0
"""From a failure to the next look for the device."""
IDLE_S = 1.0
"""How often a device without a model, or without a sensor, is asked whether it is there."""
_NO_CURE = (PyserialMissing, NoSerialPort, PortForbidden, PortBusy, SpeedRefused)
"""At the first opening these end the bridge: the user hears what to do."""
_NOT_THIS_MODEL = (ModelTooBig, ModelRefused, ModelHashDiffers, NotCapable)


class ClosableLine(Line, Protocol):
    """A line that was opened."""

    def close(self) -> None:
        """Let it go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """A device was greeted."""

    device: str
    """Its name here."""
    hello: HelloAnswer
    """What it says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRuns:
    """A device runs a model from now on."""

    device: str
    """Its name here."""
    model: AcceptedModel
    """The model."""
    pushed: bool
    """False if the device had it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A device has run its model on a sample."""

    device: str
    """Its name here."""
    model: AcceptedModel
    """The model."""
    sample: SensorSample
    """What it saw."""
    answer: Logits
    """What it made of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLost:
    """A device is gone, silent, or did not take a model; it is looked for again."""

    device: str
    """Its name here."""
    why: str
    """What happened, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverOpened:
    """A port can not be opened, and waiting would not help."""

    device: str
    """Its name here."""
    error: BridgeError
    """Why."""


Report: TypeAlias = DeviceSeen | ModelRuns | Predicted | DeviceLost | NeverOpened


class SelfTestFailed(BridgeError):
    """A device computes its known answer wrongly."""

    def __init__(self, board: str) -> None:
        super().__init__(f"{board!r} fails its self-test: flash this release's firmware")


class LogitsDiffer(BridgeError):
    """A device gives another number of logits than its model has classes."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(f"{actual} logits in place of {expected}: flash this release's firmware")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a worker needs of others; all of it may be called from any thread."""

    newest: Callable[[Callable[[Architecture, int], bool]], AcceptedModel | None]
    """The newest model that fits."""
    report: Callable[[Report], None]
    """Hears what happens."""
    stop: threading.Event
    """Ends it."""
    clock: Clock
    """Time."""


class DeviceWorker:
    """A device's life.

    Parameters
    ----------
    name : str
        By which it is reported.
    open_line : callable
        Opens its line, anew each time.
    around : Surroundings
    interval_ms : int
        The least time from one sample to the next.
    limits : LinkLimits
    """

    def __init__(
        self,
        name: str,
        open_line: Callable[[], ClosableLine],
        around: Surroundings,
        *,
        interval_ms: int,
        limits: LinkLimits,
    ) -> None:
        self.name = name
        self._open_line = open_line
        self._around = around
        self._interval_ms = interval_ms
        self._limits = limits
        self._lost_why = ""
        self._refused: set[bytes] = set()
        self._thread = threading.Thread(target=self._run, name=f"bridge {name}", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long; say whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        first = True
        while not self._around.stop.is_set():
            try:
                line = self._open_line()
            except PortError as error:
                if first and isinstance(error, _NO_CURE):
                    self._around.report(NeverOpened(device=self.name, error=error))
                    return
                self._lose(error)
            else:
                self._attend(line)
            first = False
            self._around.stop.wait(RETRY_S)

    def _attend(self, line: ClosableLine) -> None:
        """Stay with the device until the line or the session ends."""
        device = Device(line, LineClock(self._around.clock), draw_session, self._limits)
        try:
            hello = device.greet()
            self._check_itself(device, hello)
            self._around.report(DeviceSeen(device=self.name, hello=hello))
            self._lost_why = ""
            self._serve(device, hello)
        except BridgeError as error:
            self._lose(error)
        finally:
            line.close()

    def _check_itself(self, device: Device, hello: HelloAnswer) -> None:
        if hello.capabilities & Capability.SELF_TEST and not device.self_test().passed:
            raise SelfTestFailed(hello.board)

    def _serve(self, device: Device, hello: HelloAnswer) -> None:
        has = hello.model_hash
        running: AcceptedModel | None = None
        while not self._around.stop.is_set():
            running = self._with_newest(device, hello, running, has)
            if running is not None and hello.capabilities & Capability.SAMPLE:
                self._predict(device, hello, running)
            else:
                device.status()  # says so if it was reset or unplugged
                self._around.stop.wait(IDLE_S)

    def _with_newest(
        self, device: Device, hello: HelloAnswer, running: AcceptedModel | None, has: bytes
    ) -> AcceptedModel | None:
        """Return the model that runs, once the newest one does if the device takes it."""
        wanted = self._newest(hello)
        if wanted is None or (running and running.model_hash == wanted.model_hash):
            return running
        pushed = running is not None or has != wanted.model_hash
        if pushed:
            try:
                device.push_model(wanted.blob, wanted.model_hash)
            except _NOT_THIS_MODEL:
                self._refused.add(wanted.model_hash)
                raise  # what it has now, it says when it is greeted anew
        self._around.report(ModelRuns(device=self.name, model=wanted, pushed=pushed))
        return wanted

    def _predict(self, device: Device, hello: HelloAnswer, running: AcceptedModel) -> None:
        """Run samples until a newer model is there, or the end has come."""
        classes = running.architecture.classes

        def ends() -> bool:
            newest = self._newest(hello)
            is_newer = newest is not None and newest.model_hash != running.model_hash
            return is_newer or self._around.stop.is_set()

        with closing(device.samples(0, interval_ms=self._interval_ms, ends=ends)) as samples:
            for sample in samples:
                answer = device.infer(sample.pixels)
                if len(answer.logits) != classes:
                    raise LogitsDiffer(expected=classes, actual=len(answer.logits))
                self._around.report(
                    Predicted(device=self.name, model=running, sample=sample, answer=answer)
                )
                if ends():
                    return

    def _newest(self, hello: HelloAnswer) -> AcceptedModel | None:
        found = self._around.newest(lambda shape, size: fits(hello, shape, size))
        return None if found is None or found.model_hash in self._refused else found

    def _lose(self, error: BridgeError) -> None:
        """Tell why, once until it changes."""
        if str(error) != self._lost_why:
            self._lost_why = str(error)
            self._around.report(DeviceLost(device=self.name, why=str(error)))


def fits(hello: HelloAnswer, architecture: Architecture, blob_bytes: int) -> bool:
    """Say whether a device can take a model, and has a sensor that sees what it classifies."""
    shape = (architecture.height, architecture.width, architecture.input_channels)
    seen = tuple(hello.sensor_shape)
    return (
        blob_bytes <= hello.max_model_bytes
        and architecture.image_bytes <= hello.max_image_bytes
        and (not hello.capabilities & Capability.SAMPLE or seen == shape)
    )
