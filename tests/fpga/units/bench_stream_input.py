# SPDX-License-Identifier: Apache-2.0
"""stream_input: what is sound is taken whole; what is wrong gives its code, once, and nothing else.

After each wrong packet comes a good one, at once or after a pause.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
from bench import Dice, begin, number, parameters, put, ticks
from cocotb.triggers import Timer

P, T = parameters()["P"], parameters()["T"]
ROW_BITS = 4
IMAGE_BEATS = 3
MAGIC = 0x314E4E42
MODEL, IMAGES = 1, 2
LAYERS, PROGRAM, LIMITS, WEIGHTS, FIRST, HEAD = 1, 2, 3, 4, 5, 6
BAD_MAGIC, BAD_KIND, BAD_LENGTH, BAD_CRC, BAD_TARGET, BAD_ADDRESS, ROWS_TAKEN = 1, 2, 3, 4, 5, 6, 7
SLOT_RUNNING, NO_MODEL, NO_LAST = 8, 9, 10
Command = tuple[int, int, list[int]]


def packet(
    kind: int,
    payload: Sequence[int],
    *,
    slot: int = 0,
    images: int = 0,
    magic: int = MAGIC,
    length: int | None = None,
    crc_flip: int = 0,
) -> list[int]:
    beats = len(payload) if length is None else length
    words = [magic | kind << 32 | slot << 40, beats | images << 32, *payload]
    return [*words, zlib.crc32(struct.pack(f"<{len(words)}Q", *words)) ^ crc_flip]


def payload_of(commands: Sequence[Command]) -> list[int]:
    beats: list[int] = []
    for target, address, content in commands:
        beats += [target | address << 8 | len(content) << 32, *content]
    return beats


def weights(dice: Dice, row: int, rows: int) -> Command:
    return WEIGHTS, row * P, [dice.bits(64) for _ in range(rows * P)]


def good_commands(dice: Dice, row: int = 0) -> list[Command]:
    return [
        (HEAD, 0, [dice.bits(64), dice.bits(64)]),
        (LAYERS, 0, [dice.bits(64) for _ in range(4 * dice.between(1, 16))]),
        (PROGRAM, 2 * dice.below(8), [dice.bits(64) for _ in range(2 * dice.between(1, 8))]),
        (LIMITS, P * dice.below(31), [dice.bits(20) for _ in range(P)]),
        weights(dice, row, dice.between(1, 3)),
        (FIRST, T * 7, [dice.bits(22) for _ in range(T)]),
    ]


class Stream:
    """The far side of the unit: sends packets, notes writes, images, and what is said of them."""

    def __init__(self, dut: Any, dice: Dice) -> None:
        self.dut, self.dice = dut, dice
        self.sends_percent, self.image_percent = 100, 100
        self.verdict = 0
        self.writes: list[tuple[int, int, int]] = []
        self.images: list[int] = []
        self.errors: list[int] = []
        self.checks = self.starts = self.completes = 0
        self._arrived = self._wanted = 0
        self._begins = False
        self._pending = -1

    def forget(self) -> None:
        self.writes, self.images, self.errors = [], [], []
        self.checks = self.starts = self.completes = 0

    async def clock(self) -> bool:
        """One clock; true if the beat on the input was taken."""
        dut = self.dut
        room = self._arrived != self._wanted * IMAGE_BEATS
        dut.image_ready.value = int(
            room and not self._begins and self.dice.chance(self.image_percent)
        )
        dut.images_whole.value = int(self._arrived == self._wanted * IMAGE_BEATS)
        dut.check_done.value = int(self._pending == 0)
        dut.check_error.value = self.verdict if self._pending == 0 else 0
        self._pending -= self._pending >= 0
        await Timer(1, "ns")
        taken = bool(number(dut.in_valid) and number(dut.in_ready))
        if number(dut.image_valid) and number(dut.image_ready):
            self.images.append(number(dut.image_data))
            self._arrived += 1
        if self._begins:
            self._arrived, self._wanted = 0, number(dut.batch_images)
        await ticks(dut)
        self._begins = bool(number(dut.batch_start))
        if number(dut.write):
            self.writes.append(
                (number(dut.write_target), number(dut.write_address), number(dut.write_data))
            )
        if number(dut.error):
            self.errors.append(number(dut.error_code))
        if number(dut.check_start):
            self.checks += 1
            self._pending = self.dice.between(0, 12)
        self.starts += number(dut.batch_start)
        self.completes += number(dut.batch_complete)
        return taken

    async def clocks(self, count: int) -> None:
        for _ in range(count):
            await self.clock()

    async def send(self, beats: Sequence[int], *, last: bool = True, settle: int = 30) -> None:
        for i, beat in enumerate(beats):
            while not self.dice.chance(self.sends_percent):
                put(self.dut, in_valid=0, in_data=self.dice.bits(64), in_last=self.dice.below(2))
                await self.clock()
            put(self.dut, in_valid=1, in_data=beat, in_last=int(last and i == len(beats) - 1))
            for _ in range(3000):
                if await self.clock():
                    break
            else:
                raise AssertionError("a beat is never taken")
        put(self.dut, in_valid=0, in_last=0)
        await self.clocks(settle)

    async def good_model(self, slot: int, row: int = 0, *, settle: int = 30) -> None:
        commands = good_commands(self.dice, row)
        self.forget()
        await self.send(packet(MODEL, payload_of(commands), slot=slot))
        await self.clocks(settle)
        assert self.errors == []
        assert self.checks == 1
        assert number(self.dut.slot_valid) >> slot & 1
        assert number(self.dut.load_slot) == slot
        expected = [(t, a + i, v) for t, a, content in commands for i, v in enumerate(content)]
        assert self.writes == expected

    async def good_images(self, count: int, settle: int = 30) -> None:
        beats = [self.dice.bits(64) for _ in range(count * IMAGE_BEATS)]
        self.forget()
        await self.send(packet(IMAGES, beats, images=count), settle=settle)
        assert (self.errors, self.images, self.starts, self.completes) == ([], beats, 1, 1)
        assert number(self.dut.batch_images) == count


async def ready(dut: Any, seed: int) -> Stream:
    inputs = {
        "in_data": 0,
        "in_last": 0,
        "in_valid": 0,
        "drop": 0,
        "run_slot": 0,
        "running": 0,
        "check_done": 0,
        "check_error": 0,
        "image_ready": 0,
        "images_whole": 0,
        "cancel": 0,
    }
    await begin(dut, **inputs)
    return Stream(dut, Dice(seed))


@cocotb.test()
async def sound_packets_are_taken_whole(dut: Any) -> None:
    stream = await ready(dut, 1)
    for trial in range(12):
        stream.sends_percent = [100, 60, 20][trial % 3]
        stream.image_percent = [100, 30][trial % 2]
        await stream.good_model(trial % 2, row=8 * (trial % 2))
        put(dut, run_slot=trial % 2)
        await stream.good_images(stream.dice.between(1, 5))


@cocotb.test()
async def packets_may_follow_each_other_at_once(dut: Any) -> None:
    stream = await ready(dut, 2)
    await stream.good_model(0)
    beats = [stream.dice.bits(64) for _ in range(9)]
    stream.forget()
    for _ in range(4):
        await stream.send(packet(IMAGES, beats, images=3), settle=0)
    await stream.clocks(20)
    assert stream.errors == []
    assert stream.completes == 4
    assert stream.images == beats * 4


def wrong_packets(dice: Dice) -> list[tuple[str, int, Callable[[], list[int]]]]:
    def model(commands: list[Command], **how: int) -> Callable[[], list[int]]:
        return lambda: packet(MODEL, payload_of(commands), slot=1, **how)

    good = good_commands(dice, row=8)
    size = len(payload_of(good))
    some = [dice.bits(64) for _ in range(6)]
    return [
        ("magic", BAD_MAGIC, model(good, magic=MAGIC ^ 1)),
        ("magic, one beat", BAD_MAGIC, lambda: [MAGIC ^ 0x100]),
        ("kind", BAD_KIND, lambda: packet(3, some)),
        ("kind 0", BAD_KIND, lambda: packet(0, some)),
        ("one beat", BAD_LENGTH, lambda: [MAGIC | MODEL << 32]),
        ("two beats", BAD_LENGTH, lambda: [MAGIC | MODEL << 32 | 1 << 40, 1]),
        ("no payload", BAD_LENGTH, lambda: packet(MODEL, [], slot=1)),
        ("no images", BAD_LENGTH, lambda: packet(IMAGES, some, images=0)),
        ("model, too short", BAD_LENGTH, model(good, length=size + 1)),
        ("model, ends early", BAD_LENGTH, lambda: packet(MODEL, payload_of(good), slot=1)[:9]),
        ("model, cut in a command", BAD_LENGTH, model(good, length=size - 1)),
        ("images, too short", BAD_LENGTH, lambda: packet(IMAGES, some, images=2, length=7)),
        ("images, too long", NO_LAST, lambda: packet(IMAGES, some, images=2, length=5)),
        ("an image too many", BAD_LENGTH, lambda: packet(IMAGES, some, images=1)),
        ("an image too few", BAD_LENGTH, lambda: packet(IMAGES, some, images=3)),
        ("model's CRC", BAD_CRC, model(good, crc_flip=1)),
        ("images' CRC", BAD_CRC, lambda: packet(IMAGES, some, images=2, crc_flip=1 << 31)),
        ("target 0", BAD_TARGET, model([*good, (0, 0, some)])),
        ("target 7", BAD_TARGET, model([(7, 0, some), *good])),
        ("target 12", BAD_TARGET, model([(12, 0, some)])),
        ("too many layers", BAD_ADDRESS, model([(LAYERS, 60, some)])),
        ("too much program", BAD_ADDRESS, model([(PROGRAM, 507, some)])),
        ("too many limits", BAD_ADDRESS, model([(LIMITS, 32 * P - 5, some)])),
        ("too many rows", BAD_ADDRESS, model([(WEIGHTS, 16 * P - 5, some)])),
        ("too many trees", BAD_ADDRESS, model([(FIRST, 8 * T - 5, some)])),
        ("third word of the head", BAD_ADDRESS, model([(HEAD, 1, some[:2])])),
        ("count 0", BAD_ADDRESS, model([(LAYERS, 0, []), *good])),
        ("rows of the other slot", ROWS_TAKEN, model([good[0], weights(dice, 1, 3)])),
        ("last row of the other slot", ROWS_TAKEN, model([weights(dice, 2, 2)])),
    ]


@cocotb.test()
async def what_is_wrong_gives_its_code_once(dut: Any) -> None:
    stream = await ready(dut, 3)
    first = [(HEAD, 0, [1, 2]), weights(stream.dice, 0, 3)]  # rows 0 to 2 are slot 0's
    await stream.send(packet(MODEL, payload_of(first), slot=0))
    for round_ in range(2):
        for name, code, make in wrong_packets(stream.dice):
            stream.forget()
            stream.sends_percent = 100 if round_ == 0 else 60
            await stream.send(make(), settle=0)
            wait = 0 if round_ == 0 else 8
            await stream.clocks(wait)
            if round_ == 1:
                assert stream.errors == [code], name
                assert stream.completes == 0, name
            assert number(dut.slot_valid) & 1, f"{name}: the other slot's model is lost"
            await stream.send(packet(IMAGES, [1, 2, 3], images=1))
            assert stream.errors == [code], name
            assert stream.completes == 1, f"{name}: the next good packet failed"
            assert stream.images[-3:] == [1, 2, 3], name
        await stream.good_model(1, row=8)


@cocotb.test()
async def a_missing_last_is_waited_for(dut: Any) -> None:
    stream = await ready(dut, 4)
    await stream.good_model(0)
    for kind, payload in ((MODEL, payload_of(good_commands(stream.dice, 8))), (IMAGES, [1, 2, 3])):
        stream.forget()
        await stream.send(packet(kind, payload, slot=1, images=1), last=False)
        assert stream.errors == [NO_LAST]
        assert number(dut.slot_valid) == 1
        await stream.send(packet(IMAGES, [4, 5], images=1))  # is drained up to its TLAST
        assert stream.errors == [NO_LAST]
        await stream.good_images(2)


@cocotb.test()
async def a_model_that_fails_the_check_is_none(dut: Any) -> None:
    stream = await ready(dut, 5)
    await stream.good_model(1)
    stream.verdict = 19
    stream.forget()
    await stream.send(packet(MODEL, payload_of(good_commands(stream.dice, 8)), slot=1))
    assert stream.errors == [19]
    assert number(dut.slot_valid) == 0
    stream.verdict = 0
    await stream.good_model(1)


@cocotb.test()
async def slots_are_guarded(dut: Any) -> None:
    stream = await ready(dut, 6)
    stream.forget()
    await stream.send(packet(IMAGES, [1, 2, 3], images=1))
    assert stream.errors == [NO_MODEL]
    await stream.good_model(0, row=0)
    await stream.good_images(1)
    put(dut, running=1, run_slot=1)  # the next batch's
    await stream.clocks(1)
    assert number(dut.batch_slot) == 0
    stream.forget()
    await stream.send(packet(MODEL, payload_of(good_commands(stream.dice, 8)), slot=0))
    assert stream.errors == [SLOT_RUNNING]
    assert stream.writes == []
    assert number(dut.slot_valid) == 1, "the running model stays"
    await stream.good_model(1, row=8)
    put(dut, drop=1)
    await stream.clocks(1)
    put(dut, drop=0)
    await stream.clocks(1)
    assert number(dut.slot_valid) == 2
    stream.forget()
    await stream.send(packet(MODEL, payload_of([weights(stream.dice, 0, 1)]), slot=1))
    assert stream.errors == [ROWS_TAKEN], "what runs keeps its rows, dropped or not"
    put(dut, running=0)
    await stream.good_model(1, row=0)


@cocotb.test()
async def a_cancelled_batch_is_drained_and_a_model_is_not(dut: Any) -> None:
    stream = await ready(dut, 7)
    await stream.good_model(0)
    beats = packet(IMAGES, list(range(12)), images=4)
    for cut in range(3, len(beats)):
        stream.forget()
        await stream.send(beats[:cut], last=False, settle=0)
        put(dut, cancel=1)
        await stream.clock()
        put(dut, cancel=0)
        taken = len(stream.images)
        await stream.send(beats[cut:])
        assert (stream.errors, stream.completes) == ([], 0)
        assert len(stream.images) == taken
        await stream.good_images(1)
    model = packet(MODEL, payload_of(good_commands(stream.dice, 8)), slot=1)
    for cut in (5, len(model) - 1):
        await stream.send(model[:cut], last=False, settle=0)
        put(dut, cancel=1)
        await stream.clock()
        put(dut, cancel=0)
        await stream.send(model[cut:])
        assert number(dut.slot_valid) == 3
        put(dut, drop=2)
        await stream.clock()
        put(dut, drop=0)


@cocotb.test()
async def images_wait_for_the_batch_before(dut: Any) -> None:
    stream = await ready(dut, 8)
    await stream.good_model(0)
    put(dut, running=1)
    stream.forget()
    sending = cocotb.start_soon(stream.send(packet(IMAGES, [1, 2, 3], images=1)))
    await ticks(dut, 60)
    assert stream.starts == 0, "a batch began while another was under way"
    put(dut, running=0)
    await sending
    assert (stream.errors, stream.starts, stream.completes) == ([], 1, 1)
