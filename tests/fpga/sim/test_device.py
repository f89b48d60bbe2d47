# SPDX-License-Identifier: Apache-2.0
"""The simulated board through pynq's own classes: overlay, register map, buffers, DMA."""

import importlib

import numpy as np
import pytest

from edge_node_fpga.regs.constants import REGISTERS, WATCHDOG
from edge_node_fpga.sim.board import MEMORY_BYTES
from edge_node_fpga.sim.errors import NothingThere, OutOfMemory
from tests.fpga.conftest import Plugged

pytestmark = pytest.mark.fpga


def test_overlay_finds_engine_registers_and_dma(plugged: Plugged) -> None:
    pynq = importlib.import_module("pynq")
    lib = importlib.import_module("pynq.lib")
    overlay = pynq.Overlay(str(plugged.bitfile))
    assert isinstance(overlay.axi_dma_0, lib.DMA)
    registers = overlay.bnn_engine_0.register_map
    assert int(registers.ID) == 0x314E4E42
    assert registers.CAPS_ARRAY.elements == 8
    registers.WATCHDOG = 77
    assert int(registers.WATCHDOG) == 77
    assert all(hasattr(registers, register.name) for register in REGISTERS)


def test_freed_buffers_are_used_again(plugged: Plugged) -> None:
    device = plugged.device
    first, second, third = (device.allocate((1000,), np.uint64) for _ in range(3))
    address = first.physical_address
    first.freebuffer()
    first.freebuffer()
    second.freebuffer()
    assert device.allocate((2000,), np.uint64).physical_address == address
    third.freebuffer()
    with pytest.raises(OutOfMemory):
        device.allocate((MEMORY_BYTES + 1,), np.uint8)


def test_address_of_nothing_is_an_error(plugged: Plugged) -> None:
    with pytest.raises(NothingThere):
        plugged.device.read_registers(0x5000_0000, 4)
    with pytest.raises(NothingThere):
        plugged.device.write_registers(0x5000_0000, bytes(4))


def test_download_begins_anew(plugged: Plugged) -> None:
    pynq = importlib.import_module("pynq")
    first = pynq.Overlay(str(plugged.bitfile))
    first.bnn_engine_0.register_map.WATCHDOG = 77
    kept = plugged.device.allocate((4,), np.uint64)
    kept[:] = 5
    first.axi_dma_0.recvchannel.transfer(kept)
    second = pynq.Overlay(str(plugged.bitfile))
    assert int(second.bnn_engine_0.register_map.WATCHDOG) == WATCHDOG.reset
    assert second.axi_dma_0.read(0x34) & 3 == 0, "it runs, and nothing was transferred"
    assert (kept == 5).all()


def test_stopped_dma_halts_only_when_its_transfer_ends(plugged: Plugged) -> None:
    pynq = importlib.import_module("pynq")
    dma = pynq.Overlay(str(plugged.bitfile)).axi_dma_0
    dma.recvchannel.transfer(plugged.device.allocate((4,), np.uint64))
    dma.write(0x30, 0)
    plugged.device.board.run(100)
    assert not dma.read(0x34) & 1, "nothing was received, so nothing has ended"
    dma.write(0x00, 4)  # the reset of one channel is that of both
    assert dma.read(0x34) & 1
