# SPDX-License-Identifier: Apache-2.0
"""The driver on the simulated board, through the real pynq.

Results are compared with networks computed by numpy; then everything is broken that can break
between a driver and its engine, and after each the next load and batch must work.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_node_fpga.driver import errors
from edge_node_fpga.driver import overlay as driver
from edge_node_fpga.driver.folding import DoesNotFit, Layer, fold
from edge_node_fpga.driver.overlay import MAX_RESIDENT_SETS, Overlay
from edge_node_fpga.regs.constants import ID, REGISTERS, VERSION, ErrorCode
from edge_node_fpga.regs.register import Register
from edge_node_fpga.sim.hwh import write_hwh
from tests.fpga.conftest import Plugged
from tests.fpga.network import dense_network, logits, random_images, random_network

pytestmark = pytest.mark.fpga

IMAGES = 7


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def small(rng: np.random.Generator) -> list[Layer]:
    return dense_network(rng, 70, 20, 10)


@pytest.fixture
def images(rng: np.random.Generator, small: list[Layer]) -> npt.NDArray[np.uint8]:
    return random_images(rng, small, IMAGES)


@pytest.fixture
def works(
    overlay: Overlay, small: list[Layer], images: npt.NDArray[np.uint8]
) -> Iterator[Callable[[], None]]:
    """Check that a load and a batch work, when called and once more at the end of the test."""

    def check() -> None:
        overlay.load(small)
        assert np.array_equal(overlay.logits(images), logits(small, images))

    yield check
    check()


@pytest.mark.parametrize("seed", range(40))
def test_logits_and_counts_equal_the_law(overlay: Overlay, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_network(rng)
    images = random_images(rng, layers, int(rng.integers(1, IMAGES)))
    expected = logits(layers, images)
    try:
        overlay.load(layers)
    except DoesNotFit:
        pytest.fail(f"seed {seed} does not fit: {layers}")
    assert np.array_equal(overlay.logits(images), expected)
    labels = rng.integers(0, expected.shape[1], len(images)).astype(np.uint8)
    assert overlay.count_correct(images, labels) == np.count_nonzero(expected.argmax(1) == labels)


def test_stalls_change_no_result(plugged: Plugged, overlay: Overlay) -> None:
    for seed in range(1, 9):
        rng = np.random.default_rng(seed)
        plugged.device.board.stall(seed)
        layers = random_network(rng)
        images = random_images(rng, layers, IMAGES)
        overlay.load(layers)
        assert np.array_equal(overlay.logits(images), logits(layers, images))
        assert overlay.stats().images == IMAGES
    assert overlay.stats().stall_in > 0


def test_stats_are_of_the_last_batch(
    overlay: Overlay, small: list[Layer], images: npt.NDArray[np.uint8]
) -> None:
    overlay.load(small)
    overlay.logits(images)
    first = overlay.stats()
    overlay.logits(images[:2])
    second = overlay.stats()
    assert (first.images, second.images) == (IMAGES, 2)
    assert 0 < second.clocks < first.clocks
    assert first.images_per_s == IMAGES * first.clock_hz / first.clocks


def test_empty_batch_asks_nothing_of_the_engine(
    overlay: Overlay, small: list[Layer], images: npt.NDArray[np.uint8]
) -> None:
    overlay.load(small)
    assert overlay.logits(images[:0]).shape == (0, 10)
    assert overlay.count_correct(images[:0], np.zeros(0, np.uint8)) == 0


def test_batch_beyond_one_transfer_goes_in_parts(
    overlay: Overlay,
    rng: np.random.Generator,
    small: list[Layer],
    images: npt.NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image_bytes = 3 * 8  # a label, and 70 pixels of a bit in two beats
    monkeypatch.setattr(driver, "MAX_PACKET_BYTES", driver.PACKET_OVERHEAD_BYTES + 3 * image_bytes)
    expected = logits(small, images)
    labels = rng.integers(0, 10, IMAGES).astype(np.uint8)
    overlay.load(small)
    assert np.array_equal(overlay.logits(images), expected)
    assert overlay.stats().images == IMAGES
    assert len(overlay._resident) == 3, "of 3, 3 and 1 images"
    assert overlay.count_correct(images, labels) == np.count_nonzero(expected.argmax(1) == labels)
    assert overlay.stats().images == IMAGES


def test_loads_alternate_slots(overlay: Overlay, rng: np.random.Generator) -> None:
    slots = []
    for width in (12, 30, 7, 18):
        layers = dense_network(rng, 70, width, 10)
        images = random_images(rng, layers, 3)
        overlay.load(layers)
        assert np.array_equal(overlay.logits(images), logits(layers, images))
        slots.append(overlay._slot)
    assert slots == [0, 1, 0, 1]
    status = int(overlay._registers.STATUS)
    assert status >> 1 & 3 == 3, "both slots hold a model"


def test_model_that_has_no_room_beside_the_other_takes_its_place(
    overlay: Overlay, rng: np.random.Generator, small: list[Layer]
) -> None:
    large = dense_network(rng, 4000, 70, 10)
    rows = fold(large, overlay.caps).rows
    assert overlay.caps.weight_rows < 2 * rows
    for layers in (small, large, large, small):
        images = random_images(rng, layers, 2)
        overlay.load(layers)
        assert np.array_equal(overlay.logits(images), logits(layers, images))


def test_model_that_does_not_fit_leaves_what_was_loaded(
    overlay: Overlay,
    rng: np.random.Generator,
    small: list[Layer],
    images: npt.NDArray[np.uint8],
) -> None:
    overlay.load(small)
    with pytest.raises(DoesNotFit):
        overlay.load(dense_network(rng, 4000, 200, 10))
    assert np.array_equal(overlay.logits(images), logits(small, images))


def test_images_stay_resident(
    plugged: Plugged, overlay: Overlay, small: list[Layer], images: npt.NDArray[np.uint8]
) -> None:
    overlay.load(small)
    overlay.logits(images)
    taken = plugged.device.taken_bytes
    before = next(iter(overlay._resident.values())).buffer
    overlay.logits(images)
    assert plugged.device.taken_bytes == taken
    assert next(iter(overlay._resident.values())).buffer is before
    for _ in range(2 * MAX_RESIDENT_SETS):
        overlay.logits(images.copy())
    assert len(overlay._resident) == MAX_RESIDENT_SETS
    overlay.close()
    overlay.close()
    assert plugged.device.taken_bytes == 0


def test_images_that_a_node_counts_in_many_parts_stay_resident(
    plugged: Plugged, overlay: Overlay, rng: np.random.Generator, small: list[Layer]
) -> None:
    whole = random_images(rng, small, 100)
    overlay.load(small)
    wanted = logits(small, whole)
    taken = []
    for _ in range(2):
        parts = [overlay.logits(whole[first : first + 1]) for first in range(100)]
        assert np.array_equal(np.concatenate(parts), wanted)
        taken.append(plugged.device.taken_bytes)
        buffers = [each.buffer for each in overlay._resident.values()]
    assert taken[0] == taken[1]
    assert len(buffers) == 100


def test_sets_make_room_before_another_is_allocated(
    plugged: Plugged,
    overlay: Overlay,
    rng: np.random.Generator,
    small: list[Layer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edge_node_fpga.sim.device import PAGE_BYTES  # noqa: PLC0415 - it imports pynq

    images = random_images(rng, small, 300)  # two pages, with labels
    labels = rng.integers(0, 10, len(images)).astype(np.uint8)
    expected = np.count_nonzero(logits(small, images).argmax(1) == labels)
    monkeypatch.setattr(driver, "MAX_RESIDENT_BYTES", 4 * PAGE_BYTES)
    monkeypatch.setattr(plugged.device, "_free", [(0, 5 * PAGE_BYTES)])  # two sets, and a count
    overlay.load(small)
    for _ in range(4):
        assert overlay.count_correct(images.copy(), labels) == expected
    assert len(overlay._resident) == 2


def test_no_buffer_is_lost_to_an_error(
    plugged: Plugged, overlay: Overlay, small: list[Layer], images: npt.NDArray[np.uint8]
) -> None:
    for _ in range(3):
        overlay.load(small)
        overlay._registers.WATCHDOG = 3
        with pytest.raises(errors.WatchdogExpired):
            overlay.logits(images)
    overlay.close()
    assert plugged.device.taken_bytes == 0


@pytest.mark.parametrize("register", [ID, VERSION])
def test_other_identity_or_version_is_refused(plugged: Plugged, register: Register) -> None:
    # A .hwh of another design: what stands at the register's address is something else.
    moved = [
        replace(each, offset=VERSION.offset if each is ID else 0x0C) if each is register else each
        for each in REGISTERS
    ]
    write_hwh(plugged.bitfile.with_suffix(".hwh"), moved)
    with pytest.raises(errors.NotOurEngine):
        Overlay(plugged.bitfile)


def test_design_without_an_engine_is_refused(plugged: Plugged) -> None:
    hwh = plugged.bitfile.with_suffix(".hwh")
    hwh.write_text(hwh.read_text().replace("bnn_engine_0", "video_0"))
    with pytest.raises(errors.NotOurEngine, match="video_0"):
        Overlay(plugged.bitfile)


def test_images_without_a_model(
    overlay: Overlay, images: npt.NDArray[np.uint8], works: Callable[[], None]
) -> None:
    with pytest.raises(errors.NoModel):
        overlay.logits(images)
    works()
    overlay._control(drop=overlay._slot)  # behind the driver's back
    with pytest.raises(errors.OutOfStep) as caught:
        overlay.logits(images)
    assert caught.value.code == ErrorCode.NO_MODEL
    with pytest.raises(errors.NoModel):
        overlay.logits(images)


def test_images_of_another_form(
    overlay: Overlay, images: npt.NDArray[np.uint8], works: Callable[[], None]
) -> None:
    works()
    with pytest.raises(errors.WrongImages):
        overlay.logits(images[:, :-1])
    with pytest.raises(errors.WrongImages):
        overlay.logits(images.astype(np.int16))
    with pytest.raises(errors.WrongImages):
        overlay.count_correct(images, np.zeros(IMAGES + 1, np.uint8))
    assert len(overlay.logits(images)) == IMAGES


def damage(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes([packet[at] ^ 0xFF]) + packet[at + 1 :]


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        (ErrorCode.BAD_MAGIC, lambda packet: damage(packet, 0)),
        (ErrorCode.BAD_KIND, lambda packet: damage(packet, 4)),
        (ErrorCode.BAD_LENGTH, lambda packet: packet[:-16]),
        (ErrorCode.BAD_LENGTH, lambda packet: packet[:8]),
        (ErrorCode.NO_LAST, lambda packet: packet + bytes(80)),
        (ErrorCode.BAD_CRC, lambda packet: damage(packet, len(packet) - 8)),
        (ErrorCode.BAD_CRC, lambda packet: damage(packet, len(packet) - 20)),
        (ErrorCode.BAD_TARGET, lambda packet: damage(packet, 16)),
        (ErrorCode.BAD_ADDRESS, lambda packet: damage(packet, 18)),
    ],
)
def test_damaged_model_leaves_the_other(
    overlay: Overlay,
    small: list[Layer],
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
    code: ErrorCode,
    spoil: Callable[[bytes], bytes],
) -> None:
    works()
    packet = fold(small, overlay.caps, slot=1, weight_base=overlay._rows[0]).packet
    with pytest.raises(errors.PacketRefused, match=code.name) as caught:
        overlay._send(spoil(packet), 1)
    assert caught.value.code == code
    assert np.array_equal(overlay.logits(images), logits(small, images))


def test_model_over_the_rows_of_the_running_one(
    overlay: Overlay, small: list[Layer], works: Callable[[], None]
) -> None:
    works()
    with pytest.raises(errors.OutOfStep, match="ROWS_TAKEN"):
        overlay._send(fold(small, overlay.caps, slot=1, weight_base=0).packet, 1)


def test_damaged_images(
    plugged: Plugged,
    overlay: Overlay,
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
) -> None:
    for spoiled in (0, 8, 40, -8):
        works()
        buffer = next(reversed(overlay._resident.values())).buffer
        buffer.view(np.uint8)[spoiled] ^= 0xFF
        try:
            with pytest.raises(errors.PacketRefused):
                overlay.logits(images)
        finally:
            buffer.view(np.uint8)[spoiled] ^= 0xFF


def test_watchdog_ends_a_batch(
    overlay: Overlay, images: npt.NDArray[np.uint8], works: Callable[[], None]
) -> None:
    works()
    overlay._registers.WATCHDOG = 5
    with pytest.raises(errors.WatchdogExpired, match="WATCHDOG"):
        overlay.logits(images)
    overlay._registers.WATCHDOG = 0xFFFFFF


@pytest.mark.parametrize(
    ("to_engine", "from_engine", "stuck"),
    [(True, False, errors.ImagesNotTaken), (False, True, errors.NoResults)],
)
def test_engine_that_never_answers(
    plugged: Plugged,
    overlay: Overlay,
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
    to_engine: bool,
    from_engine: bool,
    stuck: type[errors.EngineStuck],
) -> None:
    works()
    plugged.device.board.freeze(to_engine=to_engine, from_engine=from_engine)
    with pytest.raises(stuck, match=r"for 0\.005 s"):
        overlay.logits(images[:1])  # so few results that the engine can keep them
    plugged.device.board.freeze()


@pytest.mark.parametrize("count", [2, 100])
def test_transfer_that_the_dma_gives_up_is_told(
    overlay: Overlay,
    rng: np.random.Generator,
    small: list[Layer],
    works: Callable[[], None],
    count: int,
) -> None:
    works()
    images = random_images(rng, small, count)  # a hundred are still being sent
    with pytest.raises(errors.TransferFailed, match=r"status 0x\w+: load the model again"):
        overlay._run(images, None, 1, count_only=False)  # five words an image come
    with pytest.raises(errors.NoModel):
        overlay.logits(images)


def test_interrupted_batch_writes_into_no_other_buffer(
    plugged: Plugged,
    overlay: Overlay,
    images: npt.NDArray[np.uint8],
    works: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    works()
    monkeypatch.setattr(overlay, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        overlay.logits(images)
    monkeypatch.undo()
    other = plugged.device.allocate((64,), np.uint64)
    other[:] = 0
    plugged.device.board.run(5_000)
    assert not other.any()
    other.freebuffer()


def test_model_that_is_never_taken(
    plugged: Plugged, overlay: Overlay, small: list[Layer], works: Callable[[], None]
) -> None:
    plugged.device.board.freeze(to_engine=True)
    with pytest.raises(errors.ModelNotTaken):
        overlay.load(small)
    plugged.device.board.freeze()


def test_process_that_stood_still_finds_what_was_done_meanwhile(
    plugged: Plugged, rng: np.random.Generator
) -> None:
    large = dense_network(rng, 4000, 70, 10)  # more than a look at a status waits for
    images = random_images(rng, large, 2)
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        if looks % 2 == 0:  # while a wait goes on
            plugged.device.board.run(50_000)
        return looks

    overlay = Overlay(plugged.bitfile, timeout_s=0.5, clock=clock)
    overlay.load(large)
    assert np.array_equal(overlay.logits(images), logits(large, images))
    overlay.close()


def test_missing_bitfile_is_named(plugged: Plugged, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.bit"):
        Overlay(tmp_path / "none.bit")
