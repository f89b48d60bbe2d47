# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a driver and its engine.

Law of the file: one class per cause; a message is one sentence that says what to do.
Read next: overlay.py, fpga/rtl/stream_input.sv, fpga/rtl/descriptor_check.sv.
"""

from edge_node_fpga.regs.constants import ErrorCode


class OverlayError(Exception):
    """The engine can not do what it was asked for."""


class PynqMissing(OverlayError):
    """The package pynq is not installed, or does not load."""

    def __init__(self) -> None:
        super().__init__(
            "pynq can not be imported: on a board use the Python of its PYNQ image, "
            "elsewhere install edge-node[fpga-sim]"
        )


class PynqUnfit(OverlayError):
    """The package pynq is of a version that does not suit the driver and its board."""

    def __init__(self, *, oldest: str, below: str, actual: str) -> None:
        super().__init__(
            f"pynq {actual} is here, this needs {oldest} or newer and below {below}: "
            "use an image of the board with such a pynq"
        )


class NotOurEngine(OverlayError):
    """What the bitstream has is no engine, or one of another version."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(
            f"the bitstream has {actual} in the place of {expected}: "
            "give the one that was built from this source"
        )


class NoModel(OverlayError):
    """Images came before a model, or after an error that ended it."""

    def __init__(self) -> None:
        super().__init__("the engine has no model: load one before images")


class WrongImages(OverlayError):
    """Images or labels do not have the form that the model takes."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"the model takes {expected}, these are {actual}: load the model for them")


class EngineError(OverlayError):
    """The engine has put a code into its ERROR register."""

    advice = "the driver and the bitstream are of different versions: take both from one source"

    def __init__(self, code: int) -> None:
        name = ErrorCode(code).name if code in set(ErrorCode) else "unknown"
        super().__init__(f"engine error {code} ({name}): {self.advice}")
        self.code = code


class PacketRefused(EngineError):
    """A packet was damaged on its way, cut off, or not in the form of this engine."""

    advice = "the packet did not arrive as it was made, so send it again"


class OutOfStep(EngineError):
    """A slot has no model, or one that is in use, where the driver knows otherwise."""

    advice = "the engine's slots are not as the driver left them, so load the model again"


class ModelRefused(EngineError):
    """A model's descriptors would leave the engine's memories or never end."""

    advice = "the folded model is not one that this engine runs, so use another architecture"


class WatchdogExpired(EngineError):
    """An image took longer than WATCHDOG allows."""

    advice = "an image took too many clocks, so use a smaller architecture"


class EngineStuck(OverlayError):
    """A transfer did not end."""

    cause = "nothing moved"

    def __init__(self, *, timeout_s: float) -> None:
        super().__init__(
            f"{self.cause} for {timeout_s:g} s: load the model again, or raise the time-out"
        )


class ModelNotTaken(EngineStuck):
    """The engine does not take a model."""

    cause = "the model was not taken"


class ImagesNotTaken(EngineStuck):
    """The engine does not take images."""

    cause = "images were not taken"


class NoResults(EngineStuck):
    """The engine has taken all images, and gives no results."""

    cause = "no results came"


class DmaNotReset(EngineStuck):
    """The DMA does not come back after a reset."""

    cause = "the DMA did not come back"


class TransferFailed(OverlayError):
    """The DMA has stopped with an error of its own."""

    def __init__(self, *, status: int) -> None:
        super().__init__(
            f"the DMA stopped with status {status:#x}: load the model again; "
            "if it stays so, the .hwh is not that of the bitstream"
        )


def engine_error(code: int) -> EngineError:
    """Return the error that a code of the ERROR register stands for."""
    if code == ErrorCode.WATCHDOG:
        return WatchdogExpired(code)
    if code in {ErrorCode.ROWS_TAKEN, ErrorCode.SLOT_RUNNING, ErrorCode.NO_MODEL}:
        return OutOfStep(code)
    if ErrorCode.BAD_MODEL <= code <= ErrorCode.BAD_END:
        return ModelRefused(code)
    if ErrorCode.BAD_MAGIC <= code <= ErrorCode.NO_LAST:
        return PacketRefused(code)
    return EngineError(code)
