# SPDX-License-Identifier: Apache-2.0
"""model_store: random writes and reads in the same clocks; each slot keeps what is its own."""

from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

P, T, ROW_BITS = (parameters()[name] for name in ("P", "T", "ROW_BITS"))
LIMIT_BITS, PROGRAM_BITS, TILE_BITS = 5, 8, 3
LIMIT_WIDTH, FIRST_WIDTH = 21, 22
LAYERS, PROGRAM, LIMITS, WEIGHTS, FIRST, MODEL = 1, 2, 3, 4, 5, 6
SIZES = {
    LAYERS: 64,
    PROGRAM: 2 << PROGRAM_BITS,
    LIMITS: P << LIMIT_BITS,
    WEIGHTS: P << ROW_BITS,
    FIRST: T << TILE_BITS,
    MODEL: 2,
}
SHARED = WEIGHTS
"""Its rows belong to both slots."""


class Store:
    """What was written, by (slot, target, address)."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int, int], int] = {}

    def write(self, slot: int, target: int, address: int, data: int) -> None:
        self.kept[0 if target == SHARED else slot, target, address] = data

    def joined(self, slot: int, target: int, first: int, count: int, width: int) -> int | None:
        """Return `count` neighbours as one number, or None if one was never written."""
        slot = 0 if target == SHARED else slot
        values = [self.kept.get((slot, target, first + i)) for i in range(count)]
        if None in values:
            return None
        mask = (1 << width) - 1
        return sum((value & mask) << width * i for i, value in enumerate(values) if value)


def port_values(store: Store, reads: dict[str, int], write_slot: int) -> dict[str, int | None]:
    """Return what the ports show a clock after the reads; weights another one later."""
    slot = reads["slot"]
    return {
        "weights": store.joined(slot, WEIGHTS, P * reads["weight_row"], P, 64),
        "limits": store.joined(slot, LIMITS, P * reads["limit_row"], P, LIMIT_WIDTH),
        "program_entry": entry(store, slot, reads["program_index"]),
        "first_parameters": recoded(
            store.joined(slot, FIRST, T * reads["first_tile"], T, FIRST_WIDTH)
        ),
        "descriptor": store.joined(slot, LAYERS, 4 * reads["layer"], 4, 64),
        "checked": store.joined(write_slot, LAYERS, 4 * reads["checked_layer"], 4, 64),
    }


def recoded(trees: int | None) -> int | None:
    """Return the trees' parameters with signs as first_tree.sv wants them, relative ones."""
    if trees is None:
        return None
    result = 0
    for tree in range(T):
        one = trees >> FIRST_WIDTH * tree & (1 << FIRST_WIDTH) - 1
        sign = [one >> tap & 1 for tap in range(9)]
        relative = [
            sign[0],
            sign[1] ^ sign[0],
            sign[2] ^ sign[0],
            sign[3] ^ sign[0],
            sign[4] ^ sign[3],
            sign[5] ^ sign[3],
            sign[6],
            sign[7] ^ sign[6],
            sign[8] ^ sign[6],
        ]
        start = one >> 9 << 9
        result |= (start | sum(bit << tap for tap, bit in enumerate(relative))) << (
            FIRST_WIDTH * tree
        )
    return result


def entry(store: Store, slot: int, index: int) -> int | None:
    low = store.joined(slot, PROGRAM, 2 * index, 1, 64)
    high = store.joined(slot, PROGRAM, 2 * index + 1, 1, 8)
    return None if low is None or high is None else low | high << 64


def drawn_reads(dice: Dice) -> dict[str, int]:
    return {
        "slot": dice.below(2),
        "weight_row": dice.below(1 << ROW_BITS),
        "limit_row": dice.below(1 << LIMIT_BITS),
        "program_index": dice.below(1 << PROGRAM_BITS),
        "first_tile": dice.below(1 << TILE_BITS),
        "layer": dice.below(16),
        "checked_layer": dice.below(16),
    }


async def fill(dut: Any, dice: Dice, store: Store) -> None:
    for slot in (0, 1):
        for target, size in SIZES.items():
            for address in range(size):
                data = dice.bits(64)
                put(
                    dut,
                    write=1,
                    write_slot=slot,
                    write_target=target,
                    write_address=address,
                    write_data=data,
                )
                await ticks(dut)
                store.write(slot, target, address, data)
    put(dut, write=0)


async def start(dut: Any) -> None:
    names = ("write", "write_target", "write_address", "write_data", "write_slot", "slot")
    reads = ("weight_row", "limit_row", "program_index", "first_tile", "layer", "checked_layer")
    await begin(dut, **dict.fromkeys((*names, *reads), 0))


@cocotb.test()
async def all_is_kept_where_it_belongs(dut: Any) -> None:
    dice, store = Dice(1), Store()
    await start(dut)
    await fill(dut, dice, store)
    for slot in (0, 1):
        model = store.joined(slot, MODEL, 0, 2, 64)
        assert number(dut.model_0 if slot == 0 else dut.model_1) == model
    weights: int | None = None
    for _ in range(1500):
        reads = drawn_reads(dice)
        put(dut, **reads)
        expected = port_values(store, reads, 1)
        put(dut, write_slot=1)
        await ticks(dut)
        before, weights = weights, expected["weights"]
        for name, value in expected.items():
            if name != "weights":
                assert number(getattr(dut, name)) == value, name
        if before is not None:
            assert number(dut.weights) == before


@cocotb.test()
async def one_slot_is_read_while_the_other_is_written(dut: Any) -> None:
    dice, store = Dice(2), Store()
    await start(dut)
    await fill(dut, dice, store)
    model_0 = store.joined(0, MODEL, 0, 2, 64)
    put(dut, slot=0)
    for _ in range(1500):
        reads = drawn_reads(dice) | {"slot": 0}
        expected = port_values(store, reads, 1)
        # Rows of weights are shared: the other slot's are in the upper half.
        target = dice.one_of(tuple(SIZES))
        low = SIZES[target] // 2 if target == SHARED else 0
        address, data = dice.between(low, SIZES[target] - 1), dice.bits(64)
        reads["weight_row"] %= 1 << ROW_BITS - 1
        expected["weights"] = store.joined(0, WEIGHTS, P * reads["weight_row"], P, 64)
        put(dut, **reads, write=1, write_slot=1, write_target=target)
        put(dut, write_address=address, write_data=data)
        await ticks(dut)
        if target == PROGRAM and address % 2 == 0:
            put(dut, write_address=address + 1)  # an entry is written with its second beat
            await ticks(dut)
            store.write(1, target, address + 1, data)
        store.write(1, target, address, data)
        if target == PROGRAM and address % 2 == 1:
            store.kept.pop((1, target, address - 1), None)
        put(dut, write=0)
        for name in ("limits", "program_entry", "first_parameters", "descriptor"):
            assert number(getattr(dut, name)) == expected[name], name
        await ticks(dut)
        assert number(dut.weights) == expected["weights"]
        assert number(dut.model_0) == model_0
