# SPDX-License-Identifier: Apache-2.0
"""window_control and window_lane over real maps: each word of each window is that of the law."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

from edge_node_fpga.driver import folding
from edge_node_fpga.driver.folding import Layer

RING = 512
WORD = (1 << 64) - 1
BANK_WORDS = 512


def random_layer(dice: Dice) -> Layer:
    while True:
        dense = dice.chance(15)
        kernel = 1 if dense else dice.between(1, 7)
        same = kernel % 2 == 1 and dice.chance(50)
        rows, columns = (1, 1) if dense else (dice.between(1, 14), dice.between(1, 14))
        channels = (
            dice.between(1, 3000) if dense else dice.one_of([1, 3, 8, 32, 64, dice.between(1, 80)])
        )
        one = Layer(
            in_rows=rows,
            in_columns=columns,
            in_channels=channels,
            kernel_rows=kernel,
            kernel_columns=kernel,
            pad=kernel // 2 if same else 0,
            pool=not dense and dice.chance(40),
            bytes=False,
            last=False,
            channels=1,
            weights=[0],
            thresholds=[0],
        )
        windows = one.out_rows * one.out_columns * (4 if one.pool else 1)
        if (
            min(one.out_rows, one.out_columns) > 0
            and len(folding._program(one)) <= 128
            and (rows + 1) // 2 * folding._row_words(one) <= BANK_WORDS
            and windows * folding._words(one) <= 1200
        ):
            return one


def expected_words(one: Layer, rows: list[int]) -> list[int]:
    """Return the words of all windows, in order; a row is a bit string."""
    result = []
    quarters = [(0, 0), (0, 1), (1, 0), (1, 1)] if one.pool else [(0, 0)]
    step = 2 if one.pool else 1
    run = one.kernel_columns * one.in_channels
    wide = [row << one.pad * one.in_channels for row in rows]
    for y in range(one.out_rows):
        for x in range(one.out_columns):
            for dy, dx in quarters:
                window = 0
                for ky in range(one.kernel_rows):
                    at = step * y + dy + ky - one.pad
                    row = wide[at] if 0 <= at < one.in_rows else 0
                    part = row >> (step * x + dx) * one.in_channels & ((1 << run) - 1)
                    window |= part << ky * run
                result += [window >> 64 * w & WORD for w in range(folding._words(one))]
    return result


INPUTS = (
    "start",
    "pool",
    "in_rows",
    "row_bits",
    "step_bits",
    "pad",
    "pad_bits",
    "out_rows",
    "out_columns",
    "row_words",
    "half",
    "program_base",
    "program_length",
    "window_words",
    "window_done",
    "map_write",
    "entry_write",
)


async def write_map(dut: Any, one: Layer, rows: list[int], half: int) -> None:
    words = folding._row_words(one)
    for y, row in enumerate(rows):
        for w in range(words):  # behind the row's end stands what must not be seen
            noise = (row | WORD << one.in_columns * one.in_channels) >> 64 * w & WORD
            put(
                dut,
                map_write=1,
                map_parity=y % 2,
                map_index=half * 512 + y // 2 * words + w,
                map_data=noise,
            )
            await ticks(dut)
    put(dut, map_write=0)


async def write_program(dut: Any, one: Layer, base: int) -> None:
    for i, entry in enumerate(folding._program(one)):
        low, high = entry.beats
        put(dut, entry_write=1, entry_index=base + i, entry=low | high << 64)
        await ticks(dut)
    put(dut, entry_write=0)


async def start(dut: Any, one: Layer, half: int, base: int) -> None:
    put(
        dut,
        start=1,
        pool=int(one.pool),
        in_rows=one.in_rows,
        step_bits=one.in_channels,
        row_bits=one.in_columns * one.in_channels,
        pad=one.pad,
        pad_bits=one.pad * one.in_channels,
        half=half,
        out_rows=one.out_rows,
        out_columns=one.out_columns,
        row_words=folding._row_words(one),
        program_base=base,
        program_length=len(folding._program(one)),
        window_words=folding._words(one),
    )
    await ticks(dut)
    put(dut, start=0)


@cocotb.test()
async def windows_are_the_laws(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, **dict.fromkeys(INPUTS, 0))
    for _ in range(40):
        one = random_layer(dice)
        rows = [dice.bits(one.in_columns * one.in_channels) for _ in range(one.in_rows)]
        half, base = dice.below(2), dice.below(128)
        await write_map(dut, one, rows, half)
        await write_program(dut, one, base)
        await start(dut, one, half, base)
        expected, done = expected_words(one, rows), 0
        got: list[int] = []
        ready: list[int] = []  # clocks
        size = folding._words(one)
        eager = dice.one_of([100, 30, 3])
        for clock in range(60 * len(expected) + 400):
            release = (done + 1) * size <= len(got) and dice.chance(eager)
            put(dut, window_done=int(release))
            await ticks(dut)
            done += release
            if number(dut.word_write):
                assert number(dut.word_index) == len(got) % RING
                got.append(number(dut.word))
                assert len(got) - done * size <= RING, (
                    "a window that is still needed is overwritten"
                )
            # Of a window that is ready a word a clock may be read, from two clocks later on.
            for window, since in enumerate(ready):
                assert len(got) >= window * size + min(size, clock - since)
            if number(dut.window_ready):
                ready.append(clock)
            if done * size == len(expected):
                break
        put(dut, window_done=0)
        assert got == expected, one
        assert len(ready) * size == len(expected)
        assert not number(dut.busy)
