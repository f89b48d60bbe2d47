# SPDX-License-Identifier: Apache-2.0
"""Resets of the engine, hard and by CTRL.reset, in all that it may be doing.

What stands on the stream out is taken back by aresetn alone; a batch that CTRL.reset ends is ended
once; the next model and batch are whole.
"""

from typing import Any

import cocotb
from bench import number
from cocotb.triggers import ClockCycles, RisingEdge
from engine_board import (
    ABORTED,
    CTRL,
    ERROR,
    RESET,
    STATUS,
    Board,
    Net,
    board,
    images_of,
    nets,
    results,
)

from edge_node_fpga.driver.folding import Folded
from edge_node_fpga.driver.packets import image_packet


@cocotb.test()
async def a_reset_in_the_middle_forgets_all(dut: Any) -> None:
    one = await board(dut, 4)
    net = nets(one.dice)[0]
    folded = net.folded()
    images = images_of(one.dice, net, 3)
    for cut, hard in ((20, True), (60, False), (400, True), (700, False)):
        await one.load(folded.packet, 0)
        sent = folded.packet if cut < 100 else image_packet(folded, images)
        await one.source.send(sent)
        await ClockCycles(dut.aclk, cut if cut < 100 else cut - 300)
        if hard:
            one.watching = False  # this reset may end what was offered
            await one.reset()
        else:
            one.source.clear()
            await one.write(CTRL, RESET)
        await one.source.wait()
        await one.source.send(b"\0" * 8)  # whatever was cut off ends here
        await one.source.wait()
        await one.until_idle()
        one.sink.clear()
        one.watching = True
        assert await one.read(STATUS) == 0
        await one.write(ERROR, 0)
        await one.load(folded.packet, 0)
        await one.check(net, folded, images[:2])


async def ended_by_reset(one: Board, net: Net, folded: Folded, images: Any, clocks: int) -> bytes:
    """Reset so long after a batch was sent; return all that came of it, and run another one."""
    await one.load(folded.packet, 0)
    await one.source.send(image_packet(folded, images))
    await ClockCycles(one.dut.aclk, clocks)
    one.source.clear()
    await one.write(CTRL, RESET)
    await one.source.wait()
    await one.source.send(b"\0" * 8)  # whatever was cut off ends here
    await one.source.wait()
    one.take_results()
    await one.until_idle()
    got = b"".join(bytes(one.sink.recv_nowait().tdata) for _ in range(one.sink.count()))
    assert await one.read(STATUS) == 0
    await one.write(ERROR, 0)
    await one.load(folded.packet, 0)
    await one.check(net, folded, images[:1])
    assert one.sink.empty(), "more came out than was asked for"
    return got


def is_ended(got: bytes, whole: bytes) -> bool:
    """Tell whether a batch was ended; what came of it before is right, and nothing came twice."""
    if got == whole:
        return False
    assert got[-8:] == ABORTED
    assert whole.startswith(got[:-8])
    return True


@cocotb.test()
async def a_reset_takes_no_beat_back(dut: Any) -> None:
    one = await board(dut, 11, 0, 0)
    net = nets(one.dice)[3]
    folded = net.folded()
    images = images_of(one.dice, net, 8)
    whole = results(net, images)
    for clocks in (900, 1500, 2500, 6000):
        one.leave_results()  # beats stand when the reset comes, and long after
        got = await ended_by_reset(one, net, folded, images, clocks)
        assert is_ended(got, whole)
    ended = []
    for percent in (30, 90):
        one.pauses(20, percent)
        for clocks in (400, 800, 1600):
            got = await ended_by_reset(one, net, folded, images, clocks)
            ended.append(bool(got) and is_ended(got, whole))
    assert any(ended)


@cocotb.test()
async def a_reset_at_the_end_of_a_batch_ends_it_once(dut: Any) -> None:
    one = await board(dut, 12, 0, 0)
    net = nets(one.dice)[4]
    folded = net.folded()
    images = images_of(one.dice, net, 1)
    await one.load(folded.packet, 0)
    await one.source.send(image_packet(folded, images))
    clocks = 0
    while not number(dut.m_axis_tvalid):
        await RisingEdge(dut.aclk)
        clocks += 1
    ended = [
        is_ended(await ended_by_reset(one, net, folded, images, at), results(net, images))
        for at in range(clocks - 24, clocks + 12)
    ]
    assert ended == sorted(ended, reverse=True)
    assert ended[0]
    assert not ended[-1]
