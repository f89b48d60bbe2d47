# SPDX-License-Identifier: Apache-2.0
"""The library behind its wrapper: time, registers, the interrupt line."""

import pytest

from edge_node_fpga.regs.constants import ID, IRQ_ENABLE, VERSION, WATCHDOG
from edge_node_fpga.sim.errors import BoardClosed
from tests.fpga.conftest import Plugged

pytestmark = pytest.mark.fpga


def test_time_passes_only_when_asked(plugged: Plugged) -> None:
    board = plugged.device.board
    before = board.clocks
    board.run(10)
    assert board.clocks == before + 10


def test_registers_are_read_and_written(plugged: Plugged) -> None:
    board = plugged.device.board
    assert board.read_engine(ID.offset) == 0x314E4E42
    assert board.read_engine(VERSION.offset) >> 16 == 1
    board.write_engine(WATCHDOG.offset, 0xDEADBEEF)
    assert board.read_engine(WATCHDOG.offset) == 0xDEADBEEF
    board.write_engine(IRQ_ENABLE.offset, 3)
    assert not board.interrupt


def test_closed_board_is_not_used(plugged: Plugged) -> None:
    board = plugged.device.board
    board.close()
    board.close()  # once more changes nothing
    for use in (lambda: board.clocks, lambda: board.run(1), lambda: board.read_dma(0)):
        with pytest.raises(BoardClosed, match="make another"):
            use()
