# SPDX-License-Identifier: Apache-2.0
"""descriptor_check: a good model passes, each possible fault has its code, all ends soon."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks

BAD_MODEL, BAD_GRID, BAD_MAP, BAD_WINDOW, BAD_PROGRAM, BAD_TILES, BAD_ROWS, BAD_LIMITS, BAD_END = (
    range(16, 25)
)
FIELDS = {  # name: (first bit, bits)
    "logits": (0, 1),
    "pool": (1, 1),
    "tail_words": (4, 2),
    "in_rows": (16, 7),
    "row_bits": (24, 15),
    "out_rows": (64, 7),
    "out_columns": (72, 7),
    "row_words": (96, 9),
    "program_base": (112, 8),
    "program_length": (128, 9),
    "words": (144, 10),
    "weight_base": (160, 10),
    "tiles": (176, 6),
    "limit_base": (192, 5),
    "last_channels": (200, 7),
}
MODEL = {
    "layers": (0, 5),
    "first": (5, 1),
    "together": (8, 1),
    "first_tiles": (10, 4),
    "image_rows": (16, 7),
    "image_beats": (24, 8),
    "first_channels": (32, 7),
    "first_rows": (40, 5),
    "first_columns": (48, 5),
    "input_words": (64, 9),
}
LIMIT_CLOCKS = 17 * 7 + 10
UNIT = {"first": 1, "first_tiles": 2, "first_channels": 3, "first_rows": 3, "first_columns": 3}
BANK_WORDS = 512
MOST_ROW_WORDS = (1 << 9) - 1


def packed(fields: dict[str, tuple[int, int]], values: dict[str, int]) -> int:
    return sum((v & (1 << fields[n][1]) - 1) << fields[n][0] for n, v in values.items())


def good(layers: int) -> tuple[dict[str, int], list[dict[str, int]]]:
    model = {"layers": layers, "image_rows": 8, "image_beats": 2, "input_words": 2}
    one = {
        "in_rows": 8,
        "row_bits": 100,
        "row_words": 2,
        "out_rows": 6,
        "out_columns": 6,
        "words": 2,
        "program_base": 4,
        "program_length": 3,
        "weight_base": 10,
        "tiles": 2,
        "limit_base": 3,
        "last_channels": 5,
    }
    rows = [dict(one) for _ in range(layers)]
    rows[-1] |= {"logits": 1, "out_rows": 1, "out_columns": 1}
    return model, rows


async def verdict(dut: Any, model: dict[str, int], rows: list[dict[str, int]]) -> int:
    words = [packed(FIELDS, row) for row in rows]
    put(dut, model=packed(MODEL, model), start=1)
    await ticks(dut)
    put(dut, start=0)
    for _ in range(LIMIT_CLOCKS):
        if number(dut.done):
            return number(dut.error)
        layer = number(dut.layer)
        await ticks(dut)  # the store gives a descriptor a clock later
        dut.descriptor.value = words[layer] if layer < len(words) else 0
    raise AssertionError("the check does not end")


@cocotb.test()
async def good_models_pass(dut: Any) -> None:
    await begin(dut, start=0, model=0, descriptor=0)
    for layers in (1, 2, 7, 16):
        assert await verdict(dut, *good(layers)) == 0
    model, rows = good(3)
    assert await verdict(dut, model | UNIT, rows) == 0
    edges = {
        "out_rows": 64,
        "out_columns": 64,
        "words": 256,
        "program_length": 256,
        "program_base": 0,
        "tiles": 1,
        "weight_base": 1024 - 256,
        "limit_base": 31,
        "in_rows": 64,
        "row_words": 16,
        "row_bits": 1024,
    }
    rows[0] |= edges
    assert await verdict(dut, model, rows) == 0


@cocotb.test()
async def each_fault_has_its_code(dut: Any) -> None:
    await begin(dut, start=0, model=0, descriptor=0)
    for change in (
        {"layers": 0},
        {"layers": 17},
        {"together": 1},
        {"image_rows": 0},
        {"image_rows": 65},
        {"image_beats": 0},
        {"image_beats": 3},
        {"input_words": 129},
        UNIT | {"image_rows": 33},
        UNIT | {"image_beats": 5},
        UNIT | {"first_tiles": 0},
        UNIT | {"first_tiles": 9},
        UNIT | {"first_channels": 0},
        UNIT | {"first_channels": 33},
        UNIT | {"first_rows": 0},
        UNIT | {"first_rows": 4},
        UNIT | {"first_columns": 0},
        UNIT | {"first_columns": 16},
    ):
        model, rows = good(3)
        assert await verdict(dut, model | change, rows) == BAD_MODEL, change
        assert await verdict(dut, *good(2)) == 0
    faults: list[tuple[int, dict[str, int]]] = [
        (BAD_GRID, {"out_rows": 0}),
        (BAD_GRID, {"out_rows": 65}),
        (BAD_GRID, {"out_columns": 0}),
        (BAD_GRID, {"out_columns": 65}),
        (BAD_MAP, {"in_rows": 0}),
        (BAD_MAP, {"in_rows": 65}),
        (BAD_MAP, {"row_bits": 0}),
        (BAD_MAP, {"row_words": 0}),
        (BAD_MAP, {"row_words": 129}),
        (BAD_MAP, {"row_bits": 129}),
        (BAD_WINDOW, {"words": 0}),
        (BAD_WINDOW, {"words": 257}),
        (BAD_PROGRAM, {"program_length": 1}),
        (BAD_PROGRAM, {"program_length": 0}),
        (BAD_PROGRAM, {"program_base": 254}),
        (BAD_TILES, {"tiles": 0}),
        (BAD_TILES, {"tiles": 33}),
        (BAD_TILES, {"last_channels": 0}),
        (BAD_TILES, {"last_channels": 33}),
        (BAD_ROWS, {"weight_base": 1021}),
        (BAD_ROWS, {"weight_base": 1019, "tail_words": 2}),
        (BAD_LIMITS, {"limit_base": 31}),
        (BAD_END, {"logits": 1, "out_rows": 1, "out_columns": 1}),
    ]
    dice = Dice(1)
    for code, change in faults:
        layers = dice.between(2, 16)
        model, rows = good(layers)
        rows[dice.below(layers - 1)] |= change
        assert await verdict(dut, model, rows) == code, change
        assert await verdict(dut, *good(2)) == 0
    for change in ({"logits": 0}, {"pool": 1}, {"out_rows": 2}, {"out_columns": 2}):
        model, rows = good(4)
        rows[-1] |= change
        assert await verdict(dut, model, rows) == BAD_END, change


@cocotb.test()
async def the_first_map_has_the_rows_of_what_makes_it(dut: Any) -> None:
    await begin(dut, start=0, model=0, descriptor=0)
    model, rows = good(3)
    unit = UNIT | {"image_rows": 32, "image_beats": 4, "first_tiles": 8}
    of_image = [(count, {"image_rows": count, "image_beats": 1}) for count in (1, 2, 7, 63, 64)]
    of_unit = [(count, unit | {"first_rows": count}) for count in (1, 2, 7, 8, 14, 15)]
    for map_rows, change in (*of_image, *of_unit):
        most = min(BANK_WORDS // ((map_rows + 1) // 2), MOST_ROW_WORDS)
        changed = model | change | {"input_words": most}
        assert await verdict(dut, changed, rows) == 0, changed
        if most < MOST_ROW_WORDS:
            changed["input_words"] += 1
            assert await verdict(dut, changed, rows) == BAD_MODEL, changed
    rows[1] |= {"in_rows": 64, "row_words": 17}  # a later map has its own rows
    assert await verdict(dut, model | unit | {"input_words": 1}, rows) == BAD_MAP
