# SPDX-License-Identifier: Apache-2.0
"""first_layer against loops: 8 bit and 1 bit, all four windows at once and one by one."""

from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

T = parameters()["T"]
START_BITS = 13
TREE_BITS = 9 + START_BITS
Image = list[list[int]]


def relative(weights: int) -> int:
    """Return each row's first sign and what is unlike it; the middle row's beside the upper's."""
    upper, middle = weights & 1, weights >> 3 & 1
    lower = weights >> 6 & 1
    return weights ^ (upper * 0b110 | (middle * 0b110 | upper) << 3 | (lower * 0b110) << 6)


class Network:
    """A first layer: weights (nine bits, 1 is -1) and starts of sums."""

    def __init__(self, dice: Dice, *, whole: bool, quad: bool) -> None:
        self.whole, self.quad = whole, quad
        self.channels = dice.between(1, T // 4) if quad else dice.between(1, 4 * T)
        self.tiles = -(-self.channels // T)
        self.rows = dice.between(4, 32)
        self.columns = dice.between(4, 32)
        self.out_rows, self.out_columns = (self.rows - 2) // 2, (self.columns - 2) // 2
        self.weights = [dice.bits(9) for _ in range(self.channels)]
        middle = 9 * 128 if whole else 5
        self.starts = [-dice.between(middle // 2, middle * 5 // 4) for _ in range(self.channels)]

    def tree(self, tile: int, tree: int) -> int:
        channel = tree % (T // 4) if self.quad else tile * T + tree
        if channel >= self.channels:
            return 0
        # The unit's sums of three are 383 less on bytes, on bits (127 and 128 there) 2.
        start = self.starts[channel] + 3 * (383 if self.whole else 2)
        return relative(self.weights[channel]) | (start & ((1 << START_BITS) - 1)) << 9

    def parameters(self, tile: int) -> int:
        return sum(self.tree(tile, t) << (TREE_BITS * t) for t in range(T))

    def beats(self, image: Image) -> list[list[int]]:
        per = 8 if self.whole else 1
        rows = [sum(v << (per * x) for x, v in enumerate(row)) for row in image]
        count = -(-self.columns * per // 64)
        return [[row >> (64 * i) & ((1 << 64) - 1) for i in range(count)] for row in rows]

    def random_image(self, dice: Dice) -> Image:
        top = 256 if self.whole else 2
        return [[dice.below(top) for _ in range(self.columns)] for _ in range(self.rows)]

    def negative(self, image: Image, y: int, x: int, channel: int) -> bool:
        total = self.starts[channel]
        for tap in range(9):
            value = image[y + tap // 3][x + tap % 3]
            if self.weights[channel] >> tap & 1:
                value = 255 - value if self.whole else 1 - value
            total += value
        # On bytes a small sum is -1; on bits, which are 1 for -1, a great one.
        return (total < 0) == self.whole

    def outputs(self, image: Image) -> list[tuple[int, int, int]]:
        """Return (bits, count, row_end) in the order in which they must come."""
        all_outputs = []
        for y in range(self.out_rows):
            for x in range(self.out_columns):
                for tile in range(self.tiles):
                    channels = range(tile * T, min(tile * T + T, self.channels))
                    bits = 0
                    for c in channels:
                        pool = [
                            self.negative(image, 2 * y + i // 2, 2 * x + i % 2, c) for i in range(4)
                        ]
                        bits |= all(pool) << (c - tile * T)
                    ends = x == self.out_columns - 1 and tile == self.tiles - 1
                    all_outputs.append((bits, len(channels), int(ends)))
        return all_outputs


async def serve(dut: Any, network: list[Network]) -> None:
    """Give the parameters of a tile one clock after they were asked for."""
    while True:
        tile = number(dut.tile)
        await ticks(dut)
        dut.parameters.value = network[0].parameters(tile)


async def fill(dut: Any, network: Network, which: int, image: Image) -> None:
    for y, row in enumerate(network.beats(image)):
        for i, beat in enumerate(row):
            put(dut, pixel_write=1, pixel_image=which, pixel_row=y, pixel_beat=i, pixel_data=beat)
            await ticks(dut)
    put(dut, pixel_write=0)


@cocotb.test()
async def outputs_are_the_laws_first_layer(dut: Any) -> None:
    dice = Dice(1)
    await begin(
        dut,
        bytes=0,
        quad=0,
        tiles=1,
        last_channels=1,
        out_rows=1,
        out_columns=1,
        parameters=0,
        pixel_write=0,
        start=0,
        image=0,
    )
    network = [Network(dice, whole=True, quad=True)]
    cocotb.start_soon(serve(dut, network))
    for trial in range(10):
        net = network[0] = Network(dice, whole=trial % 2 == 0, quad=trial % 4 < 2)
        if not net.quad and net.out_rows * net.out_columns * net.channels > 2500:
            net.rows = min(net.rows, 8)
            net.out_rows = (net.rows - 2) // 2
        put(
            dut,
            bytes=int(net.whole),
            quad=int(net.quad),
            tiles=net.tiles,
            out_rows=net.out_rows,
            last_channels=net.channels - (net.tiles - 1) * T,
            out_columns=net.out_columns,
        )
        images = [net.random_image(dice) for _ in range(3)]
        await fill(dut, net, 0, images[0])
        for turn, image in enumerate(images):
            filling = None
            put(dut, start=1, image=turn % 2)
            await ticks(dut)
            put(dut, start=0)
            if turn + 1 < len(images):  # the next image comes in while this one is worked on
                filling = cocotb.start_soon(fill(dut, net, 1 - turn % 2, images[turn + 1]))
            expected, got, quiet = net.outputs(image), [], 0
            for _ in range(len(expected) * 4 + 40 * net.out_rows + 100):
                if number(dut.out_valid):
                    mask = (1 << number(dut.out_count)) - 1
                    got.append(
                        (
                            number(dut.out_bits) & mask,
                            number(dut.out_count),
                            number(dut.out_row_end),
                        )
                    )
                quiet = 0 if number(dut.busy) else quiet + 1
                if quiet > 8:
                    break
                await ticks(dut)
            assert not number(dut.busy)
            assert got == expected
            if filling is not None:
                await filling
