# SPDX-License-Identifier: Apache-2.0
"""A simulated board for tests that need one; its library is built once and kept in the cache.

Whatever plugs one in is marked `fpga`: pynq, Verilator and a compiler must be there, and `make
fpga-test` has them. Nothing is skipped for want of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.vivado.design import BUILDS, Build

if TYPE_CHECKING:
    from edge_node_fpga.sim.device import SimulatedDevice

SMALLEST = BUILDS[0]
SOON_S = 0.005
"""Of the board's time: half a million clocks."""


@pytest.hookimpl(tryfirst=True)  # before those that are marked are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "plugged" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.fpga)


@dataclass(frozen=True)
class Plugged:
    """A device that pynq uses, and where its bitfile lies."""

    device: "SimulatedDevice"
    bitfile: Path


def plug(build: Build, folder: Path) -> Plugged:
    from edge_node_fpga.sim.device import Device, make_device  # noqa: PLC0415 - it imports pynq

    device, bitfile = make_device(build, folder)
    Device.active_device = device  # as a board's own is
    return Plugged(device=device, bitfile=bitfile)


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    """Plug in a board with the smallest engine."""
    board = plug(SMALLEST, tmp_path)
    yield board
    board.device.board.close()


@pytest.fixture
def overlay(plugged: Plugged) -> Iterator[Overlay]:
    """Drive it, and lose patience soon: by the board's time, however slow it is simulated."""
    made = Overlay(plugged.bitfile, timeout_s=SOON_S, clock=plugged.device.seconds)
    yield made
    made.close()
