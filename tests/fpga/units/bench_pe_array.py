# SPDX-License-Identifier: Apache-2.0
"""pe_array against sums: random words, starts and doublings, images together and alone."""

from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

P, LANES = parameters()["P"], parameters()["LANES"]
BITS = 20
MASK = (1 << BITS) - 1
TO_STARTS, TO_SUMS = 3, 4  # clocks after the data


@cocotb.test()
async def sums_are_mismatches(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, together=0, data=0, weights=0, first=0, twice=0, starts=0)
    for together in range(2 if LANES > 1 else 1):
        dut.together.value = together
        sums = [0] * P
        words: list[tuple[int, int, int, int, int]] = []  # data, weights, first, twice, starts
        history: list[list[int]] = []
        for clock in range(400):
            first = int(clock == 0 or dice.chance(20))
            word = (
                dice.one_of([0, (1 << 64 * LANES) - 1, dice.bits(64 * LANES)]),
                dice.bits(64 * P),
                first,
                int(not first and dice.chance(30)),
                dice.bits(BITS * P),
            )
            words.append(word)
            data, weights, first, twice, starts = word
            for p in range(P):
                lane = p // (P // LANES) if together else 0
                wrong = (data >> 64 * lane ^ weights >> 64 * p) & ((1 << 64) - 1)
                base = starts >> BITS * p & MASK if first else sums[p] << twice
                sums[p] = (base + wrong.bit_count()) & MASK
            history.append(list(sums))
            early = words[clock - TO_STARTS][4] if clock >= TO_STARTS else 0
            put(dut, data=data, weights=weights, first=first, twice=twice, starts=early)
            if clock >= TO_SUMS:
                got = number(dut.sums)
                assert [got >> BITS * p & MASK for p in range(P)] == history[clock - TO_SUMS]
            await ticks(dut)
