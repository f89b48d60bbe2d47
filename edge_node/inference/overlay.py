# SPDX-License-Identifier: Apache-2.0
"""The XNOR-popcount engine in an FPGA's fabric: `overlay` on a PYNQ-Z2, `overlay-sim` in Verilator.

Weights, thresholds and shapes are loaded at run time, so each block's model is one packet and its
evaluation set another, which stays there. Both back ends run one driver on the real pynq.
Law of the file: a model becomes the driver's layers here, and its errors become ours; nothing is
computed; whatever has failed is given back and opened anew.
Read next: sole_device.py, fpga/driver/overlay.py, fpga/README.md.
"""

import importlib.util
import logging
import platform
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge_node.inference.backend import (
    Backend,
    BackendFailed,
    BackendUnavailable,
    Images,
    InferenceError,
    Labels,
    Logits,
    UnsupportedArchitecture,
    check_images,
)
from edge_node.inference.bitstream import (
    ADOPT,
    OVERLAY,
    AdoptedOverlay,
    check_unchanged,
    sole_use,
)
from edge_node.inference.sole_device import Opened, SoleDevice
from edge_node.spec.model import Model

if TYPE_CHECKING:
    from edge_node_fpga.driver.folding import Layer
    from edge_node_fpga.driver.overlay import Overlay
    from edge_node_fpga.vivado.design import Build

LOGGER = logging.getLogger(__name__)

OVERLAY_SIM = "overlay-sim"
SIMULATED = "32x64"
"""Configuration that is simulated: the one for a PYNQ-Z2."""
BOARD_MACHINE = "armv7l"
"""What a PYNQ-Z2's processor calls itself."""

_T = TypeVar("_T")


class OverlayBackend:
    """An engine, on a board or simulated.

    Parameters
    ----------
    name : str
    description : str
    open_engine : callable
        Opens the engine at the first model, and after a failure.
    """

    def __init__(
        self, name: str, description: str, open_engine: "Callable[[], Opened[Overlay]]"
    ) -> None:
        self._name = name
        self._description = description
        self._sole = SoleDevice(open_engine)

    @property
    def name(self) -> str:
        """See Backend."""
        return self._name

    def describe(self) -> str:
        """Return in one line what it runs on."""
        return self._description

    def logits(self, model: Model, images: Images) -> Logits:
        """Return int32 (N, classes); see `Backend.logits`."""
        check_images(model.architecture, images)
        return self._with(model, lambda engine: engine.logits(_kept(images)))

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        """Return the number of images classified correctly; see `Backend.count_correct`."""
        check_images(model.architecture, images, labels)
        correct: int = self._with(
            model, lambda engine: engine.count_correct(_kept(images), _kept(labels))
        )
        return correct

    def close(self) -> None:
        """Give back the engine; whoever is at work in it gives it back when that has ended."""
        self._sole.close()

    def _with(self, model: Model, work: "Callable[[Overlay], _T]") -> _T:
        with self._sole.at_work():
            return self._worked(model, work)

    def _worked(self, model: Model, work: "Callable[[Overlay], _T]") -> _T:
        from edge_node_fpga.driver.folding import DoesNotFit

        try:
            return work(self._sole.with_model(model, lambda engine: engine.load(layers_of(model))))
        except InferenceError:
            raise  # of opening, which leaves nothing behind
        except DoesNotFit as error:
            raise UnsupportedArchitecture(backend=self._name, why=str(error)) from error
        except Exception as error:
            # pynq, the tools and the board say whatever they like; the next back end steps in.
            self._sole.give_back()
            raise BackendFailed(backend=self._name, why=_told(error)) from error


def open_overlay(adopted: AdoptedOverlay) -> Backend:
    """Return the back end on this machine's own fabric.

    Parameters
    ----------
    adopted : AdoptedOverlay
        What the fabric is loaded with, at the first model.
    """
    return OverlayBackend(
        OVERLAY, f"the engine of {adopted.bitfile} in the fabric", lambda: _on_board(adopted)
    )


def open_simulation(build_name: str = SIMULATED) -> Backend:
    """Return the back end on a simulated board.

    Parameters
    ----------
    build_name : str
        A configuration of `edge_node_fpga.vivado.design.BUILDS`.
    """
    description = f"the engine {build_name} of a PYNQ-Z2, its RTL simulated by Verilator"
    return OverlayBackend(OVERLAY_SIM, description, lambda: _simulated(build_name))


def build_simulation(build_name: str = SIMULATED) -> Path:
    """Return the library of the simulation; it is built if it is not in the user's cache.

    That takes a minute or two: whoever starts nodes in a hurry does it before.

    Raises
    ------
    BackendUnavailable
        A tool is missing.
    BackendFailed
        A tool refused the sources.
    """
    if (why := why_not_simulated()) is not None:
        raise BackendUnavailable(backend=OVERLAY_SIM, why=why)
    from edge_node_fpga.sim.build import built_library
    from edge_node_fpga.sim.errors import SimulationError, ToolMissing

    try:
        path: Path = built_library(_build_of(build_name))
    except ToolMissing as error:
        raise BackendUnavailable(backend=OVERLAY_SIM, why=str(error)) from error
    except (SimulationError, OSError, subprocess.SubprocessError) as error:
        raise BackendFailed(backend=OVERLAY_SIM, why=_told(error)) from error
    return path


def layers_of(model: Model) -> "list[Layer]":
    """Return a model as the driver's layers."""
    from edge_node_fpga.driver.folding import Layer

    return [
        Layer(
            in_rows=shape.in_height,
            in_columns=shape.in_width,
            in_channels=shape.in_channels,
            kernel_rows=shape.kernel_height,
            kernel_columns=shape.kernel_width,
            pad=shape.pad,
            pool=shape.layer.pool,
            bytes=shape.eight_bit,
            last=shape.last,
            channels=shape.channels,
            weights=weights,
            thresholds=thresholds,
        )
        for shape, weights, thresholds in zip(
            model.architecture.shapes, model.weights, model.thresholds, strict=True
        )
    ]


def why_not_simulated() -> str | None:
    """Return what is missing to simulate the engine, or None; loads nothing."""
    if any(importlib.util.find_spec(name) is None for name in ("edge_node_fpga", "pynq")):
        return "install edge-node[fpga-sim] (Python below 3.13)"
    from edge_node_fpga.sim.build import missing_tool

    missing: str | None = missing_tool()
    return missing


def why_no_board(adopted: AdoptedOverlay | None) -> str | None:
    """Return why this machine's fabric can not be used, or None; loads nothing.

    Parameters
    ----------
    adopted : AdoptedOverlay or None
        What the configuration says.
    """
    if platform.machine() != BOARD_MACHINE:
        return f"it takes a PYNQ-Z2; choose {OVERLAY_SIM} on other machines"
    if any(importlib.util.find_spec(name) is None for name in ("edge_node_fpga", "pynq")):
        return "pynq can not be imported; use the Python of PYNQ's image"
    if adopted is None:
        return f"no bitstream was chosen; build one as fpga/vivado/README.md says, then {ADOPT}"
    for file in (adopted.bitfile, adopted.hwh):
        if not file.is_file():
            return f"{file} is not there; put it back, or choose another bitstream: {ADOPT}"
    return None


def _on_board(adopted: AdoptedOverlay) -> "Opened[Overlay]":
    from edge_node_fpga.driver.overlay import Overlay

    with ExitStack() as cleanup:
        cleanup.enter_context(sole_use(adopted))
        check_unchanged(adopted)
        overlay = Overlay(adopted.bitfile)
        cleanup.callback(overlay.close)
        kept = cleanup.pop_all()
    return Opened(overlay, kept.close)


def _simulated(build_name: str) -> "Opened[Overlay]":
    from edge_node_fpga.driver.overlay import Overlay

    LOGGER.info("opening the simulated engine; a first build takes a minute or two")
    build_simulation(build_name)
    from edge_node_fpga.sim.device import PATIENCE_S, make_device

    with ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="edge-node-overlay-"))
        device, bitfile = make_device(_build_of(build_name), Path(folder))
        cleanup.callback(device.board.close)
        overlay = Overlay(bitfile, timeout_s=PATIENCE_S, clock=device.seconds, device=device)
        cleanup.callback(overlay.close)
        kept = cleanup.pop_all()
    return Opened(overlay, kept.close)


def _build_of(name: str) -> "Build":
    from edge_node_fpga.vivado.design import BUILDS

    return next(each for each in BUILDS if each.name == name)


def _kept(array: Images) -> Images:
    """Return an array that will not change: the engine keeps it, and never reads it again."""
    return array.copy() if array.flags.writeable else array


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
