# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a host and a microcontroller.

Law of the file: one class per cause, with both numbers; a message is one sentence that says what
to do.
Read next: device.py, serial_port.py.
"""

import sys


class BridgeError(Exception):
    """Something between host and device is not as it must be."""


# Payloads


class MessageFaulty(BridgeError):
    """A payload can not be read, or not be written."""


class EncodingFaulty(MessageFaulty):
    """Bytes are not the one encoding of a value, or a value has no encoding."""

    def __init__(self, *, what: str, offset: int) -> None:
        super().__init__(f"{what} at byte {offset}: send the canonical encoding")
        self.what = what
        self.offset = offset


class PayloadFaulty(MessageFaulty):
    """A field is not there, of another kind, or out of its bounds."""

    def __init__(self, *, what: str, expected: str, actual: object) -> None:
        super().__init__(f"{what} must be {expected}, not {actual}: correct the message")
        self.what = what
        self.expected = expected
        self.actual = actual


# Frames


class FrameFaulty(BridgeError):
    """Bytes on the line are no frame; whoever sent them repeats them."""


class FrameLengthDiffers(FrameFaulty):
    """A frame is not as long as its header says."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(f"a frame of {actual} bytes that should have {expected}: send it again")
        self.expected = expected
        self.actual = actual


class CrcDiffers(FrameFaulty):
    """A frame was changed on its way."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(f"a frame with CRC {actual:08x}, not {expected:08x}: send it again")
        self.expected = expected
        self.actual = actual


class FrameTooLong(FrameFaulty):
    """A frame is longer than what was announced."""

    def __init__(self, *, most: int) -> None:
        super().__init__(f"a frame above {most} bytes: send no longer ones than HELLO allows")
        self.most = most


# The link


class LinkError(BridgeError):
    """There is no agreement with the device any more; greet it again."""


class SessionNotOpen(LinkError):
    """Something was asked of a device that has not answered HELLO, or that has failed since."""

    def __init__(self) -> None:
        super().__init__("the device was not greeted, or has failed since: greet it first")


class DeviceSilent(LinkError):
    """A request was not answered, however often it was sent."""

    def __init__(self, *, request: str, attempts: int, waited_ms: int) -> None:
        super().__init__(
            f"no answer to {attempts} x {request} in {waited_ms} ms: check the cable, the power, "
            "the speed of the line, and that the firmware is on the board"
        )
        self.request = request
        self.attempts = attempts
        self.waited_ms = waited_ms


class DeviceFloods(LinkError):
    """More came than a device that keeps to the protocol ever sends."""

    def __init__(self, *, what: str, most: int, actual: int) -> None:
        super().__init__(
            f"{actual} {what} without one that was asked for, {most} are borne: "
            "something else talks on this line, so check the port and the firmware"
        )
        self.most = most
        self.actual = actual


class DeviceReset(LinkError):
    """The device has started anew and has forgotten the session."""

    def __init__(self) -> None:
        super().__init__("the device has restarted: begin again, and give it its model again")


class OutOfStep(LinkError):
    """Host and device do not count alike."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the device waits for request {expected}, this was {actual}: greet it again, "
            "and let no other program use the port"
        )
        self.expected = expected
        self.actual = actual


class OtherVersion(LinkError):
    """The device speaks another version of the protocol."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the device speaks version {actual} of the protocol, this program version {expected}: "
            "flash the firmware of this release"
        )
        self.expected = expected
        self.actual = actual


class AnswerUnexpected(LinkError):
    """A request was answered by a message that does not answer it."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"the answer is {actual}, not {expected}: flash this release's firmware")
        self.expected = expected
        self.actual = actual


class AnswerFaulty(LinkError):
    """An answer arrived undamaged and can not be read."""

    def __init__(self, *, answer: str, fault: MessageFaulty) -> None:
        super().__init__(f"{answer} can not be read ({fault}): flash this release's firmware")
        self.answer = answer
        self.fault = fault


class MaxFrameOutOfRange(LinkError):
    """The device announces a longest frame that the protocol does not allow."""

    def __init__(self, *, least: int, most: int, actual: int) -> None:
        super().__init__(
            f"the device says that it takes frames of {actual} bytes, the protocol wants {least} "
            f"to {most}: flash this release's firmware"
        )
        self.least = least
        self.most = most
        self.actual = actual


class FrameNotTaken(LinkError):
    """A frame was not answered that is within what the device announced, and a short one was."""

    def __init__(self, *, announced: int, actual: int) -> None:
        super().__init__(
            f"the device says that it takes frames of {announced} bytes, and drops one of {actual}:"
            " flash this release's firmware"
        )
        self.announced = announced
        self.actual = actual


class SampleOutOfOrder(LinkError):
    """A sample, or a part of one, is not the next one."""

    def __init__(self, *, what: str, expected: int, actual: int) -> None:
        super().__init__(f"{what} {actual} of a sample in place of {expected}: begin sampling anew")
        self.expected = expected
        self.actual = actual


# What a device refuses, or what a host would not even send


class RequestRefused(BridgeError):
    """The device has answered by an error code."""

    advice = "look it up in PROTOCOL.md"

    def __init__(self, *, code: str, detail: int) -> None:
        super().__init__(f"the device refuses with {code} ({detail}): {self.advice}")
        self.code = code
        self.detail = detail


class ModelRefused(RequestRefused):
    """A model breaks a rule or a limit of the firmware, and the device has none now."""

    advice = "choose a model within the limits of the board"


class NoModelOnDevice(RequestRefused):
    """The device has no model to run."""

    advice = "push one first"


class SamplesStopped(BridgeError):
    """A device that was to send samples answers, but sends none."""

    def __init__(self, *, expected: int, actual: int, failures: int) -> None:
        super().__init__(
            f"{actual} of {expected or 'endless'} samples came, the sensor has failed {failures} "
            "times: check the sensor and begin sampling anew"
        )
        self.expected = expected
        self.actual = actual
        self.failures = failures


class NotCapable(BridgeError):
    """The device can not do what it is asked for."""

    def __init__(self, *, needs: str, has: str) -> None:
        super().__init__(f"this board lacks {needs}, it has {has}: choose another board")
        self.needs = needs
        self.has = has


class ModelTooBig(BridgeError):
    """A model is longer than the device's room for it."""

    def __init__(self, *, most: int, actual: int) -> None:
        super().__init__(f"the board holds models of {most} bytes, this has {actual}: choose less")
        self.most = most
        self.actual = actual


class ImageTooBig(BridgeError):
    """An image is longer than the device's room for it."""

    def __init__(self, *, most: int, actual: int) -> None:
        super().__init__(f"the board holds images of {most} bytes, this has {actual}: choose less")
        self.most = most
        self.actual = actual


class ImageUnfit(BridgeError):
    """An image does not have the size that the model takes."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the model takes images of {expected} bytes, this has {actual}: give it its own"
        )
        self.expected = expected
        self.actual = actual


class ModelHashDiffers(BridgeError):
    """What the device has is not the model that was sent; it has thrown it away."""

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(
            f"the device has a model of hash {actual.hex()}, not {expected.hex()}: push it again"
        )
        self.expected = expected
        self.actual = actual


class AnswerContradicts(BridgeError):
    """An answer is not in agreement with itself or with what the device said of itself."""

    def __init__(self, *, what: str, expected: object, actual: object) -> None:
        super().__init__(f"{what} should be {expected}, not {actual}: do not trust this firmware")
        self.expected = expected
        self.actual = actual


# Ports

PORT_GROUP = "dialout"
"""Whose serial ports are on Debian."""


class PortError(BridgeError):
    """A port can not be used."""


class PyserialMissing(PortError):
    """The package pyserial is not installed."""

    def __init__(self) -> None:
        super().__init__(
            f"serial ports need pyserial: run `{sys.executable} -m pip install pyserial`"
        )


class PortMissing(PortError):
    """There is no such device."""

    def __init__(self, *, name: str, present: tuple[str, ...]) -> None:
        seen = ", ".join(present) or "no serial port at all"
        super().__init__(f"there is no port {name}, there is {seen}: plug the board in")
        self.name = name
        self.present = present


class NoSerialPort(PortError):
    """There is something of that name, and it is no serial port."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"{name} is no serial port: name another one")
        self.name = name


class SocketUnreachable(PortError):
    """Nothing answers at the address of a socket."""

    def __init__(self, *, name: str, why: str) -> None:
        super().__init__(
            f"{name} can not be reached ({why}): start what listens there, or correct the address"
        )
        self.name = name
        self.why = why


class PortForbidden(PortError):
    """The user may not open the device.

    Parameters
    ----------
    name : str
    group : str
        The device's.
    is_open : bool
        Whether who is in the group may open it. A login console closes its port to all others.
    """

    def __init__(self, *, name: str, group: str, is_open: bool = True) -> None:
        join = (
            f"{name} belongs to the group {group}: run `sudo usermod -aG {group} $USER`, "
            "then log in anew"
        )
        give = (
            f"{name} is closed to its group {group}: if a login console has it, end that "
            "(`sudo raspi-config` on a Raspberry Pi), else run "
            f"`sudo chgrp {PORT_GROUP} {name} && sudo chmod g+rw {name}`"
        )
        super().__init__(join if is_open else give)
        self.name = name
        self.group = group
        self.is_open = is_open


class PortBusy(PortError):
    """Another program has the device."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"another program uses {name}: end it first")
        self.name = name


class SpeedRefused(PortError):
    """The port can not run at a speed."""

    def __init__(self, *, name: str, baud: int) -> None:
        super().__init__(f"{name} can not run at {baud} bits a second: choose another speed")
        self.name = name
        self.baud = baud


class PortClosed(PortError):
    """The device was unplugged, or its other end closed."""

    def __init__(self, *, name: str, cause: str) -> None:
        super().__init__(f"{name} is gone ({cause}): plug the board in again")
        self.name = name
        self.cause = cause


class EmulatorMissing(PortError):
    """What would run a board's firmware is not installed."""

    def __init__(self, *, name: str, advice: str) -> None:
        super().__init__(f"no {name} here: {advice}")
        self.name = name
        self.advice = advice
