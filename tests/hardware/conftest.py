# SPDX-License-Identifier: Apache-2.0
"""The engine under test: a board's own, or a simulated one with fewer images.

On a board (as root, with the Python of PYNQ's image, and the overlay adopted):

    pytest -m board tests/hardware

Without one the same tests are part of `make fpga-test`, so that what is claimed of a board can not
rot before somebody has one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_node.inference.bitstream import AdoptedOverlay, check_unchanged, read_bitstream
from edge_node.node.configuration import ConfigRequest, load_config
from edge_node_fpga.driver.overlay import Overlay
from tests.fpga.conftest import SMALLEST, SOON_S, plug

BOARD_IMAGES = 10_000
SIMULATED_IMAGES = 24
# What the image's packages warn of says nothing of the engine.
BOARD = (
    pytest.mark.board,
    pytest.mark.timeout(3_600),
    pytest.mark.filterwarnings("default"),
)


@dataclass(frozen=True)
class Engine:
    """What the tests of this folder run on."""

    adopted: AdoptedOverlay
    """What was loaded."""
    driver: Overlay
    """Drives it."""
    images: int
    """How many it evaluates in a reasonable time."""
    simulated: bool
    """Whether it is no board."""


@pytest.fixture(
    params=[
        pytest.param("board", marks=BOARD),
        pytest.param("simulated", marks=pytest.mark.fpga),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "board":
        adopted = load_config(ConfigRequest(environment=os.environ)).config.fpga.adopted
        assert adopted is not None, "run `edge-node hw adopt-overlay FILE` first"
        check_unchanged(adopted)
        driver = Overlay(adopted.bitfile)
        yield Engine(adopted=adopted, driver=driver, images=BOARD_IMAGES, simulated=False)
        driver.close()
        return
    board = plug(SMALLEST, tmp_path)
    driver = Overlay(board.bitfile, timeout_s=SOON_S, clock=board.device.seconds)
    adopted = read_bitstream(board.bitfile)
    yield Engine(adopted=adopted, driver=driver, images=SIMULATED_IMAGES, simulated=True)
    driver.close()
    board.device.board.close()
