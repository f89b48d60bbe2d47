# SPDX-License-Identifier: Apache-2.0
"""first_tree: a new place each clock, two clocks later the sign of start + the nine terms."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

ROWS, START_BITS, CLOCKS = 3, 13, 2
FARTHEST = ROWS * 383
"""No sum of nine pixels, less its middle, is farther from zero."""
Place = tuple[list[list[int]], list[list[int]], int]
"""Pixels as signed bytes and signs of them (1 is -1), row by row, and what the sum starts from."""


def row_sum(pixels: list[int], signs: list[int]) -> int:
    return 1 + sum(~pixel if sign else pixel for pixel, sign in zip(pixels, signs, strict=True))


def total(place: Place) -> int:
    pixels, signs, start = place
    # A row whose signs are all turned is the complement of its sum.
    return start + sum(
        ~row_sum(row, [0, turns[1] ^ 1, turns[2] ^ 1]) if turns[0] else row_sum(row, turns)
        for row, turns in zip(pixels, signs, strict=True)
    )


def inputs(place: Place) -> dict[str, int]:
    pixels, signs, start = place
    sums = [
        sum((row_sum(row, [0, i & 1, i >> 1]) & 0x3FF) << 10 * i for i in range(4))
        for row in pixels
    ]
    firsts = [signs[0][0], signs[0][0] ^ signs[1][0], signs[2][0]]
    coded = [
        first | (turns[0] ^ turns[1]) << 1 | (turns[0] ^ turns[2]) << 2
        for first, turns in zip(firsts, signs, strict=True)
    ]
    return {
        "upper": sums[0],
        "middle": sums[1],
        "lower": sums[2],
        "signs": coded[0] | coded[1] << 3 | coded[2] << 6,
        "start": start & (1 << START_BITS) - 1,
    }


def drawn(dice: Dice) -> Place:
    ends = (-1, 0) if dice.chance(30) else (-128, -1, 0, 127, dice.between(-128, 127))
    pixels = [[dice.one_of(ends) for _ in range(3)] for _ in range(ROWS)]
    signs = [[dice.below(2) for _ in range(3)] for _ in range(ROWS)]
    # As near to 0 as it goes, or anywhere.
    near = dice.between(-2, 2) - total((pixels, signs, 0))
    return pixels, signs, near if dice.chance(70) else dice.between(-FARTHEST - 1, FARTHEST + 1)


@cocotb.test()
async def signs_come_two_clocks_later(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, step=3, upper=0, middle=0, lower=0, signs=0, start=0)
    under_way: list[Place] = []
    for _ in range(3000):
        under_way.append(drawn(dice))
        put(dut, **inputs(under_way[-1]))
        await ticks(dut)
        if len(under_way) == CLOCKS:
            place = under_way.pop(0)
            assert number(dut.negative) == int(total(place) < 0), place


@cocotb.test()
async def extremes_do_not_wrap(dut: Any) -> None:
    await begin(dut, step=3, upper=0, middle=0, lower=0, signs=0, start=0)
    for pixel in (-128, 127):
        for sign in (0, 1):
            for start in (-FARTHEST - 1, -FARTHEST, -1, 0, 1, FARTHEST, FARTHEST + 1):
                place = [[pixel] * 3] * ROWS, [[sign] * 3] * ROWS, start
                put(dut, **inputs(place))
                await ticks(dut, CLOCKS)
                assert number(dut.negative) == int(total(place) < 0), place
