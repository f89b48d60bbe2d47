# SPDX-License-Identifier: Apache-2.0
"""The engine as an IP, through AXI-Lite and AXI-Stream, against integer loops over the law.

Both streams pause at random. Models are folded by the driver; what they must give is counted here.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from bench import CLOCK_NS, Dice, number, parameters
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamSink, AxiStreamSource

from edge_node_fpga.driver.folding import KIND_IMAGES, Caps, Folded, Layer, fold, packet
from edge_node_fpga.driver.packets import image_packet

P, T, LANES, ROW_BITS = (parameters()[name] for name in ("P", "T", "LANES", "ROW_BITS"))
CAPS = Caps(elements=P, trees=T, lanes=LANES, weight_rows=1 << ROW_BITS)
ID, VERSION, CAPS_ARRAY, CTRL, STATUS, ERROR, WATCHDOG = 0x00, 0x04, 0x08, 0x20, 0x24, 0x28, 0x2C
IMAGES, CORRECT, IRQ_ENABLE, IRQ_STATUS = 0x30, 0x34, 0x48, 0x4C
RESET, SLOT, LABELS, COUNT_ONLY = 1, 2, 4, 8
ABORTED = b"\xff" * 8
LIMIT_NS = 3_000_000


@dataclass(frozen=True)
class Net:
    """Layers, the size of an image, and the driver's packet."""

    layers: tuple[Layer, ...]
    pixels: int

    def folded(self, slot: int = 0, base: int = 0) -> Folded:
        return fold(self.layers, CAPS, slot=slot, weight_base=base)


def layer(
    dice: Dice,
    rows: int,
    columns: int,
    depth: int,
    kernel: int,
    channels: int,
    *,
    pad: int = 0,
    pool: bool = False,
    whole: bool = False,
    last: bool = False,
) -> Layer:
    kernel_rows, kernel_columns = (rows, columns) if kernel == 0 else (kernel, kernel)
    fan_in = kernel_rows * kernel_columns * depth
    if last:
        thresholds = [dice.between(-9, 9) for _ in range(channels)]
    elif whole:
        thresholds = [dice.between(-60 * fan_in, 60 * fan_in) // 4 for _ in range(channels)]
    else:
        thresholds = [dice.between(fan_in // 3, fan_in * 2 // 3) for _ in range(channels)]
    return Layer(
        in_rows=rows,
        in_columns=columns,
        in_channels=depth,
        kernel_rows=kernel_rows,
        kernel_columns=kernel_columns,
        pad=pad,
        pool=pool,
        bytes=whole,
        last=last,
        channels=channels,
        weights=[dice.bits(fan_in) for _ in range(channels)],
        thresholds=thresholds,
    )


def network(
    dice: Dice,
    rows: int,
    columns: int,
    depth: int,
    whole: bool,
    steps: Sequence[tuple[int, int, int, bool]],
    classes: int,
) -> Net:
    """Return a network; steps are (kernel, channels, pad, pool), kernel 0 sees all of the map."""
    layers, pixels = [], rows * columns * depth
    for i, (kernel, channels, pad, pool) in enumerate(steps):
        layers.append(
            layer(
                dice,
                rows,
                columns,
                depth,
                kernel,
                channels,
                pad=pad,
                pool=pool,
                whole=whole and i == 0,
            )
        )
        rows, columns, depth = layers[-1].out_rows, layers[-1].out_columns, channels
    layers.append(layer(dice, rows, columns, depth, 0, classes, last=True))
    return Net(tuple(layers), pixels)


def golden(net: Net, image: Sequence[int]) -> list[int]:
    """Return the logits of an image, by loops."""
    values = [int(v) if net.layers[0].bytes else int(v < 128) for v in image]
    for one in net.layers:
        rows, columns = (
            one.in_rows + 2 * one.pad - one.kernel_rows + 1,
            one.in_columns + 2 * one.pad - one.kernel_columns + 1,
        )
        signs = {}
        for y in range(rows):
            for x in range(columns):
                taps = [
                    _at(one, values, y + ky - one.pad, x + kx - one.pad, c)
                    for ky in range(one.kernel_rows)
                    for kx in range(one.kernel_columns)
                    for c in range(one.in_channels)
                ]
                for k, (weights, threshold) in enumerate(
                    zip(one.weights, one.thresholds, strict=True)
                ):
                    if one.bytes:
                        total = sum(
                            128 - v if weights >> i & 1 else v - 128 for i, v in enumerate(taps)
                        )
                        signs[y, x, k] = int(total < threshold)
                        continue
                    wrong = sum(v ^ (weights >> i & 1) for i, v in enumerate(taps))
                    signs[y, x, k] = (
                        one.fan_in - 2 * wrong + threshold if one.last else int(wrong > threshold)
                    )
        step = 2 if one.pool else 1
        values = [
            signs[step * y, step * x, k]
            & signs[step * y + step - 1, step * x, k]
            & signs[step * y, step * x + step - 1, k]
            & signs[step * y + step - 1, step * x + step - 1, k]
            if one.pool
            else signs[y, x, k]
            for y in range(one.out_rows)
            for x in range(one.out_columns)
            for k in range(one.channels)
        ]
    return values


def _at(one: Layer, values: Sequence[int], y: int, x: int, c: int) -> int:
    inside = 0 <= y < one.in_rows and 0 <= x < one.in_columns
    return values[(y * one.in_columns + x) * one.in_channels + c] if inside else 0


def images_of(dice: Dice, net: Net, count: int) -> Any:
    return np.array([[dice.below(256) for _ in range(net.pixels)] for _ in range(count)], np.uint8)


class Board:
    """What a processor would see of the engine."""

    def __init__(self, dut: Any, dice: Dice) -> None:
        self.dut, self.dice = dut, dice
        dut.aresetn.value = 0
        cocotb.start_soon(Clock(dut.aclk, CLOCK_NS, unit="ns").start())
        reset = {"reset": dut.aresetn, "reset_active_level": False}
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk, **reset)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, **reset)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, **reset)
        self.watching = True
        cocotb.start_soon(self._watch())

    def pauses(self, source_percent: int, sink_percent: int) -> None:
        self.source.set_pause_generator(self._pauses(source_percent))
        self.sink.set_pause_generator(self._pauses(sink_percent))

    def _pauses(self, percent: int) -> Any:
        while True:
            yield self.dice.chance(percent)

    async def reset(self) -> None:
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 4)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def _watch(self) -> None:
        """AXI: what is offered stays, unchanged, until it is taken."""
        dut, before = self.dut, None
        channels = {
            "m_axis": ("tvalid", "tready", ("tdata", "tlast", "tkeep")),
            "s_axi_b": ("valid", "ready", ("resp",)),
            "s_axi_r": ("valid", "ready", ("data", "resp")),
        }
        ports = {
            name: [
                getattr(dut, f"{name}{'_' if name == 'm_axis' else ''}{port}")
                for port in (valid, ready, *rest)
            ]
            for name, (valid, ready, rest) in channels.items()
        }
        while True:
            await FallingEdge(dut.aclk)
            if not number(dut.aresetn) or not self.watching:
                before = None
                continue
            now = {name: [number(port) for port in group] for name, group in ports.items()}
            for name, values in now.items():
                if before and before[name][0] and not before[name][1]:
                    assert values[0], f"{name}: VALID fell before it was taken"
                    assert values[2:] == before[name][2:], f"{name}: what was offered has changed"
            before = now

    async def write(self, address: int, value: int) -> None:
        await self.registers.write_dword(address, value)

    async def read(self, address: int) -> int:
        return int(await self.registers.read_dword(address))

    async def until_idle(self) -> None:
        for _ in range(4000):
            if not await self.read(STATUS) & 1:
                return
        raise AssertionError("the batch does not end")

    async def load(self, packet_: bytes, slot: int) -> None:
        """Send a model and wait until it is valid or refused."""
        await self.source.send(packet_)
        await self.source.wait()
        for _ in range(200):
            if await self.read(STATUS) >> 1 + slot & 1 or await self.read(ERROR):
                return
        raise AssertionError("a model is neither valid nor refused")

    async def receive(self) -> bytes:
        frame = await with_timeout(self.sink.recv(), LIMIT_NS, "ns")
        return bytes(frame.tdata)

    async def check(self, net: Net, folded: Folded, images: Any) -> None:
        await self.source.send(image_packet(folded, images))
        assert_logits(net, images, await self.receive())
        assert await self.read(IMAGES) == len(images)
        await self.until_idle()


def assert_logits(net: Net, images: Any, got: bytes) -> None:
    expected = [logit for image in images for logit in golden(net, image)]
    expected += [0] * (len(expected) % 2)
    assert list(struct.unpack(f"<{len(got) // 4}i", got)) == expected


async def board(dut: Any, seed: int, source_percent: int = 20, sink_percent: int = 30) -> Board:
    made = Board(dut, Dice(seed))
    await made.reset()
    made.pauses(source_percent, sink_percent)
    return made


def nets(dice: Dice) -> list[Net]:
    return [
        network(dice, 8, 9, 1, True, [(3, 5, 0, True), (0, 9, 0, False)], 3),
        network(dice, 10, 8, 1, False, [(3, 2, 0, True), (3, 9, 1, False)], 5),
        network(dice, 5, 6, 3, True, [(2, 3, 0, False)], 3),
        network(dice, 7, 7, 2, False, [(5, 11, 2, True), (0, 17, 0, False)], 10),
        network(dice, 4, 5, 1, False, [(0, 20, 0, False), (0, 12, 0, False)], 2),
    ]


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
        one.watching = False  # a reset may end what was offered
        if hard:
            await one.reset()
        else:
            one.source.clear()
            await one.write(CTRL, RESET)
        await one.source.wait()
        await one.source.send(b"\0" * 8)  # whatever was cut off ends here
        await one.source.wait()
        await ClockCycles(dut.aclk, 10)
        one.sink.clear()
        one.watching = True
        assert await one.read(STATUS) == 0
        await one.write(ERROR, 0)
        await one.load(folded.packet, 0)
        await one.check(net, folded, images[:2])


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
