# SPDX-License-Identifier: Apache-2.0
"""map_memory against a dict: neighbours of odd and even words, both halves, reads and writes."""

from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

INDEX_BITS = parameters()["INDEX_BITS"]
WORDS = 1 << INDEX_BITS
HALF = WORDS // 2


@cocotb.test()
async def a_word_comes_with_its_neighbour(dut: Any) -> None:
    dice = Dice(1)
    await begin(
        dut, write=0, write_parity=0, write_index=0, write_data=0, read_index_0=0, read_index_1=0
    )
    memory = {}
    for parity in range(2):
        for index in range(WORDS):
            memory[parity, index] = dice.bits(64)
            put(
                dut,
                write=1,
                write_parity=parity,
                write_index=index,
                write_data=memory[parity, index],
            )
            await ticks(dut)
    put(dut, write=0)

    def pair(parity: int, index: int) -> tuple[int, int]:
        """Return a word and its neighbour, the even one first."""
        # The last word of a half has the first one of the same half as its neighbour.
        neighbour = (index + 1) % HALF + index // HALF * HALF
        even, odd = sorted((index, neighbour), key=lambda which: which % 2)
        return memory[parity, even], memory[parity, odd]

    edges = [0, 1, HALF - 2, HALF - 1, HALF, WORDS - 2, WORDS - 1]
    for _ in range(600):
        reads = [dice.one_of([dice.below(WORDS), dice.one_of(edges)]) for _ in range(2)]
        put(dut, read_index_0=reads[0], read_index_1=reads[1])
        expected = (*pair(0, reads[0]), *pair(1, reads[1]))
        # Writes go to the other half than this clock's reads, as between layers.
        target = (reads[0] // HALF * HALF + HALF) % WORDS + dice.below(HALF)
        parity, value = 0, dice.bits(64)
        put(
            dut,
            write=int(dice.chance(50)),
            write_parity=parity,
            write_index=target,
            write_data=value,
        )
        await ticks(dut)
        if int(dut.write.value):
            memory[parity, target] = value
        assert (
            number(dut.even_word_0),
            number(dut.odd_word_0),
            number(dut.even_word_1),
            number(dut.odd_word_1),
        ) == expected
