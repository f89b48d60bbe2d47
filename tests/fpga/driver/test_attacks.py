# SPDX-License-Identifier: Apache-2.0
"""Models and moments that no honest driver makes, end to end through the real pynq.

Each code of the ERROR register is provoked by a packet whose CRC is right, or by a register that is
written at the wrong time. It ends in the error of that name, never in a hang; then the next good
model runs exactly.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from edge_node_fpga.driver import errors
from edge_node_fpga.driver.folding import WEIGHTS, Layer, fold
from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.driver.pynq_library import FromPynq
from edge_node_fpga.regs.constants import ErrorCode
from tests.fpga.conftest import Plugged
from tests.fpga.driver.hostile import (
    HEADER_BEATS,
    beats_of,
    changed,
    contents,
    of_layer,
    of_model,
    sealed,
)
from tests.fpga.network import dense_network, logits, random_images, unit_network

pytestmark = [pytest.mark.fpga, pytest.mark.slow]

IMAGES = 5
SHORT_WATCHDOG = 3_000
WATCHDOG_RESET = 0xFFFFFF
FUZZED = 150
RESET = 1


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def good(rng: np.random.Generator) -> list[Layer]:
    """Return a network of three layers; the first is in its own unit."""
    return unit_network(rng)


@pytest.fixture
def images(rng: np.random.Generator, good: list[Layer]) -> npt.NDArray[np.uint8]:
    return random_images(rng, good, IMAGES)


@pytest.fixture
def works(
    plugged: Plugged, overlay: Overlay, good: list[Layer], images: npt.NDArray[np.uint8]
) -> Iterator[Callable[[], None]]:
    """Check that a good model runs exactly, when called and once more at the end of the test."""

    def check() -> None:
        overlay.load(good)
        assert np.array_equal(overlay.logits(images), logits(good, images))

    yield check
    plugged.device.board.freeze()
    check()


def beside(overlay: Overlay, layers: list[Layer]) -> bytes:
    """Return the packet of a model for the slot that does not run."""
    slot = 1 - overlay._slot
    where = overlay._place(fold(layers, overlay.caps).rows)
    assert where is not None
    return fold(layers, overlay.caps, slot=slot, weight_base=where).packet


def start(overlay: Overlay, plugged: Plugged, images: npt.NDArray[np.uint8]) -> FromPynq:
    """Send a batch whose results nobody takes, and return the buffer for them."""
    plugged.device.board.freeze(from_engine=True)
    out = overlay._pynq.allocate((len(images) * 5,), np.uint64)
    overlay._control()
    overlay._registers.ERROR = 0
    overlay._dma.recvchannel.transfer(out)
    overlay._dma.sendchannel.transfer(overlay._images(images, None))
    overlay._dma.sendchannel.wait()
    plugged.device.board.run(3_000)
    return out


MODELS = [
    (ErrorCode.BAD_MODEL, "no layers", of_model(0, 5, 0)),
    (ErrorCode.BAD_MODEL, "17 layers", of_model(0, 5, 17)),
    (ErrorCode.BAD_MODEL, "images side by side, without lanes", of_model(8, 1, 1)),
    (ErrorCode.BAD_MODEL, "no rows of images", of_model(16, 7, 0)),
    (ErrorCode.BAD_MODEL, "33 rows for the unit", of_model(16, 7, 33)),
    (ErrorCode.BAD_MODEL, "rows of no beats", of_model(24, 8, 0)),
    (ErrorCode.BAD_MODEL, "rows that its unit has no room for", of_model(24, 8, 5)),
    (ErrorCode.BAD_MODEL, "no tiles of the unit", of_model(10, 4, 0)),
    (ErrorCode.BAD_MODEL, "nine tiles of the unit", of_model(10, 4, 9)),
    (ErrorCode.BAD_MODEL, "no channels of the unit", of_model(32, 7, 0)),
    (ErrorCode.BAD_MODEL, "more channels of the unit than trees", of_model(32, 7, 9)),
    (ErrorCode.BAD_MODEL, "no pooled rows", of_model(40, 5, 0)),
    (ErrorCode.BAD_MODEL, "16 pooled columns", of_model(48, 5, 16)),
    (ErrorCode.BAD_MODEL, "a first map beyond its memory", of_model(64, 9, 511)),
    (ErrorCode.BAD_GRID, "no output rows", of_layer(64, 7, 0)),
    (ErrorCode.BAD_GRID, "65 output columns", of_layer(72, 7, 65)),
    (ErrorCode.BAD_MAP, "no input rows", of_layer(16, 7, 0)),
    (ErrorCode.BAD_MAP, "rows of no bits", of_layer(24, 15, 0)),
    (ErrorCode.BAD_MAP, "rows longer than their words", of_layer(24, 15, 6400)),
    (ErrorCode.BAD_MAP, "a map beyond its memory", of_layer(96, 9, 511)),
    (ErrorCode.BAD_WINDOW, "no words", of_layer(144, 10, 0)),
    (ErrorCode.BAD_WINDOW, "257 words", of_layer(144, 10, 257)),
    (ErrorCode.BAD_PROGRAM, "no entries", of_layer(128, 9, 0)),
    (ErrorCode.BAD_PROGRAM, "entries beyond the last", of_layer(128, 9, 257)),
    (ErrorCode.BAD_TILES, "no tiles", of_layer(176, 6, 0)),
    (ErrorCode.BAD_TILES, "33 tiles", of_layer(176, 6, 33)),
    (ErrorCode.BAD_TILES, "no channels", of_layer(200, 7, 0)),
    (ErrorCode.BAD_TILES, "more channels than elements", of_layer(200, 7, 9)),
    (ErrorCode.BAD_TILES, "128 channels of a last layer", of_layer(200, 7, 127, layer=1)),
    (ErrorCode.BAD_ROWS, "rows beyond the last", of_layer(160, 10, 1023)),
    (ErrorCode.BAD_LIMITS, "limits beyond the last", of_layer(192, 5, 31)),
    (ErrorCode.BAD_END, "logits too early", of_layer(0, 1, 1)),
    (ErrorCode.BAD_END, "no logits at the end", of_layer(0, 1, 0, layer=1)),
    (ErrorCode.BAD_END, "pooled logits", of_layer(1, 1, 1, layer=1)),
    (ErrorCode.BAD_END, "logits at two places", of_layer(64, 7, 2, layer=1)),
]


def refusal(overlay: Overlay, packet: bytes) -> str:
    """Return the class of the error in which a model for the other slot ends, and its code."""
    try:
        overlay._send(packet, 1 - overlay._slot)
    except errors.EngineError as error:
        return f"{type(error).__name__} {ErrorCode(error.code).name}"
    return "accepted"


def test_model_that_is_impossible_is_refused_and_the_other_stays(
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    expected = logits(good, images)
    packet = beside(overlay, good)
    wrong = {}
    for code, what, change in MODELS:
        said = refusal(overlay, changed(packet, change))
        if said != f"ModelRefused {code.name}":
            wrong[what] = said
        assert np.array_equal(overlay.logits(images), expected), what
    assert wrong == {}


COMMANDS: list[tuple[ErrorCode, str, Callable[[int], int]]] = [
    (ErrorCode.BAD_TARGET, "target 0", lambda head: head & ~7),
    (ErrorCode.BAD_TARGET, "target 7", lambda head: head | 7),
    (ErrorCode.BAD_TARGET, "bits beside the target", lambda head: head | 0x80),
    (ErrorCode.BAD_ADDRESS, "no beats", lambda head: head & 0xFFFFFFFF),
    (ErrorCode.BAD_ADDRESS, "an address beyond", lambda head: head | 0xFFFFFF << 8),
    (ErrorCode.BAD_ADDRESS, "a count beyond", lambda head: head | 0xFFFFFFFF << 32),
    (ErrorCode.BAD_ADDRESS, "a sum that wraps", lambda head: head | (1 << 56) - 1 << 8),
]


def test_command_for_another_memory_is_refused(
    overlay: Overlay, good: list[Layer], works: Callable[[], None]
) -> None:
    works()
    wrong = {}
    for code, what, spoil in COMMANDS:
        beats = beats_of(beside(overlay, good))
        at = contents(beats)[WEIGHTS][0] - 1
        beats[at] = spoil(beats[at])
        said = refusal(overlay, sealed(beats))
        if said != f"PacketRefused {code.name}":
            wrong[what] = said
    assert wrong == {}


def test_model_that_ends_within_a_command_is_refused(
    overlay: Overlay, good: list[Layer], works: Callable[[], None]
) -> None:
    works()
    beats = beats_of(beside(overlay, good))
    first, count = contents(beats)[WEIGHTS]
    for kept in range(first, first + count):  # the command is in, not all of its beats
        assert refusal(overlay, sealed([*beats[:kept], 0])) == "PacketRefused BAD_LENGTH"


def test_layer_that_takes_too_long_meets_the_watchdog(
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    packet = changed(beside(overlay, good), of_layer(64, 7, 64), of_layer(72, 7, 64))
    overlay._send(packet, 1 - overlay._slot)
    overlay._slot = 1 - overlay._slot
    overlay._registers.WATCHDOG = SHORT_WATCHDOG
    with pytest.raises(errors.WatchdogExpired, match="WATCHDOG"):
        overlay.logits(images)
    overlay._registers.WATCHDOG = WATCHDOG_RESET


def test_watchdog_strikes_one_clock_too_early_and_not_in_time(
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    one = images[:1]
    low, high = 0, SHORT_WATCHDOG  # too few clocks, and enough
    while high - low > 1:
        middle = (low + high) // 2
        overlay.load(good)
        overlay._registers.WATCHDOG = middle
        try:
            assert np.array_equal(overlay.logits(one), logits(good, one))
            high = middle
        except errors.WatchdogExpired:
            low = middle
    overlay.load(good)
    overlay._registers.WATCHDOG = 0
    with pytest.raises(errors.WatchdogExpired):
        overlay.logits(one)
    overlay._registers.WATCHDOG = high
    works()  # five images, one after the other: each has the same time
    overlay._registers.WATCHDOG = WATCHDOG_RESET


def test_model_for_the_slot_that_runs_is_refused_and_the_batch_goes_on(
    plugged: Plugged,
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    out = start(overlay, plugged, images)
    with pytest.raises(errors.OutOfStep, match="SLOT_RUNNING"):
        overlay._send(fold(good, overlay.caps, slot=overlay._slot).packet, overlay._slot)
    plugged.device.board.freeze()
    overlay._dma.recvchannel.wait()
    got = np.array(out).view(np.int32).reshape(IMAGES, 10)
    assert np.array_equal(got, logits(good, images))


def test_other_slot_that_is_chosen_while_a_batch_runs_changes_nothing_of_it(
    plugged: Plugged,
    overlay: Overlay,
    rng: np.random.Generator,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    # The other model has no use for the first layer's unit: pixels in it would wait forever.
    other = dense_network(rng, 70, 20, 10)
    overlay._send(beside(overlay, other), 1 - overlay._slot)
    batch = np.concatenate([images] * 8)
    plugged.device.board.stall(3)
    out = overlay._pynq.allocate((5 * len(batch),), np.uint64)
    overlay._dma.recvchannel.transfer(out)
    overlay._dma.sendchannel.transfer(overlay._images(batch, None))
    plugged.device.board.run(700)
    assert int(overlay._registers.STATUS) & 1, "it runs"
    overlay._registers.CTRL = (1 - overlay._slot) << 1 | 0b1100
    overlay._wait(0x00, errors.ImagesNotTaken)
    overlay._wait(0x30, errors.NoResults)
    plugged.device.board.stall(0)
    got = np.array(out).view(np.int32).reshape(len(batch), 10)
    right = (got == logits(good, batch)).all(axis=1)
    assert int(right.sum()) == len(batch)


def test_reset_while_results_stream(
    plugged: Plugged,
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    batch = np.concatenate([images] * 4)
    for clocks in (100, 400, 600, 900, 1_500, 2_500):
        works()
        plugged.device.board.stall(clocks)
        out = overlay._pynq.allocate((5 * len(batch),), np.uint64)
        overlay._dma.recvchannel.transfer(out)
        overlay._dma.sendchannel.transfer(overlay._images(batch, None))
        plugged.device.board.run(clocks)
        overlay._registers.CTRL = RESET
        plugged.device.board.stall(0)
        plugged.device.board.run(100)
        assert not int(overlay._registers.STATUS), "no batch, no models"
        overlay._recover()
        out.freebuffer()


@pytest.mark.parametrize("order", ["engine", "engine dma", "dma engine", "dma engine engine dma"])
@pytest.mark.parametrize("count", [1, IMAGES])
def test_reset_in_mid_beat_leaves_nothing_for_the_next_batch(
    plugged: Plugged,
    overlay: Overlay,
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
    order: str,
    count: int,
) -> None:
    for thaws_first in (False, True):
        works()
        out = start(overlay, plugged, images[:count])
        for part in order.split():
            if thaws_first:
                plugged.device.board.freeze()
            if part == "engine":
                overlay._registers.CTRL = RESET
            else:
                overlay._reset_dma()
        plugged.device.board.freeze()
        plugged.device.board.run(100)
        out.freebuffer()
        works()


def test_dma_that_was_reset_in_mid_batch_costs_a_batch_at_most(
    plugged: Plugged,
    overlay: Overlay,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    works()
    out = start(overlay, plugged, images)
    overlay._reset_dma()
    plugged.device.board.freeze()
    out.freebuffer()
    with pytest.raises(errors.TransferFailed):  # more was left than an engine that was reset leaves
        overlay.logits(images)
    works()


def test_engine_that_stops_in_mid_batch(
    plugged: Plugged,
    overlay: Overlay,
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    for after_recovery in (False, True):
        works()
        plugged.device.board.freeze(from_engine=True)
        with pytest.raises(errors.EngineStuck):
            overlay.logits(np.concatenate([images] * 8))
        if after_recovery:
            overlay._recover()
        plugged.device.board.freeze()
        works()


def test_sealed_nonsense_is_an_error_or_ends(
    overlay: Overlay,
    rng: np.random.Generator,
    good: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    seen = set()
    for _ in range(FUZZED):
        works()
        folded = overlay._folded
        beats = beats_of(beside(overlay, good))
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(HEADER_BEATS, HEADER_BEATS + 30))
            beats[at] ^= 1 << int(rng.integers(0, 64))
        slot = 1 - overlay._slot
        try:
            overlay._send(sealed(beats), slot)
            overlay._slot, overlay._folded = slot, folded
            overlay._registers.WATCHDOG = SHORT_WATCHDOG
            overlay.logits(images)
            seen.add("ran")
        except (errors.EngineError, errors.TransferFailed) as refused:
            seen.add(str(refused))
        overlay._registers.WATCHDOG = WATCHDOG_RESET
    assert "ran" in seen
    assert len(seen) > 5
