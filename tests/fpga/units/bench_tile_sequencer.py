# SPDX-License-Identifier: Apache-2.0
"""tile_sequencer against loops: words, planes, tails, tiles, quarters, one word a clock at most."""

from typing import Any

import cocotb
from bench import Dice, begin, number, put, ticks
from cocotb.triggers import Timer

ROW_MASK, RING_MASK = (1 << 10) - 1, (1 << 9) - 1


def expected_words(layer: dict[str, int]) -> list[dict[str, int | None]]:
    """Return what is to be issued, in order."""
    words, tails, tiles = layer["words"], layer["tail_words"], layer["tiles"]
    planes = range(7, -1, -1) if layer["bytes"] else [None]
    quarters = range(4) if layer["pool"] else [0]
    issued, window = [], 0
    for _ in range(layer["out_rows"]):
        for x in range(layer["out_columns"]):
            for quarter in quarters:
                for tile in range(tiles):
                    row = layer["weight_base"] + tile * (words + tails)
                    tile_words = [
                        {
                            "weight_row": (row + w) & ROW_MASK,
                            "ring_index": (window * words + w) & RING_MASK,
                            "plane": plane,
                            "silent": 0,
                            "first": int(w == 0 and plane in (None, 7)),
                            "twice": int(w == 0 and plane not in (None, 7)),
                            "tile_end": 0,
                        }
                        for plane in planes
                        for w in range(words)
                    ]
                    tile_words += [
                        {
                            "weight_row": (row + words + w) & ROW_MASK,
                            "silent": 1,
                            "first": 0,
                            "twice": 0,
                            "tile_end": 0,
                        }
                        for w in range(tails)
                    ]
                    final = int(tile == tiles - 1)
                    ends_row = x == layer["out_columns"] - 1 and quarter == quarters[-1]
                    tile_words[0]["limit_row"] = (layer["limit_base"] + tile) & 31
                    tile_words[-1] |= {
                        "tile_end": 1,
                        "tile": tile,
                        "quarter": quarter,
                        "last_tile": final,
                        "row_end": int(final and ends_row),
                    }
                    issued += tile_words
                window += 1
    return issued


def random_layer(dice: Dice, *, logits: bool) -> dict[str, int]:
    whole = dice.chance(40)
    return {
        "bytes": int(whole),
        "pool": int(not logits and dice.chance(50)),
        "logits": int(logits),
        "out_rows": 1 if logits else dice.between(1, 4),
        "out_columns": 1 if logits else dice.between(1, 4),
        "words": dice.between(1, 5),
        "tail_words": 2 if whole else 0,
        "tiles": dice.between(1, 4),
        "weight_base": dice.below(1024),
        "limit_base": dice.below(32),
    }


@cocotb.test()
async def words_come_in_order_and_only_with_their_window(dut: Any) -> None:
    dice = Dice(1)
    await begin(
        dut,
        start=0,
        bytes=0,
        pool=0,
        logits=0,
        out_rows=1,
        out_columns=1,
        words=1,
        tail_words=0,
        tiles=1,
        weight_base=0,
        limit_base=0,
        window_ready=0,
        results_busy=0,
    )
    for trial in range(30):
        layer = random_layer(dice, logits=trial % 5 == 4)
        expected = expected_words(layer)
        windows = layer["out_rows"] * layer["out_columns"] * (4 if layer["pool"] else 1)
        percent = dice.one_of([100, 100, 30])
        put(dut, start=1, **layer)
        await ticks(dut)
        put(dut, start=0)
        given = done = at = ends = busy_left = 0
        for _ in range(20 * len(expected) + 200):
            gives = given < windows and given - done < 8 and dice.chance(percent)
            was_busy = busy_left > 0
            put(dut, window_ready=int(gives), results_busy=int(was_busy))
            await Timer(1, "ns")
            issues = number(dut.issue)  # the registers show a word in the next clock
            await ticks(dut)
            given += gives
            done += number(dut.window_done)
            busy_left -= busy_left > 0
            if issues:
                assert at < len(expected)
                shown = {
                    name: number(getattr(dut, name))
                    for name, v in expected[at].items()
                    if v is not None
                }
                assert shown == {name: v for name, v in expected[at].items() if v is not None}
                assert at // (len(expected) // windows) < given, "a word without its window"
                assert not (layer["logits"] and was_busy and shown["first"]), "results are not done"
                if shown["tile_end"]:
                    ends += 1
                    busy_left = 9 if layer["logits"] else 0
                at += 1
            elif at < len(expected):
                assert not number(dut.tile_end)
            if not number(dut.busy) and at == len(expected):
                break
        assert at == len(expected)
        assert (done, ends) == (windows, windows * layer["tiles"])


@cocotb.test()
async def no_clock_is_lost_but_at_row_ends(dut: Any) -> None:
    dice = Dice(2)
    await begin(dut, start=0, window_ready=0, results_busy=0)
    for _ in range(8):
        layer = random_layer(dice, logits=False)
        expected = len(expected_words(layer))
        windows = layer["out_rows"] * layer["out_columns"] * (4 if layer["pool"] else 1)
        put(dut, start=1, **layer)
        await ticks(dut)
        put(dut, start=0)
        clocks = 0
        while number(dut.busy):
            put(dut, window_ready=int(clocks < windows))
            await ticks(dut)
            clocks += 1
        assert clocks <= expected + layer["out_rows"] + 1
