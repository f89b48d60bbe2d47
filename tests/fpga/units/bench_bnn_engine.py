# SPDX-License-Identifier: Apache-2.0
"""The engine as an IP, through AXI-Lite and AXI-Stream, against integer loops over the law."""

import struct
from typing import Any

import cocotb
import numpy as np
from bench import number
from cocotb.triggers import RisingEdge
from engine_board import (
    ABORTED,
    CAPS_ARRAY,
    CORRECT,
    COUNT_ONLY,
    CTRL,
    ERROR,
    ID,
    IRQ_ENABLE,
    IRQ_STATUS,
    LABELS,
    LANES,
    ROW_BITS,
    SLOT,
    STATUS,
    VERSION,
    WATCHDOG,
    P,
    T,
    assert_logits,
    board,
    golden,
    images_of,
    nets,
    network,
)

from edge_node_fpga.driver.folding import KIND_IMAGES, packet
from edge_node_fpga.driver.packets import image_packet


@cocotb.test()
async def registers_say_what_it_is(dut: Any) -> None:
    one = await board(dut, 1)
    assert await one.read(ID) == 0x314E4E42
    assert await one.read(VERSION) == 0x00010000
    assert await one.read(CAPS_ARRAY) == P | 64 << 8 | LANES << 16 | T << 24
    assert await one.read(STATUS) == 0
    await one.write(WATCHDOG, 12345)
    assert await one.read(WATCHDOG) == 12345


@cocotb.test()
async def all_logits_are_the_laws(dut: Any) -> None:
    one = await board(dut, 2)
    for trial, net in enumerate(nets(one.dice)):
        one.pauses(*[(20, 30), (0, 0), (70, 5), (5, 80), (0, 95)][trial])
        folded = net.folded()
        await one.load(folded.packet, 0)
        assert await one.read(ERROR) == 0
        await one.check(net, folded, images_of(one.dice, net, 1 + trial % 5))


@cocotb.test()
async def the_widest_first_layer_runs(dut: Any) -> None:
    one = await board(dut, 10)
    net = network(one.dice, 32, 32, 1, True, [(3, 8 * T, 0, True), (3, 8, 0, True)], 10)
    folded = net.folded()
    assert folded.first
    await one.load(folded.packet, 0)
    assert await one.read(ERROR) == 0
    await one.check(net, folded, images_of(one.dice, net, 1))


@cocotb.test()
async def correct_images_are_counted(dut: Any) -> None:
    one = await board(dut, 3)
    net = nets(one.dice)[1]
    folded = net.folded()
    await one.load(folded.packet, 0)
    images = images_of(one.dice, net, 7)
    scores = [golden(net, image) for image in images]
    labels = np.array([s.index(max(s)) if i % 3 else 4 for i, s in enumerate(scores)], np.uint8)
    right = sum(s.index(max(s)) == label for s, label in zip(scores, labels, strict=True))
    await one.write(IRQ_ENABLE, 1)
    await one.write(CTRL, LABELS | COUNT_ONLY)
    await one.source.send(image_packet(folded, images, labels))
    assert struct.unpack("<Q", await one.receive()) == (right,)
    await one.until_idle()
    assert await one.read(CORRECT) == right
    assert number(dut.irq) == 1
    await one.write(IRQ_STATUS, 1)
    assert await one.read(IRQ_STATUS) == 0
    assert number(dut.irq) == 0


@cocotb.test()
async def the_other_slot_loads_while_a_batch_runs(dut: Any) -> None:
    one = await board(dut, 5, 0, 40)
    first, second = nets(one.dice)[1], nets(one.dice)[3]
    in_first = first.folded()
    await one.load(in_first.packet, 0)
    for turn in range(3):  # swap between batches, each loaded under the other's work
        slot = turn % 2
        running, folded, loading = (first, second)[slot], in_first, (second, first)[slot]
        images = images_of(one.dice, running, 4)
        await one.write(CTRL, SLOT * slot)
        await one.source.send(image_packet(folded, images))
        other = loading.folded(slot=1 - slot, base=(1 - slot) * (1 << ROW_BITS - 1))
        await one.source.send(other.packet)
        for _ in range(200):
            if await one.read(STATUS) & 1:
                break
        await one.write(CTRL, SLOT * (1 - slot))  # the next batch's; this one keeps its own
        assert_logits(running, images, await one.receive())
        await one.source.wait()
        await one.until_idle()
        for _ in range(200):  # the model is still being checked
            if await one.read(STATUS) == 6:
                break
        assert await one.read(STATUS) == 6
        assert await one.read(ERROR) == 0
        in_first = other


@cocotb.test()
async def batches_may_follow_each_other_at_once(dut: Any) -> None:
    one = await board(dut, 6, 0, 60)
    net = nets(one.dice)[4]
    folded = net.folded()
    await one.load(folded.packet, 0)
    batches = [images_of(one.dice, net, count) for count in (3, 1, 4)]
    for images in batches:
        await one.source.send(image_packet(folded, images))
    for images in batches:
        assert_logits(net, images, await one.receive())
    await one.until_idle()


@cocotb.test()
async def what_is_wrong_is_named_and_the_next_batch_is_right(dut: Any) -> None:
    one = await board(dut, 7)
    net = nets(one.dice)[1]
    folded = net.folded()
    await one.load(folded.packet, 0)
    images = images_of(one.dice, net, 2)
    whole = image_packet(folded, images)
    content = whole[16:-8]
    for name, sent, code in (
        ("an image too many", packet(KIND_IMAGES, 0, 1, content), 3),
        ("an image too few", packet(KIND_IMAGES, 0, 3, content), 3),
        ("a beat too few", packet(KIND_IMAGES, 0, 2, content[:-8]), 3),
        ("ends early", whole[:-16], 3),
        ("bad CRC", whole[:-8] + b"\0" * 8, 4),
    ):
        await one.source.send(sent)
        got = await one.receive()
        assert got[-8:] == ABORTED, name
        await one.until_idle()
        assert await one.read(ERROR) == code, name
        await one.write(ERROR, 0)
        await one.check(net, folded, images)
    bad = bytearray(folded.packet)
    struct.pack_into("<Q", bad, 24, 0)  # a model of no layers
    await one.load(packet(1, 0, 0, bytes(bad[16:-8])), 0)
    assert await one.read(ERROR) == 16
    assert await one.read(STATUS) == 0
    await one.write(ERROR, 0)
    await one.load(folded.packet, 0)
    await one.check(net, folded, images)


@cocotb.test()
async def the_watchdog_ends_a_batch(dut: Any) -> None:
    one = await board(dut, 8)
    net = nets(one.dice)[3]
    folded = net.folded()
    await one.load(folded.packet, 0)
    images = images_of(one.dice, net, 3)
    await one.write(WATCHDOG, 40)
    await one.source.send(image_packet(folded, images))
    assert (await one.receive())[-8:] == ABORTED
    assert await one.read(ERROR) == 32
    await one.until_idle()
    await one.source.wait()
    await one.write(WATCHDOG, 1 << 20)
    await one.write(ERROR, 0)
    await one.check(net, folded, images)
    assert one.sink.empty(), "more came out than was asked for"


@cocotb.test()
async def a_bad_model_leaves_the_running_batch_alone(dut: Any) -> None:
    one = await board(dut, 9, 0, 50)
    net = nets(one.dice)[1]
    folded = net.folded()
    await one.load(folded.packet, 0)
    images = images_of(one.dice, net, 4)
    await one.source.send(image_packet(folded, images))
    await one.source.send(folded.packet)  # for the slot that runs
    assert_logits(net, images, await one.receive())
    await one.until_idle()
    assert await one.read(ERROR) == 8
    assert await one.read(STATUS) == 2
    await RisingEdge(dut.aclk)
