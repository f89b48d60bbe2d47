# SPDX-License-Identifier: Apache-2.0
"""result_unit against a list of logits: packing, classes, counts, stalls, aborts."""

from collections import deque
from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks

P = parameters()["P"]
LANES = parameters()["LANES"]
BITS = 20
ABORTED = (1 << 64) - 1


class Results:
    """Drives the unit and watches its output."""

    def __init__(self, dut: Any, dice: Dice, ready_percent: int) -> None:
        self.dut, self.dice, self.ready_percent = dut, dice, ready_percent
        self.beats: list[tuple[int, int]] = []
        self.finished = 0
        self.labels: deque[int] = deque()

    async def clock(self) -> None:
        """One clock: an output is taken or not, and what is not taken must stay."""
        dut = self.dut
        ready = self.dice.chance(self.ready_percent)
        dut.out_ready.value = int(ready)
        dut.label.value = self.labels[0] if self.labels else 0
        valid = number(dut.out_valid)
        assert number(dut.waiting) or not valid
        shown = (number(dut.out_data), number(dut.out_last))
        if valid and ready:
            self.beats.append(shown)
        takes_label = number(dut.label_taken)
        await ticks(dut)
        if takes_label:
            self.labels.popleft()
        if valid and not ready:
            assert number(dut.out_valid), "TVALID fell before the beat was taken"
            assert (number(dut.out_data), number(dut.out_last)) == shown, "a waiting beat changed"
        self.finished += number(dut.finished)

    async def clocks(self, count: int) -> None:
        for _ in range(count):
            await self.clock()

    async def until_quiet(self, limit: int = 3000) -> None:
        quiet = 0
        for _ in range(limit):
            await self.clock()
            quiet = 0 if number(self.dut.out_valid) else quiet + 1
            if quiet > 20 and self.finished:
                return
        raise AssertionError("the batch did not end")

    async def start_batch(self, **settings: int) -> None:
        put(self.dut, batch_start=1, **settings)
        await self.clock()
        put(self.dut, batch_start=0)

    async def send(self, tile: list[list[int]], *, ends: bool) -> None:
        """Give a tile: logits of each image side by side."""
        while number(self.dut.busy):
            await self.clock()
        sums, odds = 0, 0
        for lane, logits in enumerate(tile):
            for place, logit in enumerate(logits):
                odd = logit & 1
                element = lane * (P // LANES) + place
                sums |= (((odd - logit) // 2) & ((1 << BITS) - 1)) << (BITS * element)
                odds |= odd << element
        put(
            self.dut,
            take=1,
            take_ends=int(ends),
            sums=sums,
            odds=odds,
            channels=len(tile[0]),
            images=len(tile),
        )
        await self.clock()
        put(self.dut, take=0, sums=0, odds=0)
        await self.clocks(self.dice.below(4))


async def ready(dut: Any, dice: Dice, ready_percent: int) -> Results:
    await begin(
        dut,
        abort=0,
        batch_start=0,
        count_only=0,
        has_labels=0,
        take=0,
        take_ends=0,
        sums=0,
        odds=0,
        channels=1,
        images=1,
        label=0,
        batch_end=0,
        out_ready=0,
    )
    return Results(dut, dice, ready_percent)


def expected(images: list[list[int]]) -> list[tuple[int, int]]:
    logits = [logit & 0xFFFFFFFF for image in images for logit in image]
    logits += [0] * (len(logits) % 2)
    pairs = range(0, len(logits), 2)
    return [(logits[i] | logits[i + 1] << 32, int(i == pairs[-1])) for i in pairs]


def random_images(dice: Dice, count: int, classes: int) -> list[list[int]]:
    top = dice.one_of([1, 3, 1000, (1 << BITS - 1) - 1])
    return [[dice.between(-top, top) for _ in range(classes)] for _ in range(count)]


async def run_batch(
    unit: Results,
    images: list[list[int]],
    labels: list[int] | None,
    *,
    count_only: bool,
    together: bool,
) -> None:
    dut = unit.dut
    unit.beats, unit.finished = [], 0
    unit.labels = deque(labels or [])
    await unit.start_batch(count_only=int(count_only), has_labels=int(labels is not None))
    if together:
        for i in range(0, len(images), LANES):
            await unit.send(images[i : i + LANES], ends=True)
    else:
        for image in images:
            for i in range(0, len(image), P):
                await unit.send([image[i : i + P]], ends=i + P >= len(image))
    for _ in range(2000):
        if number(dut.done_images) == len(images):
            break
        await unit.clock()
    put(dut, batch_end=1)
    await unit.until_quiet()
    put(dut, batch_end=0)
    assert unit.finished == 1
    assert number(dut.done_images) == len(images)
    right = sum(
        image.index(max(image)) == label for image, label in zip(images, labels or [], strict=False)
    )
    assert number(dut.correct) == right
    assert unit.beats == ([(right, 1)] if count_only else expected(images))
    assert not unit.labels


@cocotb.test()
async def logits_and_counts_are_those_of_a_list(dut: Any) -> None:
    dice = Dice(1)
    unit = await ready(dut, dice, 100)
    for trial in range(24):
        unit.ready_percent = [100, 50, 8, 90][trial % 4]
        together = LANES > 1 and dice.chance(50)
        classes = dice.between(1, P // LANES if together else 3 * P)
        images = random_images(dice, dice.between(1, 9), classes)
        labels = [dice.below(classes) for _ in images] if dice.chance(60) else None
        count_only = labels is not None and dice.chance(40)
        await run_batch(unit, images, labels, count_only=count_only, together=together)


@cocotb.test()
async def the_first_of_equal_logits_is_the_class(dut: Any) -> None:
    unit = await ready(dut, Dice(2), 100)
    images = [[5, 5, 5], [1, 7, 7], [-3, -4, -3], [0, 0, 1], [-9, -9, -9]]
    await run_batch(unit, images, [0, 1, 0, 2, 0], count_only=True, together=False)
    assert number(dut.correct) == 5
    await run_batch(unit, images, [1, 2, 2, 1, 2], count_only=True, together=False)
    assert number(dut.correct) == 0


@cocotb.test()
async def a_long_stall_loses_nothing(dut: Any) -> None:
    dice = Dice(3)
    unit = await ready(dut, dice, 0)
    images = random_images(dice, 12, 2 * P - 1)
    cocotb.start_soon(_open_after(unit, 400))
    await run_batch(unit, images, None, count_only=False, together=False)


async def _open_after(unit: Results, clocks: int) -> None:
    await ticks(unit.dut, clocks)
    unit.ready_percent = 100


@cocotb.test()
async def an_abort_ends_with_one_last_beat_and_the_next_batch_is_whole(dut: Any) -> None:
    dice = Dice(4)
    unit = await ready(dut, dice, 60)
    for trial in range(16):
        unit.ready_percent = [100, 50, 8, 0][trial % 4]
        unit.beats = []
        images = random_images(dice, 6, P)
        await unit.start_batch(count_only=int(trial % 5 == 4), has_labels=0)
        for image in images[: trial % 6 if unit.ready_percent else 1]:
            await unit.send([image], ends=True)
        await unit.clocks(dice.below(8))
        put(dut, abort=1)
        await unit.clocks(1 + trial % 2)
        put(dut, abort=0)
        unit.ready_percent = unit.ready_percent or 20
        for _ in range(400):
            await unit.clock()
        lasts = [data for data, last in unit.beats if last]
        assert lasts == [ABORTED], "an aborted batch ends with one last beat"
        assert not number(dut.waiting)
        assert unit.beats[-1] == (ABORTED, 1)
        kept = expected(images)
        assert [data for data, _ in unit.beats[:-1]] == [data for data, _ in kept][
            : len(unit.beats) - 1
        ]
        await run_batch(unit, images, None, count_only=False, together=False)
