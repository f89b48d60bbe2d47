# SPDX-License-Identifier: Apache-2.0
"""Clocks of a batch and of one image alone, by the driver and the real pynq on the simulated RTL.

The engine's own counter is read, as on a board: from an images' packet to the last result taken.
The simulated memory answers at once, so what a DMA would wait for is not in it.
Law of the file: clocks are the RTL's; seconds are of the machine that simulates, and are named so.
Read next: figures.py, networks.py, driver/overlay.py, sim/device.py.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.folding import DoesNotFit, fold
from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.report.figures import Run
from edge_node_fpga.report.networks import (
    Network,
    images_of,
    layers_of,
    macs_of,
    weights_of,
)
from edge_node_fpga.sim.board import Board
from edge_node_fpga.vivado.design import Build

SEEDS = (1, 2, 3)
"""Of weights and images, to see that clocks do not depend on them."""
SEED_IMAGES = 12
TIMEOUT_S = 120.0
"""The longest that the simulation may stand still."""


def clock(build: Build, networks: Sequence[Network], *, most_images: int) -> Iterator[Run]:
    """Yield the runs of those networks that fit a build.

    Parameters
    ----------
    build : Build
        Made by Verilator, if it is not in the cache.
    networks : sequence of Network
    most_images : int
        A batch has no more.

    Raises
    ------
    SimulationError, OverlayError
        There is no simulation, or the engine refuses.
    """
    from edge_node_fpga.sim.device import make_device  # noqa: PLC0415 - it imports pynq

    with tempfile.TemporaryDirectory() as folder:
        device, bitfile = make_device(build, Path(folder))
        overlay = Overlay(bitfile, timeout_s=TIMEOUT_S, device=device)
        try:
            for network in networks:
                run = _run(device.board, overlay, build, network, most_images)
                if run is not None:
                    yield run
        finally:
            overlay.close()
            device.board.close()


def _run(
    board: Board, overlay: Overlay, build: Build, network: Network, most_images: int
) -> Run | None:
    alone, some = [], []
    for seed in SEEDS:
        layers = layers_of(network, seed)
        began = board.clocks
        try:
            overlay.load(layers)
        except DoesNotFit:
            return None
        load_clocks = board.clocks - began
        images = images_of(SEED_IMAGES, seed)
        alone.append(_clocks(overlay, images[:1]))
        some.append(_clocks(overlay, images))
    images = images_of(min(network.images, most_images), SEEDS[-1])
    began_s, processor_s = time.perf_counter(), time.process_time()
    overlay.logits(images)
    wall_s, processor_s = time.perf_counter() - began_s, time.process_time() - processor_s
    stats = overlay.stats()
    folded = fold(layers, overlay.caps)
    return Run(
        build=build.name,
        network=network.name,
        weights=weights_of(layers),
        macs=macs_of(layers),
        weight_rows=folded.rows,
        double_banked=2 * folded.rows <= overlay.caps.weight_rows,
        image_beats=folded.image_rows * folded.row_beats,
        load_clocks=load_clocks,
        one_clocks=max(alone),
        spread_clocks=max(max(each) - min(each) for each in (alone, some)),
        images=stats.images,
        clocks=stats.clocks,
        stall_in=stats.stall_in,
        stall_out=stats.stall_out,
        wall_s=round(wall_s, 3),
        processor_s=round(processor_s, 3),
    )


def _clocks(overlay: Overlay, images: npt.NDArray[np.uint8]) -> int:
    overlay.logits(images)
    return overlay.stats().clocks
