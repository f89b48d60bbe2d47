# SPDX-License-Identifier: Apache-2.0
"""crc32 against zlib, with pauses, one message after another."""

import zlib
from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks


@cocotb.test()
async def values_are_those_of_zlib(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, first=0, valid=0, data=0)
    for _ in range(60):
        message = b"".join(dice.bits(64).to_bytes(8, "little") for _ in range(dice.between(1, 12)))
        for i in range(0, len(message), 8):
            while dice.chance(30):
                put(dut, valid=0, first=0, data=dice.bits(64))
                await ticks(dut)
            put(dut, valid=1, first=int(i == 0), data=int.from_bytes(message[i : i + 8], "little"))
            await ticks(dut)
        put(dut, valid=0)
        assert number(dut.busy) == 1
        await ticks(dut)
        assert number(dut.busy) == 0
        assert number(dut.value) == zlib.crc32(message)
