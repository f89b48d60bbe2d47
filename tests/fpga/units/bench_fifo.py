# SPDX-License-Identifier: Apache-2.0
"""fifo against a deque: full, empty, both at once."""

from collections import deque
from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

DEPTH = 16


@cocotb.test()
async def it_is_a_queue(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, put=0, put_data=0, take=0)
    queue: deque[int] = deque()
    seen_full = 0
    for step in range(3000):
        filling = [70, 30, 50][step // 200 % 3]
        assert number(dut.empty) == (not queue)
        assert number(dut.full) == (len(queue) == DEPTH)
        seen_full += len(queue) == DEPTH
        if queue:
            assert number(dut.head) == queue[0]
        gives, takes, value = dice.chance(filling), dice.chance(100 - filling), dice.bits(64)
        put(dut, put=int(gives), put_data=value, take=int(takes))
        room = len(queue) < DEPTH
        if takes and queue:
            queue.popleft()
        if gives and room:
            queue.append(value)
        await ticks(dut)
    assert seen_full
