# SPDX-License-Identifier: Apache-2.0
"""map_writer against bit strings: random counts, rows, parities, both halves, map after map."""

from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

WIDTH = parameters()["WIDTH"]
INDEX_BITS = 10
HALF = 1 << (INDEX_BITS - 1)


async def watch(dut: Any, memory: dict[tuple[int, int], int]) -> None:
    while True:
        await ticks(dut)
        if number(dut.write):
            place = number(dut.parity), number(dut.index)
            assert place not in memory, "a word is written twice"
            memory[place] = number(dut.data)


@cocotb.test()
async def rows_are_bit_strings_in_their_banks(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, start=0, row_words=1, half=0, valid=0, bits=0, count=1, row_end=0)
    memory: dict[tuple[int, int], int] = {}
    cocotb.start_soon(watch(dut, memory))
    for _ in range(40):
        memory.clear()
        half = dice.below(2)
        rows = [
            [dice.one_of([1, WIDTH, dice.between(1, WIDTH)]) for _ in range(dice.between(1, 30))]
            for _ in range(dice.between(1, 7))
        ]
        words = max(-(-sum(row) // 64) for row in rows)
        expected: dict[tuple[int, int], int] = {}
        put(dut, start=1, half=half, row_words=words)
        await ticks(dut)
        put(dut, start=0)
        busy = dice.one_of([100, 100, 40])
        for y, row in enumerate(rows):
            text, length = 0, 0
            for i, count in enumerate(row):
                while not dice.chance(busy):
                    put(dut, valid=0, row_end=dice.below(2), bits=dice.bits(WIDTH))
                    await ticks(dut)
                bits = dice.bits(WIDTH)  # those from `count` on are not to be seen
                put(dut, valid=1, bits=bits, count=count, row_end=int(i == len(row) - 1))
                await ticks(dut)
                text |= (bits & ((1 << count) - 1)) << length
                length += count
            put(dut, valid=0)
            await ticks(dut)
            for word in range(-(-length // 64)):
                index = half * HALF + y // 2 * words + word
                expected[y % 2, index] = text >> 64 * word & ((1 << 64) - 1)
        await ticks(dut, 3)  # with the free clock, four after the last output
        assert memory == expected
