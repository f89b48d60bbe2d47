# SPDX-License-Identifier: Apache-2.0
"""popcount64 against int.bit_count, a new pair of words each clock."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

ALL = (1 << 64) - 1


@cocotb.test()
async def counts_are_those_of_the_bits(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, data=0, weights=0)
    words = [(0, 0), (ALL, 0), (0, ALL), (ALL, ALL), *((1 << i, 0) for i in range(64))]
    words += [(ALL, 1 << i) for i in range(64)]
    words += [(dice.bits(64) & dice.bits(64), dice.bits(64)) for _ in range(400)]
    expected = []
    for data, weights in words:
        put(dut, data=data, weights=weights)
        expected.append((data ^ weights).bit_count())
        await ticks(dut)
        if len(expected) >= 3:
            assert number(dut.count) == expected[-3]
