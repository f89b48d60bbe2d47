# SPDX-License-Identifier: Apache-2.0
"""What the benches of the whole engine share: a board, networks, and what they must give.

Both streams pause at random. Models are folded by the driver; their logits are counted here, in
integer loops over the law.
Law of the file: whatever a stream or a bus offers is watched, always: AXI takes nothing back.
Read next: bench_bnn_engine.py, bench_engine_reset.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from bench import CLOCK_NS, Dice, number, parameters
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamSink, AxiStreamSource

from edge_node_fpga.driver.folding import Caps, Folded, Layer, fold
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

    def leave_results(self) -> None:
        self.sink.clear_pause_generator()
        self.sink.pause = True

    def take_results(self) -> None:
        self.sink.clear_pause_generator()
        self.sink.pause = False

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


def results(net: Net, images: Any) -> bytes:
    """Return what the engine must send."""
    expected = [logit for image in images for logit in golden(net, image)]
    expected += [0] * (len(expected) % 2)
    return struct.pack(f"<{len(expected)}i", *expected)


def assert_logits(net: Net, images: Any, got: bytes) -> None:
    count = len(got) // 4
    assert struct.unpack(f"<{count}i", got) == struct.unpack(f"<{count}i", results(net, images))


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
