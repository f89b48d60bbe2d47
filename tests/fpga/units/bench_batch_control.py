# SPDX-License-Identifier: Apache-2.0
"""batch_control among parts that take random times: each stage has whole input and room.

The bench is the stream, the first layer's unit, the array and the results. It follows which image
is where, and says so when a stage begins too early, reads what is being written, or never ends.
"""

from dataclasses import dataclass
from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks
from cocotb.triggers import Timer

LANES = parameters()["LANES"]
MOST_CLOCKS = 40_000
QUIET = {
    "batch_start": 0,
    "batch_images": 0,
    "has_labels": 0,
    "first": 0,
    "together": 0,
    "image_rows": 1,
    "image_beats": 1,
    "layers": 1,
    "image_valid": 0,
    "label_room": 1,
    "first_busy": 0,
    "array_busy": 0,
    "all_counted": 0,
}


@dataclass
class Batch:
    """A batch, and how far it is."""

    images: int
    rows: int
    beats: int
    layers: int
    first: bool
    labels: bool
    together: bool
    taken: int = 0
    """Beats that were taken, labels too."""
    labels_put: int = 0
    arrived: int = 0
    started: int = 0
    """Images that the first layer's unit has begun."""
    made: int = 0
    """Images whose first map is made."""
    grouped: int = 0
    """Images in groups that have begun."""
    layer: int = 0
    groups_done: int = 0
    done: int = 0
    first_left: int = -1
    array_left: int = -1
    reading: bool = False
    """The array reads the input map, or is about to."""

    @property
    def each(self) -> int:
        return self.rows * self.beats + int(self.labels)


def drawn(dice: Dice) -> Batch:
    together = LANES > 1 and dice.chance(60)
    return Batch(
        images=dice.between(1, 11),
        rows=dice.between(1, 5),
        beats=dice.between(1, 3),
        layers=dice.between(1, 16 if dice.chance(20) else 4),
        first=dice.chance(50),
        labels=dice.chance(50),
        together=together,
    )


async def begin_batch(dut: Any, batch: Batch) -> None:
    put(
        dut,
        batch_images=batch.images,
        has_labels=int(batch.labels),
        first=int(batch.first),
        together=int(batch.together),
        image_rows=batch.rows,
        image_beats=batch.beats,
        layers=batch.layers,
        all_counted=0,
        batch_start=1,
    )
    await ticks(dut)
    put(dut, batch_start=0)


async def stream(dut: Any, dice: Dice, batch: Batch) -> None:
    """Offer a beat or none in this clock, and look where the engine puts it."""
    put(dut, image_valid=int(dice.chance(70)), label_room=int(dice.chance(80)))
    await Timer(1, "ns")
    if not (number(dut.image_valid) and number(dut.image_ready)):
        assert not number(dut.pixel_write)
        assert not number(dut.direct_write)
        assert not number(dut.label_put)
        return
    assert batch.arrived < batch.images, "a beat is taken after the last image"
    at = batch.taken % batch.each - int(batch.labels)
    batch.taken += 1
    assert number(dut.label_put) == int(at < 0)
    assert number(dut.pixel_write) == int(at >= 0 and batch.first)
    assert number(dut.direct_write) == int(at >= 0 and not batch.first)
    if at < 0:
        batch.labels_put += 1
        return
    assert (number(dut.image_row), number(dut.image_beat)) == divmod(at, batch.beats)
    assert number(dut.row_begins) == int(at % batch.beats == 0)
    if batch.first:
        assert batch.arrived - batch.made < 2, "there is room for two images of pixels"
        assert number(dut.pixel_image) == batch.arrived % 2
    else:
        check_not_read(dut, batch)
        assert number(dut.in_lane) == (batch.arrived % LANES if batch.together else 0)
    if at == batch.each - int(batch.labels) - 1:
        batch.arrived += 1
        if not batch.first:
            batch.made += 1


def check_not_read(dut: Any, batch: Batch) -> None:
    same = number(dut.in_half) == number(dut.main_half)
    assert not (batch.reading and same), "a map is overwritten"


def first_unit(dut: Any, dice: Dice, batch: Batch) -> None:
    if number(dut.first_start):
        assert batch.first
        assert batch.first_left < 0, "the unit is begun while it works"
        assert batch.started < batch.arrived, "the unit begins before its image is in"
        assert number(dut.first_image) == batch.started % 2
        batch.started += 1
        batch.first_left = dice.between(1, 40)
    elif batch.first_left > 0:
        put(dut, first_busy=1)
        check_not_read(dut, batch)
        batch.first_left -= 1
    elif batch.first_left == 0:
        put(dut, first_busy=0)
        batch.first_left = -1
        batch.made += 1


def array(dut: Any, dice: Dice, batch: Batch) -> None:
    if number(dut.layer_load):
        assert number(dut.layer) == batch.layer, "layers come in order"
        assert batch.array_left < 0
        batch.reading = batch.layer == 0
    if number(dut.layer_start):
        assert number(dut.on_input) == int(batch.layer == 0)
        if batch.layer == 0:
            group = number(dut.group_images)
            assert group == min(LANES if batch.together else 1, batch.images - batch.grouped)
            batch.grouped += group
            assert batch.grouped <= batch.made, "a group begins before its maps are made"
        batch.layer = (batch.layer + 1) % batch.layers
        batch.array_left = dice.between(1, 30)
    elif batch.array_left > 0:
        put(dut, array_busy=1)
        batch.array_left -= 1
    elif batch.array_left == 0:
        put(dut, array_busy=0)
        batch.array_left = -1
        batch.reading = False
    if number(dut.group_done):
        batch.groups_done += 1
        assert batch.layer == 0, "a group ends with its last layer"
        batch.done = batch.grouped
        put(dut, all_counted=int(batch.done == batch.images))


async def play(dut: Any, dice: Dice, batch: Batch, clocks: int = MOST_CLOCKS) -> bool:
    """Play a batch to its end and return whether it came within so many clocks."""
    await begin_batch(dut, batch)
    for _ in range(clocks):
        first_unit(dut, dice, batch)
        array(dut, dice, batch)
        await stream(dut, dice, batch)
        if batch.done == batch.images and not number(dut.active):
            put(dut, image_valid=0)
            return True
        await ticks(dut)
    return False


def check_whole(batch: Batch) -> None:
    assert (batch.arrived, batch.made, batch.grouped) == (batch.images,) * 3, batch
    assert batch.labels_put == (batch.images if batch.labels else 0)
    together = LANES if batch.together else 1
    assert batch.groups_done == -(-batch.images // together)


@cocotb.test()
async def stages_wait_for_each_other_and_end(dut: Any) -> None:
    dice = Dice(1)
    await begin(dut, **QUIET)
    for _ in range(60):
        batch = drawn(dice)
        assert await play(dut, dice, batch), batch
        check_whole(batch)
        await ticks(dut, dice.between(1, 3))
        assert not number(dut.active)


@cocotb.test()
async def no_beat_is_taken_without_a_batch(dut: Any) -> None:
    await begin(dut, **QUIET)
    put(dut, image_valid=1)
    for _ in range(20):
        await ticks(dut)
        assert not number(dut.image_ready)
        assert not number(dut.group_running)


@cocotb.test()
async def a_reset_anywhere_leaves_nothing(dut: Any) -> None:
    dice = Dice(3)
    await begin(dut, **QUIET)
    for _ in range(60):
        broken = drawn(dice)
        broken.images = 11
        assert not await play(dut, dice, broken, dice.between(1, 60))
        put(dut, rst=1, image_valid=0, first_busy=0, array_busy=0)
        await ticks(dut)
        put(dut, rst=0)
        assert not number(dut.active)
        assert not number(dut.group_running)
        for _ in range(6):
            await ticks(dut)
            assert not number(dut.first_start)
            assert not number(dut.layer_start)
        batch = drawn(dice)
        assert await play(dut, dice, batch), batch
        check_whole(batch)
        await ticks(dut, 2)
