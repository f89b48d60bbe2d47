# SPDX-License-Identifier: Apache-2.0
"""piece_address against bits looked up one by one: pieces at and over all borders of a map."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

INDEX_BITS = 10
INDEX, ODD, SHIFT, MASK = 3, 4, 5, 7
"""Clocks after which each output comes."""
Geometry = dict[str, int]
Places = list[int | None]
"""Where each of the 64 bits stands in its row; None: it is masked."""


def random_geometry(dice: Dice) -> Geometry:
    row_words = dice.between(1, 12)
    return {
        "row_words": row_words,
        "row_bits": dice.between(64 * row_words - 63, 64 * row_words),
        "in_rows": dice.between(1, min(64, 2 * (512 // row_words))),
        "half": dice.below(2),
    }


def random_piece(dice: Dice, geometry: Geometry) -> tuple[dict[str, int], Places, int]:
    """Return inputs, the places of bits, and the first word of the row."""
    row_bits, in_rows = geometry["row_bits"], geometry["in_rows"]
    start = dice.below(64)
    end = dice.between(start + 1, 64)
    edges = [-70, -64, -63, -1, 0, 1, row_bits - 64, row_bits - 1, row_bits, row_bits + 1]
    at_zero = dice.one_of([*edges, dice.between(-200, row_bits + 200)])
    offset = dice.between(-64, 400)
    row = dice.one_of([-3, -1, 0, in_rows - 1, in_rows, in_rows + 2, dice.between(0, in_rows)])
    inputs = {
        "row": row & 0x1FF,
        "left": (at_zero - offset) & 0x1FFFF,
        "piece": (offset & 0xFFFF) << 13 | start << 7 | end,
    }
    places: Places = []
    for i in range(64):
        inside = start <= i < end and 0 <= row < in_rows and 0 <= at_zero + i < row_bits
        places.append(at_zero + i if inside else None)
    return inputs, places, row // 2 * geometry["row_words"]


@cocotb.test()
async def bits_that_count_are_found_and_no_others(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, row=0, in_rows=1, left=0, piece=0, row_bits=1, row_words=1, half=0)
    for _ in range(40):
        geometry = random_geometry(dice)  # it stands still in a layer
        put(dut, **geometry)
        cases = []
        indices, odds, shifts = [], [], []  # by clock
        for clock in range(100):
            cases.append(random_piece(dice, geometry))
            put(dut, **cases[-1][0])
            await ticks(dut)
            indices.append(number(dut.index))
            odds.append(number(dut.odd))
            shifts.append(number(dut.shift))
            case = clock - MASK + 1
            if case < 0:
                continue
            inputs, places, base = cases[case]
            index, odd = indices[case + INDEX - 1], odds[case + ODD - 1]
            shift, mask = shifts[case + SHIFT - 1], number(dut.mask)
            expected = sum(1 << i for i, at in enumerate(places) if at is not None)
            assert mask == expected, (geometry, inputs)
            assert index >> (INDEX_BITS - 1) == geometry["half"]
            for i, at in enumerate(places):
                if at is None:
                    continue
                # Bit i comes to its place from `shift` bits above, in one of two neighbours.
                from_bit = (shift + i) % 64
                word = (index + (shift + i) // 64) % (1 << INDEX_BITS - 1)
                assert (word - base, from_bit) == (at // 64, at % 64), inputs
                assert odd >> from_bit & 1 == word % 2, inputs
